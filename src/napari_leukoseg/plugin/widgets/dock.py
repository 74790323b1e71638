"""The LeukoSeg dock: one page a step, in the order of the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QScrollArea, QTabWidget, QVBoxLayout

from napari_leukoseg.plugin.widgets.page import Panel, scrolled
from napari_leukoseg.plugin.widgets.segment_page import SegmentPage
from napari_leukoseg.plugin.widgets.slide_page import SlidePage

if TYPE_CHECKING:
    import napari
    from qtpy.QtWidgets import QWidget

__all__ = ["LeukoSegDock"]

_MIN_WIDTH_PX = 260

_TAB_STYLE = "QTabBar::tab { padding: 5px 8px; min-height: 1.2em; }"
"""napari's own style cuts the text of tabs."""


class LeukoSegDock(Panel):
    """What the user sees: numbered tabs, one for each step of the work.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Viewer that the dock belongs to.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self.slide_page = SlidePage(self.session)
        self.segment_page = SegmentPage(self.session)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setStyleSheet(_TAB_STYLE)
        self._add_step("Slide", self.slide_page)
        self._add_step("Segment", self.segment_page)
        self.slide_page.next_wanted.connect(lambda: self.show_page(self.segment_page))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs)
        self.setMinimumWidth(_MIN_WIDTH_PX)

    def show_page(self, page: QWidget) -> None:
        """Bring a page to the front."""
        for index in range(self.tabs.count()):
            area = self.tabs.widget(index)
            if isinstance(area, QScrollArea) and area.widget() is page:
                self.tabs.setCurrentIndex(index)

    def _add_step(self, title: str, page: QWidget) -> None:
        """Add the page of the next step."""
        number = self.tabs.count() + 1
        self.tabs.addTab(scrolled(page), f"&{number} {title}")

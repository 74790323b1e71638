"""The LeukoSeg dock: one page a step, in the order of the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QScrollArea, QShortcut, QTabWidget, QVBoxLayout

from napari_leukoseg.plugin.widgets.page import Panel, scrolled
from napari_leukoseg.plugin.widgets.review_page import ReviewPage
from napari_leukoseg.plugin.widgets.segment_page import SegmentPage
from napari_leukoseg.plugin.widgets.slide_page import SlidePage
from napari_leukoseg.plugin.widgets.stain_page import StainPage
from napari_leukoseg.plugin.widgets.train_page import TrainPage

if TYPE_CHECKING:
    import napari
    from qtpy.QtWidgets import QWidget

__all__ = ["LeukoSegDock"]

_TAB_STYLE = "QTabBar::tab { padding: 5px 5px; min-height: 1.2em; }"
"""napari's own style cuts the text of tabs."""


class LeukoSegDock(Panel):
    """What the user sees: a tab for each step of the work.

    Parameters
    ----------
    napari_viewer : napari.viewer.Viewer
        Viewer that the dock belongs to.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self.slide_page = SlidePage(self.session)
        self.stain_page = StainPage(self.session)
        self.segment_page = SegmentPage(self.session)
        self.review_page = ReviewPage(self.session)
        self.train_page = TrainPage(self.session)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setStyleSheet(_TAB_STYLE)
        self.tabs.setUsesScrollButtons(False)
        self._add_step("Slide", self.slide_page)
        self._add_step("Stain", self.stain_page)
        self._add_step("Segment", self.segment_page)
        self._add_step("Review", self.review_page)
        self._add_step("Train", self.train_page)
        for wanted in (
            self.slide_page.next_wanted,
            self.stain_page.next_wanted,
            self.train_page.segment_wanted,
        ):
            wanted.connect(lambda: self.show_page(self.segment_page))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs)

    def show_page(self, page: QWidget) -> None:
        """Bring a page to the front."""
        for index in range(self.tabs.count()):
            area = self.tabs.widget(index)
            if isinstance(area, QScrollArea) and area.widget() is page:
                self.tabs.setCurrentIndex(index)

    def _add_step(self, title: str, page: QWidget) -> None:
        """Add the page of the next step."""
        index = self.tabs.addTab(scrolled(page), title)
        keys = f"Alt+{index + 1}"
        self.tabs.setTabToolTip(index, f"Step {index + 1}: {title} ({keys})")
        shortcut = QShortcut(QKeySequence(keys), self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(lambda: self.tabs.setCurrentIndex(index))

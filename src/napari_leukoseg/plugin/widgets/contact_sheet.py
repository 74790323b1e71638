"""Contact sheet: the view by every stain method side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QCloseEvent, QIcon, QImage, QPixmap
from qtpy.QtWidgets import (
    QDialog,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_leukoseg.plugin.area import Area
from napari_leukoseg.plugin.background import Background
from napari_leukoseg.plugin.stain_jobs import StainedView, StainRequest, with_method

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.plugin.session import Session

__all__ = ["ContactSheet"]

SIDE_PX = 300
"""Longest side of a picture."""

_VARIANTS = {"smear": "", "published": ", as published"}
_HINT = "The view by every method, taken to the look {look}. Click one to choose it."


class ContactSheet(QDialog):
    """What the user sees: pictures in rows, filled one after another.

    Parameters
    ----------
    session : Session
        Shared state of the viewer.
    parent : QWidget
        Page that the window belongs to.
    """

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self._desk = session.stain
        self._background = Background(1)
        self._items: dict[tuple[str, str], QListWidgetItem] = {}
        self.setWindowTitle("Compare stain methods")
        self.hint = QLabel()
        self.hint.setWordWrap(True)
        self.list = QListWidget()
        self.list.setViewMode(QListWidget.ViewMode.IconMode)
        self.list.setIconSize(QSize(SIDE_PX, SIDE_PX))
        self.list.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.list.setMovement(QListWidget.Movement.Static)
        self.list.setUniformItemSizes(False)
        self.list.setWordWrap(True)
        self.list.setSpacing(6)
        self.list.setAccessibleName("Stain methods on the current view")
        self.list.itemClicked.connect(self._choose)
        self.list.itemActivated.connect(self._choose)
        layout = QVBoxLayout(self)
        layout.addWidget(self.hint)
        layout.addWidget(self.list)
        self.resize(1000, 720)

    def fill(self) -> None:
        """Show the view by every method, as it becomes ready.

        Raises
        ------
        SettingsError
            If there is no picture in view.
        """
        request = self._desk.request(Area.VIEW, SIDE_PX)
        self.stop()
        self._background = Background(1)
        self.list.clear()
        self._items.clear()
        self.hint.setText(_HINT.format(look=request.settings.reference))
        self._add("", "", "As it is", request)
        for variant, end in _VARIANTS.items():
            for look in self._desk.shelf.methods:
                self._add(look.method, variant, look.title + end, request)
                self._start(with_method(request, look.method, variant))

    def stop(self) -> None:
        """Give up what is not ready."""
        self._background.close()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Give up what is not ready."""
        self.stop()
        super().closeEvent(event)

    def _add(
        self, method: str, variant: str, title: str, request: StainRequest
    ) -> None:
        """Add a place for a picture."""
        item = QListWidgetItem(title)
        item.setData(Qt.ItemDataRole.UserRole, (method, variant))
        item.setTextAlignment(Qt.AlignmentFlag.AlignHCenter)
        side = max(request.region.height, request.region.width)
        rows = round(SIDE_PX * request.region.height / side)
        columns = round(SIDE_PX * request.region.width / side)
        item.setIcon(_icon(np.full((rows, columns, 3), 128, np.uint8)))
        self._items[method, variant] = item
        self.list.addItem(item)

    def _start(self, request: StainRequest) -> None:
        """Have the picture of one method made."""
        key = (request.settings.method, request.settings.variant)
        self._desk.make_view(
            request,
            self._background,
            self._take,
            lambda message: self._fail(key, message),
        )

    def _take(self, view: StainedView) -> None:
        """Show the picture of one method."""
        settings = view.request.settings
        self._items["", ""].setIcon(_icon(view.before))
        item = self._items[settings.method, settings.variant]
        if view.after is not None:
            item.setIcon(_icon(view.after))
        item.setToolTip(view.step.title)

    def _fail(self, key: tuple[str, str], message: str) -> None:
        """Tell why there is no picture of one method."""
        item = self._items[key]
        item.setText(f"{item.text()}: not possible here")
        item.setToolTip(message)

    def _choose(self, item: QListWidgetItem) -> None:
        """Take the user's choice."""
        method, variant = item.data(Qt.ItemDataRole.UserRole)
        if method:
            self._desk.choose(method=method, variant=variant)


def _icon(image: NDArray[np.uint8]) -> QIcon:
    """Return a picture as an icon, enlarged by a whole factor where it is small."""
    times = max(1, SIDE_PX // max(image.shape[:2]))
    large = np.ascontiguousarray(image.repeat(times, axis=0).repeat(times, axis=1))
    rows, columns = large.shape[:2]
    stored = QImage(
        large.data, columns, rows, 3 * columns, QImage.Format.Format_RGB888
    ).copy()
    pixmap = QPixmap.fromImage(stored)
    icon = QIcon()
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected, QIcon.Mode.Disabled):
        icon.addPixmap(pixmap, mode)  # not tinted where it is selected
    return icon

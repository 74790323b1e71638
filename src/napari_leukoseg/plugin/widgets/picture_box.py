"""Combo box with the viewer's pictures, in step with the session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QComboBox

from napari_leukoseg.plugin.widgets.page import narrow

if TYPE_CHECKING:
    from napari_leukoseg.plugin.session import Session

__all__ = ["PictureBox"]


class PictureBox(QComboBox):
    """Shows which picture the pages are about, and lets the user choose another."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        narrow(self)
        self.setToolTip("Picture that the pages are about; any 2D image layer will do")
        self.setAccessibleName("Picture")
        self.activated.connect(self._choose)
        session.pictures_changed.connect(self._fill)
        session.picture_changed.connect(self._fill)
        self._fill()

    def _fill(self) -> None:
        """List the pictures there are now."""
        pictures = self._session.pictures
        self.clear()
        self.addItems([layer.name for layer in pictures] or ["No picture is open"])
        self.setEnabled(bool(pictures))
        if self._session.layer in pictures:
            self.setCurrentIndex(pictures.index(self._session.layer))

    def _choose(self, index: int) -> None:
        """Take the user's choice."""
        pictures = self._session.pictures
        if index < len(pictures):
            self._session.bring_forward(pictures[index])

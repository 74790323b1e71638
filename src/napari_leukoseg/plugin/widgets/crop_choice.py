"""Keeps what the gallery's crops are cut from in step with what is chosen."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal

from napari_leukoseg.plugin.review.crops import CropSource

if TYPE_CHECKING:
    from napari_leukoseg.plugin.session import Session
    from napari_leukoseg.plugin.widgets.gallery import Gallery
    from napari_leukoseg.plugin.widgets.gallery_bar import GalleryBar
    from napari_leukoseg.slide import SlideReader
    from napari_leukoseg.stain import StainStep

__all__ = ["CropChoice"]

_SETTLE_MS = 250
"""Pause after which crops are cut in another size."""


class CropChoice(QObject):
    """Slide, stain, size and contours of the crops.

    Parameters
    ----------
    session : Session
        Shared state of the viewer: its desk gives slide and case.
    bar : GalleryBar
        What the user has chosen.
    gallery : Gallery
        Shows the crops.

    Attributes
    ----------
    failed : Signal of str
        A sentence about a stain that cannot be shown.
    """

    failed = Signal(str)

    def __init__(self, session: Session, bar: GalleryBar, gallery: Gallery) -> None:
        super().__init__(gallery)
        self._session, self._bar, self._gallery = session, bar, gallery
        self._standardized: SlideReader | None = None
        self._slide: SlideReader | None = None
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._set_source)
        bar.side_changed.connect(self._set_side)
        bar.crops_changed.connect(self._set_source)
        session.stain.applied_changed.connect(self._find_standardized)
        self._set_side()

    def set_standardized(self, slide: SlideReader | None) -> None:
        """Offer crops of the slide in another stain; none for the original only.

        Parameters
        ----------
        slide : SlideReader or None
            The picture's slide in a standardized stain.
        """
        self._standardized = slide
        self._bar.offer_standardized(is_there=slide is not None)
        self._set_source()

    def update(self) -> None:
        """Take note that the slide was opened or closed."""
        if self._session.desk.slide is not self._slide:
            self._slide = self._session.desk.slide
            self.set_standardized(None)
            self._find_standardized()

    def take_change(self, cell_ids: tuple[int, ...]) -> None:
        """Forget crops that an edit has made wrong.

        Parameters
        ----------
        cell_ids : tuple of int
            As the desk's signal `changed` tells them.
        """
        self.update()
        if not cell_ids:
            self._set_source()
        elif self._session.desk.changed_regions:
            self._gallery.crops.forget(cell_ids)

    def _set_side(self) -> None:
        """Show crops in another size; they are cut anew a little later."""
        self._gallery.set_side(self._bar.side_px)
        self._settle.start()

    def _set_source(self) -> None:
        """Cut crops from now on as is chosen."""
        desk, slide = self._session.desk, self._slide
        if self._bar.is_standardized:
            slide = self._standardized
        source = None
        if slide is not None and desk.view is not None:
            side_px = round(self._bar.side_px * self._gallery.devicePixelRatioF())
            source = CropSource(slide, desk.view.case, side_px, self._bar.has_contours)
        if source != self._gallery.crops.source:
            self._gallery.crops.set_source(source)
            self._gallery.viewport().update()

    def _find_standardized(self) -> None:
        """Offer the stain that was applied to the picture, if there is one."""
        step = self._session.stain.applied_step(self._session.layer)
        if step is None or self._slide is None:
            self.set_standardized(None)
            return
        make = partial(_standardize, step, self._slide)
        take = partial(self._take_standardized, self._slide)
        self._session.background.run(make, take, self.failed.emit, self)

    def _take_standardized(
        self, slide: SlideReader, standardized: SlideReader | None
    ) -> None:
        """Offer a standardized slide, if the picture is still the same."""
        if slide is self._slide:
            self.set_standardized(standardized)


def _standardize(step: StainStep, slide: SlideReader) -> SlideReader | None:
    """Return the slide in another stain; runs in a thread, which pays for imports.

    None where that is too slow to be done while the user scrolls.
    """
    from napari_leukoseg.plugin.stain_bench import is_local

    return None if is_local(step) else step.standardized(slide)

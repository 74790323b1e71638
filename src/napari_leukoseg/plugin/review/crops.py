"""Pictures of single cells for the gallery, cut in threads and kept for a while."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from qtpy.QtGui import QImage

    from napari_leukoseg.case import Case
    from napari_leukoseg.plugin.background import Background
    from napari_leukoseg.slide import SlideReader

__all__ = ["CropSource", "CropStore", "crop_region"]

_BATCH = 6
"""Crops cut at a time; what was scrolled out of view since is not cut."""

_KEPT_BYTES = 96 << 20


@dataclass(frozen=True)
class CropSource:
    """What crops are cut from, and how.

    Parameters
    ----------
    slide : SlideReader
        Picture.
    case : Case
        Gives contours.
    side_px : int
        Side of a crop on the screen, in its pixels.
    has_contours : bool
        Whether nucleus and cell are outlined.
    """

    slide: SlideReader
    case: Case
    side_px: int
    has_contours: bool


class CropStore(QObject):
    """Crops by cell id; those that are missing are cut, visible ones first.

    Parameters
    ----------
    background : Background
        Cuts them, one batch at a time.

    Attributes
    ----------
    cut : Signal of tuple of int
        Cells whose crops are there now.
    failed : Signal of str
        A sentence about a picture that cannot be read; told once for a source.
    """

    cut = Signal(object)
    failed = Signal(str)

    def __init__(self, background: Background) -> None:
        super().__init__()
        self._background = background
        self._source: CropSource | None = None
        self._images: OrderedDict[int, QImage] = OrderedDict()
        self._n_bytes = 0
        self._wanted: dict[int, Region] = {}
        self._is_cutting = self._has_failed = False

    @property
    def source(self) -> CropSource | None:
        """What crops are cut from; none if there is nothing."""
        return self._source

    def set_source(self, source: CropSource | None) -> None:
        """Cut from something else from now on, and forget what was cut."""
        self._source, self._has_failed = source, False
        self._wanted.clear()
        self._images.clear()
        self._n_bytes = 0

    def forget(self, cell_ids: Iterable[int]) -> None:
        """Drop crops that no longer show how cells are."""
        for cell_id in cell_ids:
            self._drop(cell_id)

    def get(self, cell_id: int) -> QImage | None:
        """Return the crop of a cell, none as long as it is not cut."""
        image = self._images.get(cell_id)
        if image is not None:
            self._images.move_to_end(cell_id)
        return image

    def want(self, regions: dict[int, Region]) -> None:
        """Cut the crops of what is in view, in this order, and of nothing else.

        Parameters
        ----------
        regions : dict of int to Region
            By cell: square at level 0; it may leave the slide.
        """
        self._wanted = {i: r for i, r in regions.items() if i not in self._images}
        self._cut_some()

    def _cut_some(self) -> None:
        """Cut the next ones, unless some are being cut."""
        if self._is_cutting or self._has_failed or self._source is None:
            return
        batch = dict(list(self._wanted.items())[:_BATCH])
        if not batch:
            return
        self._is_cutting = True
        work = partial(_cut, self._source, batch)
        take = partial(self._take, self._source)
        self._background.run(work, take, partial(self._fail, self._source))

    def _take(self, source: CropSource, images: dict[int, QImage]) -> None:
        """Keep what was cut, if it is still wanted so."""
        self._is_cutting = False
        if source is self._source:
            for cell_id, image in images.items():
                self._wanted.pop(cell_id, None)
                self._keep(cell_id, image)
            self.cut.emit(tuple(images))
        self._cut_some()

    def _fail(self, source: CropSource, message: str) -> None:
        """Tell that the picture cannot be read, and leave it at that."""
        self._is_cutting = False
        if source is self._source:
            self._has_failed = True
            self.failed.emit(message)
        else:
            self._cut_some()

    def _keep(self, cell_id: int, image: QImage) -> None:
        """Insert a crop, and drop those that were looked at longest ago."""
        self._drop(cell_id)
        self._images[cell_id] = image
        self._n_bytes += image.sizeInBytes()
        while self._n_bytes > _KEPT_BYTES and len(self._images) > 1:
            self._drop(next(iter(self._images)))

    def _drop(self, cell_id: int) -> None:
        """Remove a crop if it is there."""
        image = self._images.pop(cell_id, None)
        if image is not None:
            self._n_bytes -= image.sizeInBytes()


def crop_region(box: Sequence[float], side: float) -> Region:
    """Return the square around a cell, which may leave the slide.

    Parameters
    ----------
    box : sequence of float
        Row, column, row stop and column stop of the cell.
    side : float
        Side of the square in pixels of level 0.
    """
    whole = max(1, round(side))
    row = round((box[0] + box[2] - whole) / 2)
    column = round((box[1] + box[3] - whole) / 2)
    return Region(row, column, whole, whole)


def _cut(source: CropSource, regions: dict[int, Region]) -> Any:
    """Cut some crops; runs in a thread, which pays for the import."""
    from napari_leukoseg.plugin.review.cutting import cut_crop

    return {cell_id: cut_crop(source, cell_id, r) for cell_id, r in regions.items()}

"""What is predicted for a picture, and what comes of comparing it with an expert's."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.training.metrics import macro_average

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

__all__ = ["CellScore", "PictureScore", "PixelCounts", "PredictedLabels", "mean"]

NAN = float("nan")


@dataclass(frozen=True, eq=False)
class PredictedLabels:
    """Labels of a picture as the pipeline wrote them.

    Parameters
    ----------
    nucleus, cytoplasm : ndarray of uint32, shape (M, N)
        Cell ids; 0 is background.
    class_ids : mapping of int to int
        Class id of each cell.
    confidences : mapping of int to float
        Probability of that class.
    probabilities : mapping of int to mapping of int to float, optional
        Probability of each class that the model knows, by cell.
    has_nucleus, has_cytoplasm : bool, optional
        Whether the model tells these apart; cells of a model without nuclei
        are all cytoplasm, those of a model without cytoplasm are nuclei.
    """

    nucleus: NDArray[np.uint32]
    cytoplasm: NDArray[np.uint32]
    class_ids: Mapping[int, int]
    confidences: Mapping[int, float]
    probabilities: Mapping[int, Mapping[int, float]] = field(default_factory=dict)
    has_nucleus: bool = True
    has_cytoplasm: bool = True

    @property
    def cells(self) -> NDArray[np.uint32]:
        """Cell of each pixel, 0 elsewhere."""
        return np.maximum(self.nucleus, self.cytoplasm)


@dataclass(frozen=True)
class CellScore:
    """One labeled cell against the predicted cell of largest overlap.

    Parameters
    ----------
    cell_id : int
        Its id in the labels.
    cell_dice, nucleus_dice, cytoplasm_dice : float
        0 where no cell is predicted there, NaN where the expert marked no such
        thing or the model gives none.
    is_found : bool
        Whether a predicted cell matches it at an IoU above 0.5; or overlaps it
        at all, where only its place is known.
    class_id, predicted_class_id : int
        0 where unknown or not predicted.
    confidence : float
        Probability of the predicted class, NaN where there is none.
    probabilities : mapping of int to float
        Probability of each class; empty where there is none.
    """

    cell_id: int
    cell_dice: float
    nucleus_dice: float
    cytoplasm_dice: float
    is_found: bool
    class_id: int
    predicted_class_id: int
    confidence: float
    probabilities: Mapping[int, float]

    @property
    def dice(self) -> float:
        """Dice of the whole cell, or of the nucleus where only that is compared."""
        return self.nucleus_dice if np.isnan(self.cell_dice) else self.cell_dice


@dataclass(frozen=True)
class PixelCounts:
    """Pixels of a picture by true and predicted class, where the labels are certain.

    Parameters
    ----------
    classes : tuple of str
        Those told apart both by the expert and by the model.
    confusion : tuple of tuple of int
        Rows are true, columns predicted classes.
    """

    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class PictureScore:
    """One picture: its cells, and how the whole of it agrees.

    Parameters
    ----------
    dataset, name, source_group : str
        Which picture.
    cells : tuple of CellScore
        Labeled cells.
    pixels : PixelCounts
        Agreement by pixel.
    clumps : tuple of CellScore, optional
        Touching cells that the expert did not tell apart, each clump against
        all predicted cells that lie mostly in it.
    false_ids : tuple of int, optional
        Predicted cells that match no labeled one, though the labels are not
        silent there.
    n_matched, n_ignored : int, optional
        Predicted cells that match a labeled one, and those not judged.
    aji, aji_plus, pq, sq, rq : float, optional
        Of the cells that are told apart, without predicted cells not judged;
        NaN where there is none.
    has_outlines : bool, optional
        Whether more than the places of the cells is known.
    """

    dataset: str
    name: str
    source_group: str
    cells: tuple[CellScore, ...]
    pixels: PixelCounts
    clumps: tuple[CellScore, ...] = ()
    false_ids: tuple[int, ...] = ()
    n_matched: int = 0
    n_ignored: int = 0
    aji: float = NAN
    aji_plus: float = NAN
    pq: float = NAN
    sq: float = NAN
    rq: float = NAN
    has_outlines: bool = True

    @property
    def cell_dice(self) -> float:
        """Mean over labeled cells and clumps; NaN where there is none."""
        return mean(cell.cell_dice for cell in self.cells + self.clumps)

    @property
    def nucleus_dice(self) -> float:
        """The same of nuclei."""
        return mean(cell.nucleus_dice for cell in self.cells + self.clumps)

    @property
    def cytoplasm_dice(self) -> float:
        """The same of cytoplasm."""
        return mean(cell.cytoplasm_dice for cell in self.cells + self.clumps)

    @property
    def quality(self) -> float:
        """Mean Dice of labeled cells, with 0 for each false one; ranks pictures."""
        labeled = [cell.dice for cell in self.cells + self.clumps]
        return mean([*labeled, *(0.0 for _ in self.false_ids)])

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, with the means over the picture's cells."""
        names = ("cell_dice", "nucleus_dice", "cytoplasm_dice")
        return {**asdict(self), **{name: getattr(self, name) for name in names}}


def mean(values: Iterable[float]) -> float:
    """Mean of the values that are known, NaN if none is."""
    return float(macro_average(np.fromiter(values, np.float64)))

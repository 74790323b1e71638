"""Says in words how figures were found, so that nobody has to guess."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_leukoseg.training.metrics import CALIBRATION_BINS

if TYPE_CHECKING:
    from napari_leukoseg.training.splits import SplitSettings

__all__ = ["EvaluationProtocol"]

PART_WORDS = {
    "test": "Pictures kept back for the final figures",
    "validation": "Pictures kept back to choose between settings",
    "all": "All pictures of each set, whether the model was trained on them or not",
}

CHOICE = (
    "Each picture went through the whole pipeline as an 8-bit RGB PNG file of its own, "
    "without a pixel size or a cell diameter: the scale was estimated from it."
)

SCORING = (
    "Each labeled cell is compared with the predicted cell of largest overlap, and "
    "scores 0 where there is none; so crops of one cell are judged by that cell, and "
    "fields by every labeled cell.",
    "Dice per picture is the mean over its labeled cells, and of a set the mean over "
    "its pictures; touching cells that the expert did not tell apart count as one, "
    "against all predicted cells that lie mostly in them. Dice per cell is the mean "
    "over all labeled cells that are told apart.",
    "Recall and precision are counted over the cells of a set: one is found if a "
    "predicted cell overlaps it with an IoU above 0.5. A predicted cell that matches "
    "none is false, unless most of it lies where the labels are silent, as on "
    "unlabeled neighbors; it is then not judged.",
    "AJI (a predicted cell may be taken several times), AJI+ (one to one) and panoptic "
    "quality (IoU above 0.5) are means over pictures, of the cells told apart and "
    "without predicted cells that are not judged.",
    "Class figures are those of labeled cells whose class expert and model both know. "
    "A cell that is not found counts as wrong; calibration and AUROC leave it out. "
    "Balanced accuracy is the mean recall of the classes that occur; the expected "
    f"calibration error has {CALIBRATION_BINS} bins of equal width.",
    "Where a set tells the place of a cell but no outline, only its class is compared, "
    "with that of the predicted cell of largest overlap with a disk there.",
    "Pixel figures are counted over all pixels of a set of which the labels are "
    "certain, false cells included.",
    "Empty denominators are left out of all means.",
)


@dataclass(frozen=True)
class EvaluationProtocol:
    """What decides the figures of an evaluation, apart from data and model.

    Parameters
    ----------
    part : str
        ``test``, ``validation`` or ``all``.
    split : SplitSettings
        How the part is split off.
    split_source : str
        Where these settings come from, in words.
    limit : int or None
        Most pictures of a set.
    n_resamples, seed : int
        Of the bootstrap; the seed also draws the pictures of a limit.
    trained_on : tuple of str
        Kinds of data set that the model's card names.
    stain : str, optional
        Stain step before the network; empty if there is none.
    n_looks : int, optional
        How often small pictures are looked at, at most.
    """

    part: str
    split: SplitSettings
    split_source: str
    limit: int | None
    n_resamples: int
    seed: int
    trained_on: tuple[str, ...]
    stain: str = ""
    n_looks: int = 1

    def sentences(self) -> list[str]:
        """Return the whole protocol for people."""
        return [
            self._part_words(),
            *([self._limit_words()] if self.limit is not None else []),
            self._training_words(),
            CHOICE,
            *([self._stain_words()] if self.stain else []),
            *([self._look_words()] if self.n_looks > 1 else []),
            *SCORING,
            f"Intervals hold 95 % of {self.n_resamples:,} bootstrap resamples of the "
            f"source groups of a set (seed {self.seed}), not of its cells, since those "
            "of one field are alike. There is none for a single group, and one without "
            "width, where every resample agrees, says nothing of cases not seen.",
        ]

    def _part_words(self) -> str:
        """Say which pictures there are."""
        words = PART_WORDS[self.part]
        if self.part == "all":
            return f"{words}."
        split = self.split
        return (
            f"{words} ({self.part} part): split by source group, so that pictures of "
            f"one field stay together, and stratified by class, with {split.test:.0%} "
            f"for testing, {split.validation:.0%} for validation, seed {split.seed}; "
            f"these settings are {self.split_source}."
        )

    def _limit_words(self) -> str:
        """Say how many pictures were taken."""
        return f"Of each set at most {self.limit} of them, drawn with seed {self.seed}."

    def _look_words(self) -> str:
        """Say how closely the network looked."""
        return (
            f"Small pictures were looked at up to {self.n_looks} times, turned round "
            "and in two sizes, where the network knows cells of different size."
        )

    def _stain_words(self) -> str:
        """Say how the stain was standardized."""
        return (
            f"The stain was standardized before the network ({self.stain}); a picture "
            "that does not show how it is stained was left as it is."
        )

    def _training_words(self) -> str:
        """Say what the model saw."""
        if not self.trained_on:
            return "The model's card does not tell what sets it was trained on."
        sets = ", ".join(self.trained_on)
        return f"The model's card says that it was trained on {sets}."

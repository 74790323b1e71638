"""Reads and splits the data sets that a configuration names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_leukoseg.training.config import TrainingConfig
from napari_leukoseg.training.crops import STORED_DIAMETER_FACTOR
from napari_leukoseg.training.datasets import digest_of, load_dataset
from napari_leukoseg.training.splits import Split, split_by_group
from napari_leukoseg.training.staining import standardize_samples

if TYPE_CHECKING:
    from pathlib import Path

    from napari_leukoseg.training.colorizing_config import ColorizingConfig

__all__ = ["digest_data", "load_split"]


def load_split(config: TrainingConfig | ColorizingConfig, root: Path) -> Split:
    """Read the training data of a configuration, and split them.

    Where it has a stain step, what is trained on and chosen by is standardized, at
    the size that crops are cut from. What is kept for testing stays as it is, for
    a model does the step itself.

    Parameters
    ----------
    config : TrainingConfig or ColorizingConfig
        Data sets, which of them are left out, and how the others are split.
    root : Path
        Folder that holds those of the data sets.

    Raises
    ------
    DataError
        If a data set is absent or in another layout.
    StainReferenceError
        If the reference of its stain step does not exist.
    """
    samples = [
        sample
        for source in config.training_data
        for sample in load_dataset(source.kind, root / source.folder)
    ]
    split = split_by_group(samples, config.split)
    if not isinstance(config, TrainingConfig) or not config.stain:
        return split
    stored = STORED_DIAMETER_FACTOR * config.crops.cell_diameter_px
    train, validation = (
        tuple(standardize_samples(part, config.stain, stored))
        for part in (split.train, split.validation)
    )
    return Split(train, validation, split.test)


def digest_data(
    config: TrainingConfig | ColorizingConfig, root: Path
) -> dict[str, str]:
    """Digest the training data of a configuration.

    Parameters
    ----------
    config : TrainingConfig or ColorizingConfig
        Data sets, and which of them are left out.
    root : Path
        Folder that holds those of the data sets.

    Returns
    -------
    digests : dict of str to str
        SHA-256 of the files by kind, and by folder too where a kind comes again.
    """
    digests: dict[str, str] = {}
    for source in config.training_data:
        is_new = source.kind not in digests
        name = source.kind if is_new else f"{source.kind} {source.folder}"
        digests[name] = digest_of(source.kind, root / source.folder)
    return digests

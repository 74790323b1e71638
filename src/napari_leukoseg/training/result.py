"""What an evaluation found, and how that is written for programs."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from napari_leukoseg.export.files import replaced_when_complete

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_leukoseg.training.overlays import WorstCases
    from napari_leukoseg.training.protocol import EvaluationProtocol
    from napari_leukoseg.training.scores import PictureScore
    from napari_leukoseg.training.summary import SetSummary

__all__ = ["Evaluation", "write_evaluation"]

DECIMALS = 6
"""Places of the figures that are written."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Figures of a model on data sets, and all that is needed to judge them.

    Parameters
    ----------
    model : mapping
        Name, architecture and weights digest.
    protocol : EvaluationProtocol
        How the figures were found.
    data : mapping of str to mapping
        Kind, folder and digest of the pictures of each set.
    versions : mapping of str to str
        Of the software.
    sets : mapping of str to SetSummary
        Figures of each set.
    pictures : tuple of PictureScore
        Scores of each picture.
    worst : mapping of str to WorstCases
        Drawn cases of each set.
    """

    model: Mapping[str, str]
    protocol: EvaluationProtocol
    data: Mapping[str, Mapping[str, str]]
    versions: Mapping[str, str]
    sets: Mapping[str, SetSummary]
    pictures: tuple[PictureScore, ...]
    worst: Mapping[str, WorstCases]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; what is not known is null."""
        protocol = {**asdict(self.protocol), "text": self.protocol.sentences()}
        plain: dict[str, Any] = _plain(
            {
                "model": self.model,
                "protocol": protocol,
                "data": self.data,
                "versions": self.versions,
                "sets": self.sets,
                "pictures": [picture.to_dict() for picture in self.pictures],
            }
        )
        return plain


def write_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Write figures, protocol and the scores of each picture as JSON.

    Raises
    ------
    ExportError
        If the folder cannot be written to; a file that was there then stays.
    """
    text = json.dumps(evaluation.to_dict(), indent=2, ensure_ascii=False)
    with replaced_when_complete(path) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    """Turn figures into what JSON knows; rounded, and null where not known."""
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return round(value, DECIMALS) if math.isfinite(value) else None
    return value

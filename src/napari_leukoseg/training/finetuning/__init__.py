"""Fine-tunes a model on what a person has corrected; loads torch only to train."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_leukoseg.training.finetuning.plan import (
    PRESETS,
    FinetuneProgress,
    FinetuneRequest,
    FinetuneSettings,
    Preset,
    PresetValues,
    Stage,
)
from napari_leukoseg.training.finetuning.reading import FieldFacts, Kind, SourceFacts
from napari_leukoseg.training.finetuning.result import (
    COMPARED,
    Comparison,
    FinetuneResult,
    Interval,
    Side,
    Verdict,
)
from napari_leukoseg.training.finetuning.survey import Survey, survey_sources

if TYPE_CHECKING:
    from napari_leukoseg.training.finetuning.run import finetune

__all__ = [
    "COMPARED",
    "PRESETS",
    "Comparison",
    "FieldFacts",
    "FinetuneProgress",
    "FinetuneRequest",
    "FinetuneResult",
    "FinetuneSettings",
    "Interval",
    "Kind",
    "Preset",
    "PresetValues",
    "Side",
    "SourceFacts",
    "Stage",
    "Survey",
    "Verdict",
    "finetune",
    "survey_sources",
]


def __getattr__(name: str) -> Any:
    """Load PyTorch only when it is used."""
    if name != "finetune":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from napari_leukoseg.training.finetuning import run

    return run.finetune

"""The record that each run leaves: from what, with what, how well."""

from __future__ import annotations

import json
import math
import platform
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from napari_leukoseg.export.files import replaced_when_complete
from napari_leukoseg.segment.device import device_name
from napari_leukoseg.training.reports import best_report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import torch

    from napari_leukoseg.training.colorizing import ColorizingReport
    from napari_leukoseg.training.colorizing_config import ColorizingConfig
    from napari_leukoseg.training.config import TrainingConfig
    from napari_leukoseg.training.reports import EpochReport, R

__all__ = ["plain", "write_record"]

PACKAGES = ("napari-leukoseg", "torch", "numpy", "scipy", "scikit-image", "kornia")
"""Packages that decide crops and weights."""


def plain(config: TrainingConfig | ColorizingConfig) -> dict[str, Any]:
    """Return a configuration as JSON data, lists in place of tuples."""
    data: dict[str, Any] = json.loads(json.dumps(asdict(config)))
    return data


def write_record(
    path: Path,
    config: TrainingConfig | ColorizingConfig,
    reports: Sequence[R],
    *,
    data: Mapping[str, str],
    device: torch.device,
    processes: int,
    is_finished: bool,
) -> None:
    """Write the record of a run as JSON.

    Parameters
    ----------
    path : Path
        File to make or to replace.
    config : TrainingConfig or ColorizingConfig
        What was trained.
    reports : sequence of EpochReport or of ColorizingReport
        One or more, in order.
    data : mapping of str to str
        SHA-256 of each data set.
    device : torch.device
        Where it was trained.
    processes : int
        How many trained together.
    is_finished : bool
        Whether no epoch is to come.
    """
    kept = "best-loss" if config.keep == "last" else config.keep
    record = {
        "name": config.name,
        "is_finished": is_finished,
        "config": plain(config),
        "data": dict(data),
        "seed": config.seed,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in PACKAGES},
        },
        "device": device_name(device),
        "processes": processes,
        "epochs": len(reports),
        "seconds": round(sum(report.seconds for report in reports), 1),
        "last": figures(reports[-1]),
        "best": figures(best_report(reports, kept)),
    }
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with replaced_when_complete(path) as partial:
        partial.write_text(text, encoding="utf-8")


def figures(report: EpochReport | ColorizingReport) -> dict[str, float | None]:
    """Return the figures of an epoch; those that it lacks are null."""
    return {k: v if math.isfinite(v) else None for k, v in asdict(report).items()}

"""`leukoseg info`: what a slide or a case is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_leukoseg.cli.terminal import say, say_facts

if TYPE_CHECKING:
    from napari_leukoseg.case import Case
    from napari_leukoseg.slide import SlideReader

__all__ = ["info"]


def info(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Picture, slide or case.", show_default=False
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, for programs.")
    ] = False,
) -> None:
    """Show size, pixel size and pyramid of a slide, or what a case holds."""
    from napari_leukoseg.case import Case, is_case
    from napari_leukoseg.slide import open_slide

    if is_case(file):
        with Case.open(file) as case:
            facts = describe_case(case)
    else:
        with open_slide(file) as slide:
            facts = describe_slide(slide)
    if as_json:
        say(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        say(file.name)
        say_facts(_case_lines(facts) if "n_cells" in facts else _slide_lines(facts))


def describe_slide(slide: SlideReader) -> dict[str, Any]:
    """Return the facts of a slide as plain data; shapes are rows, columns."""
    return {
        "path": str(slide.path),
        "format": slide.format_name,
        "shape": list(slide.shape),
        "mpp": slide.mpp,
        "objective_power": slide.objective_power,
        "levels": [
            {"shape": list(level.shape), "downsample": level.downsample}
            for level in slide.levels
        ],
        "fingerprint": slide.fingerprint,
    }


def describe_case(case: Case) -> dict[str, Any]:
    """Return the facts of a case as plain data, its differential count included."""
    from napari_leukoseg.cells import differential

    counts = differential(case.table(), case.scheme)
    return {**case.summary(), "differential": counts.to_dict()}


def _slide_lines(facts: dict[str, Any]) -> dict[str, str]:
    """Return the facts of a slide for people."""
    power = facts["objective_power"]
    levels = [_level(level) for level in facts["levels"]]
    return {
        "format": facts["format"],
        "size": _size(facts["shape"]),
        "pixel size": _pixel_size(facts["mpp"]),
        "objective": "unknown" if power is None else f"{power:g}x",
        f"{len(levels)} level{'s' * (len(levels) > 1)}": ", ".join(levels),
        "fingerprint": facts["fingerprint"],
    }


def _case_lines(facts: dict[str, Any]) -> dict[str, str]:
    """Return the facts of a case for people."""
    lines = {
        "case of": facts["source_name"],
        "size": _size(facts["shape"]),
        "pixel size": _pixel_size(facts["mpp"]),
        "specimen": facts["specimen"] or "no pseudonym",
        "cells": f"{facts['n_cells']}, {facts['n_protected']} of them edited or "
        "reviewed",
    }
    for entry in facts["differential"]["classes"]:
        if entry["count"]:
            lines[f"  {entry['name']}"] = _count(entry)
    for run in facts["runs"]:
        model = run["settings"].get("model", "unknown model")
        ended = f"finished {run['finished']}" if run["finished"] else "not finished"
        lines[f"run {run['run']}"] = f"{model}, begun {run['started']}, {ended}"
    return lines


def _size(shape: list[int]) -> str:
    """Return rows and columns for people."""
    return f"{shape[0]} rows x {shape[1]} columns"


def _pixel_size(mpp: float | None) -> str:
    """Return a pixel size for people."""
    return "unknown" if mpp is None else f"{mpp:.4g} µm"


def _level(level: dict[str, Any]) -> str:
    """Return a pyramid level for people."""
    rows, columns = level["shape"]
    return f"{rows}x{columns} (1/{level['downsample']:.4g})"


def _count(entry: dict[str, Any]) -> str:
    """Return count and share of a class for people."""
    if entry["per_100"] is None:
        return str(entry["count"])
    return (
        f"{entry['count']} ({entry['per_100']:.1f} per 100 white cells, 95 % "
        f"interval {entry['per_100_low']:.1f} to {entry['per_100_high']:.1f})"
    )

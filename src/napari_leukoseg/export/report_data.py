"""What a report says of a case, gathered before it is laid out."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from napari_leukoseg.cells import CountSettings, compare_with_model, differential
from napari_leukoseg.cells.differential_cells import scan_order
from napari_leukoseg.export.overlay import draw_overlay
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from napari_leukoseg.case import Case
    from napari_leukoseg.cells import Agreement, Differential
    from napari_leukoseg.classes import CellClass, ClassScheme
    from napari_leukoseg.slide import SlideReader

__all__ = ["Gallery", "Report", "gather_report"]

OVERVIEW_PX = 1500
"""Longest side of the overview: 210 dpi over the width of a page."""

N_SHOWN = 24
"""Cells of a class that are shown at most."""

CROP_PX = 120
"""Side of the picture of a cell."""

CROP_SHARE = 1.25
"""Side of what it shows, in sides of a large cell, so that cells keep their size."""

LARGE_QUANTILE = 0.9

WHITE = 255


@dataclass(frozen=True, eq=False)
class Gallery:
    """Some cells of a class.

    Parameters
    ----------
    cell_class : CellClass
        The class.
    n_cells : int
        How many there are.
    crops : tuple of ndarray of uint8, shape (CROP_PX, CROP_PX, 3)
        RGB pictures of those shown, all at one scale.
    """

    cell_class: CellClass
    n_cells: int
    crops: tuple[NDArray[np.uint8], ...]


@dataclass(frozen=True, eq=False)
class Report:
    """Everything that a report shows.

    Parameters
    ----------
    facts : dict of str to str
        Of slide and specimen, by their titles.
    scheme : ClassScheme
        Classes of the case.
    counts : Differential
        The count.
    agreement : Agreement
        Of the person with the model.
    warnings : tuple of str
        What a reader should know, one sentence each.
    signed_off : str
        Who signed and when; empty if nobody has.
    overview : ndarray of uint8, shape (M, N, 3), or None
        Slide with outlined cells.
    galleries : tuple of Gallery
        Classes that have cells.
    runs : tuple of dict of str to str
        How the cells were found, one entry a run.
    made : str
        Time of the report.
    """

    facts: dict[str, str]
    scheme: ClassScheme
    counts: Differential
    agreement: Agreement
    warnings: tuple[str, ...]
    signed_off: str
    overview: NDArray[np.uint8] | None
    galleries: tuple[Gallery, ...]
    runs: tuple[dict[str, str], ...]
    made: str

    @property
    def scope(self) -> str:
        """Which cells were counted."""
        settings = self.counts.settings
        if settings.count is None:
            return f"all {self.counts.total} white cells"
        how = (
            "in scan order"
            if settings.order == "scan"
            else f"drawn at random with seed {settings.seed}"
        )
        return f"{self.counts.total} of {self.counts.n_available} white cells, {how}"

    @property
    def agreement_text(self) -> str:
        """How far person and model agree, empty where nothing is reviewed."""
        if self.agreement.observed is None:
            return ""
        kappa = self.agreement.kappa
        return (
            f"The model gives the same class to {100 * self.agreement.observed:.0f} % "
            f"of {self.agreement.n_cells} reviewed cells"
            + ("." if kappa is None else f" (Cohen's kappa {kappa:.2f}).")
        )


def gather_report(
    case: Case, slide: SlideReader | None, settings: CountSettings
) -> Report:
    """Read what a report shows.

    Parameters
    ----------
    case : Case
        Case to report on.
    slide : SlideReader or None
        Its slide; none leaves overview and galleries out.
    settings : CountSettings
        Which cells are counted.

    Returns
    -------
    report : Report
        No path of a machine, and nothing of a patient.

    Raises
    ------
    CaseError
        If the slide is not that of the case.
    SettingsError
        If a cell has a class that the scheme lacks.
    """
    table, scheme = case.table(), case.scheme
    counts = differential(table, scheme, settings, mpp=case.mpp)
    if slide is not None:
        case.check_slide(slide)
    return Report(
        _facts(case),
        scheme,
        counts,
        compare_with_model(table, scheme),
        tuple(_warnings(case, counts)),
        _signature(case.signed_off),
        None if slide is None else draw_overlay(case, slide, OVERVIEW_PX),
        () if slide is None else tuple(_galleries(case, slide, table)),
        tuple(_describe_run(run) for run in case.provenance),
        _time_text(datetime.now(UTC).isoformat()),
    )


def _facts(case: Case) -> dict[str, str]:
    """Name slide and specimen."""
    rows, columns = case.shape
    facts = {
        "Slide": case.source_name,
        "Specimen": case.specimen or "",
        "Size": f"{columns} × {rows} pixels",
        "Pixel size": "unknown" if case.mpp is None else f"{case.mpp:.4g} µm",
        "Fingerprint": case.fingerprint[:16],
    }
    return {title: text for title, text in facts.items() if text}


def _warnings(case: Case, counts: Differential) -> Iterator[str]:
    """Yield what a reader should know."""
    yield from counts.reminders
    runs, signed = case.provenance, case.signed_off
    if runs and not runs[-1]["finished"]:
        yield "The last run was not finished; cells may be missing."
    if signed is None:
        yield "The count is not signed off."
    elif counts.settings != CountSettings.of_sign_off(signed):
        yield "What is signed off is another count than this one."


def _signature(signed: Mapping[str, Any] | None) -> str:
    """Tell who signed and when."""
    return f"{signed['name']}, {_time_text(signed['time'])}" if signed else ""


def _time_text(time: str) -> str:
    """Return a time in ISO format to the minute, for people."""
    return datetime.fromisoformat(time).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _galleries(
    case: Case, slide: SlideReader, table: pd.DataFrame
) -> Iterator[Gallery]:
    """Yield the classes that have cells, each with some spread over the slide."""
    if table.empty:
        return
    ids, boxes = case.cell_boxes()
    by_id = dict(zip(ids.tolist(), boxes.tolist(), strict=True))
    sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    side = math.ceil(CROP_SHARE * float(np.quantile(sides, LARGE_QUANTILE)))
    ordered = table.iloc[scan_order(table, case.mpp)]
    for cell_class in case.scheme:
        cells = ordered.loc[ordered["class_id"] == cell_class.id, "cell_id"].to_numpy()
        places = np.linspace(0, len(cells) - 1, min(len(cells), N_SHOWN)).round()
        shown = cells[places.astype(int)].tolist() if len(cells) else []
        if shown:
            crops = tuple(_crop(slide, by_id[cell_id], side) for cell_id in shown)
            yield Gallery(cell_class, len(cells), crops)


def _crop(slide: SlideReader, box: list[int], side: int) -> NDArray[np.uint8]:
    """Return a square around a cell, white beyond the slide."""
    row, column = (box[0] + box[2] - side) // 2, (box[1] + box[3] - side) // 2
    square = Region(row, column, side, side)
    inside = square.intersection(Region.of_shape(slide.shape))
    picture = np.full((side, side, 3), WHITE, np.uint8)
    picture[inside.shifted(-row, -column).slices] = slide.read_region(inside)
    size = (CROP_PX, CROP_PX)
    resized = Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)
    return np.asarray(resized)


def _describe_run(run: Mapping[str, Any]) -> dict[str, str]:
    """Return a run as lines of text."""
    summary = run["summary"] or {}
    lines = {
        "Run": str(run["run"]),
        "Begun": _time_text(run["started"]),
        "Finished": _time_text(run["finished"]) if run["finished"] else "no",
        "Cells in the case": summary.get("n_cells"),
        "Device": summary.get("device_label"),
        "Notices": " ".join(summary.get("notices", ())),
        **dict(_flat(run["settings"])),
        "Versions": ", ".join(f"{k} {v}" for k, v in run["versions"].items()),
    }
    return {k: _plain(v) for k, v in lines.items() if v not in (None, "")}


def _flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield settings with their names, those inside others after these."""
    for name, value in settings.items():
        title = f"{before}{name}"
        if isinstance(value, dict):
            yield from _flat(value, f"{title}.")
        else:
            yield title, value


def _plain(value: object) -> str:
    """Return a value as text; of a path of the machine only the name."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(_plain(v) for v in value)
    text = str(value)
    is_path = re.match(r"(?:[A-Za-z]:)?[\\/]|~[\\/]|\\\\|file:", text)
    return re.split(r"[\\/]", text.rstrip("\\/"))[-1] if is_path else text

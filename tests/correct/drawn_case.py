"""A small case with drawn cells, and what must hold of any case."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_leukoseg.case import LABEL_NAMES, Case, case_path
from napari_leukoseg.case.pyramid import level_shapes
from napari_leukoseg.cell import SegmentedCell
from napari_leukoseg.cells import measure_cell
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHAPE = (530, 300)
"""Two chunks and two levels."""

MPP = 0.25

CELLS = (
    # center, radius, class
    ((60, 60), 25, 1),
    ((60, 106), 24, 2),  # touches the first
    ((505, 150), 30, 3),  # lies over the border of two chunks
    ((200, 0), 20, 4),  # is cut by the border of the slide
    ((300, 200), 22, 5),
    ((300, 260), 18, 1),
)


@dataclass
class DrawnSlide:
    """Slide with a pattern, so that colors of cells differ."""

    path: Path = Path("smear.png")
    shape: tuple[int, int] = SHAPE
    mpp: float | None = MPP
    objective_power: float | None = None
    fingerprint: str = "d" * 64

    def read_region(self, region: Region) -> NDArray[np.uint8]:
        rows, columns = np.mgrid[region.slices]
        return np.stack([rows, columns, rows + columns], axis=2).astype(np.uint8)

    def overview(self, max_side: int = 1024) -> NDArray[np.uint8]:
        return self.read_region(Region.of_shape(self.shape))


def disk(center: tuple[int, int], radius: int, class_id: int = 1) -> SegmentedCell:
    """Round cell with a round nucleus, cut at the border of the slide."""
    box = Region(
        center[0] - radius, center[1] - radius, 2 * radius + 1, 2 * radius + 1
    ).intersection(Region.of_shape(SHAPE))
    y, x = np.mgrid[box.slices]
    distance = np.hypot(y - center[0], x - center[1])
    nucleus = distance <= radius / 2
    probabilities = np.full(5, 0.05)
    probabilities[class_id - 1] = 0.8
    return SegmentedCell(
        box,
        nucleus,
        (distance <= radius) & ~nucleus,
        (1, 2, 3, 4, 5),
        probabilities,
        0.9,
    )


def commit_disks(case: Case, settings: dict[str, object], cells=CELLS) -> list[int]:
    """Run that finds round cells, in one tile."""
    slide = DrawnSlide()
    run = case.begin_run(settings, 1)
    fitted = run.fit_cells([disk(*cell) for cell in cells])
    drawn = [cell for cell in fitted if cell is not None]
    rows = [
        measure_cell(slide.read_region(c.region), c, mpp=MPP, slide_shape=SHAPE)
        for c in drawn
    ]
    ids = run.commit_tile(0, drawn, rows)
    run.finish({})
    return ids


def make_case(folder: Path) -> Path:
    """Make the case of `CELLS`; its ids are 1 to 6."""
    path = case_path(folder, "smear")
    with Case.create(path, DrawnSlide()) as case:
        commit_disks(case, {"model": "a"})
    return path


def masks(case: Case, cell_id: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Nucleus and cytoplasm of a cell, of the size of the slide."""
    whole = Region.of_shape(SHAPE)
    nucleus, cytoplasm = (case.read_labels(n, whole) == cell_id for n in LABEL_NAMES)
    return nucleus, cytoplasm


def rows(case: Case) -> pd.DataFrame:
    """Table by cell id."""
    return case.table().set_index("cell_id")


@dataclass(eq=False)
class Snapshot:
    """Everything that an edit and its inverse must leave as it was."""

    labels: list[NDArray[np.uint32]]
    table: pd.DataFrame
    protected: frozenset[int]
    classes: NDArray[np.uint8]
    areas: tuple[Region, ...]
    cleared: dict

    @classmethod
    def of(cls, case: Case) -> Snapshot:
        lut = case.class_lut()
        return cls(
            [
                case.read_labels(name, Region.of_shape(shape), level)
                for name in LABEL_NAMES
                for level, shape in enumerate(level_shapes(case.shape))
            ],
            case.table(),
            case.protected_ids,
            lut[: np.flatnonzero(lut).max(initial=0) + 1],
            case.reviewed_areas,
            dict(case._ledger.state.cleared),
        )

    def assert_equals(self, other: Snapshot) -> None:
        for ours, theirs in zip(self.labels, other.labels, strict=True):
            np.testing.assert_array_equal(ours, theirs)
        pd.testing.assert_frame_equal(self.table, other.table, check_exact=True)
        assert self.protected == other.protected
        np.testing.assert_array_equal(self.classes, other.classes)
        assert self.areas == other.areas
        assert self.cleared == other.cleared


def assert_consistent(case: Case) -> None:
    """Levels, both layers, class layer and table say the same."""
    whole = Region.of_shape(case.shape)
    nucleus, cytoplasm = (case.read_labels(name, whole) for name in LABEL_NAMES)
    assert not ((nucleus > 0) & (cytoplasm > 0)).any()
    ids = np.maximum(nucleus, cytoplasm)
    table = case.table()
    areas = np.bincount(ids.ravel(), minlength=int(case.next_id))[1:]
    assert np.flatnonzero(areas).tolist() == (table["cell_id"] - 1).tolist()
    assert (case.next_id > table["cell_id"]).all()
    classes = np.zeros(case.next_id, np.uint8)
    classes[table["cell_id"]] = table["class_id"]
    np.testing.assert_array_equal(case.read_classes(whole), classes[ids])
    assert_rows_fit(case, nucleus, cytoplasm, table)
    for name, labels in zip(LABEL_NAMES, (nucleus, cytoplasm), strict=True):
        for level in range(1, case.n_levels):
            labels = labels[::2, ::2]
            stored = case.read_labels(name, Region.of_shape(labels.shape), level)
            np.testing.assert_array_equal(stored, labels)


def assert_rows_fit(case, nucleus, cytoplasm, table) -> None:
    """Areas, boxes and centroids of the table are those of the labels."""
    for row in table.to_dict("records"):
        inner, outer = nucleus == row["cell_id"], cytoplasm == row["cell_id"]
        assert row["nucleus_area_px"] == inner.sum()
        assert row["cytoplasm_area_px"] == outer.sum()
        rows, columns = np.nonzero(inner | outer)
        box = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
        names = ("row", "column", "row_stop", "column_stop")
        assert [row[f"box_{name}_px"] for name in names] == box
        assert tuple(box) == case.cell(row["cell_id"]).region.bounds
        assert math.isclose(row["centroid_row_px"], rows.mean())
        assert math.isclose(row["centroid_column_um"], columns.mean() * MPP)

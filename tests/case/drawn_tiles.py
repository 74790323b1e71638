"""Tiles of drawn cells, and comparison of cases, for the tests of this folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_leukoseg.case import LABEL_NAMES
from napari_leukoseg.cell import SegmentedCell
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.case import Case, Run

SHAPE = (1300, 1100)
N_TILES = 6


@dataclass
class DrawnSlide:
    """Stands for a slide of any size; only its overview has pixels."""

    path: Path = Path("smear.png")
    shape: tuple[int, int] = SHAPE
    mpp: float | None = 0.25
    objective_power: float | None = 40.0
    fingerprint: str = "f" * 64

    def overview(self, max_side: int = 1024) -> NDArray[np.uint8]:
        factor = min(1.0, max_side / max(self.shape))
        rows, columns = (max(1, round(side * factor)) for side in self.shape)
        ramp = np.arange(rows * columns * 3) % 251
        return ramp.astype(np.uint8).reshape(rows, columns, 3)


def disk(row: int, column: int, side: int, class_id: int = 1) -> SegmentedCell:
    """Round cell whose nucleus is half as wide, in a box of `side` pixels."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    distance = np.hypot(y, x)
    nucleus = distance <= side / 4
    probabilities = np.full(5, 0.05)
    probabilities[class_id - 1] = 0.8
    return SegmentedCell(
        Region(row, column, side, side),
        nucleus,
        (distance <= side / 2) & ~nucleus,
        (1, 2, 3, 4, 5),
        probabilities,
        0.9,
    )


def row_of(cell: SegmentedCell, index: int) -> dict[str, Any]:
    """Table row with every kind of value, some of them missing."""
    row = {
        "class_id": np.int64(cell.class_id),
        "area_px": np.float32(cell.mask.sum()),
        "lobes": index % 3,
        "touches_border": np.bool_(index % 2),
        "class_name": f"class {cell.class_id}",
    }
    if index % 2:
        row["area_um2"] = float("nan") if index == 1 else cell.mask.sum() / 16
    return row


def tile_of(
    index: int, seed: int = 0
) -> tuple[list[SegmentedCell], list[dict[str, Any]]]:
    """Cells of a tile; many cross chunks, and some overlap those of others."""
    rng = np.random.default_rng([seed, index])
    cells = []
    for _ in range(5):
        side = int(rng.integers(40, 131))
        row, column = (int(rng.integers(0, length - side)) for length in SHAPE)
        cells.append(disk(row, column, side, int(rng.integers(1, 6))))
    return cells, [row_of(cell, i) for i, cell in enumerate(cells)]


def commit_missing(run: Run, seed: int = 0) -> None:
    """Commit the tiles that a run lacks, in order."""
    for index in sorted(set(range(N_TILES)) - run.finished_tiles):
        run.commit_tile(index, *tile_of(index, seed))


def whole(case: Case, level: int = 0) -> Region:
    return Region.of_shape(case.label_array("nucleus", level).shape)


def all_labels(case: Case) -> list[NDArray[np.uint32]]:
    """Every level of both label images, as zarr reads them."""
    return [
        case.label_array(name, level)[:]
        for name in LABEL_NAMES
        for level in range(case.n_levels)
    ]


def assert_same_case(case: Case, expected: Case) -> None:
    """Labels at all levels, ids and table are equal."""
    for labels, expected_labels in zip(
        all_labels(case), all_labels(expected), strict=True
    ):
        np.testing.assert_array_equal(labels, expected_labels)
    pd.testing.assert_frame_equal(case.table(), expected.table())
    assert case.protected_ids == expected.protected_ids
    np.testing.assert_array_equal(case.class_lut(), expected.class_lut())


def assert_consistent(case: Case) -> None:
    """Levels decimate, labels do not overlap, and the table names what is drawn."""
    for name in LABEL_NAMES:
        for level in range(1, case.n_levels):
            np.testing.assert_array_equal(
                case.label_array(name, level)[:],
                case.label_array(name, level - 1)[::2, ::2],
            )
    nucleus, cytoplasm = (case.read_labels(name, whole(case)) for name in LABEL_NAMES)
    assert not ((nucleus > 0) & (cytoplasm > 0)).any()
    drawn = np.unique(nucleus | cytoplasm)
    assert set(drawn[drawn > 0].tolist()) == set(case.table()["cell_id"])

"""Exports of a slide of 20,000 x 20,000 pixels with 10,000 cells."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_leukoseg.case import LABEL_NAMES, Case
from napari_leukoseg.cell import SegmentedCell
from napari_leukoseg.cells import measure_cell
from napari_leukoseg.export import walk_cells, write_geojson, write_palette_masks
from napari_leukoseg.export.walking import BLOCK_PX
from napari_leukoseg.geometry import Region

SIDE_PX = 20_000
N_ACROSS = 100
"""Cells in a row, and in a column."""

CELL_PX = 80
N_LOOKS = 20
"""Different cells; their copies share a measured row."""

MAX_GEOJSON_RATIO = 5.0
"""Against reading the cells, without an outline."""

MAX_PNG_RATIO = 5.0
"""Against reading the labels."""


@dataclass
class BareSlide:
    """Stands for a slide of which only the size matters."""

    path: Path = Path("smear.png")
    shape: tuple[int, int] = (SIDE_PX, SIDE_PX)
    mpp: float | None = 0.25
    objective_power: float | None = 40.0
    fingerprint: str = "f" * 64

    def overview(self, max_side: int) -> NDArray[np.uint8]:
        return np.full((max_side, max_side, 3), 220, np.uint8)


def draw_look(rng: np.random.Generator) -> SegmentedCell:
    """Draw a cell with a wavy outline, at the origin."""
    y, x = np.mgrid[:CELL_PX, :CELL_PX] - (CELL_PX - 1) / 2
    angle, radius = np.arctan2(y, x), np.hypot(y, x) / CELL_PX
    phases = rng.uniform(0, 2 * np.pi, 3)
    waves = sum(np.sin(n * angle + p) for n, p in zip((2, 5, 9), phases, strict=True))
    cell, nucleus = radius < 0.42 + 0.02 * waves, radius < 0.25 - 0.02 * waves
    box = Region(0, 0, CELL_PX, CELL_PX)
    evidence = rng.dirichlet(np.ones(5))
    return SegmentedCell(box, nucleus, cell & ~nucleus, (1, 2, 3, 4, 5), evidence, 0.9)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    rng = np.random.default_rng(0)
    picture = rng.integers(80, 220, (CELL_PX, CELL_PX, 3)).astype(np.uint8)
    looks = [draw_look(rng) for _ in range(N_LOOKS)]
    rows = [measure_cell(picture, look, mpp=0.25) for look in looks]
    step = SIDE_PX // N_ACROSS
    path = tmp_path_factory.mktemp("case") / "smear.leukoseg.zarr"
    with Case.create(path, BareSlide()) as case:  # type: ignore[arg-type]
        run = case.begin_run({}, N_ACROSS)
        for tile in range(N_ACROSS):
            chosen = rng.integers(0, N_LOOKS, N_ACROSS)
            shifts = rng.integers(0, step - CELL_PX, (N_ACROSS, 2))
            cells = [
                replace(
                    looks[look],
                    region=looks[look].region.shifted(
                        tile * step + int(row), index * step + int(column)
                    ),
                )
                for index, (look, (row, column)) in enumerate(
                    zip(chosen, shifts, strict=True)
                )
            ]
            run.commit_tile(tile, cells, [rows[look] for look in chosen])
        run.finish({})
        yield case


def seconds(work: Callable[[], object]) -> float:
    """Seconds that some work takes, the better of two times."""
    took = []
    for _ in range(2):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return min(took)


def read_everything(case: Case) -> None:
    """Read all labels in blocks."""
    for row in range(0, SIDE_PX, BLOCK_PX):
        for column in range(0, SIDE_PX, BLOCK_PX):
            block = Region(row, column, BLOCK_PX, BLOCK_PX)
            block = block.intersection(Region.of_shape(case.shape))
            for name in LABEL_NAMES:
                case.read_labels(name, block)


def test_geojson(case: Case, tmp_path: Path) -> None:
    walking = seconds(lambda: list(walk_cells(case)))
    writing = seconds(lambda: write_geojson(case, tmp_path / "cells.geojson"))
    print(f"\ncells read {walking:.1f} s, written as GeoJSON {writing:.1f} s")
    assert writing <= MAX_GEOJSON_RATIO * walking


def test_png(case: Case, tmp_path: Path) -> None:
    reading = seconds(lambda: read_everything(case))
    writing = seconds(
        lambda: write_palette_masks(case, tmp_path, "smear", overwrite=True)
    )
    print(f"\nlabels read {reading:.1f} s, written as PNG {writing:.1f} s")
    assert writing <= MAX_PNG_RATIO * reading

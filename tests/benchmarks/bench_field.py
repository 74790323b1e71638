"""A camera field of 2048 x 1536 pixels: the network alone, and the whole pipeline."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_leukoseg.case import Case
from napari_leukoseg.geometry import Region
from napari_leukoseg.pipeline import SegmentSettings, segment_slide
from napari_leukoseg.segment import Segmenter, load_segmenter
from napari_leukoseg.segment.planning import plan_area
from napari_leukoseg.slide import SlideReader, open_slide
from napari_leukoseg.synthetic import SmearSettings, write_field

REPEATS = 5
MAX_RATIO = 1.3
CELL_PX = 60.0
"""As a 40x objective shows it; larger cells mean fewer working pixels."""


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return load_segmenter("default", "auto")


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlideReader]:
    path = tmp_path_factory.mktemp("field") / "field.png"
    settings = SmearSettings((1536, 2048), seed=1, cell_diameter_px=CELL_PX)
    for _ in write_field(path, settings):
        pass
    with open_slide(path) as opened:
        yield opened


def test_pipeline_costs_little_more_than_its_network(
    slide: SlideReader, segmenter: Segmenter, tmp_path: Path
) -> None:
    settings = SegmentSettings(cell_diameter_px=CELL_PX)
    area = Region.of_shape(slide.shape)
    plan = plan_area(slide.shape, segmenter, area, CELL_PX)
    windows = [slide.read_scaled(tile.window, plan.factor) for tile in plan.tiles]
    network, pipeline, n_cells = [], [], 0
    for repeat in range(REPEATS):
        began = time.perf_counter()
        for window in windows:
            segmenter.predict([window])
        network.append(time.perf_counter() - began)
        case_path = tmp_path / f"{repeat}.leukoseg.zarr"
        began = time.perf_counter()
        with Case.create(case_path, slide) as case:
            for progress in segment_slide(slide, segmenter, case, settings):
                n_cells = progress.n_cells
        pipeline.append(time.perf_counter() - began)
    ratio = min(pipeline) / min(network)
    print(f"\n{segmenter.device_label}: {len(plan.tiles)} tiles, {n_cells} cells")
    print(f"network {min(network):.2f} s, pipeline {min(pipeline):.2f} s, {ratio:.2f}")
    print(f"{plan.working_pixels / min(network) / 1e6:.1f} working megapixels a second")
    assert ratio <= MAX_RATIO

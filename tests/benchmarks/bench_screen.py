"""What the search at low resolution saves on a sparse slide, and that it loses none."""

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_leukoseg.case import Case
from napari_leukoseg.geometry import Region
from napari_leukoseg.pipeline import SegmentSettings, segment_slide
from napari_leukoseg.segment import Segmenter, load_segmenter
from napari_leukoseg.segment.screening import ScreenSettings
from napari_leukoseg.slide import SlideReader, open_slide
from napari_leukoseg.synthetic import SmearSettings, write_slide

SIDE = 6144
MAX_TIME_RATIO = 0.6
SAME_DICE = 0.97
"""Windows begin between working pixels, so borders move by parts of one."""


def segment(
    slide: SlideReader, segmenter: Segmenter, folder: Path, settings: SegmentSettings
) -> tuple[float, NDArray[np.uint32]]:
    """Seconds of a run, and its cells."""
    began = time.perf_counter()
    with Case.create(folder, slide) as case:
        for _ in segment_slide(slide, segmenter, case, settings):
            pass
        seconds = time.perf_counter() - began
        run = case.provenance[-1]["settings"]
        print(
            f"\n{seconds:.0f} s, {len(case.table())} cells, {run['n_tiles']} windows "
            f"over {run['searched_share']:.0%} of the slide"
        )
        whole = Region.of_shape(case.shape)
        names = ("nucleus", "cytoplasm")
        return seconds, np.maximum(*(case.read_labels(n, whole) for n in names))


def dice_of_each(
    truth: NDArray[np.uint32], found: NDArray[np.uint32]
) -> NDArray[np.float64]:
    """Dice of each cell with the one that it shares most pixels with."""
    sizes, others = np.bincount(truth.ravel()), np.bincount(found.ravel())
    both = (truth > 0) & (found > 0)
    pairs, shared = np.unique(
        np.stack([truth[both], found[both]]), axis=1, return_counts=True
    )
    dice = np.zeros(len(sizes))
    np.maximum.at(dice, pairs[0], 2 * shared / (sizes[pairs[0]] + others[pairs[1]]))
    return dice[1:][sizes[1:] > 0]


def test_a_search_saves_time_and_loses_no_cell(tmp_path: Path) -> None:
    path = tmp_path / "slide.tif"
    for _ in write_slide(path, SmearSettings.for_slide((SIDE, SIDE), seed=2)):
        pass
    segmenter = load_segmenter("default", "auto")
    with open_slide(path) as slide:
        searched, found = segment(
            slide,
            segmenter,
            tmp_path / "searched.leukoseg.zarr",
            SegmentSettings(screen=ScreenSettings()),
        )
        whole, truth = segment(
            slide,
            segmenter,
            tmp_path / "whole.leukoseg.zarr",
            SegmentSettings(screen=None),
        )
    dice = np.sort(dice_of_each(truth, found))
    print(f"{searched / whole:.2f} of the time; Dice of the worst cells {dice[:5]}")
    assert dice[0] > 0.5
    assert np.median(dice) > SAME_DICE
    assert searched <= MAX_TIME_RATIO * whole

"""The whole way: a drawn field in, labels and a table out, whatever interrupts it."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from napari_leukoseg.case import Case
from napari_leukoseg.errors import CaseError, SettingsError
from napari_leukoseg.geometry import Region
from napari_leukoseg.pipeline import (
    Progress,
    RunSummary,
    SegmentSettings,
    estimate_seconds,
    segment_slide,
)
from napari_leukoseg.segment import Segmenter, load_segmenter
from napari_leukoseg.segment.model import Model
from napari_leukoseg.segment.screening import ScreenSettings
from napari_leukoseg.slide import SlideReader, open_slide
from napari_leukoseg.stain import StainChoice, StainDefault, StainStep
from napari_leukoseg.synthetic import DrawnRegion, SmearSettings, write_field
from napari_leukoseg.training.metrics import dice, match_cells

SEARCH = ScreenSettings(min_area_px=1)
"""Searches whatever the size."""

SMALL_WINDOW_CELLS = 5.0
"""Side of a window in cell diameters that leaves two for the core."""


@pytest.fixture
def segmenter(color_model: Path) -> Segmenter:
    return load_segmenter(color_model, "cpu")


@pytest.fixture
def tiled(color_model: Path) -> Segmenter:
    """One whose windows are so small that a field takes several tiles."""
    segmenter = load_segmenter(color_model, "cpu")
    segmenter.window_px = int(SMALL_WINDOW_CELLS * segmenter.card.cell_diameter_px)
    return segmenter


def run(
    slide: SlideReader,
    segmenter: Segmenter,
    case: Case,
    settings: SegmentSettings | None = None,
) -> tuple[list[Progress], RunSummary]:
    steps = segment_slide(slide, segmenter, case, settings or SegmentSettings())
    progress = []
    while True:
        try:
            progress.append(next(steps))
        except StopIteration as stop:
            return progress, stop.value


def labels_of(case: Case) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    whole = Region.of_shape(case.shape)
    return case.read_labels("nucleus", whole), case.read_labels("cytoplasm", whole)


def test_drawn_cells_are_found_and_measured(
    field_png: Path, drawn_field: DrawnRegion, segmenter: Segmenter, tmp_path: Path
) -> None:
    with (
        open_slide(field_png) as slide,
        Case.create(tmp_path / "a.leukoseg.zarr", slide) as case,
    ):
        progress, summary = run(slide, segmenter, case)
        nucleus, cytoplasm = labels_of(case)
        table = case.table()
    truth = np.maximum(drawn_field.nucleus, drawn_field.cytoplasm).astype(np.int64)
    cells = np.maximum(nucleus, cytoplasm).astype(np.int64)
    assert not (nucleus.astype(bool) & cytoplasm.astype(bool)).any()
    assert dice(truth > 0, cells > 0) > 0.8
    assert len(match_cells(truth, cells)) >= 0.7 * len(np.unique(truth)[1:])
    assert sorted(table["cell_id"]) == sorted(np.unique(cells)[1:])
    areas = [int((cells == i).sum()) for i in table["cell_id"]]
    assert table["cell_area_px"].tolist() == areas
    assert progress[-1].stage == "finish"
    assert summary.n_cells == len(table)
    assert summary.cell_diameter_source == "pixel size"


def test_tiles_agree_with_one_window(
    field_png: Path, segmenter: Segmenter, tiled: Segmenter, tmp_path: Path
) -> None:
    found = []
    with open_slide(field_png) as slide:
        for name, one in (("whole", segmenter), ("tiled", tiled)):
            with Case.create(tmp_path / f"{name}.leukoseg.zarr", slide) as case:
                _, summary = run(slide, one, case)
                found.append((np.maximum(*labels_of(case)) > 0, summary))
    (whole, first), (tiles, second) = found
    assert (first.n_tiles, second.n_tiles > 1) == (1, True)
    assert first.n_cells == second.n_cells
    # Windows begin between working pixels, so borders move by parts of one.
    assert dice(whole, tiles) > 0.97


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_a_closed_run_resumes_to_the_same_case(
    field_png: Path, tiled: Segmenter, tmp_path: Path, stop_after: int
) -> None:
    with open_slide(field_png) as slide:
        with Case.create(tmp_path / "whole.leukoseg.zarr", slide) as case:
            run(slide, tiled, case)
            expected, table = labels_of(case), case.table()
        path = tmp_path / "cut.leukoseg.zarr"
        with Case.create(path, slide) as case:
            steps = segment_slide(slide, tiled, case, SegmentSettings())
            for _ in range(stop_after):
                next(steps)
            steps.close()
        with Case.open(path) as case:
            progress, _ = run(slide, tiled, case)
            done = [step.done for step in progress]
            assert done == sorted(done)
            for ours, theirs in zip(labels_of(case), expected, strict=True):
                np.testing.assert_array_equal(ours, theirs)
            assert case.table().equals(table)


def test_a_finished_run_is_not_repeated(
    field_png: Path, segmenter: Segmenter, tmp_path: Path
) -> None:
    with (
        open_slide(field_png) as slide,
        Case.create(tmp_path / "a.leukoseg.zarr", slide) as case,
    ):
        run(slide, segmenter, case)
        revision = case.revision
        progress, summary = run(slide, segmenter, case)
        assert case.revision == revision
        assert [p.stage for p in progress] == ["scale", "finish"]
        assert summary.n_cells == len(case.table())


KILLED = """
import sys, time
from napari_leukoseg.case import Case
from napari_leukoseg.pipeline import SegmentSettings, segment_slide
from napari_leukoseg.segment import load_segmenter
from napari_leukoseg.segment.screening import ScreenSettings
from napari_leukoseg.slide import open_slide
picture, folder, model = sys.argv[1:]
segmenter = load_segmenter(model, "cpu")
segmenter.window_px = {window_px}
settings = SegmentSettings(screen={screen})
with open_slide(picture) as slide, Case.create(folder, slide) as case:
    for progress in segment_slide(slide, segmenter, case, settings):
        if progress.stage == "segment" and progress.done:
            print(progress.done, flush=True)
            time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize(
    ("name", "screen"), [("field_png", None), ("sparse_png", SEARCH)]
)
def test_a_killed_process_leaves_a_case_that_resumes(
    request: pytest.FixtureRequest,
    tiled: Segmenter,
    color_model: Path,
    tmp_path: Path,
    name: str,
    screen: ScreenSettings | None,
) -> None:
    picture = request.getfixturevalue(name)
    path = tmp_path / "killed.leukoseg.zarr"
    settings = SegmentSettings(screen=screen)
    program = KILLED.format(window_px=tiled.window_px, screen=screen)
    command = [sys.executable, "-c", program, picture, path, color_model]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) >= 1
        os.kill(process.pid, signal.SIGKILL)
    with open_slide(picture) as slide:
        with Case.create(tmp_path / "whole.leukoseg.zarr", slide) as case:
            run(slide, tiled, case, settings)
            expected = labels_of(case)
        with Case.open(path) as case:
            progress, _ = run(slide, tiled, case, settings)
            resumed = next(step for step in progress if step.stage == "segment")
            assert resumed.done >= 1  # finished tiles are not repeated
            for ours, theirs in zip(labels_of(case), expected, strict=True):
                np.testing.assert_array_equal(ours, theirs)


def test_a_region_owns_the_cells_whose_middle_it_holds(
    field_png: Path, segmenter: Segmenter, tmp_path: Path
) -> None:
    region = Region(40, 100, 200, 150)
    with open_slide(field_png) as slide:
        with Case.create(tmp_path / "whole.leukoseg.zarr", slide) as case:
            run(slide, segmenter, case)
            whole = case.table()
        with Case.create(tmp_path / "part.leukoseg.zarr", slide) as case:
            run(slide, segmenter, case, SegmentSettings(region=region))
            part = case.table()
    margin = 3.0
    for row in part.itertuples():
        assert region.padded(3).contains(row.centroid_row_px, row.centroid_column_px)
    inner = region.padded(-int(margin))
    expected = sum(
        inner.contains(r.centroid_row_px, r.centroid_column_px)
        for r in whole.itertuples()
    )
    assert len(part) >= expected


def test_scale_is_taken_as_given(
    field_png: Path, segmenter: Segmenter, tmp_path: Path
) -> None:
    with (
        open_slide(field_png) as slide,
        Case.create(tmp_path / "a.leukoseg.zarr", slide) as case,
    ):
        _, summary = run(slide, segmenter, case, SegmentSettings(cell_diameter_px=55))
        assert (summary.cell_diameter_px, summary.cell_diameter_source) == (55, "given")


def test_empty_fields_give_empty_results(segmenter: Segmenter, tmp_path: Path) -> None:
    path = tmp_path / "empty.png"
    settings = SmearSettings(
        (200, 240), seed=1, cell_diameter_px=60.0, white_cell_fraction=0.0
    )
    for _ in write_field(path, settings):
        pass
    with (
        open_slide(path) as slide,
        Case.create(tmp_path / "a.leukoseg.zarr", slide) as case,
    ):
        _, summary = run(slide, segmenter, case)
        assert summary.n_cells == len(case.table()) == 0


def test_another_slide_and_another_area_are_refused(
    field_png: Path, segmenter: Segmenter, tmp_path: Path
) -> None:
    other = tmp_path / "other.png"
    for _ in write_field(other, SmearSettings((100, 120), seed=9, cell_diameter_px=50)):
        pass
    with (
        open_slide(field_png) as slide,
        open_slide(other) as another,
        Case.create(tmp_path / "a.leukoseg.zarr", slide) as case,
    ):
        with pytest.raises(CaseError):
            run(another, segmenter, case)
        outside = SegmentSettings(region=Region(300, 0, 100, 100))
        with pytest.raises(SettingsError, match="leaves the picture"):
            run(slide, segmenter, case, outside)


def test_a_run_says_what_it_will_cost(field_png: Path, segmenter: Segmenter) -> None:
    with open_slide(field_png) as slide:
        whole = estimate_seconds(slide, segmenter, SegmentSettings())
        part = SegmentSettings(region=Region(0, 0, 60, 60))
        assert 0 < estimate_seconds(slide, segmenter, part) < whole


@pytest.fixture(scope="module")
def step() -> StainStep:
    """Return a stain step that leaves drawn cells in the colors that are found."""
    return StainChoice.parse("reinhard").prepared()


def stains_of(case: Case) -> list[str | None]:
    """Return the title of the stain step of each run."""
    stains = [run["settings"]["stain"] for run in case.provenance]
    return [stain and stain["title"] for stain in stains]


def test_another_stain_is_another_run(
    field_png: Path, segmenter: Segmenter, tmp_path: Path, step: StainStep
) -> None:
    stained, plain = SegmentSettings(stain=step), SegmentSettings()
    with (
        open_slide(field_png) as slide,
        Case.create(tmp_path / "a.leukoseg.zarr", slide) as case,
    ):
        for settings in (plain, stained, stained, plain):
            run(slide, segmenter, case, settings)
        assert stains_of(case) == [None, "Reinhard → wright-giemsa", None]


def test_cells_are_measured_on_the_slide_as_it_is(
    field_png: Path, segmenter: Segmenter, tmp_path: Path, step: StainStep
) -> None:
    with (
        open_slide(field_png) as slide,
        Case.create(tmp_path / "a.leukoseg.zarr", slide) as case,
    ):
        run(slide, segmenter, case, SegmentSettings(stain=step))
        nucleus, _ = labels_of(case)
        table = case.table()
        image = slide.overview(10_000)
    assert len(table)
    for row in table.itertuples():
        if row.nucleus_area_px > 0:
            expected = image[nucleus == row.cell_id][:, 0].mean()
            assert row.nucleus_red_mean == pytest.approx(expected, abs=0.01)


def test_a_stained_run_resumes_to_the_same_case(
    field_png: Path, tiled: Segmenter, tmp_path: Path, step: StainStep
) -> None:
    settings = SegmentSettings(stain=step)
    with open_slide(field_png) as slide:
        with Case.create(tmp_path / "whole.leukoseg.zarr", slide) as case:
            run(slide, tiled, case, settings)
            expected = labels_of(case)
        path = tmp_path / "cut.leukoseg.zarr"
        with Case.create(path, slide) as case:
            steps = segment_slide(slide, tiled, case, settings)
            for _ in range(3):
                next(steps)
            steps.close()
        with Case.open(path) as case:
            progress, _ = run(slide, tiled, case, settings)
            assert progress[1].done >= 1
            assert len(case.provenance) == 1
            for ours, theirs in zip(labels_of(case), expected, strict=True):
                np.testing.assert_array_equal(ours, theirs)


def test_the_step_of_the_model_is_taken_unless_told_not_to(
    field_png: Path, segmenter: Segmenter, tmp_path: Path
) -> None:
    card = replace(segmenter.card, stain="reinhard:jtsc")
    segmenter.model = Model(card, segmenter.model.network)
    with (
        open_slide(field_png) as slide,
        Case.create(tmp_path / "a.leukoseg.zarr", slide) as case,
    ):
        run(slide, segmenter, case)
        run(slide, segmenter, case, SegmentSettings(stain=StainDefault.NONE))
        assert stains_of(case) == ["Reinhard → jtsc", None]


@pytest.fixture(scope="module")
def sparse_png(
    tmp_path_factory: pytest.TempPathFactory, field_settings: SmearSettings
) -> Path:
    """Return a field with few white cells among many red ones."""
    path = tmp_path_factory.mktemp("sparse") / "sparse.png"
    settings = replace(field_settings, shape=(1400, 1100), white_cell_fraction=0.006)
    for _ in write_field(path, settings):
        pass
    return path


def test_a_searched_slide_loses_no_cell_and_saves_most_of_the_work(
    sparse_png: Path, segmenter: Segmenter, tmp_path: Path
) -> None:
    segmenter.window_px = 256
    found, shares = [], []
    with open_slide(sparse_png) as slide:
        for name, screen in (("whole", None), ("searched", SEARCH)):
            with Case.create(tmp_path / f"{name}.leukoseg.zarr", slide) as case:
                run(slide, segmenter, case, SegmentSettings(screen=screen))
                shares.append(case.provenance[-1]["settings"]["searched_share"])
                found.append(np.maximum(*labels_of(case)).astype(np.int64))
    whole, searched = found
    assert len(np.unique(whole)) > 3
    assert shares[0] == 1
    assert shares[1] < 0.3
    assert len(np.unique(whole)) == len(np.unique(searched))
    assert len(match_cells(whole, searched)) == len(np.unique(whole)) - 1
    # Windows begin between working pixels, so borders move by parts of one.
    assert dice(whole > 0, searched > 0) > 0.97


def test_a_searched_run_resumes_to_the_same_case(
    sparse_png: Path, segmenter: Segmenter, tmp_path: Path
) -> None:
    segmenter.window_px = 256
    settings = SegmentSettings(screen=SEARCH)
    with open_slide(sparse_png) as slide:
        with Case.create(tmp_path / "whole.leukoseg.zarr", slide) as case:
            _, summary = run(slide, segmenter, case, settings)
            expected, table = labels_of(case), case.table()
        assert summary.n_tiles > 1
        path = tmp_path / "cut.leukoseg.zarr"
        with Case.create(path, slide) as case:
            steps = segment_slide(slide, segmenter, case, settings)
            while next(steps).done < 1:
                pass
            steps.close()
        with Case.open(path) as case:
            progress, _ = run(slide, segmenter, case, settings)
            assert next(p for p in progress if p.stage == "segment").done >= 1
            assert len(case.provenance) == 1
            for ours, theirs in zip(labels_of(case), expected, strict=True):
                np.testing.assert_array_equal(ours, theirs)
            assert case.table().equals(table)


def test_nothing_is_predicted_where_nothing_is_stained(
    segmenter: Segmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "glass.png"
    Image.new("RGB", (500, 400), (240, 235, 230)).save(path)
    monkeypatch.setattr(segmenter, "predict", None)
    settings = SegmentSettings(cell_diameter_px=60.0, screen=SEARCH)
    with (
        open_slide(path) as slide,
        Case.create(tmp_path / "a.leukoseg.zarr", slide) as case,
    ):
        progress, summary = run(slide, segmenter, case, settings)
        assert (summary.n_tiles, summary.n_cells) == (0, 0)
        assert case.provenance[-1]["finished"] is not None
    assert [step.stage for step in progress] == ["scale", "screen", "segment", "finish"]


def test_small_and_dense_areas_are_predicted_everywhere(
    field_png: Path, segmenter: Segmenter, tmp_path: Path
) -> None:
    found, runs = [], []
    with open_slide(field_png) as slide:
        for number, screen in enumerate((None, ScreenSettings(), SEARCH)):
            with Case.create(tmp_path / f"{number}.leukoseg.zarr", slide) as case:
                run(slide, segmenter, case, SegmentSettings(screen=screen))
                found.append(labels_of(case))
                runs.append(case.provenance[-1]["settings"])
    for labels in found[1:]:
        np.testing.assert_array_equal(labels, found[0])
    assert [run["screen"] is None for run in runs] == [True, True, False]
    assert {run["searched_share"] for run in runs} == {1.0}


def test_a_search_shortens_what_a_run_will_cost(
    field_png: Path, segmenter: Segmenter
) -> None:
    with open_slide(field_png) as slide:
        searched, whole = (
            estimate_seconds(slide, segmenter, SegmentSettings(screen=screen))
            for screen in (SEARCH, None)
        )
        assert 0 < searched < whole

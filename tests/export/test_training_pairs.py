from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from napari_leukoseg.correct import AddCell, AssignClass, MarkAreaReviewed, MarkReviewed
from napari_leukoseg.errors import ExportError
from napari_leukoseg.export import training_windows, write_training_pairs
from napari_leukoseg.geometry import Region
from napari_leukoseg.training.datasets import load_dataset

CELLS = [((40, 50), 20, 1), ((90, 90), 15, 3), ((0, 120), 12, 2)]
LABELS = ("nucleus", "cytoplasm", "class", "known")
MANY = [
    ((60 + 150 * row, 60 + 150 * column), 20, 1)
    for row in range(4)
    for column in range(5)
]


def read(folder, name):
    labels = {part: tifffile.imread(folder / f"{name}_{part}.tif") for part in LABELS}
    facts = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return np.asarray(Image.open(folder / f"{name}.png")), labels, facts


@pytest.fixture
def small_windows(monkeypatch):
    """Treat small pictures as slides."""
    monkeypatch.setattr(training_windows, "FIELD_PX", 300)
    monkeypatch.setattr(training_windows, "WINDOW_SIDES", 4)
    monkeypatch.setattr(training_windows, "WINDOW_LIMITS_PX", (64, 2048))


@pytest.mark.parametrize("mpp", [None, 0.2])
def test_field(make_case, tmp_path, mpp):
    drawn = make_case((130, 150), CELLS, mpp=mpp)
    MarkReviewed((1,)).apply(drawn.case)
    folder = tmp_path / "out"
    assert write_training_pairs(drawn.case, drawn.slide, folder, "x") == [
        folder / "x.png"
    ]
    picture, labels, facts = read(folder, "x")
    np.testing.assert_array_equal(
        picture, drawn.slide.read_region(Region(0, 0, 130, 150))
    )
    for part in LABELS[:3]:
        expected = {"class": drawn.classes}.get(part)
        expected = getattr(drawn, part) if expected is None else expected
        assert labels[part].dtype == expected.dtype
        np.testing.assert_array_equal(labels[part], expected)
    assert labels["known"].dtype == np.uint8
    assert facts["mpp"] == mpp
    assert facts["source_group"] == drawn.case.fingerprint[:16]
    assert facts["region"] == [0, 0, 130, 150]
    drawn.case.set_specimen("S-17")
    write_training_pairs(drawn.case, drawn.slide, folder, "y")
    assert read(folder, "y")[2]["source_group"] == "S-17"
    assert len(list(folder.iterdir())) == 12


def test_known_is_reviewed_cells_and_the_ground_close_to_them(make_case, tmp_path):
    drawn = make_case((130, 150), CELLS)
    MarkReviewed((1, 3)).apply(drawn.case)
    write_training_pairs(drawn.case, drawn.slide, tmp_path, "x")
    known = read(tmp_path, "x")[1]["known"] > 0
    ids = drawn.nucleus + drawn.cytoplasm
    reviewed = np.isin(ids, (1, 3))
    assert known[reviewed].all()
    assert not known[ids == 2].any()
    far = ndimage.distance_transform_edt(~reviewed)
    margin = 0.25 * 29  # the median of the cells' sides
    near_open = ndimage.distance_transform_edt(ids != 2) <= margin
    np.testing.assert_array_equal(known, reviewed | ((far <= margin) & ~near_open))


def test_all_of_a_complete_field_is_known_but_what_came_later(make_case, tmp_path):
    drawn = make_case((130, 150), CELLS)
    MarkAreaReviewed().apply(drawn.case)
    write_training_pairs(drawn.case, drawn.slide, tmp_path, "x")
    assert read(tmp_path, "x")[1]["known"].all()
    mask = np.ones((10, 10), bool)
    AddCell(Region(110, 10, 10, 10), mask, ~mask).apply(drawn.case)
    write_training_pairs(drawn.case, drawn.slide, tmp_path, "x", overwrite=True)
    known = read(tmp_path, "x")[1]["known"] > 0
    assert not known[107:123, 7:23].any()
    assert known[:90].all()


def test_windows_of_a_slide_show_every_reviewed_cell(
    make_case, tmp_path, small_windows
):
    drawn = make_case((620, 770), MANY)
    chosen = (1, 2, 9, 20)
    AssignClass(chosen, 3).apply(drawn.case)
    paths = write_training_pairs(drawn.case, drawn.slide, tmp_path, "x")
    ids = drawn.nucleus + drawn.cytoplasm
    whole = set()
    for path in paths:
        picture, labels, facts = read(tmp_path, path.stem)
        window = Region.from_bounds(*facts["region"])
        assert path.stem == f"x_r{window.row}_c{window.column}"
        assert (window.height, window.width) == (4 * 39, 4 * 39)
        np.testing.assert_array_equal(picture, drawn.slide.read_region(window))
        np.testing.assert_array_equal(labels["nucleus"], drawn.nucleus[window.slices])
        known = labels["known"] > 0
        assert set(np.unique(ids[window.slices][known])) <= {0, *chosen}
        whole |= {
            i for i in chosen if (ids[window.slices] == i).sum() == (ids == i).sum()
        }
    assert whole == set(chosen)
    assert len(paths) <= len(chosen)


def test_windows_tile_reviewed_areas(make_case, tmp_path, small_windows):
    drawn = make_case((620, 770), MANY)
    area = Region(100, 200, 300, 250)
    MarkAreaReviewed(area).apply(drawn.case)
    seen = np.zeros((620, 770), bool)
    for path in write_training_pairs(drawn.case, drawn.slide, tmp_path, "x"):
        _, labels, facts = read(tmp_path, path.stem)
        window = Region.from_bounds(*facts["region"])
        seen[window.slices] |= labels["known"] > 0
    assert seen[area.slices].all()


def test_training_reads_what_was_written(make_case, tmp_path):
    drawn = make_case((130, 150), CELLS)
    MarkAreaReviewed().apply(drawn.case)
    write_training_pairs(drawn.case, drawn.slide, tmp_path / "pairs", "x")
    (sample,) = load_dataset("labels", tmp_path / "pairs")
    np.testing.assert_array_equal(sample.instances, drawn.nucleus + drawn.cytoplasm)
    assert sample.cell_classes == {1: 1, 2: 3, 3: 2}


def test_nothing_reviewed(make_case, tmp_path):
    drawn = make_case((130, 150), CELLS)
    with pytest.raises(ExportError, match="no reviewed cell or area"):
        write_training_pairs(drawn.case, drawn.slide, tmp_path / "out", "x")
    assert not (tmp_path / "out").exists()


def test_overwriting_removes_windows_that_are_gone(make_case, tmp_path, small_windows):
    drawn = make_case((620, 770), MANY)
    folder = tmp_path / "out"
    MarkReviewed((1, 20)).apply(drawn.case)
    write_training_pairs(drawn.case, drawn.slide, folder, "x")
    write_training_pairs(drawn.case, drawn.slide, folder, "x_r1")
    MarkReviewed((20,), reviewed=False).apply(drawn.case)
    with pytest.raises(ExportError, match="exists; give another place"):
        write_training_pairs(drawn.case, drawn.slide, folder, "x")
    write_training_pairs(drawn.case, drawn.slide, folder, "x", overwrite=True)
    pictures = sorted(path.name for path in folder.glob("*.png"))
    assert len([name for name in pictures if name.startswith("x_r1_")]) == 2
    assert len(pictures) == 3

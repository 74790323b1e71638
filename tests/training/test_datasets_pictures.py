"""A user's own pictures, with label files beside them or masks in a folder."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from napari_leukoseg.errors import DataError
from napari_leukoseg.synthetic import DrawnRegion, SmearSettings, write_field
from napari_leukoseg.training.datasets import load_dataset
from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_BACKGROUND,
    IS_CELL,
    IS_CYTOPLASM,
    IS_NUCLEUS,
    UNKNOWN_INSTANCE,
    Target,
)

Save = Callable[[Path, np.ndarray], None]


@pytest.fixture
def pair(tmp_path: Path, field_settings: SmearSettings) -> Path:
    """Folder of a drawn field with its labels."""
    for _ in write_field(tmp_path / "field.png", field_settings, with_labels=True):
        pass
    return tmp_path


def test_written_fields_come_back(pair: Path, drawn_field: DrawnRegion) -> None:
    (sample,) = load_dataset("labels", pair)
    np.testing.assert_array_equal(sample.image, drawn_field.image)
    np.testing.assert_array_equal(sample.allowed == IS_NUCLEUS, drawn_field.nucleus > 0)
    np.testing.assert_array_equal(
        sample.allowed == IS_CYTOPLASM, drawn_field.cytoplasm > 0
    )
    cells = np.maximum(drawn_field.nucleus, drawn_field.cytoplasm)
    np.testing.assert_array_equal(sample.instances, cells)
    truth = {
        int(i): int(drawn_field.classes[cells == i].max()) for i in np.unique(cells)
    }
    assert dict(sample.cell_classes) == {i: c for i, c in truth.items() if i}
    assert sample.cell_diameter_px == pytest.approx(60, rel=0.25)
    assert sample.source_group == "field"


def test_what_nobody_judged_is_not_taught(pair: Path) -> None:
    (whole,) = load_dataset("labels", pair)
    kept, *others = whole.instance_ids.tolist()
    known = ~np.isin(whole.instances, others)
    tifffile.imwrite(pair / "field_known.tif", known.astype(np.uint8))
    (sample,) = load_dataset("labels", pair)
    assert sample.instance_ids.tolist() == [kept]
    assert set(sample.cell_classes) == {kept}
    assert (sample.allowed[~known] == ANYTHING).all()
    assert (sample.instances[~known] == UNKNOWN_INSTANCE).all()
    np.testing.assert_array_equal(sample.allowed[known], whole.allowed[known])
    assert sample.cell_diameter_px == whole.cell_diameter_px
    tifffile.imwrite(pair / "field_known.tif", known[1:].astype(np.uint8))
    with pytest.raises(DataError, match="not a labels folder"):
        load_dataset("labels", pair)


def test_a_note_tells_group_and_scale(
    pair: Path, field_settings: SmearSettings
) -> None:
    note = pair / "field.json"
    note.write_text(json.dumps({"source_group": "slide 7", "mpp": 0.1, "by": "me"}))
    (sample,) = load_dataset("labels", pair)
    assert sample.source_group == "slide 7"
    empty = replace(field_settings, white_cell_fraction=0.0)
    for _ in write_field(pair / "empty.png", empty, with_labels=True):
        pass
    assert len(load_dataset("labels", pair)) == 1  # nothing tells its scale
    (pair / "empty.json").write_text('{"mpp": 0.1}')
    ground, _ = load_dataset("labels", pair)
    assert ground.cell_diameter_px == pytest.approx(130)
    assert (ground.allowed == IS_BACKGROUND).all()
    for text in ("[1]", '{"mpp": "wide"}', '{"mpp": -1}', "{"):
        note.write_text(text)
        with pytest.raises(DataError, match=r"field\.json"):
            load_dataset("labels", pair)


def test_labels_need_their_picture(pair: Path) -> None:
    (pair / "field.png").unlink()
    with pytest.raises(DataError, match="no picture beside it"):
        load_dataset("labels", pair)


def test_masks_of_three_grays(tmp_path: Path, drawn_cell, save: Save) -> None:
    save(tmp_path / "images" / "a.jpg", drawn_cell.image)
    save(tmp_path / "masks" / "a.png", drawn_cell.greys())
    (sample,) = load_dataset("masks", tmp_path)
    assert sample.targets == set(Target) - {Target.CLASS}
    assert (sample.allowed[drawn_cell.nucleus] == IS_NUCLEUS).all()
    assert (sample.allowed == IS_BACKGROUND).sum() == (~drawn_cell.cell).sum()


def test_masks_of_two_grays_are_whole_cells(
    tmp_path: Path, drawn_cell, save: Save
) -> None:
    save(tmp_path / "images" / "a.png", drawn_cell.image)
    save(tmp_path / "masks" / "a.jpg", drawn_cell.greys(255, 255))
    save(tmp_path / "images" / "none.png", drawn_cell.image)
    save(tmp_path / "masks" / "none.png", np.zeros((60, 60), np.uint8))
    cell, none = load_dataset("masks", tmp_path)
    assert cell.targets == {Target.CELL, Target.INSTANCES}
    n_wrong = ((cell.allowed == IS_CELL) != drawn_cell.cell).sum()
    assert n_wrong < 0.02 * drawn_cell.cell.sum()
    assert (none.allowed == IS_BACKGROUND).all()
    assert none.cell_diameter_px == cell.cell_diameter_px


def test_blurred_edges_are_no_cytoplasm(tmp_path: Path, drawn_cell, save: Save) -> None:
    soft = ndimage.gaussian_filter(drawn_cell.greys(255, 255).astype(float), 0.8)
    save(tmp_path / "images" / "a.png", drawn_cell.image)
    save(tmp_path / "masks" / "a.png", soft.astype(np.uint8))
    (sample,) = load_dataset("masks", tmp_path)
    assert set(np.unique(sample.allowed)) == {IS_BACKGROUND, IS_CELL}


@pytest.mark.parametrize(
    ("suffix", "dtype", "number"), [("png", np.uint8, 2), ("tif", np.uint16, 999)]
)
def test_instance_labels_and_their_classes(
    tmp_path: Path, drawn_cell, save: Save, suffix: str, dtype: type, number: int
) -> None:
    labels = np.concatenate([drawn_cell.cell * 1, drawn_cell.cell * number], axis=1)
    image = np.concatenate([drawn_cell.image] * 2, axis=1)
    (tmp_path / "masks").mkdir()
    for stem in ("a", "b", "c"):
        save(tmp_path / "images" / f"{stem}.png", image)
        path = tmp_path / "masks" / f"{stem}.{suffix}"
        if suffix == "tif":
            tifffile.imwrite(path, labels.astype(dtype))
        else:
            save(path, labels.astype(dtype))
    (tmp_path / "classes.csv").write_text(
        f"picture,cell,class\na,{number},Monocyte\nb.png,,12\nb.png,1,2\n"
    )
    first, second, third = load_dataset("masks", tmp_path)
    np.testing.assert_array_equal(first.instances, labels)
    assert first.cell_classes == {number: 3}
    assert second.cell_classes == {1: 2, number: 12}
    assert third.cell_classes == {}
    assert first.targets >= {Target.CELL, Target.INSTANCES}


def test_faults_of_masks_are_named(tmp_path: Path, drawn_cell, save: Save) -> None:
    save(tmp_path / "images" / "a.png", drawn_cell.image)
    with pytest.raises(DataError, match=r"has no mask a\.png"):
        load_dataset("masks", tmp_path)
    save(tmp_path / "masks" / "a.png", drawn_cell.greys())
    classes = tmp_path / "classes.csv"
    classes.write_text("file,class\na,monocyte\n")
    with pytest.raises(DataError, match="it needs 'picture'"):
        load_dataset("masks", tmp_path)
    classes.write_text("picture,class\na,monozyte\n")
    with pytest.raises(DataError, match="'monozyte'; give one of neutrophil"):
        load_dataset("masks", tmp_path)
    classes.write_text("picture,class\na,\na\n")
    assert load_dataset("masks", tmp_path)[0].cell_classes == {}
    save(tmp_path / "masks" / "a.png", drawn_cell.greys()[1:])
    with pytest.raises(DataError, match="one size"):
        load_dataset("masks", tmp_path)

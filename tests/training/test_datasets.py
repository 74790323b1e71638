"""Every kind loads from its publisher's layout, or says what is wrong."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_leukoseg.errors import DataError
from napari_leukoseg.training.datasets import DATASETS, digest_of, load_dataset
from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_BACKGROUND,
    IS_CELL,
    IS_CYTOPLASM,
    IS_NUCLEUS,
    Target,
)

Save = Callable[[Path, np.ndarray], None]


def test_zheng_layout(tmp_path: Path, drawn_cell, save: Save) -> None:
    image, cell, nucleus = drawn_cell
    save(tmp_path / "Dataset 1" / "007.bmp", image)
    mask = drawn_cell.greys()
    mask[0, 0] = 20  # a stray gray
    save(tmp_path / "Dataset 1" / "007.png", mask)
    labels = tmp_path / "Class Labels of Dataset 1.csv"
    labels.write_text("image ID,class label\n7,4\n")
    (sample,) = load_dataset("jtsc", tmp_path)
    assert (sample.allowed[nucleus] == IS_NUCLEUS).all()
    assert (sample.allowed[cell & ~nucleus] == IS_CYTOPLASM).all()
    assert (sample.allowed[~cell] == IS_BACKGROUND).all()
    assert sample.cell_classes == {1: 4}
    assert sample.cell_diameter_px == pytest.approx(40, rel=0.05)
    assert sample.targets == set(Target)


def test_bcisc_crops_are_whole_cells_and_unlabeled_neighbors_are_left_out(
    tmp_path: Path, drawn_cell, save: Save
) -> None:
    image = np.concatenate([drawn_cell.image, drawn_cell.image[:, :35]], axis=1)
    mask = np.concatenate([drawn_cell.cell, np.zeros((60, 35), bool)], axis=1)
    save(tmp_path / "sub-images" / "images" / "mono_3-1_0.jpg", image)
    save(
        tmp_path / "sub-images" / "masks" / "mono_3-1_0.png",
        np.where(mask, 255, 0).astype(np.uint8),
    )
    (sample,) = load_dataset("bcisc", tmp_path)
    assert sample.source_group == "mono_3-1"
    assert sample.cell_classes == {1: 3}
    assert (sample.allowed[mask] == IS_CELL).all()
    assert sample.allowed[30, 90] == ANYTHING
    assert sample.allowed[2, 2] == IS_BACKGROUND
    assert sample.targets == {Target.CELL, Target.INSTANCES, Target.CLASS}


def test_bccd_fields_take_a_class_only_where_it_is_certain(
    tmp_path: Path, drawn_cell, save: Save
) -> None:
    rows = [",Image,Category"]
    mask = drawn_cell.greys(cytoplasm=155)
    for number, names in enumerate(["NEUTROPHIL", '"MONOCYTE, BASOPHIL"', ""]):
        save(tmp_path / "images" / f"BloodImage_{number:05d}.jpg", drawn_cell.image)
        save(tmp_path / "masks" / f"BloodImage_Mask_{number:05d}.png", mask)
        rows.append(f"{number},{number},{names}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    certain, mixed, blank = load_dataset("bccd", tmp_path)
    assert certain.cell_classes == {1: 1}
    assert mixed.cell_classes == blank.cell_classes == {}


def test_bccd_fields_have_cells_of_their_own_size(
    tmp_path: Path, drawn_cell, save: Save
) -> None:
    (tmp_path / "labels.csv").write_text(",Image,Category\n")
    for number in (1, 2):
        image = drawn_cell.image.repeat(number, 0).repeat(number, 1)
        mask = drawn_cell.greys(cytoplasm=155).repeat(number, 0).repeat(number, 1)
        save(tmp_path / "images" / f"BloodImage_{number:05d}.jpg", image)
        save(tmp_path / "masks" / f"BloodImage_Mask_{number:05d}.png", mask)
    near, far = load_dataset("bccd", tmp_path)
    assert far.cell_diameter_px == pytest.approx(2 * near.cell_diameter_px, rel=0.05)


def test_wrong_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'lisc-2' is unknown"):
        load_dataset("lisc-2", tmp_path)
    for kind in DATASETS:
        with pytest.raises(DataError):
            load_dataset(kind, tmp_path)
        with pytest.raises(DataError, match="no file"):
            digest_of(kind, tmp_path)


def test_a_digest_tells_contents_and_names_and_nothing_else(
    tmp_path: Path, drawn_cell, save: Save
) -> None:
    first, second = tmp_path / "first", tmp_path / "elsewhere"
    for folder in (first, second):
        for name in ("Im001_1.tif", "Im002_0.tif"):
            save(folder / "img" / name, drawn_cell.image)
    digest = digest_of("all-idb2", first)
    (second / "Thumbs.db").write_bytes(b"left by a file manager")
    assert digest_of("all-idb2", second) == digest
    (second / "img" / "Im002_0.tif").rename(second / "img" / "Im002_1.tif")
    assert digest_of("all-idb2", second) != digest
    save(first / "img" / "Im001_1.tif", 255 - drawn_cell.image)
    assert digest_of("all-idb2", first) != digest


@pytest.mark.slow
@pytest.mark.parametrize("kind", DATASETS)
def test_real_sets_are_consistent(kind: str, real_data: Path) -> None:
    folder = real_data / kind.split("-")[0]
    if not folder.is_dir():
        pytest.skip(f"{kind} is not among the data")
    for sample in load_dataset(kind, folder):
        assert set(sample.cell_classes) <= set(sample.instance_ids.tolist())
        marked = sample.instances > 0
        assert (sample.allowed[marked] != IS_BACKGROUND).all()
        assert 10 < sample.cell_diameter_px < 400

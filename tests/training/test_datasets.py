"""The open data load with the targets that they have."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_leukoseg.errors import DataError
from napari_leukoseg.training.datasets import (
    DATASETS,
    load_bccd,
    load_bcisc_crops,
    load_dataset,
    load_zheng,
)
from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_BACKGROUND,
    IS_CELL,
    IS_CYTOPLASM,
    IS_NUCLEUS,
)


def draw_crop(size: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Picture, whole-cell mask and nucleus mask of one cell in the middle."""
    rows, columns = np.indices((size, size)) - size / 2
    radius = np.hypot(rows, columns)
    cell, nucleus = radius < size / 3, radius < size / 6
    image = np.full((size, size, 3), 230, np.uint8)
    image[cell], image[nucleus] = (190, 170, 220), (90, 50, 140)
    return image, cell, nucleus


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_zheng_layout(tmp_path: Path) -> None:
    image, cell, nucleus = draw_crop()
    save(tmp_path / "Dataset 1" / "007.bmp", image)
    mask = np.where(nucleus, 255, np.where(cell, 128, 0)).astype(np.uint8)
    mask[0, 0] = 20  # a stray grey
    save(tmp_path / "Dataset 1" / "007.png", mask)
    labels = tmp_path / "Class Labels of Dataset 1.csv"
    labels.write_text("image ID,class label\n7,4\n")
    (sample,) = load_zheng(tmp_path, "jtsc")
    assert (sample.allowed[nucleus] == IS_NUCLEUS).all()
    assert (sample.allowed[cell & ~nucleus] == IS_CYTOPLASM).all()
    assert (sample.allowed[~cell] == IS_BACKGROUND).all()
    assert sample.cell_classes == {1: 4}
    assert sample.cell_diameter_px == pytest.approx(40, rel=0.05)


def test_bcisc_crops_are_whole_cells_and_unlabeled_neighbors_are_left_out(
    tmp_path: Path,
) -> None:
    image, cell, _ = draw_crop()
    image = np.concatenate([image, image[:, :35]], axis=1)  # a cut neighbor
    mask = np.concatenate([cell, np.zeros((60, 35), bool)], axis=1)
    save(tmp_path / "sub-images" / "images" / "mono_3-1_0.jpg", image)
    save(
        tmp_path / "sub-images" / "masks" / "mono_3-1_0.png",
        np.where(mask, 255, 0).astype(np.uint8),
    )
    (sample,) = load_bcisc_crops(tmp_path)
    assert sample.source_group == "mono_3-1"
    assert sample.cell_classes == {1: 3}
    assert (sample.allowed[mask] == IS_CELL).all()
    assert sample.allowed[30, 90] == ANYTHING
    assert sample.allowed[2, 2] == IS_BACKGROUND


def test_bccd_fields_take_a_class_only_where_it_is_certain(tmp_path: Path) -> None:
    image, cell, nucleus = draw_crop()
    rows = [",Image,Category"]
    mask = np.where(nucleus, 255, np.where(cell, 155, 0)).astype(np.uint8)
    for number, names in enumerate(["NEUTROPHIL", '"MONOCYTE, BASOPHIL"', ""]):
        save(tmp_path / "images" / f"BloodImage_{number:05d}.jpg", image)
        save(tmp_path / "masks" / f"BloodImage_Mask_{number:05d}.png", mask)
        rows.append(f"{number},{number},{names}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    certain, mixed, blank = load_bccd(tmp_path)
    assert certain.cell_classes == {1: 1}
    assert mixed.cell_classes == blank.cell_classes == {}


def test_wrong_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'lisc-2' is unknown"):
        load_dataset("lisc-2", tmp_path)
    for kind in DATASETS:
        with pytest.raises(DataError):
            load_dataset(kind, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", DATASETS)
def test_real_sets_are_consistent(kind: str, real_data: Path) -> None:
    for sample in load_dataset(kind, real_data / kind.split("-")[0]):
        assert set(sample.cell_classes) <= set(sample.instance_ids.tolist())
        marked = sample.instances > 0
        assert (sample.allowed[marked] != IS_BACKGROUND).all()
        assert 10 < sample.cell_diameter_px < 400

"""Sets without masks teach classes and places, and leave every pixel open."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_leukoseg.training.crop_settings import CropSettings
from napari_leukoseg.training.crops import CropDataset
from napari_leukoseg.training.datasets import LEUKEMIA_SCHEME, load_dataset
from napari_leukoseg.training.sample import ANYTHING, Sample, Target

Save = Callable[[Path, np.ndarray], None]

ALONE = CropSettings(
    size_px=96,
    cell_diameter_px=32.0,
    scale_range=(0.9, 1.1),
    mosaic=0.0,
    paste=0.0,
    off_scale=0.0,
    appearance=None,
)


@pytest.fixture
def lmu(tmp_path: Path, drawn_cell, save: Save) -> list[Sample]:
    image = np.repeat(np.repeat(drawn_cell.image, 5, axis=0), 5, axis=1)
    for code in ("BAS", "MYO"):
        save(tmp_path / "lmu" / "LMU" / code / f"{code}_0001.tiff", image)
    save(tmp_path / "lmu" / "other" / "overview.tiff", image)
    return load_dataset("lmu", tmp_path / "lmu")


def test_lmu_crops_have_a_class_and_no_outline(lmu: list[Sample]) -> None:
    basophil, myeloblast = lmu
    assert basophil.cell_classes == {1: 5}
    assert LEUKEMIA_SCHEME[myeloblast.cell_classes[1]].name == "myeloblast"
    assert basophil.targets == {Target.CLASS}
    assert (basophil.allowed == ANYTHING).all()


def test_large_crops_are_reduced_and_the_disk_lies_on_the_cell(
    lmu: list[Sample],
) -> None:
    sample = lmu[0]  # drawn with a nucleus of 100 pixels, hence a cell of about 140
    assert sample.cell_diameter_px == 128
    assert sample.image.shape[0] == pytest.approx(300 * 128 / (100 / 0.7), rel=0.03)
    disk = sample.instances == 1
    assert 2 * np.sqrt(disk.sum() / np.pi) == pytest.approx(128, rel=0.02)
    assert sample.image[disk, 0].mean() < sample.image[~disk, 0].mean() - 30
    np.testing.assert_array_equal(disk, disk[::-1, ::-1])


def test_raabin_crops_are_grouped_by_field(
    tmp_path: Path, drawn_cell, save: Save
) -> None:
    names = ["Train/Monocyte/a_1_1", "Train/Monocyte/a_1_2", "TestA/Lymphocyte/b_7_1"]
    for name in names:
        save(tmp_path / f"{name}.jpg", drawn_cell.image)
    save(tmp_path / "Train" / "Artifact" / "c_1_1.jpg", drawn_cell.image)
    samples = load_dataset("raabin-crops", tmp_path)
    found = {s.name: (s.source_group, s.cell_classes[1]) for s in samples}
    assert found == {"a_1_1": ("a_1", 3), "a_1_2": ("a_1", 3), "b_7_1": ("b_7", 2)}


def test_all_idb2_says_blast_or_not(tmp_path: Path, drawn_cell, save: Save) -> None:
    for name in ("Im001_1.tif", "Im131_0.tif"):
        save(tmp_path / "img" / name, drawn_cell.image)
    blast, healthy = load_dataset("all-idb2", tmp_path)
    assert LEUKEMIA_SCHEME[blast.cell_classes[1]].name == "lymphoblast"
    assert healthy.cell_classes == {}
    assert healthy.instance_ids.tolist() == [1]


def test_all_idb1_marks_the_centers_of_blasts(
    tmp_path: Path, drawn_cell, save: Save
) -> None:
    field = np.concatenate([drawn_cell.image] * 3, axis=1)
    for name in ("Im001_1.jpg", "Im002_0.jpg"):
        save(tmp_path / "im" / name, field)
    (tmp_path / "xyc").mkdir()
    (tmp_path / "xyc" / "Im001_1.xyc").write_text("30\t29\n150 31\n\n")
    (sample,) = load_dataset("all-idb1", tmp_path)
    assert sample.cell_classes == {1: 14, 2: 14}
    assert sample.instances[30, [30, 90, 150]].tolist() == [1, 0, 2]
    assert sample.cell_diameter_px == pytest.approx(20 / 0.7, rel=0.15)
    assert sample.targets == {Target.CLASS}


def test_their_crops_teach_the_class_alone(lmu: list[Sample]) -> None:
    dataset = CropDataset(lmu[:1], ALONE, 5, seed=0)
    for index in range(5):
        crop = dataset[index]
        assert (crop.allowed == ANYTHING).all()
        assert torch.isnan(crop.distance).all()
        assert crop.classes.tolist() == [4] + [-1] * 7
        assert crop.image[0][crop.instances == 1].float().mean() < 190


def test_classes_that_the_network_does_not_know_are_not_taught(
    lmu: list[Sample],
) -> None:
    crop = CropDataset(lmu[1:], ALONE, 1, seed=0)[0]
    assert (crop.classes == -1).all()
    assert (crop.instances == 0).all()
    own = replace(ALONE, class_ids=(5, 12))
    crop = CropDataset(lmu[1:], own, 1, seed=0)[0]
    assert crop.classes[0] == 1
    crop = CropDataset(lmu[1:], replace(ALONE, taken_as={12: 5}), 1, seed=0)[0]
    assert crop.classes[0] == 4


def test_they_mix_with_outlined_samples(
    lmu: list[Sample], samples: list[Sample]
) -> None:
    settings = CropSettings(size_px=96, cell_diameter_px=32.0)
    dataset = CropDataset([*lmu, *samples], settings, 30, seed=0)
    crops = [dataset[index] for index in range(30)]
    assert any((crop.allowed == ANYTHING).all() for crop in crops)
    assert any((crop.distance > 0).any() for crop in crops)
    for crop in crops:
        known = torch.isfinite(crop.distance)
        assert (crop.allowed[known] != ANYTHING).all()

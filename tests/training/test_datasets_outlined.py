"""LISC, KRD-WBC and the segmented cells of Raabin-WBC, in made-up folders."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_leukoseg.errors import DataError
from napari_leukoseg.training.datasets import load_dataset
from napari_leukoseg.training.sample import (
    IS_BACKGROUND,
    IS_CELL,
    IS_CYTOPLASM,
    IS_NUCLEUS,
)

Save = Callable[[Path, np.ndarray], None]


def save_lisc(
    folder: Path, save: Save, name: str, image: np.ndarray, mask: np.ndarray
) -> None:
    kind, number = name.split("/")
    save(folder / "Main Dataset" / kind / f"{number}.bmp", image)
    masks = folder / "Ground Truth Segmentation" / kind / "areaforexpert1"
    save(masks / f"{number}_expert.bmp", mask)


def test_lisc_masks_may_have_any_gray(tmp_path: Path, drawn_cell, save: Save) -> None:
    for name, level in {"Baso/1": 40, "neut/12": 255, "mixt/3": 90}.items():
        mask = (drawn_cell.cell * level).astype(np.uint8)
        save_lisc(tmp_path, save, name, drawn_cell.image, mask)
    save(tmp_path / "Main Dataset" / "lymp" / "9.bmp", drawn_cell.image)  # no mask
    basophil, neutrophil = load_dataset("lisc", tmp_path)
    assert (basophil.name, neutrophil.name) == ("baso_1", "neut_12")
    assert (basophil.cell_classes, neutrophil.cell_classes) == ({1: 5}, {1: 1})
    for sample in (basophil, neutrophil):
        assert (sample.allowed == IS_CELL).sum() == drawn_cell.cell.sum()
        assert sample.cell_diameter_px == pytest.approx(40, rel=0.05)


def test_lisc_pictures_with_several_cells_are_of_one_class(
    tmp_path: Path, drawn_cell, save: Save
) -> None:
    image = np.concatenate([drawn_cell.image] * 2, axis=1)
    mask = np.concatenate([drawn_cell.cell] * 2, axis=1).astype(np.uint8) * 120
    save_lisc(tmp_path, save, "mono/5", image, mask)
    (sample,) = load_dataset("lisc", tmp_path)
    assert sample.cell_classes == {1: 3, 2: 3}
    assert sample.cell_diameter_px == pytest.approx(40, rel=0.05)


def save_krd(folder: Path, save: Save, drawn_cell, header: str) -> None:
    wide = np.concatenate([drawn_cell.cell] * 2, axis=1)
    for number, cell in enumerate([drawn_cell.cell, drawn_cell.cell, wide], start=1):
        n_cells = cell.shape[1] // 60
        image = np.concatenate([drawn_cell.image] * n_cells, axis=1)
        save(folder / "Dataset" / "image" / f"image{number}.jpg", image)
        mask = np.where(cell, 255, 0).astype(np.uint8)
        save(folder / "Dataset" / "mask" / f"mask{number}.jpg", mask)
    rows = [header, "Image1,Basophils", "image2,platelet", "Image3,monocyte"]
    (folder / "class labels.csv").write_text("\n".join(rows))


def test_krd_takes_a_class_where_there_is_one_cell(
    tmp_path: Path, drawn_cell, save: Save
) -> None:
    save_krd(tmp_path, save, drawn_cell, "Image ID,Categoriy")
    basophil, unknown, two = load_dataset("krd", tmp_path)
    assert basophil.cell_classes == {1: 5}
    assert unknown.cell_classes == two.cell_classes == {}
    assert two.instance_ids.tolist() == [1, 2]
    # The mask is a JPEG; a few pixels at its edge may go either way.
    n_wrong = ((basophil.instances > 0) != drawn_cell.cell).sum()
    assert n_wrong < 0.02 * drawn_cell.cell.sum()


def test_krd_without_its_columns_is_refused(
    tmp_path: Path, drawn_cell, save: Save
) -> None:
    save_krd(tmp_path, save, drawn_cell, "file,Categoriy")
    with pytest.raises(DataError, match="must begin with 'image'"):
        load_dataset("krd", tmp_path)


@pytest.mark.parametrize(("cytoplasm", "nucleus"), [(100, 255), (255, 100)])
def test_raabin_nuclei_are_the_darker_part_whatever_their_gray(
    tmp_path: Path, drawn_cell, save: Save, cytoplasm: int, nucleus: int
) -> None:
    mask = drawn_cell.greys(cytoplasm, nucleus)
    for name in ("Eosinophil/95-5-4-1_45_1.png", "Eosinophil/95-5-4-1_45_2.png"):
        save(tmp_path / "GrTh" / "Original" / name, drawn_cell.image)
        save(tmp_path / "GrTh" / "Ground Truth" / name, mask)
    first, second = load_dataset("raabin-masks", tmp_path)
    assert first.source_group == second.source_group == "95-5-4-1_45"
    assert first.cell_classes == {1: 4}
    is_cytoplasm = drawn_cell.cell & ~drawn_cell.nucleus
    assert (first.allowed[drawn_cell.nucleus] == IS_NUCLEUS).all()
    assert (first.allowed[is_cytoplasm] == IS_CYTOPLASM).all()
    assert (first.allowed[~drawn_cell.cell] == IS_BACKGROUND).all()

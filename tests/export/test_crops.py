from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from napari_leukoseg.classes import DEFAULT_SCHEME, CellClass
from napari_leukoseg.correct import AssignClass, DeleteCells
from napari_leukoseg.errors import CaseError, ExportError, SettingsError
from napari_leukoseg.export import write_crops
from napari_leukoseg.export.crops import class_folders
from napari_leukoseg.geometry import Region
from napari_leukoseg.slide import open_slide

CELLS = [((40, 50), 20, 1), ((90, 90), 15, 3), ((0, 120), 12, 1)]


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png"))


@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_crops_are_the_pixels_of_the_slide(make_case, tmp_path, margin):
    drawn = make_case((130, 150), CELLS)
    paths = write_crops(drawn.case, drawn.slide, tmp_path / "c", "x", margin=margin)
    assert names(tmp_path / "c") == [
        "monocyte/x_cell2.png",
        "neutrophil/x_cell1.png",
        "neutrophil/x_cell3.png",
    ]
    whole = Region.of_shape((130, 150))
    for cell_id, path in enumerate(paths, start=1):
        box = drawn.case.cell(cell_id).region
        around = int(np.ceil(margin * max(box.height, box.width)))
        region = box.padded(around).intersection(whole)
        with Image.open(path) as crop:
            assert crop.mode == "RGB"
            np.testing.assert_array_equal(crop, drawn.slide.read_region(region))


def test_several_cases_share_a_folder(make_case, tmp_path):
    drawn = make_case((130, 150), CELLS)
    for stem in ("x", "x_2"):
        write_crops(drawn.case, drawn.slide, tmp_path / "c", stem)
    assert len(names(tmp_path / "c")) == 6


def test_overwriting_leaves_no_cell_in_a_class_that_it_lost(make_case, tmp_path):
    drawn = make_case((130, 150), CELLS)
    folder = tmp_path / "c"
    for stem in ("x", "xx"):
        write_crops(drawn.case, drawn.slide, folder, stem)
    AssignClass((1,), 5).apply(drawn.case)
    DeleteCells((2,)).apply(drawn.case)
    with pytest.raises(ExportError, match=r"x_cell3\.png exists"):
        write_crops(drawn.case, drawn.slide, folder, "x")
    write_crops(drawn.case, drawn.slide, folder, "x", overwrite=True)
    assert [n for n in names(folder) if "/x_" in n] == [
        "basophil/x_cell1.png",
        "neutrophil/x_cell3.png",
    ]
    assert len([n for n in names(folder) if "/xx_" in n]) == 3


def test_class_names_become_folders_of_any_system():
    scheme = DEFAULT_SCHEME
    for class_id, name in enumerate(
        ("blast/promyelocyte", "Blast_Promyelocyte", "CON", "band.", "  ", "β"), start=7
    ):
        scheme = scheme.added(CellClass(class_id, name, "", "#000000"))
    folders = class_folders(scheme)
    assert folders[1] == "neutrophil"
    assert [folders[i] for i in range(7, 13)] == [
        "blast_promyelocyte",
        "Blast_Promyelocyte_8",
        "CON_9",
        "band",
        "class",
        "β",
    ]


def test_slide_of_another_case_is_refused(make_case, tmp_path):
    drawn = make_case((130, 150), CELLS)
    other = tmp_path / "other.png"
    Image.new("RGB", (150, 130)).save(other)
    with open_slide(other) as slide, pytest.raises(CaseError, match="belongs to"):
        write_crops(drawn.case, slide, tmp_path / "c", "x")


@pytest.mark.parametrize("margin", [-0.1, 11, float("nan")])
def test_margin_out_of_range(make_case, tmp_path, margin):
    drawn = make_case((20, 20))
    with pytest.raises(SettingsError, match="margin"):
        write_crops(drawn.case, drawn.slide, tmp_path, "x", margin=margin)

import shutil
from pathlib import Path

import pytest

from napari_leukoseg.case import Case
from napari_leukoseg.errors import CaseError
from napari_leukoseg.plugin.cases import find_case, find_source
from napari_leukoseg.slide import open_slide


@pytest.fixture
def made(field_png: Path, tmp_path: Path) -> Path:
    path = tmp_path / "field.leukoseg.zarr"
    with open_slide(field_png) as slide:
        Case.create(path, slide).close()
    return path


def fingerprint(path: Path) -> str:
    with open_slide(path) as slide:
        return slide.fingerprint


def test_own_case_is_found_and_another_slide_gets_a_number(
    made: Path, field_png: Path
) -> None:
    folder = made.parent
    assert find_case(folder, "field", fingerprint(field_png)) == made
    other = find_case(folder, "field", "another")
    assert other == folder / "field_2.leukoseg.zarr"
    assert find_case(folder, "new", "x") == folder / "new.leukoseg.zarr"


def test_folder_that_is_no_case_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "field.leukoseg.zarr").mkdir()
    assert find_case(tmp_path, "field", "x") == tmp_path / "field_2.leukoseg.zarr"


def test_damaged_case_is_told(made: Path, field_png: Path) -> None:
    (made / "leukoseg" / "zarr.json").write_text("{}")
    with pytest.raises(CaseError, match="damaged"):
        find_case(made.parent, "field", fingerprint(field_png))


def test_source_is_found_beside_or_among_known_files(
    made: Path, field_png: Path, tmp_path: Path
) -> None:
    case = Case.open(made)
    assert find_source(case, []) is None
    assert find_source(case, [tmp_path / "other.png", field_png]) == field_png
    beside = shutil.copy(field_png, made.parent / field_png.name)
    assert find_source(case, []) == beside


def test_other_picture_of_the_same_name_is_not_the_source(
    made: Path, field_png: Path
) -> None:
    (made.parent / field_png.name).write_bytes(b"no picture")
    assert find_source(Case.open(made), []) is None

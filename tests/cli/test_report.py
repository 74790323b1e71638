from __future__ import annotations

import shutil

import pytest

from napari_leukoseg.case import Case
from napari_leukoseg.cells import CountSettings, differential


@pytest.fixture
def case_path(segment, field_png, tmp_path):
    """Case of the drawn field, of which two cells are signed off."""
    assert segment(field_png).status == 0
    path = tmp_path / "out" / "field.leukoseg.zarr"
    with Case.open(path) as case:
        settings = CountSettings(2, total_wbc=7.0)
        counts = differential(case.table(), case.scheme, settings, mpp=case.mpp)
        case.sign_off("A. Person", counts.to_dict())
    return path


def test_as_signed_off_or_as_asked(leukoseg, case_path, field_png, tmp_path):
    out = tmp_path / "new" / "r.html"
    outcome = leukoseg("report", case_path, "--out", out, "--slide", field_png)
    assert (outcome.status, outcome.out, outcome.err) == (0, f"{out}\n", "")
    page = out.read_text(encoding="utf-8")
    assert "2 of " in page
    assert ">7.00<" in page
    assert "A. Person" in page
    arguments = ("--slide", field_png, "--count", 3, "--order", "random", "--seed", 4)
    leukoseg("report", case_path, "--out", out, *arguments, "--overwrite")
    page = out.read_text(encoding="utf-8")
    assert "drawn at random with seed 4" in page
    assert ">7.00<" in page
    leukoseg("report", case_path, "--out", out, "--slide", field_png, "--wbc", 9)
    assert ">7.00<" in out.read_text(encoding="utf-8")  # not replaced unasked


def test_pdf_with_the_slide_beside_the_case(leukoseg, case_path, field_png, tmp_path):
    out = tmp_path / "r.pdf"
    outcome = leukoseg("report", case_path, "--out", out)
    assert outcome.status == 1
    assert "give --slide FILE, or --no-pictures" in outcome.err
    assert leukoseg("report", case_path, "--out", out, "--no-pictures").status == 0
    size = out.stat().st_size
    shutil.copy(field_png, case_path.parent / "field.png")
    assert leukoseg("report", case_path, "--out", out, "--overwrite").status == 0
    assert out.stat().st_size > size


def test_wrong_usage(leukoseg, case_path, tmp_path):
    out = tmp_path / "r.html"
    outcome = leukoseg("report", case_path, "--out", out, "--count", 0)
    assert outcome.status == 2
    assert "count of 0" in outcome.err
    outcome = leukoseg(
        "report", case_path, "--out", tmp_path / "r.doc", "--no-pictures"
    )
    assert outcome.status == 1
    assert "ends on .html or .pdf" in outcome.err

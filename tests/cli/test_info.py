from __future__ import annotations

import json

from napari_leukoseg.case import Case
from napari_leukoseg.slide import open_slide


def test_slide_for_programs(leukoseg, field_png, field_settings):
    facts = json.loads(leukoseg("info", field_png, "--json").out)
    assert facts["shape"] == list(field_settings.shape)
    assert facts["levels"][0] == {"shape": facts["shape"], "downsample": 1.0}
    assert abs(facts["mpp"] - field_settings.mpp) < 1e-4
    assert facts["objective_power"] is None
    with open_slide(field_png) as slide:
        assert facts["fingerprint"] == slide.fingerprint
        assert facts["format"] == slide.format_name


def test_slide_for_people(leukoseg, field_png):
    out = leukoseg("info", field_png).out
    assert "320 rows x 400 columns" in out
    assert "0.2167 µm" in out
    assert "unknown" in out  # the objective


def test_case(leukoseg, field_png, tmp_path):
    path = tmp_path / "x.leukoseg.zarr"
    with open_slide(field_png) as slide:
        Case.create(path, slide).close()
    facts = json.loads(leukoseg("info", path, "--json").out)
    assert facts["source_name"] == "field.png"
    assert facts["n_cells"] == facts["differential"]["n_cells"] == 0
    assert "field.png" in leukoseg("info", path).out


def test_segmented_case(leukoseg, segment, field_png, tmp_path):
    segment(field_png)
    path = tmp_path / "out" / "field.leukoseg.zarr"
    facts = json.loads(leukoseg("info", path, "--json").out)
    assert facts["n_cells"] == facts["differential"]["n_cells"] > 0
    people = leukoseg("info", path).out
    assert f"{facts['n_cells']}, 0 of them edited" in people
    assert "per 100 white cells" in people
    assert "run 1" in people


def test_what_is_no_slide_is_one_line(leukoseg, tmp_path):
    text = tmp_path / "text.svs"
    text.write_text("no slide")
    for path in (text, tmp_path / "missing.png", tmp_path):
        outcome = leukoseg("info", path)
        assert outcome.status == 1
        assert outcome.out == ""
        assert outcome.err.startswith("error: ")
        assert outcome.err.count("\n") == 1
        assert path.name in outcome.err

from __future__ import annotations

import json

import pytest

from napari_leukoseg.case import Case
from napari_leukoseg.correct import AssignClass, MarkReviewed


@pytest.fixture
def case_path(segment, field_png, tmp_path):
    """Case of the drawn field, of whose cells the first is of another class."""
    assert segment(field_png).status == 0
    path = tmp_path / "out" / "field.leukoseg.zarr"
    with Case.open(path) as case:
        AssignClass((1,), 3).apply(case)
    return path


def test_for_programs(leukoseg, case_path):
    facts = json.loads(leukoseg("differential", case_path, "--json", "--wbc", 8).out)
    with Case.open(case_path) as case:
        table = case.table()
    counts = {c["class_id"]: c for c in facts["classes"]}
    assert facts["total"] == facts["n_available"] == len(table)
    for class_id, entry in counts.items():
        assert entry["count"] == (table["class_id"] == class_id).sum()
        assert entry["absolute"] == pytest.approx(0.08 * entry["per_100"])
    assert facts["agreement"]["n_cells"] == 1
    assert facts["n_unreviewed"] == len(table) - 1
    assert facts["reminders"]
    assert facts["signed_off"] is None


def test_for_people(leukoseg, case_path):
    out = leukoseg("differential", case_path, "--wbc", "6.4").out
    assert out.startswith("field.leukoseg.zarr\n")
    assert "monocyte" in out
    assert "10⁹/L" in out
    assert "agrees on 0 % of 1 reviewed cells" in out
    assert "cells are not reviewed." in out
    with Case.open(case_path) as case:
        MarkReviewed(tuple(case.table()["cell_id"])).apply(case)
        case.sign_off("A. Person")
    out = leukoseg("differential", case_path).out
    assert "by A. Person" in out
    assert "Note" not in out


def test_partial_counts(leukoseg, case_path):
    scan, one, other = (
        json.loads(
            leukoseg("differential", case_path, "--json", "--count", 2, *more).out
        )
        for more in ((), ("--order", "random"), ("--order", "random", "--seed", 1))
    )
    assert scan["total"] == one["total"] == other["total"] == 2
    assert other["settings"]["seed"] == 1
    outcome = leukoseg("differential", case_path, "--count", 500)
    assert "Too few white cells were found" in outcome.out


@pytest.mark.parametrize(
    "arguments",
    [
        ("--count", 0),
        ("--order", "certain"),
        ("--seed", -1),
        ("--wbc", 0),
        ("--wbc", "x"),
    ],
)
def test_wrong_usage(leukoseg, case_path, arguments):
    assert leukoseg("differential", case_path, *arguments).status == 2

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from napari_leukoseg import evaluate as evaluating
from napari_leukoseg.cli.evaluate import Part
from napari_leukoseg.synthetic import SmearSettings, write_field
from napari_leukoseg.training.selection import PARTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two fields and their labels."""
    folder = tmp_path_factory.mktemp("drawn")
    for seed in range(2):
        settings = SmearSettings(
            (160, 200), seed=seed, cell_diameter_px=50.0, white_cell_fraction=0.2
        )
        for _ in write_field(folder / f"{seed}.png", settings, with_labels=True):
            pass
    return folder


@pytest.fixture
def evaluate(
    leukoseg: Callable[..., Any], color_model: Path, tmp_path: Path
) -> Callable[..., Any]:
    """Return a function that runs `leukoseg evaluate`, writing ``out.json``."""

    def run(*arguments: object) -> Any:
        fixed = ("--model", color_model, "--device", "cpu")
        file = ("--json", tmp_path / "out.json")
        return leukoseg("evaluate", *fixed, *file, *arguments)

    return run


def test_parts_are_those_of_the_settings():
    assert tuple(Part) == PARTS


def test_help(leukoseg):
    outcome = leukoseg("evaluate", "--help")
    assert outcome.status == 0
    assert "KIND=FOLDER" in outcome.out


@pytest.mark.parametrize(("options", "n_looks"), [((), 4), (("--no-close-look",), 1)])
def test_the_protocol_says_how_closely_pictures_were_looked_at(
    evaluate, drawn, tmp_path, options, n_looks
):
    data = ("--data", f"labels={drawn}", "--part", "all", "--limit", 1)
    assert evaluate(*data, *options).status == 0
    protocol = json.loads((tmp_path / "out.json").read_text())["protocol"]
    assert protocol["n_looks"] == n_looks
    told = any("looked at up to 4 times" in text for text in protocol["text"])
    assert told == (n_looks == 4)


def test_figures_are_written_and_told(evaluate, drawn, tmp_path):
    page = tmp_path / "new" / "out.html"
    outcome = evaluate("--data", f"labels={drawn}", "--part", "all", "--html", page)
    assert (outcome.status, outcome.err) == (0, "")
    found = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    figures = found["sets"]["labels"]["figures"]
    assert outcome.out.startswith("labels: 2 pictures, ")
    assert f"{figures['recall']['value']:.3f} (" in outcome.out
    assert "Precision at IoU 0.5" in outcome.out
    assert "<h2>labels</h2>" in page.read_text(encoding="utf-8")
    assert not list(tmp_path.rglob("*.partial"))


def test_several_sets_follow_one_option(evaluate, drawn, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    for path in drawn.glob("1*"):
        (other / path.name).write_bytes(path.read_bytes())
    outcome = evaluate(
        "--data", f"labels={drawn}", f"labels={other}", "--part", "all", "--limit", 1
    )
    assert outcome.status == 0
    found = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert list(found["sets"]) == [f"labels {drawn.name}", "labels other"]
    assert [s["n_pictures"] for s in found["sets"].values()] == [1, 1]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--data", "labels"),
        ("--data", "=folder"),
        ("--data", "labels="),
        ("--data", "labels=x", "--limit", "0"),
        ("--data", "labels=x", "--part", "training"),
        ("--part", "all"),
    ],
)
def test_wrong_usage(evaluate, arguments):
    outcome = evaluate(*arguments)
    assert outcome.status == 2
    assert "--data" in outcome.err or arguments[-2] in outcome.err


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("lisc-2={drawn}", "'lisc-2' is unknown; there is jtsc"),
        ("labels={drawn}/none", "none is not a folder"),
        ("jtsc={drawn}", "Class Labels"),
        ("labels={empty}", "holds no pictures"),
    ],
)
def test_sets_that_cannot_be_read_are_one_line(evaluate, drawn, tmp_path, data, reason):
    empty = tmp_path / "empty"
    empty.mkdir()
    outcome = evaluate("--data", data.format(drawn=drawn, empty=empty), "--part", "all")
    assert outcome.status == 1
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    assert reason in outcome.err
    assert not (tmp_path / "out.json").exists()


def test_a_part_without_pictures_is_one_line(evaluate, drawn, tmp_path):
    outcome = evaluate("--data", f"labels={drawn}")
    assert outcome.status == 1
    assert "has no picture" in outcome.err
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_places_that_cannot_be_written_are_refused_first(
    evaluate, drawn, tmp_path, option
):
    for place in (tmp_path, drawn / "0.png" / "out"):
        outcome = evaluate("--data", "labels=no-such-folder", option, place)
        assert outcome.status == 1
        assert option in outcome.err
        assert str(place) in outcome.err


def test_control_c_leaves_no_file(evaluate, drawn, tmp_path, monkeypatch):
    original = evaluating.score_picture
    scored = []

    def stopped(*arguments):
        if scored:
            raise KeyboardInterrupt
        scored.append(original(*arguments))
        return scored[0]

    monkeypatch.setattr(evaluating, "score_picture", stopped)
    (tmp_path / "out.json").write_text("old")
    outcome = evaluate(
        "--data", f"labels={drawn}", "--part", "all", "--html", tmp_path / "x.html"
    )
    assert outcome.status == 130
    assert outcome.err == "Stopped; nothing unfinished was written.\n"
    assert (tmp_path / "out.json").read_text() == "old"
    assert not (tmp_path / "x.html").exists()

"""The page and the JSON of an evaluation say all, and need nothing else."""

import base64
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_leukoseg.errors import ExportError
from napari_leukoseg.training.evaluation import score_picture
from napari_leukoseg.training.overlays import WorstCases
from napari_leukoseg.training.page import write_page
from napari_leukoseg.training.protocol import EvaluationProtocol
from napari_leukoseg.training.result import Evaluation, write_evaluation
from napari_leukoseg.training.sample import IS_NUCLEUS, Sample
from napari_leukoseg.training.scores import PredictedLabels
from napari_leukoseg.training.splits import SplitSettings
from napari_leukoseg.training.summary import summarize

VOID = {"meta", "img", "br"}


class Balance(HTMLParser):
    """Notes elements that are closed in another order than they are opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.fixture(scope="session")
def evaluation(samples: list[Sample]) -> Evaluation:
    """Two sets, one of them with classes, names that HTML must escape."""
    sets, worst, pictures = {}, {}, []
    for name, class_ids in (("drawn", (1, 2, 3, 4, 5)), ("a <b> & c", ())):
        worst[name], scores = WorstCases(3), []
        for shift, sample in enumerate(samples):
            named = replace(sample, dataset=name, name=f"<{sample.name}>")
            cells = np.roll(named.instances, shift, axis=0).astype(np.uint32)
            in_nucleus = np.roll(named.allowed == IS_NUCLEUS, shift, axis=0)
            predicted = PredictedLabels(
                np.where(in_nucleus, cells, 0).astype(np.uint32),
                np.where(in_nucleus, 0, cells).astype(np.uint32),
                dict.fromkeys(named.cell_classes, 2),
                dict.fromkeys(named.cell_classes, 0.75),
            )
            scores.append(score_picture(named, predicted))
            worst[name].offer(named, predicted, scores[-1])
        sets[name] = summarize(scores, class_ids, n_resamples=50)
        pictures += scores
    return Evaluation(
        {
            "name": "tried",
            "architecture": "residual-unet",
            "weights_sha256": "0" * 64,
            "device": "CPU",
        },
        EvaluationProtocol("test", SplitSettings(), "default", 4, 50, 0, ("jtsc",)),
        {name: {"kind": "labels", "folder": "f", "sha256": "1" * 64} for name in sets},
        {"python": "3"},
        sets,
        tuple(pictures),
        worst,
    )


@pytest.fixture(scope="session")
def page(evaluation: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "page.html"
    write_page(evaluation, path)
    return path.read_text(encoding="utf-8")


def test_the_page_is_well_formed_and_alone(page: str) -> None:
    balance = Balance()
    balance.feed(page)
    assert (balance.open, balance.wrong) == ([], [])
    assert "http" not in page
    assert all(source.startswith("data:") for source in re.findall('src="(.*?)"', page))
    assert "nan" not in re.sub(r"data:[^\"]+", "", page).lower()


def test_the_page_has_protocol_figures_and_cases(
    page: str, evaluation: Evaluation
) -> None:
    assert "Intervals hold 95 % of 50 bootstrap resamples" in page
    assert page.count("<h2>a &lt;b&gt; &amp; c</h2>") == 1
    dice = evaluation.sets["drawn"].figures["cell_dice_per_picture"]
    assert f"<b>{dice.value:.3f}</b> <small>{dice.low:.3f}–{dice.high:.3f}" in page
    for color in ("labeled cell", "predicted cell", "predicted nucleus"):
        assert color in page
    for case in evaluation.worst["drawn"].outlines:
        assert case.name.replace("<", "&lt;").replace(">", "&gt;") in page


def test_confusion_and_calibration_are_drawn_where_there_are_classes(
    page: str, evaluation: Evaluation
) -> None:
    assert page.count("data:image/svg+xml") == 1
    confusion = evaluation.sets["drawn"].confusion
    assert len(confusion.true_ids) > 1
    (svg,) = re.findall(r"data:image/svg\+xml;base64,([^\"]+)", page)
    assert b"<svg" in base64.b64decode(svg)


def test_cases_are_pictures(page: str, evaluation: Evaluation) -> None:
    pictures = re.findall(r"data:image/jpeg;base64,([^\"]+)", page)
    kept = [
        case
        for worst in evaluation.worst.values()
        for case in (*worst.outlines, *worst.classes)
    ]
    assert len(pictures) == len(kept) > 0
    for data in pictures:
        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            assert picture.mode == "RGB"


def test_equal_evaluations_give_equal_pages(
    page: str, evaluation: Evaluation, tmp_path: Path
) -> None:
    write_page(evaluation, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page


def test_json_is_strict_and_whole(evaluation: Evaluation, tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    write_evaluation(evaluation, path)

    def refuse(name: str) -> None:
        raise ValueError(name)

    found = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert found["protocol"]["part"] == "test"
    assert found["protocol"]["split"] == {"validation": 0.1, "test": 0.2, "seed": 0}
    assert len(found["protocol"]["text"]) > 8
    assert set(found["sets"]) == {"drawn", "a <b> & c"}
    figure = found["sets"]["drawn"]["figures"]["cell_dice"]
    assert figure["low"] <= figure["value"] <= figure["high"]
    assert len(found["pictures"]) == len(evaluation.pictures)
    first = found["pictures"][0]
    assert first["cell_dice"] == pytest.approx(evaluation.pictures[0].cell_dice)
    assert first["cells"][0]["is_found"] is True


def test_a_place_that_cannot_be_written_is_named(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for write in (write_evaluation, write_page):
        with pytest.raises(ExportError, match="cannot be written"):
            write(evaluation, tmp_path / "file" / "x")

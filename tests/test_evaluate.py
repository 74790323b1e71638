"""A model is run over drawn fields as a user would run it, and scored."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_leukoseg.case import Case
from napari_leukoseg.errors import DataError, SettingsError
from napari_leukoseg.evaluate import (
    EvaluateProgress,
    EvaluateSettings,
    evaluate_model,
    predict_picture,
)
from napari_leukoseg.geometry import Region
from napari_leukoseg.pipeline import SegmentSettings, segment_slide
from napari_leukoseg.segment import Segmenter, load_segmenter
from napari_leukoseg.slide import open_slide
from napari_leukoseg.stain import StainChoice
from napari_leukoseg.synthetic import DrawnRegion, SmearSettings, write_field
from napari_leukoseg.training import selection
from napari_leukoseg.training.datasets import load_dataset
from napari_leukoseg.training.metrics import dice
from napari_leukoseg.training.result import Evaluation
from napari_leukoseg.training.selection import DataFolder

N_FIELDS = 5


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> DataFolder:
    """Small fields with labels."""
    folder = tmp_path_factory.mktemp("drawn")
    for seed in range(N_FIELDS):
        settings = SmearSettings(
            (160, 200), seed=seed, cell_diameter_px=50.0, white_cell_fraction=0.2
        )
        for _ in write_field(folder / f"{seed}.png", settings, with_labels=True):
            pass
    return DataFolder("labels", folder)


@pytest.fixture(scope="module")
def segmenter(color_model: Path) -> Segmenter:
    return load_segmenter(color_model, "cpu")


def run(
    segmenter: Segmenter, data: list[DataFolder], settings: EvaluateSettings
) -> tuple[list[EvaluateProgress], Evaluation]:
    steps, progress = evaluate_model(segmenter, data, settings), []
    while True:
        try:
            progress.append(next(steps))
        except StopIteration as stop:
            return progress, stop.value


@pytest.fixture(scope="module")
def whole(
    segmenter: Segmenter, drawn: DataFolder
) -> tuple[list[EvaluateProgress], Evaluation]:
    """All fields, evaluated once."""
    settings = EvaluateSettings("all", n_resamples=100, n_worst=2)
    return run(segmenter, [drawn], settings)


def test_drawn_cells_are_found_and_scored(
    whole: tuple[list[EvaluateProgress], Evaluation], drawn: DataFolder
) -> None:
    _, evaluation = whole
    summary = evaluation.sets["labels"]
    samples = load_dataset(*drawn)
    assert summary.n_pictures == summary.n_groups == len(samples)
    assert summary.n_cells == sum(sample.instance_ids.size for sample in samples)
    assert summary.figures["cell_dice_per_picture"].value > 0.7
    assert summary.figures["recall"].value > 0.7
    assert 0 < summary.figures["balanced_accuracy"].value < 1  # calls all alike
    for name in ("nucleus_dice", "cytoplasm_dice", "ece", "aji", "pq", "mean_iou"):
        figure = summary.figures[name]
        assert 0 < figure.value < 1, name
        assert figure.low <= figure.value <= figure.high, name
    assert len(evaluation.worst["labels"].outlines) == 2


def test_progress_is_told_for_each_picture(
    whole: tuple[list[EvaluateProgress], Evaluation],
) -> None:
    progress, evaluation = whole
    n_pictures = len(evaluation.pictures)
    assert progress[0] == (0, 0, "Reading labels")
    assert [step.done for step in progress[1:]] == list(range(n_pictures + 1))
    assert {step.total for step in progress[1:]} == {n_pictures}


def test_the_result_says_what_was_evaluated(
    whole: tuple[list[EvaluateProgress], Evaluation],
    segmenter: Segmenter,
    drawn: DataFolder,
) -> None:
    _, evaluation = whole
    found = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert found["model"]["name"] == "colors"
    assert found["model"]["weights_sha256"] == segmenter.card.weights_sha256
    assert found["data"]["labels"]["folder"] == drawn.folder.name
    assert len(found["data"]["labels"]["sha256"]) == 64
    assert found["protocol"]["limit"] is None
    assert found["versions"]["torch"]
    assert {picture["dataset"] for picture in found["pictures"]} == {"labels"}


def test_the_same_run_gives_the_same_figures(
    whole: tuple[list[EvaluateProgress], Evaluation],
    segmenter: Segmenter,
    drawn: DataFolder,
) -> None:
    _, again = run(segmenter, [drawn], EvaluateSettings("all", n_resamples=100))
    assert again.to_dict() == whole[1].to_dict()
    assert again.worst["labels"].outlines == []


def test_a_stain_step_comes_before_the_network_and_is_told(
    whole: tuple[list[EvaluateProgress], Evaluation],
    segmenter: Segmenter,
    drawn: DataFolder,
) -> None:
    step = StainChoice.parse("reinhard:jtsc").prepared()
    settings = EvaluateSettings(
        "all", n_resamples=100, segment=SegmentSettings(stain=step)
    )
    _, stained = run(segmenter, [drawn], settings)
    assert stained.protocol.stain == step.title
    assert any(step.title in sentence for sentence in stained.protocol.sentences())
    assert [p.to_dict() for p in stained.pictures] != [
        p.to_dict() for p in whole[1].pictures
    ]


def test_a_picture_that_does_not_show_its_stain_is_left_as_it_is(
    segmenter: Segmenter, drawn: DataFolder, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(drawn.folder, tmp_path / "drawn"))
    for path in folder.glob("*.png"):
        with Image.open(path) as picture:
            Image.new("RGB", picture.size, "white").save(path)
    step = StainChoice.parse("macenko:jtsc").prepared()
    settings = EvaluateSettings("all", segment=SegmentSettings(stain=step))
    _, evaluation = run(segmenter, [DataFolder("labels", folder)], settings)
    assert evaluation.sets["labels"].figures["recall"].value == 0


def test_pictures_go_in_without_their_scale(
    field_png: Path, drawn_field: DrawnRegion, segmenter: Segmenter, tmp_path: Path
) -> None:
    predicted = predict_picture(drawn_field.image, segmenter)
    with open_slide(field_png) as slide:
        assert slide.mpp is not None  # which the file of the evaluation lacks
        slide.mpp = None
        with Case.create(tmp_path / "x.leukoseg.zarr", slide) as case:
            for _ in segment_slide(slide, segmenter, case, SegmentSettings()):
                pass
            area = Region.of_shape(slide.shape)
            for name in ("nucleus", "cytoplasm"):
                np.testing.assert_array_equal(
                    getattr(predicted, name), case.read_labels(name, area)
                )
            ids = set(case.table()["cell_id"])
    assert set(predicted.class_ids) == set(predicted.confidences) == ids
    for cell_id, probabilities in predicted.probabilities.items():
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-3)
        answer = predicted.class_ids[cell_id]
        assert probabilities[answer] == pytest.approx(predicted.confidences[cell_id])
    assert (
        dice(predicted.cells > 0, drawn_field.cytoplasm + drawn_field.nucleus > 0) > 0.7
    )


def test_a_picture_without_cells_gives_no_table(segmenter: Segmenter) -> None:
    blank = np.full((60, 80, 3), 240, np.uint8)
    predicted = predict_picture(blank, segmenter)
    assert not predicted.cells.any()
    assert predicted.class_ids == predicted.probabilities == {}


def test_parts_are_split_off_as_the_card_says(
    segmenter: Segmenter, drawn: DataFolder
) -> None:
    card = replace(
        segmenter.card,
        training={"config": {"split": {"validation": 0, "test": 0.5, "seed": 3}}},
    )
    told = Segmenter(replace(segmenter.model, card=card), segmenter.device)
    _, evaluation = run(told, [drawn], EvaluateSettings("test", n_resamples=10))
    assert evaluation.protocol.split.test == 0.5
    chosen = selection.select_part(
        {"labels": load_dataset(*drawn)}, [], "test", evaluation.protocol.split
    )
    names = [sample.name for sample in chosen["labels"]]
    assert [picture.name for picture in evaluation.pictures] == names
    assert 0 < len(names) < N_FIELDS


def test_a_limit_takes_some_pictures(segmenter: Segmenter, drawn: DataFolder) -> None:
    settings = EvaluateSettings("all", limit=2, n_resamples=10)
    _, evaluation = run(segmenter, [drawn], settings)
    assert len(evaluation.pictures) == 2
    assert "at most 2" in " ".join(evaluation.protocol.sentences())


def test_a_closed_evaluation_leaves_nothing_behind(
    segmenter: Segmenter,
    drawn: DataFolder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    steps = evaluate_model(segmenter, [drawn], EvaluateSettings("all"))
    for _ in range(3):
        next(steps)
    steps.close()
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_evaluated_is_explained(
    segmenter: Segmenter, drawn: DataFolder, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    empty = DataFolder("labels", tmp_path / "empty")
    for source, message in (
        (DataFolder("lisc-2", tmp_path), "'lisc-2' is unknown"),
        (DataFolder("labels", tmp_path / "none"), "is not a folder"),
        (empty, "holds no pictures"),
    ):
        with pytest.raises(DataError, match=message):
            run(segmenter, [drawn, source], EvaluateSettings("all"))
    with pytest.raises(SettingsError, match="'tests' is unknown"):
        EvaluateSettings("tests")
    with pytest.raises(SettingsError, match="1 or more"):
        EvaluateSettings(limit=0)


def test_a_model_and_a_set_with_nothing_in_common_are_refused(
    segmenter: Segmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "0"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    Image.new("RGB", (40, 40), "white").save(folder / "images" / "0.png")
    mask = Image.new("L", (40, 40))
    mask.paste(255, (10, 10, 30, 30))
    mask.save(folder / "masks" / "0.png")
    monkeypatch.setattr(segmenter.model.network, "has_nucleus", False)
    with pytest.raises(DataError, match="outlines nuclei only"):
        run(segmenter, [DataFolder("dsb2018", tmp_path)], EvaluateSettings("all"))


def test_a_model_without_classes_gives_none(
    segmenter: Segmenter, drawn: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    evidence = segmenter.model.network.evidence
    assert evidence is not None
    forward = segmenter.model.network.forward
    monkeypatch.setattr(
        segmenter.model.network,
        "forward",
        lambda image: forward(image)._replace(evidence=None),
    )
    settings = EvaluateSettings("all", limit=2, n_resamples=10)
    _, evaluation = run(segmenter, [drawn], settings)
    summary = evaluation.sets["labels"]
    assert "class_accuracy" not in summary.figures
    assert summary.figures["cell_dice"].value > 0.5
    assert not math.isnan(summary.figures["aji"].value)

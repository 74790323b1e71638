"""Training learns, resumes exactly, and leaves what it promises."""

import json
import math
import re
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from napari_leukoseg.errors import (
    DataError,
    LeukosegError,
    ModelError,
    SettingsError,
)
from napari_leukoseg.segment.model import load_model, read_card
from napari_leukoseg.segment.networks import build_network
from napari_leukoseg.training.classifier_fit import FitSettings
from napari_leukoseg.training.classifying import ClassifierSettings
from napari_leukoseg.training.config import DataSource, TrainingConfig
from napari_leukoseg.training.crop_settings import CropSettings
from napari_leukoseg.training.loop import EpochReport, StepReport, fit, train
from napari_leukoseg.training.losses import PartialLoss, PixelClassLoss
from napari_leukoseg.training.optimizing import OptimizerSettings
from napari_leukoseg.training.sample import IS_BACKGROUND, Sample
from napari_leukoseg.training.schedule import ScheduleSettings
from napari_leukoseg.training.splits import Split

CONFIG = TrainingConfig(
    name="small",
    data=(DataSource("labels", "."),),
    network={"stem_channels": 8, "channels": [8, 16], "depths": [1, 1]},
    epochs=3,
    steps_per_epoch=3,
    batch_size=2,
    workers=0,
    validation_crops=4,
    preview_crops=2,
    crops=CropSettings(size_px=64, cell_diameter_px=32.0),
    optimizer=OptimizerSettings(learning_rate=5e-3),
    schedule=ScheduleSettings(warmup_steps=2),
)
STILL = OptimizerSettings(learning_rate=1e-30, ema_decay=0)
"""Changes no weight, so that no epoch is better than the first."""

CPU = torch.device("cpu")


@pytest.fixture
def split(samples: list[Sample]) -> Split:
    return Split(tuple(samples[:2]), tuple(samples[2:]), ())


def state_of(out: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(out / "checkpoint.pt", weights_only=True)
    return state


def figures(reports: list[EpochReport]) -> list[str]:
    """Reports as text, in which not-a-number equals itself, less the seconds."""
    return [str(replace(report, seconds=0)) for report in reports]


def test_loss_falls_and_the_model_loads(split: Split, tmp_path: Path) -> None:
    longer = replace(CONFIG, epochs=2, steps_per_epoch=12)
    first, last = fit(longer, split, tmp_path, device=CPU)
    assert last.loss < first.loss
    card = load_model(tmp_path / "model").card
    assert card.name == "small"
    assert (card.image_mean, card.image_std) == ((0.5,) * 3, (0.25,) * 3)
    assert card.training["config"]["split"] == {
        "validation": 0.1,
        "test": 0.2,
        "seed": 0,
    }


def test_run_tells_of_steps_and_leaves_what_it_promises(
    split: Split, tmp_path: Path
) -> None:
    data = {"labels": "1" * 64}
    reports = list(train(CONFIG, split, tmp_path, device=CPU, data=data))
    steps = [r.step for r in reports if isinstance(r, StepReport)]
    assert steps == list(range(1, 10))
    kinds = [isinstance(report, EpochReport) for report in reports]
    assert kinds == 3 * [False, False, False, True]

    assert (tmp_path / "log.csv").read_text().count("\n") == 4
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["is_finished"]
    assert record["data"] == read_card(tmp_path / "model").training["data"] == data
    assert record["config"]["optimizer"]["learning_rate"] == 5e-3
    last = reports[-1]
    assert isinstance(last, EpochReport)
    assert record["last"]["validation_loss"] == last.validation_loss
    assert record["best"]["validation_loss"] <= last.validation_loss
    assert record["versions"]["torch"] == torch.__version__
    pictures = sorted((tmp_path / "predictions").iterdir())
    assert [p.name for p in pictures] == [f"epoch-00{n}.png" for n in (1, 2, 3)]
    for path in (*pictures, tmp_path / "curves.png"):
        with Image.open(path) as picture:
            picture.verify()
    assert not list(tmp_path.rglob("*.partial"))


SHORT = replace(CONFIG, epochs=1)
STAGES = replace(
    CONFIG,
    optimizer=OptimizerSettings(kind="adam", ema_decay=0),
    schedule=ScheduleSettings(
        kind="plateau",
        warmup_steps=0,
        patience=1,
        min_delta=10,  # every epoch after the first is a plateau
        frozen_epochs=2,
        unfrozen_rate=0.5,
    ),
)


@pytest.mark.parametrize("config", [CONFIG, STAGES], ids=["default", "stages"])
def test_resuming_equals_never_stopping(
    config: TrainingConfig, split: Split, tmp_path: Path
) -> None:
    whole = list(fit(config, split, tmp_path / "whole", device=CPU))
    first = list(islice(fit(config, split, tmp_path / "cut", device=CPU), 1))
    rest = list(fit(config, split, tmp_path / "cut", device=CPU, resume=True))
    assert figures(first + rest) == figures(whole)
    expected, resumed = state_of(tmp_path / "whole"), state_of(tmp_path / "cut")
    for part in ("network", "average", "optimizer", "schedule"):
        torch.testing.assert_close(resumed[part], expected[part], rtol=0, atol=0)
    log = (tmp_path / "cut" / "log.csv").read_text()
    assert log.count("\n") == config.epochs + 1
    model = "model/weights.safetensors"
    assert (tmp_path / "cut" / model).read_bytes() == (
        tmp_path / "whole" / model
    ).read_bytes()


def test_checkpoint_of_an_earlier_version_goes_on(split: Split, tmp_path: Path) -> None:
    config = replace(CONFIG, epochs=2)
    _, second = fit(config, split, tmp_path / "whole", device=CPU)
    list(islice(fit(config, split, tmp_path / "cut", device=CPU), 1))
    state = state_of(tmp_path / "cut")
    kept = {k: state[k] for k in ("epoch", "network", "average", "optimizer")}
    torch.save(kept, tmp_path / "cut" / "checkpoint.pt")
    rest = list(fit(config, split, tmp_path / "cut", device=CPU, resume=True))
    assert figures(rest) == figures([second])
    assert (tmp_path / "cut" / "log.csv").read_text().count("\n") == 3


def test_finished_run_is_not_trained_further(split: Split, tmp_path: Path) -> None:
    list(fit(SHORT, split, tmp_path, device=CPU))
    before = (tmp_path / "checkpoint.pt").read_bytes()
    assert not list(fit(SHORT, split, tmp_path, device=CPU, resume=True))
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_run_ends_early_and_stays_ended(split: Split, tmp_path: Path) -> None:
    schedule = ScheduleSettings(kind="constant", warmup_steps=0, stop_patience=1)
    config = replace(CONFIG, epochs=5, optimizer=STILL, schedule=schedule)
    assert len(list(fit(config, split, tmp_path, device=CPU))) == 2
    assert not list(fit(config, split, tmp_path, device=CPU, resume=True))
    assert json.loads((tmp_path / "record.json").read_text())["is_finished"]


@pytest.mark.parametrize(("keep", "epoch"), [("last", 2), ("best-loss", 1)])
def test_kept_weights_are_those_of_the_rule(
    keep: Any, epoch: int, split: Split, tmp_path: Path
) -> None:
    config = replace(CONFIG, epochs=2, optimizer=STILL, keep=keep)
    list(fit(config, split, tmp_path, device=CPU))
    assert read_card(tmp_path / "model").training["epoch"] == epoch


def test_frozen_encoder_moves_in_its_own_time(split: Split, tmp_path: Path) -> None:
    config = STAGES
    torch.manual_seed(config.seed)
    network = build_network(config.architecture, config.network)
    before = {name: weight.clone() for name, weight in network.state_dict().items()}
    for epoch, _ in enumerate(fit(config, split, tmp_path, device=CPU), start=1):
        after = state_of(tmp_path)["network"]
        moved = {k for k, v in after.items() if not torch.equal(v, before[k])}
        assert any(k.startswith("encoder.") for k in moved) == (epoch > 2)
        assert any(k.startswith("decoder.") for k in moved)
        before = after


def test_published_network_trains_with_statistics_of_its_own(
    split: Split, tmp_path: Path
) -> None:
    config = replace(
        SHORT,
        architecture="unet",
        network={"width": 2, "batch_norm": True},
        image_mean=(0.1, 0.2, 0.3),
    )
    list(fit(config, split, tmp_path, device=CPU))
    state = state_of(tmp_path)
    means = [k for k in state["network"] if k.endswith("running_mean")]
    assert means
    for name in means:
        assert state["network"][name].any()
        torch.testing.assert_close(state["average"][name], state["network"][name])
    card = read_card(tmp_path / "model")
    assert (card.image_mean, card.image_std) == ((0.1, 0.2, 0.3), (0.25,) * 3)


def test_what_a_network_cannot_tell_has_no_figure(split: Split, tmp_path: Path) -> None:
    config = replace(
        SHORT,
        architecture="flexunet",
        network={"base_filters": 2, "n_levels": 3},
        losses=PixelClassLoss(),
    )
    (report,) = fit(config, split, tmp_path, device=CPU)
    assert math.isnan(report.nucleus_dice)
    assert not math.isnan(report.cell_dice)
    record = json.loads((tmp_path / "record.json").read_text())
    assert record["last"]["nucleus_dice"] is None


def test_used_folders_are_refused(split: Split, tmp_path: Path) -> None:
    list(fit(SHORT, split, tmp_path / "run", device=CPU))
    with pytest.raises(SettingsError, match="holds a training run already"):
        next(fit(CONFIG, split, tmp_path / "run", device=CPU))
    with pytest.raises(SettingsError, match="not the folder of a training run"):
        next(fit(CONFIG, split, tmp_path, device=CPU))


def test_other_configurations_are_refused_but_a_longer_run_is_not(
    split: Split, tmp_path: Path
) -> None:
    list(fit(SHORT, split, tmp_path, device=CPU))
    other = replace(SHORT, crops=replace(SHORT.crops, mosaic=0.4))
    with pytest.raises(SettingsError, match=r"crops\.mosaic is 0\.5, not 0\.4"):
        next(fit(other, split, tmp_path, device=CPU, resume=True))
    longer = replace(SHORT, epochs=2)
    assert len(list(fit(longer, split, tmp_path, device=CPU, resume=True))) == 1


def test_damaged_checkpoint_is_named(split: Split, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match=r"checkpoint\.pt cannot be read"):
        next(fit(CONFIG, split, tmp_path, device=CPU, resume=True))


def test_checkpoint_of_another_network_is_refused(split: Split, tmp_path: Path) -> None:
    list(fit(SHORT, split, tmp_path, device=CPU))
    state = state_of(tmp_path)
    state["network"].popitem()
    torch.save(state, tmp_path / "checkpoint.pt")
    with pytest.raises(ModelError, match="another network"):
        next(fit(SHORT, split, tmp_path, device=CPU, resume=True))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"crops": CropSettings(size_px=80)}, "multiples of 128"),
        ({"losses": PartialLoss()}, "no output for nucleus"),
        ({"crops": CropSettings(size_px=128, class_ids=(1, 2))}, "class_ids"),
        ({"pretrained": "imagenet"}, "no encoder with published weights"),
    ],
)
def test_settings_that_do_not_fit_the_network_are_refused(
    changed: dict[str, Any], message: str, split: Split, tmp_path: Path
) -> None:
    config = replace(
        CONFIG,
        architecture="flexunet",
        network={"base_filters": 1},
        losses=PixelClassLoss(),
        crops=CropSettings(size_px=128),
    )
    with pytest.raises(LeukosegError, match=message):
        next(fit(replace(config, **changed), split, tmp_path, device=CPU))


def test_nothing_to_freeze_is_refused(split: Split, tmp_path: Path) -> None:
    config = replace(
        CONFIG,
        architecture="stain-standardized",
        network={"width": 2},
        schedule=ScheduleSettings(frozen_epochs=1),
    )
    with pytest.raises(SettingsError, match="no encoder to freeze"):
        next(fit(config, split, tmp_path, device=CPU))


def test_nothing_to_train_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No picture"):
        next(fit(CONFIG, Split((), (), ()), tmp_path, device=CPU))


def test_the_model_gets_its_classifier_once(
    split: Split, color_model: Path, tmp_path: Path
) -> None:
    card = read_card(color_model)
    config = replace(
        CONFIG,
        network=dict(card.settings),
        initial=str(color_model),
        crops=replace(CONFIG.crops, cell_diameter_px=card.cell_diameter_px),
        epochs=1,
        optimizer=STILL,
        classifier=ClassifierSettings(variations=0, fit=FitSettings(trees=1)),
    )
    deque(train(config, split, tmp_path, device=CPU), maxlen=0)
    classifier = load_model(tmp_path / "model").classifier
    assert classifier is not None
    assert len(classifier.examples) > 0
    written = (tmp_path / "model" / "weights.safetensors").stat().st_mtime_ns
    assert not list(train(config, split, tmp_path, device=CPU, resume=True))
    assert (tmp_path / "model" / "weights.safetensors").stat().st_mtime_ns == written


def test_what_tempts_the_initial_model_is_taught(
    split: Split,
    color_model: Path,
    unmarked: Callable[[Sample, int], Sample],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    card = read_card(color_model)
    diameter = card.cell_diameter_px
    config = replace(
        CONFIG,
        network=dict(card.settings),
        initial=str(color_model),
        crops=replace(CONFIG.crops, cell_diameter_px=diameter, lures=0.5),
        epochs=1,
    )
    tempting = tuple(unmarked(sample, IS_BACKGROUND) for sample in split.train)
    reports = list(train(config, replace(split, train=tempting), tmp_path, device=CPU))
    found = re.search(r"(\d+) lures", caplog.text)
    assert found is not None
    assert int(found[1]) > 0
    assert isinstance(reports[-1], EpochReport)


def test_a_model_that_finds_no_cell_gets_no_classifier(
    split: Split, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = replace(CONFIG, epochs=1, optimizer=STILL, classifier=ClassifierSettings())
    deque(train(config, split, tmp_path, device=CPU), maxlen=0)
    assert load_model(tmp_path / "model").classifier is None
    assert "no classifier" in caplog.text

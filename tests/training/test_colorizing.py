"""Training of colorizers: crops, steps, and runs that are resumed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_leukoseg.errors import DataError, ModelError, SettingsError
from napari_leukoseg.stain.colorizer import build_colorizer, load_colorizer
from napari_leukoseg.training.colorizing import (
    ColorizingReport,
    ColorizingTrainer,
    load_encoder,
    look_spread,
)
from napari_leukoseg.training.colorizing_config import (
    ColorizingConfig,
    load_any_config,
)
from napari_leukoseg.training.colorizing_crops import (
    ColorCrop,
    ColorCropDataset,
    ColorCropSettings,
)
from napari_leukoseg.training.colorizing_run import train_colorizer
from napari_leukoseg.training.config import DataSource, TrainingConfig
from napari_leukoseg.training.optimizing import OptimizerSettings
from napari_leukoseg.training.schedule import ScheduleSettings
from napari_leukoseg.training.splits import Split

if TYPE_CHECKING:
    from napari_leukoseg.training.sample import Sample

FOLDER = Path(__file__).parents[2] / "training" / "configs"
CONFIGS = (FOLDER / "colorizer.yaml", FOLDER / "full" / "colorizer.yaml")
CPU = torch.device("cpu")
SPREAD = np.array([45.0, 53.0])


@pytest.fixture
def config() -> ColorizingConfig:
    """Return a run of seconds."""
    return ColorizingConfig(
        task="colorizer",
        name="small",
        data=(DataSource("labels", "fields"),),
        network={"channels": [4, 6, 8], "n_heads": 2, "radius": 1},
        epochs=2,
        steps_per_epoch=3,
        batch_size=2,
        workers=0,
        validation_crops=2,
        preview_crops=1,
        crops=ColorCropSettings(size_px=64),
        optimizer=OptimizerSettings(learning_rate=5e-3, ema_decay=0.5),
        schedule=ScheduleSettings(warmup_steps=0),
    )


@pytest.fixture
def split(samples: list[Sample]) -> Split:
    """Return drawn pictures to train on, and others to judge by."""
    return Split(tuple(samples[:2]), tuple(samples[2:]), ())


def test_a_crop_is_what_it_should_be(samples: list[Sample]) -> None:
    settings = ColorCropSettings(size_px=64, diameter_range_px=(30, 40)).unchanged
    crops = ColorCropDataset(samples, settings, SPREAD, 9, seed=1)
    again = ColorCropDataset(samples, settings, SPREAD, 9, seed=1)
    chroma = []
    for index in range(len(crops)):
        crop = crops[index]
        for one, other in zip(crop, again[index], strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=0)
        assert crop.darkness.shape == (1, 64, 64)
        assert crop.darkness.min() >= 0
        assert crop.darkness.max() < 3
        chroma.append(crop.chroma[:, crop.darkness[0] > 0.9])
        assert crop.chroma[:, crop.darkness[0] == 0].abs().amax() < 8
    nuclei = torch.cat(chroma, dim=1)
    spread = nuclei.square().mean(dim=1).sqrt()
    np.testing.assert_allclose(spread, SPREAD, rtol=0.25)


def test_light_varies_and_color_does_not(samples: list[Sample]) -> None:
    settings = ColorCropSettings(size_px=64, elastic_px=0)
    varied = ColorCropDataset(samples, settings, SPREAD, 1, seed=1)[0]
    plain = ColorCropDataset(samples, settings.unchanged, SPREAD, 1, seed=1)[0]
    torch.testing.assert_close(varied.chroma, plain.chroma)
    assert (varied.darkness - plain.darkness).abs().mean() > 0.005
    assert varied.darkness.min() >= 0


def test_pictures_without_stain_are_left_out(samples: list[Sample]) -> None:
    empty = replace(samples[0], image=np.full_like(samples[0].image, 240))
    settings = ColorCropSettings(size_px=64)
    crops = ColorCropDataset([empty, samples[1]], settings, SPREAD, 1, 0)
    assert len(crops.canvases) == 1
    with pytest.raises(DataError, match="None of 1 pictures"):
        ColorCropDataset([empty], settings, SPREAD, 1, 0)


def test_steps_lower_the_loss(config: ColorizingConfig, split: Split) -> None:
    trainer = ColorizingTrainer(config, split, CPU)
    parts = zip(trainer.crops[0], trainer.crops[1], strict=True)
    crop = ColorCrop(*(torch.stack(part) for part in parts))
    losses = [trainer.step(number, crop) for number in range(6)]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("path", CONFIGS, ids=["narrow", "full"])
def test_configurations_build(path: Path) -> None:
    config = load_any_config(path)
    assert isinstance(config, ColorizingConfig)
    with torch.device("meta"):
        network = build_colorizer(config.architecture, config.network)
    assert config.crops.size_px % network.stride == 0
    assert (look_spread(config.look) > 0).all()
    assert isinstance(load_any_config(FOLDER / "default.yaml"), TrainingConfig)


def test_run_leaves_a_colorizer_and_is_resumed(
    config: ColorizingConfig, split: Split, tmp_path: Path
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    more = {"device": CPU, "data": {"a": "b"}}
    reports = list(train_colorizer(config, split, whole, **more))
    is_epoch = [isinstance(report, ColorizingReport) for report in reports]
    assert is_epoch == [False, False, False, True] * 2
    run = train_colorizer(config, split, parts, **more)
    for report in run:
        if isinstance(report, ColorizingReport):
            run.close()
    list(train_colorizer(config, split, parts, resume=True, **more))
    one, other = (
        load_colorizer(out / "model").network.state_dict() for out in (whole, parts)
    )
    for name, tensor in one.items():
        torch.testing.assert_close(other[name], tensor, rtol=1e-3, atol=1e-4)
    card = load_colorizer(whole / "model").card
    assert card.training["data"] == {"a": "b"}
    assert card.metrics["color_error"] > 0
    names = {path.name for path in whole.iterdir()}
    assert names == {"checkpoint.pt", "log.csv", "model", "predictions", "record.json"}
    with pytest.raises(SettingsError, match="resume"):
        next(train_colorizer(config, split, whole, device=CPU))


def test_encoder_takes_published_weights(tmp_path: Path) -> None:
    network = build_colorizer("published")
    weights = {f"features.{k}": v + 1 for k, v in network.features.state_dict().items()}
    torch.save({**weights, "classifier.0.weight": torch.zeros(2)}, tmp_path / "v.pth")
    load_encoder(network, str(tmp_path / "v.pth"))
    torch.testing.assert_close(
        network.features[21].weight, weights["features.21.weight"]
    )
    del weights["features.0.bias"]
    torch.save(weights, tmp_path / "less.pth")
    with pytest.raises(ModelError, match=r"features\.0\.bias"):
        load_encoder(network, str(tmp_path / "less.pth"))
    with pytest.raises(SettingsError, match="no encoder"):
        load_encoder(build_colorizer("local"), "imagenet")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task: magic", "task is 'magic'"),
        ("task: colorizer\nbatch: 3", "no setting batch"),
        ("task: colorizer\nepochs: 0", "epochs is 0"),
        ("task: colorizer\nworkers: -1", "workers is -1"),
        ("task: colorizer\nloss_width: 0", "loss_width is 0"),
        ("task: colorizer\nleave_out: [jtsc]", "No data set"),
        ("task: colorizer\nschedule: {frozen_epochs: 1}", "frozen_epochs is 1"),
        ("task: colorizer\ncrops: {diameter_range_px: [9, 3]}", "rising"),
        ("task: colorizer\ncrops: {noise: -1}", "noise is -1"),
    ],
)
def test_mistakes_are_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(f"name: x\ndata: [{{kind: jtsc, folder: jtsc}}]\n{text}\n")
    with pytest.raises(SettingsError, match=message):
        load_any_config(path)


def test_what_does_not_fit_is_refused(config: ColorizingConfig, split: Split) -> None:
    with pytest.raises(SettingsError, match="look is 'x'"):
        ColorizingTrainer(replace(config, look="x"), split, CPU)
    crops = replace(config.crops, size_px=63)
    with pytest.raises(SettingsError, match="multiple of 8"):
        ColorizingTrainer(replace(config, crops=crops), split, CPU)
    with pytest.raises(DataError, match="No picture"):
        ColorizingTrainer(config, Split((), (), ()), CPU)
    trainer = ColorizingTrainer(config, split, CPU)
    with pytest.raises(ModelError, match="another network"):
        trainer.load_state_dict({**trainer.state_dict(), "network": {}})


def test_several_processes_are_refused(
    config: ColorizingConfig, split: Split, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SettingsError, match="2 processes"):
        next(train_colorizer(config, split, tmp_path / "run", device=CPU))

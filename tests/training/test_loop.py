"""Training learns, and resumes exactly."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch

from napari_leukoseg.errors import DataError
from napari_leukoseg.segment.model import load_model
from napari_leukoseg.training.config import (
    DataSource,
    OptimizerSettings,
    TrainingConfig,
)
from napari_leukoseg.training.crops import CropSettings
from napari_leukoseg.training.loop import fit
from napari_leukoseg.training.sample import Sample
from napari_leukoseg.training.splits import Split

CONFIG = TrainingConfig(
    name="small",
    data=(DataSource("drawn", "."),),
    network={"stem_channels": 8, "channels": [8, 16], "depths": [1, 1]},
    epochs=3,
    steps_per_epoch=3,
    batch_size=2,
    workers=0,
    validation_crops=4,
    crops=CropSettings(size_px=64, cell_diameter_px=32.0),
    optimizer=OptimizerSettings(learning_rate=5e-3, warmup_steps=2),
)
CPU = torch.device("cpu")


@pytest.fixture
def split(samples: list[Sample]) -> Split:
    return Split(tuple(samples[:2]), tuple(samples[2:]), ())


def test_loss_falls_and_the_model_loads(split: Split, tmp_path: Path) -> None:
    longer = replace(CONFIG, epochs=2, steps_per_epoch=12)
    first, last = fit(longer, split, tmp_path, device=CPU)
    assert last.loss < first.loss
    card = load_model(tmp_path / "model").card
    assert card.name == "small"
    assert (tmp_path / "log.csv").read_text().count("\n") == 3


def test_resuming_equals_never_stopping(split: Split, tmp_path: Path) -> None:
    whole = list(fit(CONFIG, split, tmp_path / "whole", device=CPU))
    first = list(islice(fit(CONFIG, split, tmp_path / "cut", device=CPU), 1))
    rest = list(fit(CONFIG, split, tmp_path / "cut", device=CPU, resume=True))
    cut = first + rest
    assert [r.epoch for r in cut] == [1, 2, 3]
    assert [r.loss for r in cut] == [r.loss for r in whole]
    expected = load_model(tmp_path / "whole" / "model").network.state_dict()
    resumed = load_model(tmp_path / "cut" / "model").network.state_dict()
    torch.testing.assert_close(resumed, expected, rtol=0, atol=0)


def test_nothing_to_train_on_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No picture"):
        next(fit(CONFIG, Split((), (), ()), tmp_path, device=CPU))

"""Fixtures for all: a drawn field, a model that needs no training, the command line.

The model is the real architecture with weights set by hand so that it tells colors
apart, which is enough to find drawn white cells and costs next to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_leukoseg.segment.networks import ResidualUNet
    from napari_leukoseg.synthetic import DrawnRegion, SmearSettings

# Shared machines stall now and then, which says nothing of the code.
settings.register_profile("shared", deadline=None, max_examples=40)
settings.load_profile("shared")

N_HIDDEN = 12
STEADY = 64.0
"""Value beside which colors are small, so that normalization is nearly linear."""


@dataclass(frozen=True)
class Outcome:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


@pytest.fixture
def leukoseg(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Outcome]:
    """Return a function that runs `leukoseg` in this process, with any arguments."""
    from napari_leukoseg.cli import main, terminal

    # Changes the process for good; warnings shall stay errors here.
    monkeypatch.setattr(terminal, "prepare", lambda: None)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Outcome(int(stop.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture(scope="session")
def field_settings() -> SmearSettings:
    """Settings of `drawn_field`."""
    from napari_leukoseg.synthetic import SmearSettings

    return SmearSettings(
        (320, 400), seed=3, cell_diameter_px=60.0, white_cell_fraction=0.1
    )


@pytest.fixture(scope="session")
def drawn_field(field_settings: SmearSettings) -> DrawnRegion:
    """Field of 320 x 400 pixels with a few white cells, and its labels."""
    from napari_leukoseg.synthetic import Smear

    return Smear(field_settings).draw()


@pytest.fixture(scope="session")
def field_png(
    tmp_path_factory: pytest.TempPathFactory, field_settings: SmearSettings
) -> Path:
    """Return the same field as a PNG file with its pixel size."""
    from napari_leukoseg.synthetic import write_field

    path = tmp_path_factory.mktemp("field") / "field.png"
    for _ in write_field(path, field_settings):
        pass
    return path


@pytest.fixture(scope="session")
def color_model(
    tmp_path_factory: pytest.TempPathFactory, drawn_field: DrawnRegion
) -> Path:
    """Folder of a small model that finds the cells of drawn fields by color."""
    from napari_leukoseg.segment.model import ModelCard, save_model
    from napari_leukoseg.segment.networks import ResidualUNet, ResidualUNetSettings

    settings = ResidualUNetSettings(N_HIDDEN, channels=(8, 8), depths=(1, 1))
    network = ResidualUNet(settings)
    _set_weights(network, drawn_field)
    card = ModelCard(
        name="colors",
        architecture="residual-unet",
        settings=vars(settings),
        class_ids=(1, 2, 3, 4, 5),
        cell_diameter_px=24.0,
    )
    folder = tmp_path_factory.mktemp("models") / "colors"
    save_model(folder, network, card)
    return folder


def _set_weights(network: ResidualUNet, field: DrawnRegion) -> None:
    """Fit background, cytoplasm and nucleus to the color of each pixel."""
    import torch

    rng = np.random.default_rng(0)
    mix = rng.normal(0, 3, (N_HIDDEN, 3))
    offset = rng.normal(0, 2, N_HIDDEN)
    logits = _fit(field, mix, offset)  # (hidden and a constant, 3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        stem, join, norm, head = (
            network.stem,
            network.decoder[-1].join,
            network.head[0].norm,
            network.head[2],
        )
        stem[0].weight[:, :, 1, 1] = torch.tensor(mix)
        stem[0].bias[:] = torch.tensor(offset)
        # Each logit with both signs, and a constant that steadies the norm.
        signed = np.concatenate([logits, -logits], axis=1)
        stem[2].weight[:6, :, 1, 1] = torch.tensor(signed[:-1].T)
        stem[2].bias[:6] = torch.tensor(signed[-1])
        stem[2].bias[6:8] = torch.tensor([STEADY, -STEADY])
        skipped = range(N_HIDDEN, 2 * N_HIDDEN)
        join.weight[range(N_HIDDEN), skipped, 1, 1] = 1.0
        norm.weight[:] = STEADY * (2 / N_HIDDEN) ** 0.5
        for kind in range(3):  # silu(x) - silu(-x) is x
            head.weight[kind, [kind, kind + 3], 1, 1] = torch.tensor([1.0, -1.0])
        head.weight[3] = -head.weight[0]  # deep inside where surely no background
        network.evidence.out.bias[:] = torch.tensor([2.0, 1.0, 0.0, 0.0, 0.0])


def _fit(
    field: DrawnRegion, mix: NDArray[np.float64], offset: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit logits to random features of color by least squares."""
    colors = (field.image.reshape(-1, 3) / 255 - 0.5) / 0.25  # as a card standardizes
    hidden = colors @ mix.T + offset
    hidden /= 1 + np.exp(-hidden)  # SiLU
    features = np.column_stack([hidden, np.ones(len(hidden))])
    kinds = np.where(field.nucleus > 0, 2, field.cytoplasm > 0).ravel()
    balance = (1 / np.sqrt(np.bincount(kinds)))[kinds, None]
    wanted = 12 * np.eye(3)[kinds] - 4
    return np.linalg.lstsq(features * balance, wanted * balance)[0]

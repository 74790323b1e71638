"""Configurations load, and mistakes in them are named."""

from pathlib import Path

import pytest

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.segment.networks import build_network
from napari_leukoseg.training.config import load_config

CONFIGS = sorted((Path(__file__).parents[2] / "training" / "configs").glob("*.yaml"))
MINIMUM = "name: x\ndata: [{kind: jtsc, folder: jtsc}]\n"


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_loads_and_builds(path: Path) -> None:
    config = load_config(path)
    assert build_network(config.architecture, config.network)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\ndata: []\n", "no data set"),
        (MINIMUM + "epohcs: 3\n", "epohcs"),
        (MINIMUM + "crops: {size: 3}\n", r"crops\.size"),
        (MINIMUM + "crops: {size_px: 33}\n", "multiple of 16"),
        (MINIMUM + "epochs: many\n", "epochs"),
        ("- 1\n", "the whole"),
        ("a: [", "cannot be read"),
    ],
)
def test_mistakes_are_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=message):
        load_config(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.yaml"):
        load_config(tmp_path / "absent.yaml")

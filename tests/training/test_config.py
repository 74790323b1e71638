"""Configurations load, fit their networks, and mistakes in them are named."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.segment.networks import build_network
from napari_leukoseg.segment.networks.registry import ARCHITECTURES, NARROW
from napari_leukoseg.training.config import TrainingConfig, load_config
from napari_leukoseg.training.crops import Crop
from napari_leukoseg.training.losses import FocalDiceLoss, MultiTaskLoss, PartialLoss
from napari_leukoseg.training.sample import Sample
from napari_leukoseg.training.splits import Split
from napari_leukoseg.training.trainer import Trainer

FOLDER = Path(__file__).parents[2] / "training" / "configs"
CONFIGS = {
    path.relative_to(FOLDER).with_suffix("").as_posix(): path
    for path in sorted(FOLDER.rglob("*.yaml"))
    if path.stem != "colorizer"  # of another kind; see test_colorizing.py
}
TRAINABLE = {name: path for name, path in CONFIGS.items() if "full/" not in name}
FULL = {name: path for name, path in CONFIGS.items() if "full/" in name}

BUNDLED_BYTES = 3_000_000
"""Most that a narrow network or a base may take in half precision."""

MINIMUM = "name: x\ndata: [{kind: jtsc, folder: jtsc}]\n"


def written(text: str, folder: Path) -> TrainingConfig:
    path = folder / "run.yaml"
    path.write_text(text)
    return load_config(path)


@pytest.mark.parametrize("path", TRAINABLE.values(), ids=TRAINABLE)
def test_every_configuration_takes_a_step(path: Path, samples: list[Sample]) -> None:
    config = replace(
        load_config(path), batch_size=2, workers=0, validation_crops=1, preview_crops=0
    )
    trainer = Trainer(config, Split(tuple(samples), (), ()), torch.device("cpu"))
    before = [p.detach().clone() for p in trainer.network.parameters()]
    crops = [trainer.crops[0], trainer.crops[1]]
    trainer.network.train()
    terms = trainer.step(0, Crop(*(torch.stack(p) for p in zip(*crops, strict=True))))
    assert terms.total.isfinite()
    after = trainer.network.parameters()
    assert any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize("path", FULL.values(), ids=FULL)
def test_every_full_configuration_builds(path: Path) -> None:
    config = load_config(path)
    with torch.device("meta"):
        network = build_network(config.architecture, config.network)
    assert config.crops.size_px % network.stride == 0
    if config.schedule.frozen_epochs:
        assert isinstance(network.encoder, torch.nn.Module)


def test_published_networks_have_a_full_and_a_narrow_configuration() -> None:
    published = set(ARCHITECTURES) - {"residual-unet"}
    for folder in ("full", "narrow"):
        found = {n.split("/")[1] for n in CONFIGS if n.startswith(f"{folder}/")}
        assert found == published


@pytest.mark.parametrize("name", [n for n in TRAINABLE if "/" in n])
def test_small_networks_are_as_small_as_they_must_be(name: str) -> None:
    config = load_config(CONFIGS[name])
    with torch.device("meta"):
        network = build_network(config.architecture, config.network)
    n_weights = sum(tensor.numel() for tensor in network.state_dict().values())
    assert 2 * n_weights <= BUNDLED_BYTES
    if name.startswith("narrow/"):
        assert config.network.items() >= NARROW[config.architecture].items()


def test_bases_differ_only_by_what_they_never_saw() -> None:
    bases = [load_config(CONFIGS[n]) for n in CONFIGS if n.startswith("lodo/")]
    left = {base.leave_out for base in bases}
    assert left == {("jtsc",), ("cellavision",), ("bcisc",), ("bccd",)}
    same = {str(replace(b, name="", description="", leave_out=())) for b in bases}
    assert len(same) == 1


def test_all_are_split_alike() -> None:
    assert len({str(load_config(path).split) for path in CONFIGS.values()}) == 1


def test_losses_are_chosen_by_their_kind(tmp_path: Path) -> None:
    assert written(MINIMUM, tmp_path).losses == PartialLoss()
    assert written(MINIMUM + "losses: {dice: 2}\n", tmp_path).losses == PartialLoss(
        dice=2.0
    )
    focal = written(MINIMUM + "losses: {kind: focal-dice, gamma: 3}\n", tmp_path)
    assert focal.losses == FocalDiceLoss(gamma=3.0)
    nuclei = "losses: {kind: multi-task}\ncrops: {outline_nuclei: true}\n"
    assert written(MINIMUM + nuclei, tmp_path).losses == MultiTaskLoss()


def test_sets_of_one_family_are_left_out_together(tmp_path: Path) -> None:
    text = """
name: x
data:
  - {kind: jtsc, folder: a}
  - {kind: bcisc, folder: b}
  - {kind: bcisc-fields, folder: b}
leave_out: [bcisc]
"""
    config = written(text, tmp_path)
    assert [source.kind for source in config.training_data] == ["jtsc"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\ndata: []\n", "no data set"),
        (MINIMUM + "epohcs: 3\n", "no setting epohcs"),
        (MINIMUM + "crops: {size: 3}\n", r"no setting crops\.size"),
        (MINIMUM + "crops: {size_px: 33}\n", "multiple of 16"),
        (MINIMUM + "epochs: many\n", "epochs is 'many'.*integer"),
        (MINIMUM + "epochs: 0\n", "epochs is 0; give 1"),
        (MINIMUM + "seed: -1\n", "seed is -1; give 0"),
        (MINIMUM + "keep: first\n", "keep is 'first'.*'last', 'best-loss'"),
        (MINIMUM + "image_std: [1, 0, 1]\n", "above 0"),
        (MINIMUM + "leave_out: [bccd]\n", "leave_out names 'bccd'.*give any of jtsc"),
        (MINIMUM + "leave_out: [jtsc]\n", "no data set to train on"),
        (MINIMUM + "initial: default\npretrained: imagenet\n", "give one of them"),
        (MINIMUM + "crops: {lures: 0.1}\n", "no model to be tempted"),
        (MINIMUM + "losses: {kind: hinge}\n", "its kind must be one of partial, "),
        (MINIMUM + "losses: {gama: 3}\n", r"no setting losses\.gama"),
        (MINIMUM + "losses: {kind: focal-dice, gamma: x}\n", r"losses\.gamma is 'x'"),
        (MINIMUM + "losses: {kind: multi-task}\n", "outline_nuclei is False"),
        (MINIMUM + "crops: {outline_nuclei: true}\n", "outline_nuclei is True"),
        (MINIMUM + "optimizer: {kind: sgd}\n", r"optimizer\.kind is 'sgd'.*'adam"),
        (MINIMUM + "schedule: {factor: 2}\n", "factor is 2.*below 1"),
        ("- 1\n", "the whole"),
        ("a: [", "cannot be read"),
    ],
)
def test_mistakes_are_named(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=message):
        written(text, tmp_path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.yaml"):
        load_config(tmp_path / "absent.yaml")

"""`leukoseg train`: from files to a model, killed and resumed, alone and together."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from napari_leukoseg.segment.model import load_model
from napari_leukoseg.stain.colorizer import load_colorizer
from napari_leukoseg.synthetic import SmearSettings, write_field
from napari_leukoseg.training.config import load_config
from napari_leukoseg.training.loop import fit
from napari_leukoseg.training.sources import load_split
from napari_leukoseg.training.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONFIG = """
name: drawn
data: [{kind: labels, folder: fields}]
split: {validation: 0, test: 0}
network: {stem_channels: 8, channels: [8, 16], depths: [1, 1], evidence_dropout: 0}
mixed_precision: false # whose rounding depends on the size of the batch
epochs: 3
steps_per_epoch: 3
batch_size: 4
workers: 0
validation_crops: 6
preview_crops: 1
crops: {size_px: 64, cell_diameter_px: 32}
optimizer: {eps: 1.0e-3}
schedule: {warmup_steps: 2}
"""

COLORIZER = """
task: colorizer
name: drawn
data: [{kind: labels, folder: fields}]
split: {validation: 0, test: 0}
network: {channels: [4, 6], n_heads: 2, radius: 1}
epochs: 1
steps_per_epoch: 2
batch_size: 2
workers: 0
validation_crops: 2
preview_crops: 1
crops: {size_px: 32}
"""

LEUKOSEG = (sys.executable, "-c", "from napari_leukoseg.cli import main; main()")

TIMEOUT_S = 300


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a folder of two drawn pictures and their labels."""
    folder = tmp_path_factory.mktemp("data")
    for number in range(2):
        settings = SmearSettings(
            (128, 160), seed=number, cell_diameter_px=50.0, white_cell_fraction=0.2
        )
        path = folder / "fields" / f"{number}.png"
        for _ in write_field(path, settings, with_labels=True):
            pass
    return folder


@pytest.fixture
def config(fields: Path) -> Path:
    """Return a configuration beside the pictures."""
    path = fields / "run.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope="module")
def whole(fields: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that nothing disturbed."""
    path = fields / "run.yaml"
    path.write_text(CONFIG)
    config, out = load_config(path), tmp_path_factory.mktemp("whole") / "run"
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    list(fit(config, load_split(config, fields), out, device=torch.device("cpu")))
    torch.set_num_threads(threads)
    return out


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Round alike in this process and in others."""
    monkeypatch.delenv("LEUKOSEG_DATA", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def train(leukoseg: Callable[..., Any], config: Path) -> Callable[..., Any]:
    """Return a function that trains in this process into a folder."""

    def run(out: Path, *options: object) -> Any:
        return leukoseg("train", config, "--out", out, "--device", "cpu", *options)

    return run


def weights_of(out: Path) -> dict[str, torch.Tensor]:
    state = torch.load(out / "checkpoint.pt", weights_only=True)
    weights: dict[str, torch.Tensor] = state["network"]
    return weights


def test_configuration_becomes_a_model(train, tmp_path):
    outcome = train(tmp_path / "run")
    assert outcome.status == 0
    lines = outcome.out.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == [
        f"epoch {number}/3" for number in (1, 2, 3)
    ]
    assert "cell Dice" in lines[0]
    assert lines[3].endswith(str(Path("run", "model")))
    assert load_model(tmp_path / "run" / "model").card.name == "drawn"
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert list(record["data"]) == ["labels"]
    assert len(record["data"]["labels"]) == 64


def test_configuration_becomes_a_colorizer(leukoseg, fields, tmp_path):
    config, out = fields / "colorizer.yaml", tmp_path / "run"
    config.write_text(COLORIZER)
    outcome = leukoseg("train", config, "--out", out, "--device", "cpu")
    assert outcome.status == 0
    assert outcome.out.startswith("epoch 1/1: loss")
    assert "color error" in outcome.out
    assert load_colorizer(out / "model").card.name == "drawn"
    again = leukoseg("train", config, "--out", out, "--device", "cpu", "--resume")
    assert again.status == 0
    assert "nothing is left to train" in again.err


def test_killed_run_ends_with_the_same_weights(train, config, whole, tmp_path):
    cut = tmp_path / "cut"
    command = [*LEUKOSEG, "train", str(config), "--out", str(cut), "--device", "cpu"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        until = time.monotonic() + TIMEOUT_S
        while not (cut / "checkpoint.pt").exists() and time.monotonic() < until:
            time.sleep(0.005)
        process.kill()
    assert not (cut / "predictions" / "epoch-003.png").exists()
    outcome = train(cut, "--resume")
    assert outcome.status == 0
    assert "epoch 1/3" not in outcome.out
    torch.testing.assert_close(weights_of(cut), weights_of(whole), rtol=0, atol=0)
    name = Path("model", "weights.safetensors")
    assert (cut / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.slow
def test_two_processes_agree_with_one(config, whole, tmp_path):
    out = tmp_path / "two"
    launcher = (sys.executable, "-m", "torch.distributed.run", "--standalone")
    both = (*launcher, "--nproc-per-node", "2", "--no-python", *LEUKOSEG)
    done = subprocess.run(
        [*both, "train", str(config), "--out", str(out), "--device", "cpu"],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("epoch 3/3") == 1
    assert json.loads((out / "record.json").read_text())["processes"] == 2
    torch.testing.assert_close(weights_of(out), weights_of(whole), rtol=1e-3, atol=1e-5)
    figures = [
        json.loads((run / "record.json").read_text())["last"] for run in (whole, out)
    ]
    for name in ("loss", "validation_loss", "cell_dice"):
        assert figures[0][name] == pytest.approx(figures[1][name], rel=1e-4)


def test_data_are_found_where_they_are_said_to_be(train, tmp_path, fields, monkeypatch):
    monkeypatch.setenv("LEUKOSEG_DATA", str(tmp_path / "nowhere"))
    outcome = train(tmp_path / "run")
    assert outcome.status == 1
    assert "nowhere" in outcome.err
    monkeypatch.setattr(Trainer, "__init__", stop)  # the data are read before
    assert train(tmp_path / "run", "--data-root", fields).status == 130


def stop(*_: object, **__: object) -> None:
    """Do what Ctrl-C does."""
    raise KeyboardInterrupt


def test_stopped_run_says_how_to_go_on(train, config, tmp_path, monkeypatch):
    config.write_text(CONFIG.replace("epochs: 3", "epochs: 1"))
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "preview", stop)
        outcome = train(tmp_path / "run")
    assert outcome.status == 130
    assert "--resume" in outcome.err
    assert train(tmp_path / "run", "--resume").status == 0


def test_used_folders_are_refused_before_the_data_are_read(
    train, tmp_path, fields, config
):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "notes.txt").write_text("mine")
    config.write_text(CONFIG.replace("folder: fields", "folder: absent"))
    outcome = train(tmp_path / "used")
    assert outcome.status == 1
    assert "not empty" in outcome.err
    assert (tmp_path / "used" / "notes.txt").read_text() == "mine"


def test_finished_run_is_said_to_be(train, config, tmp_path):
    config.write_text(CONFIG.replace("epochs: 3", "epochs: 1"))
    assert train(tmp_path / "run").status == 0
    again = train(tmp_path / "run")
    assert again.status == 1
    assert "holds a training run already" in again.err
    resumed = train(tmp_path / "run", "--resume")
    assert resumed.status == 0
    assert "nothing is left to train" in resumed.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epohcs: 3", "no setting epohcs"),
        ("data: [{kind: labelz, folder: fields}]", "'labelz' is unknown"),
        ("data: [{kind: labels, folder: .}]", "holds no"),
    ],
)
def test_mistakes_are_one_line(train, config, tmp_path, text, message):
    lines = [line for line in CONFIG.splitlines() if not line.startswith("data:")]
    has_data = text.startswith("data:")
    lines += [text] if has_data else [text, "data: [{kind: labels, folder: fields}]"]
    config.write_text("\n".join(lines))
    outcome = train(tmp_path / "run")
    assert outcome.status == 1
    assert message in outcome.err
    assert outcome.err.count("\n") == 1

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

import napari_leukoseg
from napari_leukoseg.case import Case

COMMAND = (sys.executable, "-c", "from napari_leukoseg.cli import main; main()")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=300,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )


def test_version(leukoseg):
    assert leukoseg("--version").out.split() == [
        "leukoseg",
        napari_leukoseg.__version__,
    ]


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("info",),
        ("segment",),
        ("stain",),
        ("differential",),
        ("export",),
        ("train",),
        ("evaluate",),
        ("models",),
        ("models", "list"),
        ("models", "verify"),
        ("sample",),
        ("sample", "field"),
        ("sample", "slide"),
    ],
)
def test_help_of_every_command(leukoseg, command):
    outcome = leukoseg(*command, "--help")
    assert outcome.status == 0
    assert "Usage" in outcome.out


def test_unknown_command_is_wrong_usage(leukoseg):
    assert leukoseg("segmentt").status == 2


def test_help_loads_nothing_heavy():
    heavy = {"numpy", "torch", "zarr", "napari", "qtpy", "pandas", "scipy", "skimage"}
    code = (
        "import sys\n"
        "from napari_leukoseg.cli import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "except SystemExit:\n"
        f"    sys.stderr.write(' '.join(sorted({heavy!r} & set(sys.modules))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, timeout=60
    )
    assert done.stderr == b""


def test_errors_and_odd_names_in_a_process_of_its_own(tmp_path):
    done = run("info", str(tmp_path / "fehlt\udcff µ.png"))
    assert done.returncode == 1
    assert done.stderr.startswith("error: fehlt")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is no signal there")
def test_control_c_ends_cleanly(tmp_path, color_model):
    slide = tmp_path / "x.png"
    Image.new("RGB", (700, 600), "white").save(slide)
    arguments = ["segment", str(slide), "--out", str(tmp_path), "--device", "cpu"]
    arguments += ["--model", str(color_model), "--cell-diameter", "7"]
    process = subprocess.Popen(
        [*COMMAND, *arguments], stderr=subprocess.PIPE, text=True
    )
    path = tmp_path / "x.leukoseg.zarr"
    give_up = time.monotonic() + 300
    while not has_tiles(path):
        assert process.poll() is None
        assert time.monotonic() < give_up
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert err.startswith("Stopped.")
    assert err.count("\n") == 1
    with Case.open(path) as case:
        assert case.provenance[-1]["finished"] is None
    assert run(*arguments).returncode == 0
    with Case.open(path) as case:
        assert len(case.provenance) == 1


def has_tiles(path) -> bool:
    """Whether a case has committed a tile."""
    if not path.exists():
        return False
    with Case.open(path) as case:
        return case.revision > 1

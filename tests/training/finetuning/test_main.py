"""The child process: what it says, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from napari_leukoseg.segment.model import load_model
from napari_leukoseg.training.finetuning import (
    FinetuneProgress,
    FinetuneRequest,
    FinetuneResult,
    FinetuneSettings,
)

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S = 300

MODULE = "napari_leukoseg.training.finetuning"

SHORT_OF_MEMORY = """
import resource, sys
from pathlib import Path
from napari_leukoseg.training.finetuning.__main__ import main

when, limit_mb, request = sys.argv[1:]
taken = 0
if when == "loaded":
    import napari_leukoseg.training.finetuning.run
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    taken = pages * resource.getpagesize()
limit = taken + int(limit_mb) * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
main([request])
"""
"""Program that trains with little address space, from the start or once loaded."""


@pytest.fixture
def start(fields, color_model, tmp_path):
    """Return a function that starts the child."""
    children = []

    def run(
        paths: tuple[Path, ...] = (fields,),
        epochs: int = 2,
        program: tuple[str, ...] = ("-m", MODULE),
    ) -> subprocess.Popen:
        settings = FinetuneSettings(
            str(color_model), epochs=epochs, steps_per_epoch=2, device="cpu"
        )
        request = FinetuneRequest(tuple(paths), settings, tmp_path / "out")
        assert FinetuneRequest.from_dict(request.to_dict()) == request
        path = tmp_path / "request.json"
        path.write_text(json.dumps(request.to_dict()))
        command = [sys.executable, *program, str(path)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        child = subprocess.Popen(command, **pipes)
        children.append(child)
        return child

    yield run
    for child in children:
        child.kill()
        child.wait(TIMEOUT_S)
        for pipe in (child.stdin, child.stdout):
            pipe.close()


def events_of(child: subprocess.Popen) -> list[dict[str, Any]]:
    """Read what is left to read, and wait for the end."""
    events = [json.loads(line) for line in child.stdout]
    assert child.wait(TIMEOUT_S) == 0
    return events


def until_best(child: subprocess.Popen) -> None:
    """Read until the first epoch is kept."""
    for line in child.stdout:
        event = json.loads(line)
        assert event["event"] == "progress", event
        if event["is_best"]:
            return


def test_a_request_is_carried_out(start, tmp_path):
    *progress, last = events_of(start())
    assert {event.pop("event") for event in progress} == {"progress"}
    assert FinetuneProgress.from_dict(progress[-1]).message
    assert last.pop("event") == "done"
    result = FinetuneResult.from_dict(last)
    assert result.model == tmp_path / "out" / "model"
    assert 100 < result.peak_memory_mb < 3000


def test_it_ends_when_asked_and_keeps_the_best(start, tmp_path):
    child = start(epochs=500)
    until_best(child)
    child.stdin.write(b"cancel\n")
    child.stdin.flush()
    last = events_of(child)[-1]
    assert last["event"] == "cancelled"
    assert last["model"] == str(tmp_path / "out" / "model")
    assert load_model(tmp_path / "out" / "model")


def test_it_ends_with_its_input(start):
    child = start(epochs=500)
    child.stdin.close()  # before anything is loaded
    assert events_of(child)[-1] == {"event": "cancelled", "model": None}


def test_what_is_kept_survives_a_kill(start, tmp_path):
    child = start(epochs=500)
    until_best(child)
    child.kill()
    child.wait(TIMEOUT_S)
    assert load_model(tmp_path / "out" / "model")


def test_errors_of_the_user_are_one_sentence(start, tmp_path):
    last = events_of(start((tmp_path / "absent",)))[-1]
    assert last["event"] == "failed"
    assert last["is_expected"]
    assert "moved or deleted" in last["message"]


def test_source_that_is_gone_is_not_left_out_silently(start, fields, tmp_path):
    last = events_of(start((fields, tmp_path / "absent")))[-1]
    assert last["event"] == "failed"
    assert "absent" in last["message"]
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is one of Linux")
@pytest.mark.parametrize(("when", "limit_mb"), [("at once", 800), ("loaded", 150)])
def test_process_that_runs_out_of_memory_says_so(start, tmp_path, when, limit_mb):
    last = events_of(start(program=("-c", SHORT_OF_MEMORY, when, str(limit_mb))))[-1]
    assert last["event"] == "failed"
    assert last["is_expected"], last["message"]
    assert "not enough memory" in last["message"]
    assert not (tmp_path / "out" / "work").exists()

"""The worker in a process of its own: warm, cancelled, ended, dead."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from pytestqt.qtbot import QtBot

from napari_leukoseg.case import Case
from napari_leukoseg.plugin import worker_client
from napari_leukoseg.plugin.jobs import SegmentJob
from napari_leukoseg.plugin.worker_client import (
    ForegroundClient,
    ProcessClient,
    WorkerClient,
)
from napari_leukoseg.slide import open_slide

TIMEOUT_MS = 60_000


@pytest.fixture(params=[ProcessClient, ForegroundClient])
def client(request: pytest.FixtureRequest, qtbot: QtBot) -> Iterator[WorkerClient]:
    client = request.param()
    yield client
    client.stop()


@pytest.fixture
def process_client(qtbot: QtBot) -> Iterator[ProcessClient]:
    client = ProcessClient()
    yield client
    client.stop()


@pytest.fixture
def job(field_png: Path, color_model: Path, tmp_path: Path) -> dict[str, Any]:
    with open_slide(field_png) as slide:
        case = str(tmp_path / "field.leukoseg.zarr")
        return SegmentJob(
            slide=str(field_png),
            case=case,
            shape=slide.shape,
            mpp=slide.mpp,
            model=str(color_model),
            device="cpu",
        ).to_dict()


def hear(client: WorkerClient, qtbot: QtBot, number: int, *kinds: str) -> Any:
    """Wait for one of some events of a command."""
    heard: list[Any] = []

    def is_meant(event: dict[str, Any]) -> bool:
        if event["id"] == number and event["event"] in kinds:
            heard.append(event)
        return bool(heard)

    with qtbot.waitSignal(client.event, timeout=TIMEOUT_MS, check_params_cb=is_meant):
        pass
    return heard[0]


def test_segments(
    client: WorkerClient, qtbot: QtBot, job: dict[str, Any], tmp_path: Path
) -> None:
    number = client.send("segment", job=job)
    assert client.is_busy
    event = hear(client, qtbot, number, "done", "failed")
    assert event["event"] == "done"
    assert not client.is_busy
    with Case.open(job["case"]) as case:
        assert len(case.table()) == event["summary"]["n_cells"] > 0


def test_one_process_answers_every_command(
    process_client: ProcessClient, qtbot: QtBot
) -> None:
    numbers = [process_client.send("hello") for _ in range(2)]
    pid = process_client.pid
    hear(process_client, qtbot, numbers[1], "done")
    assert process_client.pid == pid


def test_worker_that_ignores_cancel_is_ended(
    process_client: ProcessClient, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = process_client.send("hello")  # imports for a second, and cannot be asked
    pid = process_client.pid
    process_client._patience.setInterval(1)
    process_client.cancel(number)
    assert hear(process_client, qtbot, number, "cancelled")["do"] == "hello"
    again = process_client.send("hello")
    hear(process_client, qtbot, again, "done")
    assert process_client.pid != pid
    assert not psutil.pid_exists(pid)


def test_patience_is_less_than_a_second() -> None:
    assert worker_client.CANCEL_PATIENCE_MS < 1000


def test_death_is_told_and_the_next_command_gets_a_new_process(
    process_client: ProcessClient, qtbot: QtBot, caplog: pytest.LogCaptureFixture
) -> None:
    number = process_client.send("hello")
    psutil.Process(process_client.pid).kill()
    event = hear(process_client, qtbot, number, "crashed")
    assert event["status"] != 0
    assert "died" in caplog.text
    again = process_client.send("hello")
    assert hear(process_client, qtbot, again, "done")["devices"]


def test_stop_ends_the_process(process_client: ProcessClient, qtbot: QtBot) -> None:
    process_client.send("hello")
    process = psutil.Process(process_client.pid)
    process_client.stop()
    process_client.stop()
    assert process.wait(timeout=TIMEOUT_MS / 1000) is not False
    assert process_client.pid is None


def test_process_ends_with_its_input(process_client: ProcessClient) -> None:
    process_client.send("hello")
    process = process_client._process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()  # as if the viewer had died
    assert process.wait(timeout=TIMEOUT_MS / 1000) == 0


def test_missing_interpreter_is_told(
    process_client: ProcessClient, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_client.sys, "executable", "/no/such/python")
    number = process_client.send("hello")
    assert "python" in hear(process_client, qtbot, number, "crashed")["status"]
    assert not process_client.is_busy

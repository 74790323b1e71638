"""The worker's commands, in this process."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_leukoseg.case import Case
from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.jobs import SegmentJob
from napari_leukoseg.plugin.worker import Worker
from napari_leukoseg.slide import open_slide
from napari_leukoseg.stain import StainChoice


@pytest.fixture
def job(field_png: Path, color_model: Path, tmp_path: Path) -> SegmentJob:
    with open_slide(field_png) as slide:
        return SegmentJob(
            slide=str(field_png),
            case=str(tmp_path / "field.leukoseg.zarr"),
            shape=slide.shape,
            mpp=slide.mpp,
            model=str(color_model),
            device="cpu",
        )


@pytest.fixture
def worker() -> Worker:
    return Worker(threads=1)


def ask(worker: Worker, do: str, **arguments: Any) -> list[dict[str, Any]]:
    events = list(worker.answer({"do": do, "id": 7, **arguments}))
    assert all(event["id"] == 7 and event["do"] == do for event in events)
    return events


def test_job_survives_the_pipe(job: SegmentJob) -> None:
    job = replace(job, bounds=(1, 2, 30, 40))
    assert SegmentJob.from_dict(job.to_dict()) == job


def test_hello_lists_devices_and_models(worker: Worker) -> None:
    (event,) = ask(worker, "hello")
    assert event["event"] == "done"
    assert event["devices"][-1]["name"] == "cpu"
    assert all(model["title"] for model in event["models"])


def test_describe_reads_a_card_or_says_why_not(
    worker: Worker, job: SegmentJob, tmp_path: Path
) -> None:
    (event,) = ask(worker, "describe", model=job.model)
    assert (event["event"], event["title"]) == ("done", "colors")
    (event,) = ask(worker, "describe", model=str(tmp_path))
    assert event["event"] == "failed"
    assert event["is_expected"]
    assert str(tmp_path) in event["message"]


def test_estimate_needs_no_slide(worker: Worker, job: SegmentJob) -> None:
    outline = replace(job, slide="", case="")
    (event,) = ask(worker, "estimate", job=outline.to_dict())
    assert event["seconds"] > 0
    assert event["device"].startswith("CPU")


def test_segment_writes_the_case(worker: Worker, job: SegmentJob) -> None:
    events = ask(worker, "segment", job=job.to_dict())
    kinds = [event["event"] for event in events]
    assert kinds[:2] == ["stage", "started"]
    assert kinds[-1] == "done"
    assert set(kinds[2:-1]) == {"progress"}
    with Case.open(job.case) as case:
        assert len(case.table()) == events[-1]["summary"]["n_cells"] > 0


def test_stain_step_of_a_job_is_taken(worker: Worker, job: SegmentJob) -> None:
    step = StainChoice.parse("reinhard:jtsc").prepared()
    stained = json.loads(json.dumps(replace(job, stain=step.to_dict()).to_dict()))
    for asked in (stained, replace(job, stain="none").to_dict()):
        assert ask(worker, "segment", job=asked)[-1]["event"] == "done"
    with Case.open(job.case) as case:
        first, second = (run["settings"]["stain"] for run in case.provenance)
    assert (first, second) == (step.describe(), None)


def test_stain_standardizes_a_part_of_a_picture(
    worker: Worker, job: SegmentJob
) -> None:
    step = StainChoice.parse("macenko:jtsc").prepared()
    region = Region(10, 20, 100, 120)
    asked = {"slide": job.slide, "step": step.to_dict(), "region": region.bounds}
    for factor in (1.0, 0.5):
        (event,) = ask(worker, "stain", **asked, factor=factor)
        assert event["event"] == "done"
        pixels = np.frombuffer(base64.b64decode(event["pixels"]), np.uint8)
        with open_slide(job.slide) as slide, step.standardized(slide) as stained:
            expected = stained.read_scaled(region, factor)
        # Averaged before it is standardized, which is quicker.
        difference = pixels.reshape(event["shape"]).astype(int) - expected
        assert np.abs(difference).mean() < (0.5 if factor == 1.0 else 2.0)
    (event,) = ask(worker, "stain", **{**asked, "slide": "/no/such.svs"}, factor=1.0)
    assert (event["event"], event["is_expected"]) == ("failed", True)


def test_cancel_ends_a_run_that_can_be_resumed(worker: Worker, job: SegmentJob) -> None:
    steps = worker.answer({"do": "segment", "id": 7, "job": job.to_dict()})
    for event in steps:
        if event["event"] == "progress" and event["stage"] == "segment":
            worker.cancel(7)
            break
    assert [event["event"] for event in steps] == ["cancelled"]
    with Case.open(job.case) as case:
        assert case.provenance[-1]["finished"] is None
    assert ask(worker, "segment", job=job.to_dict())[-1]["event"] == "done"


def test_cancel_before_the_start_is_heard(worker: Worker, job: SegmentJob) -> None:
    worker.cancel(7)
    assert ask(worker, "segment", job=job.to_dict())[-1]["event"] == "cancelled"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"slide": "/no/such.svs"}, "such.svs"),
        ({"model": "/no/such/model"}, "such"),
        ({"device": "abacus"}, "abacus"),
        ({"bounds": (0, 0, 10**6, 10)}, "1000000"),
    ],
)
def test_what_a_user_gets_wrong_is_told(
    worker: Worker, job: SegmentJob, change: dict[str, Any], said: str
) -> None:
    event = ask(worker, "segment", job=replace(job, **change).to_dict())[-1]
    assert (event["event"], event["is_expected"]) == ("failed", True)
    assert said in event["message"]


def test_what_we_get_wrong_does_not_end_the_worker(worker: Worker) -> None:
    (event,) = ask(worker, "segment", job={"no": "job"})
    assert (event["event"], event["is_expected"]) == ("failed", False)
    assert ask(worker, "hello")[-1]["event"] == "done"

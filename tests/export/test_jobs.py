"""Jobs give what the writers give, tell how far they are, and can be stopped."""

from __future__ import annotations

import pytest

from napari_leukoseg.cells import CountSettings
from napari_leukoseg.correct import MarkReviewed
from napari_leukoseg.errors import ExportError
from napari_leukoseg.export import ExportFormat, export_case, write_report
from napari_leukoseg.export.jobs import REPORT, ExportJob, run_job
from napari_leukoseg.export.progress import telling_progress

CELLS = [((40, 50), 20, 1), ((90, 90), 15, 3), ((0, 120), 12, 2)]
TOLD = [f for f in ExportFormat if f not in (ExportFormat.CSV, ExportFormat.PARQUET)]
"""Tables are written in one go."""


class Stopped(Exception):  # noqa: N818
    """Somebody wants no more."""


@pytest.fixture
def drawn(make_case):
    drawn = make_case((600, 150), CELLS)
    MarkReviewed((1,)).apply(drawn.case)
    drawn.case.close()
    return drawn


@pytest.mark.parametrize("to", TOLD)
def test_progress_grows_to_the_end(drawn, tmp_path, to):
    told = []
    with telling_progress(told.append):
        export_case(drawn.case, to, tmp_path / "out", slide=drawn.slide)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(set(told)) == len(told)


@pytest.mark.parametrize("to", TOLD)
def test_stopped_exports_leave_no_half_file(drawn, tmp_path, to):
    def stop(share):
        raise Stopped

    out = tmp_path / "new" / "out"
    with telling_progress(stop), pytest.raises(Stopped):
        export_case(drawn.case, to, out, slide=drawn.slide)
    assert not out.is_file()
    assert list(tmp_path.glob("new/**/*.partial*")) == []
    # Nobody listens any more.
    export_case(drawn.case, to, out, slide=drawn.slide, overwrite=True)


@pytest.mark.parametrize("to", [*ExportFormat, REPORT])
def test_job_writes_what_the_writer_writes(drawn, tmp_path, to):
    one, other = tmp_path / "one" / "x.html", tmp_path / "other" / "x.html"
    slide = str(drawn.slide.path)
    job = ExportJob(str(drawn.case.path), to, str(one), slide, "y", {"count": 2})
    paths = run_job(job, lambda _: None)
    if to == REPORT:
        write_report(drawn.case, drawn.slide, other, CountSettings(2))
        expected = [other]
    else:
        expected = export_case(drawn.case, to, other, slide=drawn.slide, stem="y")
    names = [path.relative_to(tmp_path / "other") for path in expected]
    assert paths == [str(tmp_path / "one" / name) for name in names]
    if to is not ExportFormat.OME_ZARR:
        sizes = [(tmp_path / "one" / name).stat().st_size for name in names]
        assert sizes == [path.stat().st_size for path in expected]


def test_job_that_needs_the_slide(drawn, tmp_path):
    job = ExportJob(str(drawn.case.path), "crops", str(tmp_path / "out"))
    with pytest.raises(ExportError, match="give the slide"):
        run_job(job, lambda _: None)

"""One export or report as plain data, carried out with progress."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_leukoseg.case import Case
from napari_leukoseg.cells import CountSettings
from napari_leukoseg.export.formats import ExportFormat, export_case
from napari_leukoseg.export.progress import telling_progress
from napari_leukoseg.export.report import write_report
from napari_leukoseg.slide import open_slide

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["REPORT", "ExportJob", "run_job"]

REPORT = "report"
"""What is written, beside the values of `ExportFormat`."""


@dataclass(frozen=True)
class ExportJob:
    """What is to be written, and where.

    Parameters
    ----------
    case : str
        Case folder.
    to : str
        A value of `ExportFormat`, or `REPORT`.
    out : str
        File or folder.
    slide : str, optional
        Slide of the case, for what shows the picture.
    stem : str, optional
        Begin of the names in a folder; that of the case by default.
    count : dict, optional
        `CountSettings` of a report.
    overwrite : bool, optional
        Whether what is there is replaced.
    """

    case: str
    to: str
    out: str
    slide: str | None = None
    stem: str | None = None
    count: dict[str, Any] = field(default_factory=dict)
    overwrite: bool = False


def run_job(job: ExportJob, tell: Callable[[float], None]) -> list[str]:
    """Write what a job wants.

    Parameters
    ----------
    job : ExportJob
        What to write.
    tell : callable
        Gets the share that is done, from 0 to 1.

    Returns
    -------
    paths : list of str
        What was written.

    Raises
    ------
    LeukosegError
        If it cannot be written; no file is left half-written.
    """
    out = Path(job.out)
    with ExitStack() as stack:
        case = stack.enter_context(Case.open(job.case))
        slide = stack.enter_context(open_slide(job.slide)) if job.slide else None
        stack.enter_context(telling_progress(tell))
        if job.to == REPORT:
            settings = CountSettings.from_dict(job.count)
            write_report(case, slide, out, settings, overwrite=job.overwrite)
            return [job.out]
        to = ExportFormat(job.to)
        paths = export_case(
            case, to, out, slide=slide, stem=job.stem, overwrite=job.overwrite
        )
        return [str(path) for path in paths]

"""Report on a case: differential, cells, settings and provenance, HTML or PDF."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_leukoseg.cells import CountSettings
from napari_leukoseg.errors import ExportError
from napari_leukoseg.export.files import check_free, replaced_when_complete
from napari_leukoseg.export.report_data import gather_report

if TYPE_CHECKING:
    from pathlib import Path

    from napari_leukoseg.case import Case
    from napari_leukoseg.slide import SlideReader

__all__ = ["REPORT_SUFFIXES", "write_report"]

HTML_SUFFIXES = (".html", ".htm")

REPORT_SUFFIXES = (*HTML_SUFFIXES, ".pdf")
"""Ends of the files that a report can be written to."""


def write_report(
    case: Case,
    slide: SlideReader | None,
    path: Path,
    settings: CountSettings | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Write a report as one HTML page or as PDF.

    It shows the differential count with its intervals, warnings and sign-off, the
    slide with outlined cells, cells by class, and how they were found. It names the
    file of the slide and the specimen's pseudonym, but no folder, and nothing that
    the slide's file says of the patient.

    Parameters
    ----------
    case : Case
        Case to report on.
    slide : SlideReader or None
        Its slide; none leaves the pictures out.
    path : Path
        File to make, which ends on ``.html`` or ``.pdf``; its folder is made if
        missing.
    settings : CountSettings, optional
        Which cells are counted; as signed off by default, or all.
    overwrite : bool, optional
        Whether a file that is there is replaced.

    Raises
    ------
    ExportError
        If the name ends otherwise, the file exists and may not be replaced, or the
        folder cannot be written to.
    CaseError
        If the slide is not that of the case.
    SettingsError
        If a cell has a class that the scheme lacks.
    """
    suffix = path.suffix.lower()
    if suffix not in REPORT_SUFFIXES:
        raise ExportError(
            f"A report cannot be written to {path.name}; give a name that ends on "
            ".html or .pdf."
        )
    check_free([path], overwrite=overwrite)
    settings = settings or CountSettings.of_sign_off(case.signed_off)
    report = gather_report(case, slide, settings)
    with replaced_when_complete(path) as partial:
        # Each takes a while to import, and only one is needed.
        if suffix in HTML_SUFFIXES:
            from napari_leukoseg.export.report_page import write_html

            write_html(report, partial)
        else:
            from napari_leukoseg.export.report_pdf import write_pdf

            write_pdf(report, partial)

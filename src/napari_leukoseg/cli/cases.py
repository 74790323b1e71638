"""Chooses the case that a slide is segmented into: resumed, new, or for now only."""

from __future__ import annotations

import math
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from napari_leukoseg.case import Case, is_case
from napari_leukoseg.cli.outputs import Format
from napari_leukoseg.errors import CaseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_leukoseg.cli.outputs import Outputs
    from napari_leukoseg.slide import SlideReader

__all__ = ["working_case"]


@contextmanager
def working_case(
    slide: SlideReader, outputs: Outputs, mpp: float | None, *, overwrite: bool
) -> Iterator[Case]:
    """Give the case to work in, closed at the end.

    A case of the slide in the output folder is used even where none is asked for,
    since files written beside it should agree with it. Without one, and where none
    is asked for, the case lies in a temporary folder.

    Parameters
    ----------
    slide : SlideReader
        Its pixel size becomes that of a case that is used.
    outputs : Outputs
        What is asked for.
    mpp : float or None
        Pixel size that the user gave.
    overwrite : bool
        Whether what is asked for and exists is replaced.

    Raises
    ------
    CaseError
        If the case is of another slide, was made with another pixel size, or
        cannot be read or written.
    ExportError
        If a file would be replaced that may be another slide's.
    """
    path, is_asked = outputs.case, Format.CASE in outputs.formats
    is_kept = not (is_asked and overwrite)
    if is_kept and (is_case(path) or (is_asked and path.exists())):
        with Case.open(path) as case:
            case.check_slide(slide)
            _agree_on_mpp(case, slide, mpp)
            yield case
        return
    if not overwrite:
        outputs.check_free()
    if is_asked:
        with Case.create(path, slide, overwrite=overwrite) as case:
            yield case
        return
    with (
        tempfile.TemporaryDirectory(
            prefix="leukoseg-", ignore_cleanup_errors=True
        ) as folder,
        Case.create(Path(folder, path.name), slide) as case,
    ):
        yield case


def _agree_on_mpp(case: Case, slide: SlideReader, mpp: float | None) -> None:
    """Give the slide the pixel size of a case, which its table is measured with."""
    if mpp is None:
        slide.mpp = case.mpp
    elif case.mpp is None or not math.isclose(case.mpp, mpp, rel_tol=1e-6):
        known = "no pixel size" if case.mpp is None else f"{case.mpp:g} µm per pixel"
        raise CaseError(
            f"{case.path} was made with {known}, not with {mpp:g} µm; leave --mpp out, "
            "or give --overwrite to start anew."
        )

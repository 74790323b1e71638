"""Making a case ready for edits, in a thread; imported where it is needed."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_leukoseg.correct import History
from napari_leukoseg.errors import LeukosegError
from napari_leukoseg.plugin.exporting import LayerPixels, export_picture
from napari_leukoseg.slide import open_slide

if TYPE_CHECKING:
    from pathlib import Path

    from napari_leukoseg.case import Case
    from napari_leukoseg.slide import SlideReader

__all__ = ["OpenedCase", "open_case"]


@dataclass(frozen=True, eq=False)
class OpenedCase:
    """A case that edits may begin on.

    Parameters
    ----------
    history : History
        Its edits.
    slide : SlideReader or None
        Its slide, none where the source is gone or another.
    notice : str
        What the user should know; may be empty.
    trouble : str
        Why the case cannot be edited; empty where it can.
    """

    history: History
    slide: SlideReader | None
    notice: str = ""
    trouble: str = ""

    def close(self) -> None:
        """Let go of the slide."""
        if self.slide is not None:
            self.slide.close()


def open_case(case: Case, path: Path | None, pixels: LayerPixels) -> OpenedCase:
    """Repair a case that a killed process left, and open its slide.

    Parameters
    ----------
    case : Case
        Case that layers show.
    path : Path or None
        File of the picture, none where it exists in the viewer only.
    pixels : LayerPixels
        Picture in the viewer, for that case.
    """
    try:
        case.recover()
    except LeukosegError as error:
        return OpenedCase(History(case), None, trouble=str(error))
    finally:
        case.close()
    try:
        with ExitStack() as stack:
            slide = open_slide(path or export_picture(pixels))
            stack.callback(slide.close)
            history = History(case, slide)
            stack.pop_all()
        return OpenedCase(history, slide)
    except LeukosegError as error:
        notice = f"{error} Edits are possible; colors of cells are not measured anew."
        return OpenedCase(History(case), None, notice=notice)

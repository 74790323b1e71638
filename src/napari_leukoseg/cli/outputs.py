"""Files that a segmented slide is written to, and who may replace them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from napari_leukoseg.errors import ExportError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari_leukoseg.case import Case
    from napari_leukoseg.slide import SlideReader

__all__ = ["Format", "Outputs", "parse_formats", "prepare_folder"]


class Format(StrEnum):
    """What `--format` may name."""

    CASE = "case"
    TIFF = "tiff"
    CSV = "csv"
    OVERLAY = "overlay"


def parse_formats(text: str) -> frozenset[Format]:
    """Read a comma list of formats.

    Raises
    ------
    SettingsError
        If it is empty or names something else.
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    known = [format_.value for format_ in Format]
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise SettingsError(
            f"{(unknown or [text])[0]!r} is not a format; give one or more of "
            f"{','.join(known)}, with commas between."
        )
    return frozenset(Format(name) for name in names)


def prepare_folder(folder: Path) -> None:
    """Make the output folder, and make sure that it can be written to.

    Raises
    ------
    ExportError
        If it cannot; before any time is spent on segmenting.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise ExportError(
            f"The output folder {folder} cannot be written to ({reason}); give "
            "another one with --out, or change its permissions."
        ) from error


@dataclass(frozen=True)
class Outputs:
    """Names of what one slide is written to.

    Parameters
    ----------
    folder : Path
        Output folder.
    stem : str
        Begin of the names.
    formats : collection of Format
        What is written.
    """

    folder: Path
    stem: str
    formats: Collection[Format]

    @property
    def case(self) -> Path:
        """Case folder, whether it is asked for or not."""
        from napari_leukoseg.case import case_path

        return case_path(self.folder, self.stem)

    @property
    def files(self) -> list[Path]:
        """Files beside the case."""
        names = {
            Format.TIFF: ("nucleus.tif", "cytoplasm.tif", "class.tif"),
            Format.CSV: ("cells.csv",),
            Format.OVERLAY: ("overlay.png",),
        }
        return [
            self.folder / f"{self.stem}_{name}"
            for format_, ends in names.items()
            if format_ in self.formats
            for name in ends
        ]

    @property
    def paths(self) -> list[Path]:
        """Everything that is written, the case first."""
        case = [self.case] if Format.CASE in self.formats else []
        return [*case, *self.files]

    def check_free(self) -> None:
        """Refuse to replace files.

        Raises
        ------
        ExportError
            If one exists.
        """
        for path in self.files:
            if path.exists():
                raise ExportError(
                    f"{path} exists, and no case beside it tells that it came from "
                    "this slide; give --overwrite to replace it, or another folder "
                    "with --out."
                )

    def write_files(self, case: Case, slide: SlideReader) -> None:
        """Write the files beside the case."""
        from napari_leukoseg.export import (
            write_cell_csv,
            write_label_tiffs,
            write_overlay,
        )

        if Format.TIFF in self.formats:
            write_label_tiffs(case, self.folder, self.stem)
        if Format.CSV in self.formats:
            write_cell_csv(case, self.folder / f"{self.stem}_cells.csv")
        if Format.OVERLAY in self.formats:
            write_overlay(case, slide, self.folder / f"{self.stem}_overlay.png")

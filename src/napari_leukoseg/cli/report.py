"""`leukoseg report`: a case as a page to read, print and keep."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_leukoseg.cli.differential import (
    CountOrder,
    OrderOption,
    SeedOption,
    WbcOption,
)
from napari_leukoseg.cli.terminal import say
from napari_leukoseg.errors import ExportError, SettingsError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from napari_leukoseg.case import Case
    from napari_leukoseg.cells import CountSettings
    from napari_leukoseg.slide import SlideReader

__all__ = ["report"]


def report(
    case: Annotated[
        Path, typer.Argument(metavar="CASE", help="Case.", show_default=False)
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="FILE", help="File that ends on .html or .pdf."
        ),
    ],
    slide: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Slide of the case; looked for beside the case if absent.",
        ),
    ] = None,
    pictures: Annotated[
        bool, typer.Option(help="Show the slide with outlines, and its cells.")
    ] = True,
    count: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="White cells to count; as signed off if absent, else all.",
        ),
    ] = None,
    order: OrderOption = CountOrder.SCAN,
    seed: SeedOption = 0,
    wbc: WbcOption = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file if it is there.")
    ] = False,
) -> None:
    """Write count, cells, settings and provenance of a case as one file.

    The page holds its pictures and needs no network.
    """
    from napari_leukoseg.case import Case
    from napari_leukoseg.export import write_report

    with Case.open(case) as opened:
        settings = _settings(opened, count, order, seed, wbc)
        with _picture(opened, slide, is_wanted=pictures) as picture:
            write_report(opened, picture, out, settings, overwrite=overwrite)
    say(f"{out}")


def _settings(
    case: Case, count: int | None, order: CountOrder, seed: int, wbc: float | None
) -> CountSettings:
    """Return the count that is asked for, or signed off."""
    from napari_leukoseg.cells import CountSettings, Order

    settings = CountSettings.of_sign_off(case.signed_off)
    try:
        if count is not None:
            settings = replace(
                settings, count=count, order=Order(order.value), seed=seed
            )
        return settings if wbc is None else replace(settings, total_wbc=wbc)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error


def _picture(
    case: Case, path: Path | None, *, is_wanted: bool
) -> AbstractContextManager[SlideReader | None]:
    """Open the slide of a case, unless no picture is wanted."""
    from napari_leukoseg.export import find_source
    from napari_leukoseg.slide import open_slide

    if not is_wanted:
        return nullcontext()
    path = path or find_source(case)
    if path is None:
        raise ExportError(
            f"The slide {case.source_name!r} of {case.path} is not beside it; give "
            "--slide FILE, or --no-pictures."
        )
    return open_slide(path)

"""`leukoseg segment`: pictures and slides to cases and exported files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_leukoseg.cli import terminal
from napari_leukoseg.cli.arguments import parse_mpp, parse_region
from napari_leukoseg.cli.device import Device
from napari_leukoseg.cli.inputs import collect_slides
from napari_leukoseg.cli.outputs import Format, parse_formats, prepare_folder
from napari_leukoseg.cli.progress import working
from napari_leukoseg.cli.stain import StainMethod
from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from napari_leukoseg.stain import StainDefault, StainStep

__all__ = ["Device", "prepare_stain", "segment"]


def segment(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Pictures, slides, and folders of them (not their subfolders).",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="DIR", help="Output folder; made if missing."
        ),
    ],
    model: Annotated[
        str,
        typer.Option(metavar="NAME|FOLDER", help="A bundled model or a model folder."),
    ] = "default",
    device: Annotated[
        Device, typer.Option(help="auto takes CUDA, then MPS, then the CPU.")
    ] = Device.AUTO,
    mpp: Annotated[
        float | None,
        typer.Option(
            metavar="UM",
            parser=parse_mpp,
            help="Pixel size in µm, in place of what the file says.",
        ),
    ] = None,
    cell_diameter: Annotated[
        float | None,
        typer.Option(
            metavar="PX",
            help="Typical diameter of a white cell in pixels; found out if absent.",
        ),
    ] = None,
    region: Annotated[
        Region | None,
        typer.Option(
            metavar="R0,C0,R1,C1",
            parser=parse_region,
            help="First row and column, and those after the last, of the part to "
            "segment; the whole picture if absent.",
        ),
    ] = None,
    stain: Annotated[
        str,
        typer.Option(
            metavar="METHOD[:REFERENCE]",
            help="Standardize the stain before the network looks, by one of "
            f"{', '.join(StainMethod)}; the reference is what leukoseg stain takes. "
            "Or none, or model for what the model asks for.",
        ),
    ] = "model",
    estimate_from: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Picture or slide of the same smear by which the stain of all is "
            "estimated, for fields without white cells; with --stain METHOD.",
            show_default=False,
        ),
    ] = None,
    no_screen: Annotated[
        bool,
        typer.Option(
            "--no-screen",
            help="Have the network look everywhere. By default a slide is searched "
            "at low resolution first, and where it shows no nucleus is left out.",
        ),
    ] = False,
    no_close_look: Annotated[
        bool,
        typer.Option(
            "--no-close-look",
            help="Look at small pictures like at large ones. By default they are "
            "enlarged and looked at four times, turned round and in two sizes, which "
            "sharpens outlines and takes up to a second or so more.",
        ),
    ] = False,
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            metavar=",".join(Format),
            help="What is written, with commas between.",
        ),
    ] = Format.CASE.value,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace what is there and start anew; a case that a person edited "
            "is kept beside it under another name.",
        ),
    ] = False,
) -> None:
    """Segment white blood cells and give each its class.

    Writes, for a picture x, x.leukoseg.zarr (case), x_nucleus.tif, x_cytoplasm.tif
    and x_class.tif (tiff), x_cells.csv (csv), x_overlay.png (overlay). A case that
    is there already is resumed or added to; cells that a person edited or reviewed
    stay as they are.
    """
    from napari_leukoseg.pipeline import SegmentSettings

    try:
        wanted = parse_formats(formats)
        step = prepare_stain(stain, estimate_from)
        settings = SegmentSettings(cell_diameter, region, step)
        if no_screen:
            settings = replace(settings, screen=None)
        if no_close_look:
            settings = replace(settings, close_look=None)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error
    prepare_folder(out)
    try:
        slides = collect_slides(files)
        with working("Loading the model"):
            from napari_leukoseg.cli.batch import Batch
            from napari_leukoseg.segment import load_segmenter

            segmenter = load_segmenter(model, device.value)
        batch = Batch(segmenter, out, wanted, settings, mpp, overwrite)
        n_failed = batch.run(slides)
    except KeyboardInterrupt:
        terminal.note(_farewell(Format.CASE in wanted))
        raise typer.Exit(terminal.STOPPED) from None
    if n_failed:
        raise typer.Exit(1)


def prepare_stain(
    text: str, estimate_from: Path | None = None
) -> StainStep | StainDefault:
    """Return the stain step that ``--stain`` names, with its reference.

    Parameters
    ----------
    text : str
        As a user gives it.
    estimate_from : Path, optional
        Picture by which the stain of all others is estimated.

    Raises
    ------
    SettingsError
        If there is no such method, or it takes no reference; if there is a picture
        to estimate the stain from, but no method.
    StainReferenceError
        If there is no such reference.
    StainEstimationError
        If the picture does not show how it is stained.
    SlideError
        If it cannot be read.
    """
    from napari_leukoseg.stain import StainChoice, StainDefault

    if text not in StainDefault.__members__.values():
        step = StainChoice.parse(text).prepared()
        return step if estimate_from is None else step.estimated_from(estimate_from)
    if estimate_from is not None:
        raise SettingsError(
            f"--estimate-from {estimate_from} was given with --stain {text}; name the "
            "method that shall use it, such as --stain reinhard."
        )
    return StainDefault(text)


def _farewell(has_case: bool) -> str:
    """Say what is left after Ctrl-C."""
    if has_case:
        return (
            "Stopped. Finished tiles are kept in the case; the same command resumes "
            "there."
        )
    return (
        "Stopped. Finished pictures are kept, the one at work is not; with case in "
        "--format it could have been resumed."
    )

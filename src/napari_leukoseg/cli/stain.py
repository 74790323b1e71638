"""`leukoseg stain`: pictures and slides to one look."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_leukoseg.cli import terminal
from napari_leukoseg.cli.device import Device
from napari_leukoseg.cli.each_slide import for_each_slide
from napari_leukoseg.cli.inputs import collect_slides, refuse_result
from napari_leukoseg.cli.outputs import prepare_folder
from napari_leukoseg.cli.progress import progress_bar, working
from napari_leukoseg.errors import ExportError
from napari_leukoseg.steps import run_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch

    from napari_leukoseg.stain import Normalizer, Statistics

__all__ = ["Container", "StainMethod", "stain"]

DEFAULT_REFERENCE = "wright-giemsa"


class StainMethod(StrEnum):
    """What `--method` may name; `stain.Method`, which takes long to import."""

    REINHARD = "reinhard"
    MACENKO = "macenko"
    VAHADANE = "vahadane"
    HISTOGRAM = "histogram"
    RETINEX = "retinex"
    LEARNED = "learned"


class Container(StrEnum):
    """What `--format` may name; `stain.PictureFormat`."""

    TIFF = "tiff"
    ZARR = "zarr"
    PNG = "png"


def stain(
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
    method: Annotated[
        StainMethod, typer.Option(help="How the stain is standardized.")
    ] = StainMethod.REINHARD,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Look to standardize to: a bundled one, the file of one, a picture, "
            "or a folder of which the most typical picture is taken. Not for "
            "retinex.",
            show_default=DEFAULT_REFERENCE,
        ),
    ] = None,
    estimate_from: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Picture or slide of the same smear by which the stain of all is "
            "estimated; for fields that do not show it themselves, since they have "
            "no white cells.",
            show_default=False,
        ),
    ] = None,
    strength: Annotated[
        float,
        typer.Option(
            metavar="X", min=0.0, max=1.0, help="0 leaves the picture as it is."
        ),
    ] = 1.0,
    published: Annotated[
        bool,
        typer.Option(
            "--published",
            help="Carry the method out as published, for tissue, rather than in the "
            "way that suits smears.",
        ),
    ] = False,
    device: Annotated[
        Device | None,
        typer.Option(
            help="Where colors are computed; auto takes CUDA, then MPS, then the CPU. "
            "Not for retinex, which takes the CPU.",
            show_default="auto for learned, else cpu",
        ),
    ] = None,
    container: Annotated[
        Container,
        typer.Option(
            "--format",
            help="PNG, OME-TIFF or OME-Zarr; large slides need one of the latter two.",
        ),
    ] = Container.PNG,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what is there.")
    ] = False,
) -> None:
    """Bring differently stained smears to one look.

    Writes, for a picture x, x.png, x.ome.tif (tiff) or x.ome.zarr (zarr). How a
    slide is stained is estimated once, so its parts agree.
    """
    if method is StainMethod.RETINEX:
        _check_retinex(reference, device)
    prepare_folder(out)
    try:
        slides = collect_slides(files)
        with working("Loading the reference"):
            normalizer = _normalizer(method, reference, published)
            place = _place(method, device)
            source = _estimate(normalizer, estimate_from)
        batch = _Batch(normalizer, source, out, container, strength, overwrite, place)
        n_failed = batch.run(slides)
    except KeyboardInterrupt:
        terminal.note("Stopped. Finished pictures are kept, the one at work is not.")
        raise typer.Exit(terminal.STOPPED) from None
    if n_failed:
        raise typer.Exit(1)


def _check_retinex(reference: str | None, device: Device | None) -> None:
    """Refuse options that the method without reference does not have."""
    if reference is not None:
        raise typer.BadParameter(
            f"retinex has no reference, and {reference!r} was given; leave "
            "--reference out or choose another method."
        )
    if device not in (None, Device.AUTO, Device.CPU):
        raise typer.BadParameter(
            f"retinex runs on the CPU, and {device.value!r} was given; leave --device "
            "out or choose another method."
        )


def _place(method: StainMethod, device: Device | None) -> torch.device | None:
    """Return where to compute; none is NumPy, without the time to load PyTorch."""
    if device is None and method is StainMethod.LEARNED:
        device = Device.AUTO
    if device is None or method is StainMethod.RETINEX:
        return None
    from napari_leukoseg.segment.device import resolve_device

    place = resolve_device(device.value)
    is_numpy = place.type == "cpu" and method is not StainMethod.LEARNED
    return None if is_numpy else place


def _normalizer(
    method: StainMethod, reference: str | None, published: bool
) -> Normalizer:
    """Return the method, fitted to the reference."""
    from napari_leukoseg.stain import Variant, find_reference, make_normalizer

    variant = Variant.PUBLISHED if published else Variant.SMEAR
    if method is StainMethod.RETINEX:
        return make_normalizer(method.value, variant)
    found = find_reference(DEFAULT_REFERENCE if reference is None else reference)
    if found.name != reference:
        terminal.note(f"reference: {found.name}")
    return found.normalizer(method.value, variant)


def _estimate(normalizer: Normalizer, path: Path | None) -> Statistics | None:
    """Return how another picture is stained, or none if each shows it itself."""
    if path is None:
        return None
    from napari_leukoseg.slide import open_slide

    with open_slide(path) as slide:
        return normalizer.estimate_slide(slide)


@dataclass(frozen=True)
class _Batch:
    """What is done with every slide of one command."""

    normalizer: Normalizer
    source: Statistics | None
    folder: Path
    container: Container
    strength: float
    overwrite: bool
    device: torch.device | None

    def run(self, slides: Sequence[Path]) -> int:
        """Standardize slides, tell what became of each; return how many failed."""
        return for_each_slide(slides, self._standardize, "standardized")

    def _standardize(self, path: Path, stem: str, label: str) -> None:
        """Standardize one slide and write it."""
        from napari_leukoseg.slide import open_slide
        from napari_leukoseg.stain import (
            PictureFormat,
            StandardizedSlide,
            write_picture,
        )

        refuse_result(path)
        kind = PictureFormat(self.container.value)
        target = self.folder / f"{stem}{kind.suffix}"
        _check_target(target, path, overwrite=self.overwrite)
        with (
            open_slide(path) as source,
            StandardizedSlide(
                source,
                self.normalizer,
                self.source,
                strength=self.strength,
                device=self.device,
            ) as slide,
            _complete(target) as partial,
            progress_bar(label) as show,
        ):
            run_steps(
                write_picture(slide, partial, kind),
                lambda step: show(step.done, step.total),
            )
        terminal.say(f"{path.name}: written to {target}")


def _check_target(target: Path, source: Path, *, overwrite: bool) -> None:
    """Refuse to replace the source, folders of others, or anything unless told to."""
    if target.exists() and source.exists() and target.samefile(source):
        raise ExportError(
            f"{target} is the picture itself and is left alone; give another folder "
            "with --out."
        )
    if target.is_dir() and not (target / "zarr.json").is_file():
        raise ExportError(
            f"{target} is a folder of something else and is left alone; give another "
            "folder with --out."
        )
    if target.exists() and not overwrite:
        raise ExportError(
            f"{target} exists; give --overwrite to replace it, or another folder with "
            "--out."
        )


@contextmanager
def _complete(target: Path) -> Iterator[Path]:
    """Give a name to write to, which becomes the target when all is written."""
    from napari_leukoseg.case.files import PARTIAL_SUFFIX, replace_path
    from napari_leukoseg.export.files import write_errors

    partial = target.with_name(f".{target.name}{PARTIAL_SUFFIX}")
    with write_errors(target):
        _remove(partial)
        try:
            yield partial
            if target.is_dir():
                _remove(target)
            replace_path(partial, target)
        finally:
            _remove(partial)


def _remove(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

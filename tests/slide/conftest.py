"""Pictures in every format, written on the fly."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest
import tifffile
import zarr
from PIL import Image
from scipy.ndimage import gaussian_filter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

DATA_VARIABLE = "LEUKOSEG_DATA"

FINE_JPEG = {
    "photometric": "rgb",
    "compression": "jpeg",
    "compressionargs": {"level": 95},
    "subsampling": (1, 1),
}


@pytest.fixture(scope="session")
def draw_image() -> Callable[..., NDArray[np.uint8]]:
    """Draw smooth colored noise, so that JPEG keeps it nearly as it is."""

    def draw(rows: int, columns: int, *, seed: int = 0) -> NDArray[np.uint8]:
        noise = np.random.default_rng(seed).normal(size=(rows, columns, 3))
        smooth = gaussian_filter(noise, (4, 4, 0), mode="wrap") * 300 + 140
        return np.clip(smooth, 0, 255).astype(np.uint8)

    return draw


@pytest.fixture(scope="session")
def image(draw_image: Callable[..., NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Picture of awkward size: three tiles of 64 pixels and a bit."""
    return draw_image(203, 151)


@pytest.fixture
def data_slides() -> Path:
    """Folder of real slides; the test is skipped without it."""
    folder = Path(os.environ.get(DATA_VARIABLE, "")) / "slides"
    if not os.environ.get(DATA_VARIABLE) or not folder.is_dir():
        pytest.skip(f"{DATA_VARIABLE} is not set")
    return folder


@pytest.fixture(autouse=True)
def no_file_left_open() -> Iterator[None]:
    """Fail a test that leaves a file open."""
    before = {file.path for file in psutil.Process().open_files()}
    yield
    after = {file.path for file in psutil.Process().open_files()}
    assert after <= before


@dataclass(frozen=True)
class Stored:
    """A picture in a file, and how far its samples may be off."""

    path: Path
    image: NDArray[np.uint8]
    tolerance: int


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    Image.fromarray(image).save(path)


def write_jpeg(path: Path, image: NDArray[np.uint8]) -> None:
    Image.fromarray(image).save(path, quality=95, subsampling=0)


def write_tiff_strips(path: Path, image: NDArray[np.uint8]) -> None:
    options = {"compression": "deflate", "predictor": 2, "rowsperstrip": 10}
    tifffile.imwrite(path, image, photometric="rgb", **options)


def write_tiff_rows(path: Path, image: NDArray[np.uint8]) -> None:
    tifffile.imwrite(path, image, photometric="rgb")


def write_tiff_tiles(path: Path, image: NDArray[np.uint8]) -> None:
    tifffile.imwrite(path, image, photometric="rgb", tile=(64, 64), compression="zstd")


def write_tiff_jpeg(path: Path, image: NDArray[np.uint8]) -> None:
    tifffile.imwrite(path, image, tile=(64, 64), **FINE_JPEG)  # stored as YCbCr


def write_tiff_planes(path: Path, image: NDArray[np.uint8]) -> None:
    planes = np.moveaxis(image, 2, 0)
    options = {"planarconfig": "separate", "tile": (64, 64), "compression": "lzw"}
    tifffile.imwrite(path, planes, photometric="rgb", **options)


def write_tiff_plane_rows(path: Path, image: NDArray[np.uint8]) -> None:
    planes = np.moveaxis(image, 2, 0)
    tifffile.imwrite(path, planes, photometric="rgb", planarconfig="separate")


def write_big_tiff(path: Path, image: NDArray[np.uint8]) -> None:
    options = {"bigtiff": True, "byteorder": ">", "tile": (48, 80)}
    tifffile.imwrite(path, image, photometric="rgb", **options)


def write_ome_channels(path: Path, image: NDArray[np.uint8]) -> None:
    planes = np.moveaxis(image, 2, 0)
    options = {"photometric": "minisblack", "metadata": {"axes": "CYX"}}
    tifffile.imwrite(path, planes, tile=(64, 64), **options)


def write_ome_pyramid(path: Path, image: NDArray[np.uint8]) -> None:
    options = {"photometric": "rgb", "tile": (64, 64), "compression": "deflate"}
    with tifffile.TiffWriter(path, ome=True) as tif:
        tif.write(image, subifds=2, metadata={"axes": "YXS"}, **options)
        for step in (2, 4):
            tif.write(image[::step, ::step], subfiletype=1, **options)


def write_trestle(path: Path, image: NDArray[np.uint8]) -> None:
    """A scanner format that OpenSlide knows and tifffile can write."""
    tifffile.imwrite(
        path,
        image,
        photometric="rgb",
        tile=(64, 64),
        compression="deflate",
        metadata=None,
        software="MedScan",
        description="Background Color=E6E6E6;Objective Power=40;JPEG Quality=60",
        resolution=(0.25, 0.25),
        resolutionunit="none",
    )


def write_aperio(path: Path, image: NDArray[np.uint8]) -> None:
    tifffile.imwrite(
        path,
        image,
        tile=(64, 64),
        metadata=None,
        **FINE_JPEG,
        description="Aperio Image Library v12.0\n203x151|AppMag = 40|MPP = 0.2520",
    )


def write_ome_zarr(path: Path, image: NDArray[np.uint8], version: str) -> None:
    """Two levels with channels first, chunks of odd size."""
    scales = [{"type": "scale", "scale": [1.0, 0.25 * s, 0.25 * s]} for s in (1, 2)]
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": n, "type": "space", "unit": "micrometer"} for n in "yx"]
    multiscale = {
        "version": version,
        "axes": axes,
        "datasets": [
            {"path": str(i), "coordinateTransformations": [scale]}
            for i, scale in enumerate(scales)
        ],
    }
    is_old = version == "0.4"
    group = zarr.open_group(str(path), mode="w", zarr_format=2 if is_old else 3)
    for level in (0, 1):
        planes = np.moveaxis(image[:: 1 + level, :: 1 + level], 2, 0)
        group.create_array(str(level), data=planes, chunks=(1, 50, 70))
    attributes = {"multiscales": [multiscale]}
    group.attrs.update(
        attributes if is_old else {"ome": {"version": version, **attributes}}
    )


def write_ome_zarr_4(path: Path, image: NDArray[np.uint8]) -> None:
    write_ome_zarr(path, image, "0.4")


def write_ome_zarr_5(path: Path, image: NDArray[np.uint8]) -> None:
    write_ome_zarr(path, image, "0.5")


WRITERS = {
    "field.png": (write_png, 0),
    "field.bmp": (write_png, 0),
    "field.jpg": (write_jpeg, 12),
    "rows.tif": (write_tiff_rows, 0),
    "strips.tif": (write_tiff_strips, 0),
    "tiles.tif": (write_tiff_tiles, 0),
    "jpeg_tiles.tif": (write_tiff_jpeg, 12),
    "planes.tif": (write_tiff_planes, 0),
    "plane_rows.tif": (write_tiff_plane_rows, 0),
    "big.btf": (write_big_tiff, 0),
    "channels.ome.tif": (write_ome_channels, 0),
    "pyramid.ome.tif": (write_ome_pyramid, 0),
    "trestle.tif": (write_trestle, 0),
    "slide.svs": (write_aperio, 12),
    "old.ome.zarr": (write_ome_zarr_4, 0),
    "new.ome.zarr": (write_ome_zarr_5, 0),
}


@pytest.fixture(scope="session", params=WRITERS)
def stored(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    image: NDArray[np.uint8],
) -> Stored:
    """The same picture in each format in turn."""
    write, tolerance = WRITERS[request.param]
    path = tmp_path_factory.mktemp("stored") / request.param
    write(path, image)
    return Stored(path, image, tolerance)


@pytest.fixture
def write_stored(tmp_path: Path) -> Callable[..., Path]:
    """Write a picture in a named format of `WRITERS`."""

    def write(name: str, image: NDArray[np.uint8]) -> Path:
        path = tmp_path / name
        WRITERS[name][0](path, image)
        return path

    return write

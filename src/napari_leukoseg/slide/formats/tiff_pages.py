"""Pixels of TIFF pages: rows, strips and tiles in any layout and color space."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.geometry import Region, Size
from napari_leukoseg.slide.color import Alpha, ColorModel, PixelFormat, check_samples
from napari_leukoseg.slide.faults import Unreadable, UnsupportedColor
from napari_leukoseg.slide.sources import LevelSource, RowLayout, RowSource, gridded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from tifffile import TiffFrame, TiffPage

    from napari_leukoseg.slide.cache import BlockCache

    Page = TiffPage | TiffFrame

__all__ = ["channel_format", "page_format", "page_source"]

# Values of TIFF tags, from TIFF 6.0 and its supplements.
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _SEPARATED, _YCBCR = 0, 1, 2, 3, 5, 6
_SEPARATE_PLANES = 2
_ASSOCIATED_ALPHA, _STRAIGHT_ALPHA = 1, 2
_JPEG, _WEBP, _JPEG_2000 = (6, 7, 33007, 34892), (34927, 50001), (33005, 34712)
_JPEG_XL = (50002, 52546)

# These give RGB, whatever space they store.
_RGB_CODECS = frozenset((*_JPEG, *_WEBP, *_JPEG_2000, *_JPEG_XL))
# Aperio's JPEG 2000 with unmarked, subsampled YCbCr.
_UNMARKED_YCBCR = 33003

_MODELS = {
    _WHITE_IS_ZERO: ColorModel.GREY,
    _BLACK_IS_ZERO: ColorModel.GREY,
    _RGB: ColorModel.RGB,
    _PALETTE: ColorModel.PALETTE,
    _SEPARATED: ColorModel.CMYK,
    _YCBCR: ColorModel.YCBCR,
}
_ALPHAS = {_ASSOCIATED_ALPHA: Alpha.PREMULTIPLIED, _STRAIGHT_ALPHA: Alpha.STRAIGHT}


def page_format(page: TiffPage) -> PixelFormat:
    """Color rule of a page.

    Raises
    ------
    UnsupportedColor
        If its color space or compression has no rule.
    """
    photometric = int(page.photometric)
    if photometric not in _MODELS or page.compression == _UNMARKED_YCBCR:
        raise UnsupportedColor(
            f"its color space ({page.photometric!s}, compression "
            f"{page.compression!s}) is not supported; save it as RGB."
        )
    model = _MODELS[photometric]
    is_contiguous = page.planarconfig != _SEPARATE_PLANES
    if model is ColorModel.YCBCR and is_contiguous and page.compression in _RGB_CODECS:
        model = ColorModel.RGB
    alpha = _ALPHAS.get(int(page.extrasamples[0])) if page.extrasamples else None
    return PixelFormat(
        model,
        _bits(page),
        is_inverted=photometric == _WHITE_IS_ZERO,
        alpha=alpha or Alpha.NONE,
        palette=_palette(page) if model is ColorModel.PALETTE else None,
    )


def channel_format(page: TiffPage, n_channels: int) -> PixelFormat:
    """Color rule of channels that are stored as pages of their own."""
    model = ColorModel.RGB if n_channels == 3 else ColorModel.GREY
    return PixelFormat(model, _bits(page))


def _bits(page: TiffPage) -> int:
    """Bits per sample; all samples have the same."""
    if page.dtype is None or not isinstance(page.bitspersample, int):
        raise Unreadable(
            f"its samples have {page.bitspersample} bits; save it with 8 or 16 bits."
        )
    check_samples(page.dtype)
    return page.bitspersample


def _palette(page: TiffPage) -> NDArray[np.uint8]:
    """Colors (n, 3); some writers store 8 bits where 16 belong."""
    if page.colormap is None:
        raise Unreadable("its palette is missing; save it again as RGB.")
    colors: NDArray[Any] = np.asarray(page.colormap).T  # (3, n) -> (n, 3)
    if colors.max(initial=0) > 255:
        colors = colors >> 8
    return np.ascontiguousarray(colors, np.uint8)


def page_source(
    path: Path,
    keyframe: TiffPage,
    pages: list[Page],
    pixel_format: PixelFormat,
    cache: BlockCache,
) -> LevelSource:
    """Make a level of one page, or of one page per channel.

    Parameters
    ----------
    path : Path
        File that the pages lie in.
    keyframe : TiffPage
        Page whose layout the others share.
    pages : list of TiffPage or TiffFrame
        Equal in layout.
    pixel_format : PixelFormat
        Color rule for the samples of all pages together.
    cache : BlockCache
        Holds decoded tiles.

    Raises
    ------
    Unreadable
        If the file ends before the pages' data, or the layout is not supported.
    """
    if keyframe.imagedepth != 1:
        raise Unreadable("it holds a volume in one page; save it as a flat picture.")
    reader = _PageReader(keyframe, pages, pixel_format)
    reader.check_complete(path.stat().st_size)
    if keyframe.is_final and not keyframe.is_tiled:
        return _row_source(path, keyframe, pages, pixel_format)
    return gridded(
        (keyframe.imagelength, keyframe.imagewidth),
        reader.block,
        reader.load,
        cache,
        bytes_per_pixel=reader.n_samples * reader.dtype.itemsize,
    )


def _row_source(
    path: Path, keyframe: TiffPage, pages: list[Page], pixel_format: PixelFormat
) -> LevelSource:
    """Read uncompressed rows where they lie."""
    assert keyframe.dtype is not None  # noqa: S101 (checked by `_bits`)
    dtype = keyframe.dtype.newbyteorder(keyframe.parent.byteorder)
    is_separate = keyframe.planarconfig == _SEPARATE_PLANES
    n_samples = 1 if is_separate else keyframe.samplesperpixel
    n_planes = keyframe.samplesperpixel if is_separate else 1
    stride = keyframe.imagewidth * n_samples * dtype.itemsize
    plane_bytes = stride * keyframe.imagelength
    layouts = tuple(
        RowLayout(page.dataoffsets[0] + plane * plane_bytes, stride, dtype, n_samples)
        for page in pages
        for plane in range(n_planes)
    )
    shape = keyframe.imagelength, keyframe.imagewidth
    return RowSource(shape, path.open("rb"), layouts, pixel_format.to_rgb)


@dataclass
class _PageReader:
    """Decodes the segments (strips or tiles) that a region touches."""

    keyframe: TiffPage
    pages: list[Page]
    pixel_format: PixelFormat
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        page = self.keyframe
        self.level = Size(page.imagelength, page.imagewidth)
        if page.is_tiled:
            self.block = Size(page.tilelength, page.tilewidth)
        else:
            rows = min(page.rowsperstrip, page.imagelength)
            self.block = Size(rows, page.imagewidth)
        is_separate = page.planarconfig == _SEPARATE_PLANES
        self.n_planes = page.samplesperpixel if is_separate else 1
        self.plane_samples = page.samplesperpixel // self.n_planes
        self.n_samples = len(self.pages) * page.samplesperpixel

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of decoded samples."""
        assert self.keyframe.dtype is not None  # noqa: S101 (checked by `_bits`)
        return self.keyframe.dtype

    @property
    def grid(self) -> Size:
        """Segments down and across one plane."""
        return Size(
            math.ceil(self.level.height / self.block.height),
            math.ceil(self.level.width / self.block.width),
        )

    def check_complete(self, file_bytes: int) -> None:
        """Refuse pages whose data the file does not hold."""
        for page in self.pages:
            offsets, counts = np.array(page.dataoffsets), np.array(page.databytecounts)
            if len(offsets) < self.grid.area * self.n_planes:
                raise Unreadable("parts of its picture are missing; save it again.")
            last = int((offsets + counts).max())
            if self.keyframe.is_final:
                last = max(last, int(offsets[0]) + self.keyframe.nbytes)
            if last > file_bytes:
                raise Unreadable(
                    f"it has {file_bytes} bytes and its picture ends at byte {last}, "
                    "so it is truncated; copy it again."
                )

    def load(self, region: Region) -> NDArray[np.uint8]:
        """Decode a region that starts on segment edges, as RGB."""
        shape = region.height, region.width, self.n_samples
        samples = np.zeros(shape, self.dtype)
        missing = []
        for part, channel, segment in self._segments(region):
            target = part.shifted(-region.row, -region.column)
            if segment is None:
                missing.append(target)
                continue
            channels = slice(channel, channel + self.plane_samples)
            samples[(*target.slices, channels)] = segment[: part.height, : part.width]
        rgb = self.pixel_format.to_rgb(samples)
        for target in missing:
            rgb[target.slices] = 255  # scanners leave out empty glass
        return rgb

    def _segments(
        self, region: Region
    ) -> Iterator[tuple[Region, int, NDArray[Any] | None]]:
        """Yield place, first channel and decoded samples of each segment."""
        height, width = self.block.height, self.block.width
        rows = range(region.row // height, math.ceil(region.row_stop / height))
        columns = range(region.column // width, math.ceil(region.column_stop / width))
        planes = product(range(len(self.pages)), range(self.n_planes))
        for page, plane in planes:
            channel = (page * self.n_planes + plane) * self.plane_samples
            for row, column in product(rows, columns):
                block = Region(row * height, column * width, height, width)
                index = plane * self.grid.area + row * self.grid.width + column
                part = block.intersection(region)
                yield part, channel, self._decode(self.pages[page], index)

    def _decode(self, page: Page, index: int) -> NDArray[Any] | None:
        """Decode one segment, (M, N, samples of a plane), or none if left out."""
        count = page.databytecounts[index]
        if count == 0:
            return None
        file = page.parent.filehandle
        with self.lock:
            file.seek(page.dataoffsets[index])
            data = file.read(count)
        tables = (
            {"jpegtables": page.jpegtables, "jpegheader": self.keyframe.jpegheader}
            if self.keyframe.compression in _JPEG
            else {}
        )
        decoded, _, _ = self.keyframe.decode(data, index, **tables)
        return None if decoded is None else decoded[0]

"""The stated rules by which stored samples become 8-bit RGB.

No rule looks at the content of the picture, so the same sample gives the same
color in every picture and every region.

- Depth: below 8 bits, values are spread linearly over 0-255; above, the upper
  8 of the *stated* bits are kept (of the data type where no depth is stated).
- Grey is repeated; white-is-zero is inverted first.
- A palette is looked up; entries of 16 bits keep their upper 8.
- Alpha is composited on white, the color of an empty microscope field.
- CMYK becomes (1 - C)(1 - K), and so on; YCbCr follows JFIF (ITU-R BT.601,
  full range). Color profiles are not applied.
- Signed and floating-point samples have no agreed range and are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_leukoseg.slide.faults import Unreadable

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Alpha", "ColorModel", "PixelFormat", "check_samples", "composite"]


class ColorModel(StrEnum):
    """What the color samples of a pixel mean."""

    GREY = "grey"
    RGB = "RGB"
    PALETTE = "palette"
    CMYK = "CMYK"
    YCBCR = "YCbCr"


class Alpha(StrEnum):
    """What the sample after the color samples means."""

    NONE = "none"  # ignored if there is one
    STRAIGHT = "straight"
    PREMULTIPLIED = "premultiplied"


_N_COLORS = {
    ColorModel.GREY: 1,
    ColorModel.RGB: 3,
    ColorModel.PALETTE: 1,
    ColorModel.CMYK: 4,
    ColorModel.YCBCR: 3,
}


def check_samples(dtype: np.dtype[Any]) -> None:
    """Refuse sample types without an agreed range.

    Raises
    ------
    Unreadable
        If samples are neither boolean nor unsigned integers.
    """
    if dtype.kind not in "bu":
        raise Unreadable(
            f"its samples are {dtype.name}, which have no agreed range of "
            "brightness; save it with 8 or 16 unsigned bits per sample."
        )


def composite(
    rgb: NDArray[np.uint8],
    alpha: NDArray[np.uint8],
    *,
    background: tuple[int, int, int] = (255, 255, 255),
) -> NDArray[np.uint8]:
    """Lay straight-alpha colors over a plain background.

    Parameters
    ----------
    rgb : ndarray of shape (..., 3) and dtype uint8
    alpha : ndarray of shape (...) and dtype uint8
        255 is opaque.
    background : tuple of int, optional
        RGB of what lies below; white by default.
    """
    weight = alpha[..., None].astype(np.uint16)
    below = np.asarray(background, np.uint16)
    mixed: NDArray[np.uint16] = (rgb * weight + below * (255 - weight) + 127) // 255
    return mixed.astype(np.uint8)


@dataclass(frozen=True, eq=False)
class PixelFormat:
    """How the samples of a picture are to be read as color.

    Parameters
    ----------
    model : ColorModel
        Meaning of the color samples.
    bits : int, optional
        Meaningful bits per sample.
    is_inverted : bool, optional
        Whether zero is white (grey) or full ink (CMYK).
    alpha : Alpha, optional
        Meaning of the sample after the colors; samples after that are ignored.
    palette : ndarray of shape (n, 3) and dtype uint8, optional
        Needed by `ColorModel.PALETTE`.
    transparent : tuple of int, optional
        Stored samples of the one color that is transparent (PNG).
    """

    model: ColorModel
    bits: int = 8
    is_inverted: bool = False
    alpha: Alpha = Alpha.NONE
    palette: NDArray[np.uint8] | None = None
    transparent: tuple[int, ...] | None = None

    def to_rgb(self, samples: NDArray[Any]) -> NDArray[np.uint8]:
        """Convert stored samples.

        Parameters
        ----------
        samples : ndarray of shape (M, N) or (M, N, n_samples)
            Unsigned or boolean samples as decoded.

        Returns
        -------
        image : ndarray of shape (M, N, 3) and dtype uint8
            Contiguous RGB.
        """
        if samples.ndim == 2:
            samples = samples[..., None]
        n_colors = _N_COLORS[self.model]
        if samples.shape[2] < n_colors:
            raise Unreadable(
                f"it has {samples.shape[2]} samples per pixel where "
                f"{self.model} needs {n_colors}; save it as RGB."
            )
        rgb: NDArray[np.uint8] = self._colors_to_rgb(samples[..., :n_colors])
        if self.transparent is not None:
            rgb = rgb.copy()
            rgb[(samples[..., :n_colors] == self.transparent).all(axis=2)] = 255
        if self.alpha is not Alpha.NONE and samples.shape[2] > n_colors:
            rgb = self._over_white(rgb, self._to_8_bits(samples[..., n_colors]))
        return np.ascontiguousarray(rgb)

    def _over_white(
        self, rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]
    ) -> NDArray[np.uint8]:
        """Composite by the kind of alpha."""
        if alpha.min(initial=255) == 255:
            return rgb
        if self.alpha is Alpha.STRAIGHT:
            return composite(rgb, alpha)
        total = rgb.astype(np.uint16) + (255 - alpha[..., None])
        return np.asarray(np.minimum(total, 255), np.uint8)

    def _colors_to_rgb(self, colors: NDArray[Any]) -> NDArray[np.uint8]:
        """Convert color samples without alpha."""
        if self.model is ColorModel.PALETTE:
            return self._look_up(colors[..., 0])
        eight = self._to_8_bits(colors)
        if self.is_inverted:
            eight = 255 - eight
        if self.model is ColorModel.GREY:
            return np.repeat(eight, 3, axis=2)
        if self.model is ColorModel.CMYK:
            ink_free = 255 - eight.astype(np.uint16)
            mixed = (ink_free[..., :3] * ink_free[..., 3:] + 127) // 255
            return np.asarray(mixed, np.uint8)
        if self.model is ColorModel.YCBCR:
            return _ycbcr_to_rgb(eight)
        return eight

    def _look_up(self, indices: NDArray[Any]) -> NDArray[np.uint8]:
        """Colors of palette indices; indices beyond the palette are its last."""
        if self.palette is None or len(self.palette) == 0:
            raise Unreadable("its palette is missing; save it again as RGB.")
        # (M, N) -> (M, N, 3)
        inside = np.asarray(np.minimum(indices, len(self.palette) - 1), np.intp)
        return np.take(self.palette, inside, axis=0)

    def _to_8_bits(self, samples: NDArray[Any]) -> NDArray[np.uint8]:
        """Spread or cut samples to 8 bits by their stated depth."""
        check_samples(samples.dtype)
        if self.bits == 8:
            fits = samples.dtype == np.uint8
            return samples if fits else np.asarray(np.minimum(samples, 255), np.uint8)
        if self.bits < 8:
            top = (1 << self.bits) - 1
            spread = np.asarray(np.arange(top + 1) * 255 // top, np.uint8)
            return spread[np.asarray(np.minimum(samples, top), np.intp)]
        return np.asarray(np.minimum(samples >> (self.bits - 8), 255), np.uint8)


def _ycbcr_to_rgb(ycbcr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """JFIF 1.02, section 7."""
    luma, blue, red = np.moveaxis(ycbcr.astype(np.float32), 2, 0)
    blue -= 128
    red -= 128
    rgb = np.stack(
        (
            luma + 1.402 * red,
            luma - 0.344136 * blue - 0.714136 * red,
            luma + 1.772 * blue,
        ),
        axis=2,
    )
    return np.asarray(np.clip(np.rint(rgb), 0, 255), np.uint8)

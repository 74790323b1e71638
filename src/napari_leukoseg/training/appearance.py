"""Changes how a crop looks, as laboratories, lamps and cameras do."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from kornia.color import lab_to_rgb, rgb_to_lab
from PIL import Image
from pydantic import ConfigDict, with_config
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AppearanceSettings", "ColorStatistics", "vary_appearance"]

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
"""Rec. 601 weights of red, green and blue."""

CONTRAST_RANGE = (0.5, 2.0)
"""Limits of the gain of a channel when colors are borrowed."""


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class AppearanceSettings:
    """Strengths of the changes; zero turns one off.

    Parameters
    ----------
    borrow : float, optional
        Probability that cells and ground take the colors of another picture.
    stain : float, optional
        Standard deviation of the mixing between color channels of optical
        density, and of each channel's gain (log).
    white_balance : float, optional
        Standard deviation (log) of each channel's lamp intensity.
    saturation, gamma : float, optional
        Standard deviations (log).
    lamp : float, optional
        Largest share of light lost or gained across the crop.
    blur_px : float, optional
        Largest standard deviation of defocus.
    noise : float, optional
        Largest standard deviation of sensor noise, of 255.
    jpeg : float, optional
        Probability of a JPEG round trip.
    lab : float, optional
        Standard deviation of the shift of L*, a* and b*, in units of CIELAB,
        and of the gain of each about its mean, in percent (log).
    """

    borrow: float = 0.3
    stain: float = 0.12
    white_balance: float = 0.12
    saturation: float = 0.25
    gamma: float = 0.15
    lamp: float = 0.35
    blur_px: float = 1.6
    noise: float = 8.0
    jpeg: float = 0.25
    lab: float = 0.0


@dataclass(frozen=True, eq=False)
class ColorStatistics:
    """Mean optical density of white cells and of all else in a picture.

    Parameters
    ----------
    cell, ground : ndarray of shape (3,) and dtype float32
        By color channel.
    """

    cell: NDArray[np.float32]
    ground: NDArray[np.float32]

    @classmethod
    def measure(
        cls, image: NDArray[np.uint8], is_cell: NDArray[np.bool_]
    ) -> ColorStatistics | None:
        """Measure a picture, shape (M, N, 3); None without cell or ground."""
        if not is_cell.any() or is_cell.all():
            return None
        density = -np.log((image.astype(np.float32) + 1) / 256)
        return cls(density[is_cell].mean(axis=0), density[~is_cell].mean(axis=0))


def borrow_colors(
    image: NDArray[np.float32],
    own: ColorStatistics,
    other: ColorStatistics,
    share: float,
) -> NDArray[np.float32]:
    """Move cells and ground toward the colors of another picture.

    Cell and ground are matched apart, so that a crop full of cytoplasm does
    not become the color of a field full of red cells.
    """
    contrast = (other.cell - other.ground) / np.maximum(own.cell - own.ground, 0.05)
    gain = 1 + share * (np.clip(contrast, *CONTRAST_RANGE) - 1)
    ground = own.ground + share * (other.ground - own.ground)
    density = -np.log((image + 1) / 256)
    moved = (density - own.ground) * gain + ground
    borrowed: NDArray[np.float32] = 256 * np.exp(-np.maximum(moved, 0)) - 1
    return borrowed


def vary_stain(
    image: NDArray[np.float32], settings: AppearanceSettings, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Scale and mix the optical densities of the three color channels."""
    density = -np.log((image + 1) / 256)
    mixing = rng.normal(0, settings.stain, (3, 3))
    gains = np.exp(rng.normal(0, settings.stain, 3) + rng.normal(0, settings.stain))
    matrix = np.diag(gains) + mixing * (1 - np.eye(3)) * 0.5
    density = np.clip(density @ matrix.astype(np.float32), 0, None)
    lamp = np.exp(rng.normal(0, settings.white_balance, 3)).astype(np.float32)
    stained: NDArray[np.float32] = 256 * np.exp(-density) * np.minimum(lamp, 1.1) - 1
    return stained


def vary_lab(
    image: NDArray[np.float32], settings: AppearanceSettings, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Shift and scale lightness and both color axes of CIELAB.

    On tensors, since kornia takes colors outside sRGB back without a warning.
    """
    rgb = np.clip(image / 255, 0, 1).transpose(2, 0, 1)[None]  # (1, 3, M, N)
    lab = rgb_to_lab(torch.from_numpy(np.ascontiguousarray(rgb)))
    drawn = np.stack([rng.normal(0, settings.lab, 3) for _ in range(2)])
    gain, shift = torch.from_numpy(drawn).float()[..., None, None]  # (3, 1, 1) each
    mean = lab.mean(dim=(2, 3), keepdim=True)
    moved = (lab - mean) * (gain / 100).exp() + mean + shift
    varied = lab_to_rgb(moved)[0].numpy()
    return np.asarray(255 * varied.transpose(1, 2, 0), np.float32)


def vary_tone(
    image: NDArray[np.float32], settings: AppearanceSettings, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Change saturation and gamma."""
    grey = (image @ LUMINANCE)[..., None]
    factor = np.float32(np.exp(rng.normal(0, settings.saturation)))
    saturated = np.clip(grey + (image - grey) * factor, 0, 255) / np.float32(255)
    gamma = np.exp(rng.normal(0, settings.gamma))
    return np.asarray(255 * saturated**gamma, np.float32)


def vary_lamp(
    image: NDArray[np.float32], settings: AppearanceSettings, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Add a fall-off across the crop, or a bright spot."""
    rows, columns = np.meshgrid(
        *(np.linspace(-1, 1, n, dtype=np.float32) for n in image.shape[:2]),
        indexing="ij",
    )
    strength = rng.uniform(-settings.lamp, settings.lamp)
    if rng.random() < 0.5:
        angle = rng.uniform(0, 2 * np.pi)
        light = 1 + strength / 2 * (np.sin(angle) * rows + np.cos(angle) * columns)
        return np.asarray(image * light[..., None], np.float32)
    center, width = rng.uniform(-1, 1, 2), rng.uniform(0.3, 1)
    distance2 = (rows - center[0]) ** 2 + (columns - center[1]) ** 2
    spot = np.exp(-distance2 / (2 * width**2)).astype(np.float32)
    color = rng.uniform(0.6, 1, 3).astype(np.float32)
    return np.asarray(image * (1 + strength * spot[..., None] * color), np.float32)


def compress(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Write and read back as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as picture:
        return np.asarray(picture)


def vary_appearance(
    image: NDArray[np.uint8],
    settings: AppearanceSettings,
    rng: np.random.Generator,
    colors: tuple[ColorStatistics | None, ColorStatistics | None] = (None, None),
) -> NDArray[np.uint8]:
    """Change stain, tone, light, focus, noise and compression at random.

    Parameters
    ----------
    image : ndarray of shape (M, N, 3) and dtype uint8
        RGB crop.
    settings : AppearanceSettings
        Strengths.
    rng : Generator
        Source of randomness.
    colors : tuple of ColorStatistics or None, optional
        Of this crop, and of the picture it may borrow from.

    Returns
    -------
    varied : ndarray of shape (M, N, 3) and dtype uint8
        New array.
    """
    varied = image.astype(np.float32)
    own, other = colors
    if rng.random() < settings.borrow and own is not None and other is not None:
        varied = borrow_colors(varied, own, other, rng.uniform(0.3, 1))
    if rng.random() < 0.8:
        varied = vary_stain(varied, settings, rng)
    if settings.lab and rng.random() < 0.5:
        varied = vary_lab(varied, settings, rng)
    if rng.random() < 0.7:
        varied = vary_tone(varied, settings, rng)
    if rng.random() < 0.4:
        varied = vary_lamp(varied, settings, rng)
    if settings.blur_px and rng.random() < 0.35:
        sigma = rng.uniform(0.3, settings.blur_px)
        varied = ndimage.gaussian_filter(varied, (sigma, sigma, 0))
    if settings.noise and rng.random() < 0.35:
        level = rng.uniform(0, settings.noise)
        varied = varied + level * rng.standard_normal(varied.shape, np.float32)
    clipped = np.clip(varied, 0, 255).astype(np.uint8)
    if rng.random() < settings.jpeg:
        clipped = compress(clipped, int(rng.integers(35, 90)))
    return clipped

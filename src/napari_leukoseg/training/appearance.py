"""Changes how a crop looks, as laboratories, lamps and cameras do."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from pydantic import ConfigDict, with_config
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AppearanceSettings", "vary_appearance"]

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
"""Rec. 601 weights of red, green and blue."""


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class AppearanceSettings:
    """Strengths of the changes; zero turns one off.

    Parameters
    ----------
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
    """

    stain: float = 0.12
    white_balance: float = 0.12
    saturation: float = 0.25
    gamma: float = 0.15
    lamp: float = 0.35
    blur_px: float = 1.6
    noise: float = 8.0
    jpeg: float = 0.25


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
    image: NDArray[np.uint8], settings: AppearanceSettings, rng: np.random.Generator
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

    Returns
    -------
    varied : ndarray of shape (M, N, 3) and dtype uint8
        New array.
    """
    varied = image.astype(np.float32)
    if rng.random() < 0.8:
        varied = vary_stain(varied, settings, rng)
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

"""Color channels and threshold masks that guide the stain-standardized network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from skimage import filters
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = [
    "NUCLEUS_CHANNELS",
    "NUCLEUS_GUIDES",
    "WBC_CHANNELS",
    "WBC_GUIDES",
    "color_channels",
    "guidance_masks",
    "stack_channels",
]

NUCLEUS_CHANNELS = ("magenta", "lab_l", "lab_a", "hue", "saturation", "luv_l")
WBC_CHANNELS = ("cyan", "yellow", "lab_b", "hue", "saturation", "luv_v")
"""What the encoders of the nucleus and of the white cell see."""

NUCLEUS_GUIDES = (
    ("saturation", filters.threshold_otsu),
    ("green", filters.threshold_minimum),
    ("magenta", filters.threshold_isodata),
)
WBC_GUIDES = (
    ("yellow", filters.threshold_li),
    ("luv_v", filters.threshold_otsu),
    ("luv_v", filters.threshold_yen),
)
"""Channel and threshold of the masks at full, half and quarter resolution."""

LIGHTNESS_SCALE, CHROMA_SCALE = 100.0, 128.0
"""Divide L, and a*, b*, v*, so that all channels are of about the same size."""

BLACK_OFFSET = 1e-7
"""Keeps C, M and Y finite where K is 1."""


@torch.no_grad()
def color_channels(image: Tensor) -> dict[str, Tensor]:
    """Convert RGB to the channels of several color spaces.

    CIELAB and CIELUV are those of the D65 white and the 2° observer; L is
    divided by 100, a*, b* and v* by 128. HSV runs from 0 to 1, and C = (1 - R
    - K) / (1 - K + 1e-7) with K = 1 - max(R, G, B), likewise M and Y.

    Parameters
    ----------
    image : Tensor of shape (B, 3, H, W)
        sRGB from 0 to 1.

    Returns
    -------
    channels : dict of str to Tensor of shape (B, 1, H, W) and dtype float32
        ``red``, ``green``, ``blue``, ``cyan``, ``magenta``, ``yellow``,
        ``lab_l``, ``lab_a``, ``lab_b``, ``luv_l``, ``luv_v``, ``hue``,
        ``saturation``.
    """
    # Half a second to import, which the other networks need not wait for.
    from kornia.color import rgb_to_hsv, rgb_to_lab, rgb_to_luv

    image = image.float()
    brightest = image.amax(dim=1, keepdim=True)  # 1 - K
    printed = (brightest - image) / (brightest + BLACK_OFFSET)
    with torch.autocast(image.device.type, enabled=False):
        lab, luv = rgb_to_lab(image), rgb_to_luv(image)
        hsv = rgb_to_hsv(image)
    named = {
        ("red", "green", "blue"): image,
        ("cyan", "magenta", "yellow"): printed,
        ("lab_l",): lab[:, :1] / LIGHTNESS_SCALE,
        ("lab_a", "lab_b"): lab[:, 1:] / CHROMA_SCALE,
        ("luv_l",): luv[:, :1] / LIGHTNESS_SCALE,
        ("luv_v",): luv[:, 2:] / CHROMA_SCALE,
        ("hue",): hsv[:, :1] / (2 * math.pi),
        ("saturation",): hsv[:, 1:2],
    }
    return {
        name: channel
        for names, channels in named.items()
        for name, channel in zip(names, torch.split(channels, 1, dim=1), strict=True)
    }


def stack_channels(channels: Mapping[str, Tensor], names: Sequence[str]) -> Tensor:
    """Join channels to (B, len(names), H, W)."""
    return torch.cat([channels[name] for name in names], dim=1)


def guidance_masks(
    channels: Mapping[str, Tensor],
    guides: Sequence[tuple[str, Callable[[NDArray[np.float32]], float]]],
) -> list[Tensor]:
    """Threshold channels, each picture at its own value.

    Parameters
    ----------
    channels : mapping of str to Tensor of shape (B, 1, H, W)
        As `color_channels` gives them.
    guides : sequence of (str, callable)
        Channel, and the function that finds its threshold.

    Returns
    -------
    masks : list of Tensor of shape (B, 1, H, W) and dtype float32
        1 where the channel exceeds the threshold; all 0 where a picture has
        none, because it is even or its histogram has no two peaks.
    """
    masks = []
    for name, find_threshold in guides:
        values = channels[name].cpu().numpy()  # (B, 1, H, W)
        above = np.stack([exceed_threshold(v, find_threshold) for v in values])
        masks.append(torch.from_numpy(above).to(channels[name]))
    return masks


def exceed_threshold(
    values: NDArray[np.float32],
    find_threshold: Callable[[NDArray[np.float32]], float],
) -> NDArray[np.bool_]:
    """Mark what exceeds the threshold of one picture, nothing if it has none."""
    if values.min() == values.max():
        return np.zeros(values.shape, bool)
    try:
        threshold = find_threshold(values)
    except RuntimeError:  # no two peaks
        return np.zeros(values.shape, bool)
    above: NDArray[np.bool_] = values > threshold
    return above

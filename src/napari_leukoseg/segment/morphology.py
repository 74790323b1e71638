"""Describes a white cell by what morphologists look at, whatever the stain.

Lobes and outline of the nucleus, how much of the cell it fills, how coarse and how
dark its chromatin is, and the color of the cytoplasm *relative* to the nucleus, to the
red cells and to the ground of the same picture. Networks that look at colors as they
are mistake the stain of an unknown laboratory for a type of cell; these numbers change
little between laboratories.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.measure import perimeter_crofton
from skimage.morphology import convex_hull_image, reconstruction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Pixels = NDArray[np.float32]

__all__ = ["describe_cell", "feature_names"]

DIAMETER_PX = 64
"""Diameter to which each cell is brought, so that its size says nothing."""

SIDE_PX = 112
"""Side of the window around it."""

LEAST_PX = 20
"""Area below which a part is too small to have a color or a texture."""

LEAST_DENSITY = 0.12
"""Optical density, summed over the channels, below which a color is noise."""

SKIN_PX = 3
"""What is this near to the outline of a cell belongs neither to it nor to the rest."""

RED_CELL_DENSITY = (0.12, 0.75)
"""Optical density of red cells, as a share of that of the nucleus."""

LEAST_RED_CELLS = 0.05
"""Share of the surroundings that must look like red cells to be taken for them."""

LOBE_DEPTHS = (0.06, 0.12)
"""How much narrower a neck is than its lobes, in radii of the nucleus."""

GRAINS_PX = (1.0, 2.0, 4.0)
"""Scales of granules and chromatin: standard deviations of the finer of two blurs."""

CHANNELS = ("red", "green", "blue")


def describe_cell(
    image: NDArray[np.uint8], nucleus: Mask, cell: Mask
) -> NDArray[np.float32]:
    """Describe one cell.

    Parameters
    ----------
    image : ndarray of uint8, shape (M, N, 3)
        RGB picture of the cell and what lies around it.
    nucleus, cell : ndarray of bool, shape (M, N)
        Masks; the nucleus may be empty, the cell not.

    Returns
    -------
    features : ndarray of float32, shape (F,)
        Finite and without unit, in the order of `feature_names`.
    """
    values = _measure(image, nucleus, cell)
    return np.nan_to_num(np.fromiter(values.values(), np.float32), posinf=0, neginf=0)


@cache
def feature_names() -> tuple[str, ...]:
    """Return the name of each feature that `describe_cell` gives."""
    rows, columns = np.indices((32, 32)) - 16
    distance = np.hypot(rows, columns)
    shade = np.where(distance < 6, 80, np.where(distance < 12, 160, 240))
    image = np.repeat(shade[..., None], 3, axis=2).astype(np.uint8)
    return tuple(_measure(image, distance < 6, distance < 12))


def _measure(image: NDArray[np.uint8], nucleus: Mask, cell: Mask) -> dict[str, float]:
    """Measure all features of a cell, by name."""
    window = _Window(image, nucleus, cell)
    return {
        **_nuclear_shape(window.nucleus, window.cell),
        **_outline("cell", window.cell),
        **_densities(window),
        **_colors(window),
        **_relative_to_red_cells(window),
    }


class _Window:
    """A cell at the standard size, in optical densities above the ground."""

    def __init__(self, image: NDArray[np.uint8], nucleus: Mask, cell: Mask) -> None:
        colors, self.nucleus, self.cell, inside = _at_standard_size(
            image, nucleus, cell
        )
        around = inside & ~ndimage.binary_dilation(self.cell, iterations=SKIN_PX)
        if around.sum() < LEAST_PX:
            around = inside
        density = -np.log((colors + 1) / 256)
        self.density = density - _ground(density[around])  # (S, S, 3)
        self.around = self.density[around]
        if self.nucleus.sum() < LEAST_PX:
            self.nucleus = self.cell
        cytoplasm = self.cell & ~self.nucleus
        core = ndimage.binary_erosion(cytoplasm)
        self.cytoplasm = next(
            mask
            for mask in (core, cytoplasm, self.cell)
            if mask.sum() >= min(LEAST_PX, self.cell.sum())
        )
        middle = ndimage.binary_erosion(self.cell, iterations=SKIN_PX)
        self.middle = middle if middle.any() else self.cell
        stained = self.density[self.nucleus].mean(axis=0)
        self.stained = np.maximum(stained, 0.1)
        self.grey = self.density.mean(axis=-1) / self.stained.mean()
        total = np.maximum(self.density.sum(axis=-1, keepdims=True), LEAST_DENSITY)
        self.hue = self.density / total  # (S, S, 3), shares of the channels


def _at_standard_size(
    image: NDArray[np.uint8], nucleus: Mask, cell: Mask
) -> tuple[Pixels, Mask, Mask, Mask]:
    """Bring picture and masks to the standard size; last, what lies in the picture."""
    zoom = 2 * np.sqrt(cell.sum() / np.pi) / DIAMETER_PX
    middle = np.array(ndimage.center_of_mass(cell)) + 0.5
    low = middle - zoom * SIDE_PX / 2
    high = middle + zoom * SIDE_PX / 2
    before = np.maximum(0, np.ceil(-low)).astype(int)
    after = np.maximum(0, np.ceil(high - cell.shape)).astype(int)
    margins = list(zip(before, after, strict=True))
    box = (*(low + before)[::-1], *(high + before)[::-1])
    part = np.pad(image, (*margins, (0, 0)), mode="edge")
    with Image.fromarray(part) as picture:
        size = (SIDE_PX, SIDE_PX)
        colors = np.asarray(picture.resize(size, Image.Resampling.BILINEAR, box))
    masks = []
    for mask in (nucleus & cell, cell, np.ones_like(cell)):
        with Image.fromarray(np.pad(mask, margins).astype(np.uint8) * 255) as drawn:
            resized = drawn.resize(size, Image.Resampling.BILINEAR, box)
            masks.append(np.asarray(resized) > 127)
    return colors.astype(np.float32), masks[0], masks[1], masks[2]


def _ground(density: Pixels) -> Pixels:
    """Optical density of the brightest quarter of some pixels, shape (n, 3)."""
    total = density.sum(axis=1)
    ground: Pixels = np.median(density[total <= np.quantile(total, 0.25)], axis=0)
    return ground


def _outline(part: str, mask: Mask) -> dict[str, float]:
    """Solidity, eccentricity and circularity."""
    area = float(mask.sum())
    coordinates = np.nonzero(mask)
    minor, major = np.linalg.eigvalsh(np.cov(coordinates, bias=True) + np.eye(2) / 12)
    return {
        f"{part}_solidity": area / _hull_area(mask),
        f"{part}_eccentricity": np.sqrt(max(0, 1 - minor / major)),
        f"{part}_circularity": 4 * np.pi * area / perimeter_crofton(mask) ** 2,
        f"{part}_elongation": np.log(major / minor),
    }


def _hull_area(mask: Mask) -> float:
    """Area of the convex hull of a mask."""
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    return float(convex_hull_image(mask[box]).sum())


def _nuclear_shape(nucleus: Mask, cell: Mask) -> dict[str, float]:
    """Size, parts, lobes, thickness and place of the nucleus."""
    area, whole = float(nucleus.sum()), float(cell.sum())
    radius, reach = np.sqrt(area / np.pi), np.sqrt(whole / np.pi)
    parts, count = ndimage.label(ndimage.binary_opening(nucleus))
    sizes = np.bincount(parts.ravel(), minlength=count + 1)[1:]
    depth = ndimage.distance_transform_edt(nucleus) / radius
    inside = depth[nucleus]
    rows, columns = np.indices(cell.shape)
    row, column = ndimage.center_of_mass(cell)
    offset = np.subtract((row, column), ndimage.center_of_mass(nucleus))
    from_middle = np.hypot(rows - row, columns - column) / reach
    filled = ndimage.binary_fill_holes(nucleus)
    outline = _outline("nucleus", nucleus)
    values = {
        "nucleus_fraction": area / whole,
        "nucleus_parts": float((sizes > 0.06 * area).sum()),
        "nucleus_holes": (filled & ~nucleus).sum() / whole,
        "nucleus_offset": np.hypot(*offset) / reach,
        "nucleus_in_middle": nucleus[from_middle < 0.35].mean(),
        "nucleus_at_border": nucleus[(from_middle > 0.8) & (from_middle < 1)].mean(),
        "nucleus_hull_fraction": area / outline["nucleus_solidity"] / whole,
        "nucleus_depth_mean": inside.mean(),
        "nucleus_depth_max": inside.max(),
    }
    box = ndimage.find_objects(nucleus.astype(np.uint8))[0]
    smooth = ndimage.gaussian_filter(np.pad(depth[box], 2), 1)
    for step in LOBE_DEPTHS:
        values[f"nucleus_lobes_{step}"] = _count_tops(smooth, step)
    for share in (0.5, 0.8, 0.95):
        values[f"nucleus_depth_{share}"] = np.quantile(inside, share)
    return {**values, **outline}


def _count_tops(surface: NDArray[np.floating], height: float) -> float:
    """Count the maxima that stand at least `height` above their saddles."""
    domes = surface - reconstruction(surface - height, surface)
    return float(ndimage.label(domes > height * 0.999)[1])


def _densities(window: _Window) -> dict[str, float]:
    """How dark and how coarse nucleus and cytoplasm are, relative to the nucleus."""
    grey, nucleus, cytoplasm = window.grey, window.nucleus, window.cytoplasm
    middle = grey[window.middle]
    spread = middle.std()
    values = {
        "contrast": np.median(grey[nucleus]) - np.median(grey[cytoplasm]),
        "spread": spread,
        "skewness": ((middle - middle.mean()) ** 3).mean() / (spread**3 + 1e-3),
        "dark_cytoplasm": (grey[cytoplasm] > 0.75).mean(),
        "pale_cytoplasm": (grey[cytoplasm] < 0.3).mean(),
        "pale_nucleus": (grey[nucleus] < 0.7).mean(),
    }
    for share in (0.1, 0.5, 0.9):
        values[f"cytoplasm_density_{share}"] = np.quantile(grey[cytoplasm], share)
        values[f"nucleus_density_{share}"] = np.quantile(grey[nucleus], share)
    for sigma in GRAINS_PX:
        fine = ndimage.gaussian_filter(grey, sigma)
        grains = fine - ndimage.gaussian_filter(grey, 1.6 * sigma)
        values[f"cytoplasm_grains_{sigma}"] = grains[cytoplasm].std()
        values[f"nucleus_grains_{sigma}"] = grains[nucleus].std()
        values[f"grains_{sigma}"] = grains[window.middle].std()
    return values


def _colors(window: _Window) -> dict[str, float]:
    """Stain of the cytoplasm relative to the nucleus, by channel."""
    density, hue = window.density, window.hue
    nucleus, cytoplasm = window.nucleus, window.cytoplasm
    total = window.stained.mean()
    values = {}
    for index, name in enumerate(CHANNELS):
        taken = np.median(density[cytoplasm][:, index])
        values[f"cytoplasm_{name}"] = taken / total
        values[f"cytoplasm_to_nucleus_{name}"] = taken / window.stained[index]
        values[f"nucleus_{name}"] = window.stained[index] / total
        values[f"cytoplasm_{name}_spread"] = density[cytoplasm][:, index].std() / total
        values[f"nucleus_{name}_spread"] = density[nucleus][:, index].std() / total
        of_nucleus = hue[nucleus][:, index]
        of_cytoplasm = hue[cytoplasm][:, index]
        values[f"hue_{name}"] = np.median(of_cytoplasm) - np.median(of_nucleus)
        values[f"hue_{name}_cytoplasm_spread"] = of_cytoplasm.std()
        values[f"hue_{name}_nucleus_spread"] = of_nucleus.std()
    redness = hue[..., 0] - hue[..., 2]
    values["redness_nucleus"] = np.median(redness[nucleus])
    for share in (0.2, 0.5, 0.8):
        quantile = np.quantile(redness[cytoplasm], share)
        values[f"redness_{share}"] = quantile - values["redness_nucleus"]
    return values


def _relative_to_red_cells(window: _Window) -> dict[str, float]:
    """Where the hue of the cytoplasm lies between nucleus (0) and red cells (1)."""
    share = window.around.mean(axis=1) / window.stained.mean()
    is_red = (share > RED_CELL_DENSITY[0]) & (share < RED_CELL_DENSITY[1])
    names = (
        "red_cells",
        "toward_red_cells_0.1",
        "toward_red_cells_0.5",
        "toward_red_cells_0.9",
        "paler_than_red_cells",
    )
    if is_red.mean() < LEAST_RED_CELLS:
        return dict.fromkeys(names, 0.0)
    red = window.around[is_red]
    hue = red / np.maximum(red.sum(axis=1, keepdims=True), LEAST_DENSITY)
    start = np.median(window.hue[window.nucleus], axis=0)
    way = np.median(hue, axis=0) - start
    along = (window.hue[window.cytoplasm] - start) @ way / max(way @ way, 0.004)
    pale = np.median(share[is_red]) - np.median(window.grey[window.cytoplasm])
    values = (1.0, *np.quantile(along, (0.1, 0.5, 0.9)), pale)
    return dict(zip(names, values, strict=True))

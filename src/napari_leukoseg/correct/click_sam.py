"""Add by click with a SAM or MedSAM checkpoint that the user has.

Needs the library `segment-anything` of its authors, which is no dependency: it is
imported when a checkpoint is loaded.
"""

from __future__ import annotations

import importlib
import pickle
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from skimage.filters import threshold_otsu

from napari_leukoseg.cell import SegmentedCell
from napari_leukoseg.classes import UNCLASSIFIED
from napari_leukoseg.correct.click_masks import choose_cell
from napari_leukoseg.correct.click_window import ClickWindow
from napari_leukoseg.correct.clicking import (
    NoCellError,
    box_of,
    check_prompt,
    known_diameter,
    middle_of,
    points_of,
)
from napari_leukoseg.errors import ModelError, SettingsError
from napari_leukoseg.geometry import Region
from napari_leukoseg.segment.device import resolve_device

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_leukoseg.correct.clicking import Outline, PixelSource, Prompt

__all__ = ["KINDS", "SamClicker", "SamPredictor", "load_sam_clicker"]

KINDS = ("vit_b", "vit_l", "vit_h", "medsam")
"""Sizes of SAM's encoder; MedSAM is a SAM of the first size, trained on boxes."""

SIDE_PX = 1024
"""Side of the pictures that SAM sees."""

WINDOW_DIAMETERS = 4.0
"""Side of the window in cell diameters; SAM wants to see what a thing lies in."""

UNKNOWN_DIAMETER_SHARE = 0.25
"""Cell diameter, as a share of the picture's shorter side, where none is known."""


class SamPredictor(Protocol):
    """What is used of `segment_anything.SamPredictor`; points are (x, y)."""

    def set_image(self, image: NDArray[np.uint8]) -> None:
        """Encode a picture, shape (M, N, 3)."""

    def predict(
        self,
        *,
        point_coords: NDArray[np.float64] | None,
        point_labels: NDArray[np.int64] | None,
        box: NDArray[np.float64] | None,
        multimask_output: bool,
    ) -> tuple[NDArray[np.bool_], NDArray[np.floating], Any]:
        """Give masks (K, M, N), their expected IoU (K,), and logits."""


class SamClicker:
    """A `Clicker` by SAM, which outlines whole cells.

    The nucleus is what of the cell absorbs most green light, by Otsu's
    threshold, for dyes of the nucleus do.

    Parameters
    ----------
    predictor : SamPredictor
        Holds the weights.
    boxes_only : bool, optional
        Whether it understands no clicks, as MedSAM: a click then stands for a
        box of the cell's size around it, and clicks outside only cut.
    """

    def __init__(self, predictor: SamPredictor, *, boxes_only: bool = False) -> None:
        self.predictor, self.boxes_only = predictor, boxes_only

    def segment(
        self,
        slide: PixelSource,
        prompt: Prompt,
        *,
        previous: Outline | None = None,
        cell_diameter_px: float | None = None,
    ) -> SegmentedCell:
        """Outline the cell that a prompt points at; see `Clicker`."""
        check_prompt(
            prompt,
            slide.shape,
            has_previous=previous is not None,
            cell_diameter_px=cell_diameter_px,
        )
        diameter = known_diameter(prompt, previous, cell_diameter_px)
        if diameter is None:
            diameter = UNKNOWN_DIAMETER_SHARE * min(slide.shape)
        window = ClickWindow.around(
            middle_of(prompt, previous),
            diameter,
            working_px=SIDE_PX / WINDOW_DIAMETERS,
            side_px=SIDE_PX,
            seen=points_of(prompt, previous),
        )
        image, inside = window.read(slide)
        mask, score = self._ask(image, window, prompt, previous, diameter)
        none = np.zeros(mask.shape, bool)
        chosen = choose_cell(
            (mask & inside).astype(np.float32),
            [window.place(point) for point in prompt.positive],
            [window.place(point) for point in prompt.negative],
            None if prompt.box is None else window.place_box(prompt.box),
            none if previous is None else window.show(previous)[0] > 0,
        )
        chosen &= inside
        if not chosen.any():
            raise NoCellError(
                "SAM finds nothing there; click into the middle of a cell, or draw a "
                "box around it."
            )
        lead = nucleus_lead(image, chosen)
        masks = window.to_level0(chosen.astype(np.float32), lead, slide.shape)
        return SegmentedCell(*masks, (UNCLASSIFIED,), np.ones(1), score)

    def _ask(
        self,
        image: NDArray[np.uint8],
        window: ClickWindow,
        prompt: Prompt,
        previous: Outline | None,
        diameter_px: float,
    ) -> tuple[NDArray[np.bool_], float]:
        """Give the mask of the highest score, and the score."""
        labels = [1] * len(prompt.positive) + [0] * len(prompt.negative)
        points = [window.place(p)[::-1] for p in prompt.positive + prompt.negative]
        box = prompt.box or (None if previous is None else box_of(previous))
        if box is None and self.boxes_only:
            middle = middle_of(prompt, previous)
            row, column = (round(v - diameter_px / 2) for v in middle)
            box = Region(row, column, round(diameter_px), round(diameter_px))
        top, left, bottom, right = window.place_box(box) if box else (0.0,) * 4
        has_points = bool(points) and not self.boxes_only
        self.predictor.set_image(image)
        masks, scores, _ = self.predictor.predict(
            point_coords=np.array(points, float) if has_points else None,
            point_labels=np.array(labels, np.int64) if has_points else None,
            box=np.array([left, top, right, bottom]) if box else None,
            # One click may mean nucleus, cell or heap; more say which.
            multimask_output=box is None and len(points) == 1,
        )
        best = int(np.argmax(scores))
        return masks[best] > 0, float(np.clip(scores[best], 0, 1))


def nucleus_lead(
    image: NDArray[np.uint8], cell: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Above zero where the cell is darker in green than Otsu's threshold in it."""
    green = image[..., 1].astype(np.float32)
    values = green[cell]
    if values.min() == values.max():
        return np.zeros_like(green)
    return np.asarray(threshold_otsu(values) - green, np.float32)


def load_sam_clicker(
    checkpoint: Path, kind: str = "vit_b", device: str = "auto"
) -> SamClicker:
    """Load a checkpoint of SAM or MedSAM.

    Parameters
    ----------
    checkpoint : Path
        File as its authors publish it; only tensors are read from it.
    kind : {'vit_b', 'vit_l', 'vit_h', 'medsam'}, optional
        What it is a checkpoint of.
    device : {'auto', 'cpu', 'cuda', 'mps'}, optional
        Where to run.

    Raises
    ------
    SettingsError
        If the kind is unknown.
    ModelError
        If `segment-anything` is not installed, or the file cannot be read, holds
        more than tensors, or is of another kind.
    DeviceError
        If the device is absent.
    """
    if kind not in KINDS:
        raise SettingsError(f"SAM {kind!r} is unknown; give {', '.join(KINDS)}.")
    place = resolve_device(device)
    library = import_segment_anything()
    is_medsam = kind == "medsam"
    network = library.sam_model_registry["vit_b" if is_medsam else kind]()
    try:
        network.load_state_dict(read_checkpoint(checkpoint))
    except RuntimeError as error:
        raise ModelError(
            f"{checkpoint} is no checkpoint of SAM {kind!r}; give its kind, one of "
            f"{', '.join(KINDS)}."
        ) from error
    if is_medsam:  # trained on colors in 0 to 1
        network.pixel_mean = torch.zeros_like(network.pixel_mean)
        network.pixel_std = torch.full_like(network.pixel_std, 255)
    predictor = library.SamPredictor(network.eval().to(place))
    return SamClicker(predictor, boxes_only=is_medsam)


def import_segment_anything() -> Any:
    """Import the library, which a user who has a checkpoint installs."""
    try:
        return importlib.import_module("segment_anything")
    except ImportError as error:
        raise ModelError(
            f"The library segment-anything is not to be had ({error}); install it with "
            "pip install git+https://github.com/facebookresearch/segment-anything.git, "
            "and torchvision for the PyTorch in use."
        ) from error


def read_checkpoint(path: Path) -> Any:
    """Read tensors, and refuse a file that holds anything else."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ModelError(
            f"{path} is not a checkpoint that can be read safely ({error}); give the "
            "file as the authors of SAM or MedSAM publish it."
        ) from error

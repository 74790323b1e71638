"""Add by click with the bundled network, at whatever size cells have."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.special import softmax

from napari_leukoseg.cell import SegmentedCell
from napari_leukoseg.classes import UNCLASSIFIED
from napari_leukoseg.correct.click_look import Look, best_look
from napari_leukoseg.correct.click_masks import choose_cell, expected_overlap, insist
from napari_leukoseg.correct.click_window import ClickWindow
from napari_leukoseg.correct.clicking import (
    NoCellError,
    check_prompt,
    known_diameter,
    middle_of,
    points_of,
)
from napari_leukoseg.errors import ModelError
from napari_leukoseg.segment.card import DEFAULT_MODEL
from napari_leukoseg.segment.click_maps import draw_prompt
from napari_leukoseg.segment.device import autocast, autocast_dtype, resolve_device
from napari_leukoseg.segment.model import load_model
from napari_leukoseg.segment.networks import PROMPTED
from napari_leukoseg.segment.networks.base import CYTOPLASM, NUCLEUS
from napari_leukoseg.segment.predict import Segmenter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_leukoseg.correct.clicking import Outline, PixelSource, Point, Prompt
    from napari_leukoseg.segment.model import Model

__all__ = ["NetworkClicker", "bundled_clicker", "load_clicker"]

WINDOW_DIAMETERS = 2.25
"""Side of the window, in working diameters: the cell, wherever in it the click is."""

GUESSES_PX = (36.0, 100.0, 280.0)
"""Cell diameters that are tried together where none is known; the network knows
cells of half to twice the size that it expects."""

DOUBT = 1e-4
"""Least probability that an opinion is taken to mean, so that none is a veto."""

MAX_LOOKS = 3
"""Looks at one cell; each begins with what the last one found."""


@dataclass(frozen=True, eq=False)
class Request:
    """What is asked, and of which picture."""

    slide: PixelSource
    prompt: Prompt
    previous: Outline | None

    @property
    def middle(self) -> Point:
        """Middle of all that is pointed at, at level 0."""
        return middle_of(self.prompt, self.previous)

    def drawn_in(self, window: ClickWindow) -> NDArray[np.float32]:
        """Draw the prompt as the network sees it, shape (5, side, side)."""
        prompt, previous = self.prompt, self.previous
        if previous is None:
            outline = np.zeros((2, window.side_px, window.side_px), np.float32)
        else:
            outline = window.show(previous)
        return draw_prompt(
            map(window.place, prompt.positive),
            map(window.place, prompt.negative),
            None if prompt.box is None else window.place_box(prompt.box),
            outline,
        )


class NetworkClicker:
    """A `Clicker` by a network for clicks.

    Where the size of cells is not known, windows of several sizes are looked at
    in one batch, and the coarsest in which a cell is seen clearly is taken. A look
    that finds another size, or a cell that is cut, is followed by one made for what
    was found.

    Parameters
    ----------
    model : Model
        Network of `PROMPTED`, and its card.
    device : torch.device
        Where it runs.
    segmenter : Segmenter, optional
        A second opinion on what is cell and nucleus, of a network that sees no
        click, but many more cells in its training. It sees cells at the same size.

    Raises
    ------
    ModelError
        If the network takes no clicks, or the segmenter expects cells of another
        size.
    """

    def __init__(
        self, model: Model, device: torch.device, segmenter: Segmenter | None = None
    ) -> None:
        if model.card.architecture not in PROMPTED:
            raise ModelError(
                f"Model {model.card.name!r} ({model.card.architecture}) takes no "
                f"clicks; give one of the architecture {' or '.join(PROMPTED)}."
            )
        if segmenter and segmenter.card.cell_diameter_px != model.card.cell_diameter_px:
            raise ModelError(
                f"Model {segmenter.card.name!r} expects cells of "
                f"{segmenter.card.cell_diameter_px:g} pixels, {model.card.name!r} of "
                f"{model.card.cell_diameter_px:g}; they cannot look together."
            )
        self.model, self.device, self.segmenter = model, device, segmenter
        self._dtype = autocast_dtype(device)
        model.network.eval().to(  # type: ignore[call-overload]
            device, memory_format=torch.channels_last
        )
        stride = model.network.stride
        wanted = WINDOW_DIAMETERS * model.card.cell_diameter_px
        self.side_px = max(1, round(wanted / stride)) * stride

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
        asked = Request(slide, prompt, previous)
        look = self._first_look(asked, cell_diameter_px)
        for _ in range(MAX_LOOKS - 1):
            if look.is_settled or not look.is_cell:
                break
            closer = self._look(asked, look.center, [look.diameter_px])[0]
            if not closer.is_cell:
                break
            look = closer
        if not look.is_cell:
            raise NoCellError(
                f"There is no white cell at row {asked.middle[0]:.0f}, column "
                f"{asked.middle[1]:.0f}; click into the middle of one, or draw a box "
                "around it."
            )
        return self._to_cell(look, slide.shape)

    def _first_look(self, asked: Request, cell_diameter_px: float | None) -> Look:
        """Look for the cell at the size that is known, or else at several."""
        known_px = known_diameter(asked.prompt, asked.previous, cell_diameter_px)
        if known_px is not None:
            look = self._look(asked, asked.middle, [known_px])[0]
            if look.is_cell:
                return look
        return best_look(self._look(asked, asked.middle, GUESSES_PX))

    def _look(
        self, asked: Request, center: Point, diameters: Sequence[float]
    ) -> list[Look]:
        """Look at windows of several sizes in one batch."""
        windows = [
            ClickWindow.around(
                center,
                diameter,
                working_px=self.model.card.cell_diameter_px,
                side_px=self.side_px,
                seen=points_of(asked.prompt, asked.previous),
            )
            for diameter in diameters
        ]
        maps = [asked.drawn_in(window) for window in windows]
        read = [window.read(asked.slide) for window in windows]
        semantic, evidence = self._predict([image for image, _ in read], maps)
        return [
            self._judged(*parts, asked.prompt)
            for parts in zip(windows, maps, read, semantic, evidence, strict=True)
        ]

    def _judged(
        self,
        window: ClickWindow,
        maps: NDArray[np.float32],
        read: tuple[NDArray[np.uint8], NDArray[np.bool_]],
        probabilities: NDArray[np.float32],
        evidence: NDArray[np.float32],
        prompt: Prompt,
    ) -> Look:
        """Choose the cell that is meant among what the network gives."""
        image, inside = read
        chosen = choose_cell(
            (1 - probabilities[0]) * inside,
            [window.place(point) for point in prompt.positive],
            [window.place(point) for point in prompt.negative],
            None if prompt.box is None else window.place_box(prompt.box),
            maps[3] > 0.5,
        )
        assumed = self.model.card.cell_diameter_px / window.factor
        cell = insist(probabilities, chosen & inside)
        return Look(window, assumed, probabilities, cell, evidence, image)

    @torch.inference_mode()
    def _predict(
        self, images: Sequence[NDArray[np.uint8]], maps: Sequence[NDArray[np.float32]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Probabilities (B, 3, S, S) of the parts, logits (B, K, h, w) of classes."""
        colors = self.model.standardize(np.stack(images)).transpose(0, 3, 1, 2)
        seen = np.concatenate([colors, np.stack(maps)], axis=1)  # (B, 3 + 5, S, S)
        batch = torch.from_numpy(seen).to(self.device)
        with autocast(self.device, self._dtype):
            output = self.model.network(
                batch.contiguous(memory_format=torch.channels_last)
            )
        semantic = output.semantic.float().softmax(dim=1).cpu().numpy()
        if self.segmenter is not None:
            second = self.segmenter.predict(images)
            semantic = agreed(semantic, np.stack([p.probabilities for p in second]))
        return semantic, output.evidence.float().cpu().numpy()

    def _to_cell(self, look: Look, shape: tuple[int, int]) -> SegmentedCell:
        """Bring the cell to level 0, its border interpolated."""
        lead = look.probabilities[NUCLEUS] - look.probabilities[CYTOPLASM]
        masks = look.window.to_level0(look.cell, lead, shape)
        classes = self._classes_of(look)
        return SegmentedCell(*masks, *classes, expected_overlap(look.cell))

    def _classes_of(self, look: Look) -> tuple[tuple[int, ...], NDArray[np.float64]]:
        """Class ids and their probabilities, from the evidence in the cell."""
        card = self.model.card
        if not card.class_ids:
            return (UNCLASSIFIED,), np.ones(1)
        stride = self.side_px // look.evidence.shape[-1]
        rows, columns = np.nonzero(look.mask)
        logits = look.evidence[:, rows // stride, columns // stride].mean(
            axis=1, dtype=np.float64
        )
        return card.class_ids, np.asarray(softmax(logits / card.temperature))


def agreed(
    first: NDArray[np.float32], second: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Give the geometric mean of two opinions, (B, 3, S, S), as probabilities."""
    logs = np.log(np.maximum(first, DOUBT)) + np.log(np.maximum(second, DOUBT))
    return np.asarray(softmax(logs / 2, axis=1), np.float32)


def bundled_clicker() -> Path:
    """Folder of the model for clicks inside the package."""
    return Path(str(resources.files("napari_leukoseg.correct"))) / "weights" / "click"


def load_clicker(
    model: str | Path | None = None,
    device: str = "auto",
    *,
    segmenter: str | Path | None = DEFAULT_MODEL,
    threads: int | None = None,
) -> NetworkClicker:
    """Load a network for clicks onto a device.

    Parameters
    ----------
    model : str or Path, optional
        Model folder; the bundled one by default.
    device : {'auto', 'cpu', 'cuda', 'mps'}, optional
        Where to run.
    segmenter : str or Path, optional
        Model that gives a second opinion; none if None.
    threads : int, optional
        CPU threads; all cores by default.

    Raises
    ------
    ModelError
        If the model cannot be loaded, or takes no clicks.
    DeviceError
        If the device is absent.
    """
    place = resolve_device(device)
    loaded = load_model(bundled_clicker() if model is None else model)
    second = None if segmenter is None else Segmenter(load_model(segmenter), place)
    if threads is not None:
        torch.set_num_threads(threads)
    return NetworkClicker(loaded, place, second)

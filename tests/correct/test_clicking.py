"""A click gives the cell under it, at any size and place, and clicks correct it."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from napari_leukoseg.correct import click_sam
from napari_leukoseg.correct.click_network import (
    NetworkClicker,
    agreed,
    load_clicker,
)
from napari_leukoseg.correct.click_sam import SamClicker, load_sam_clicker
from napari_leukoseg.correct.clicking import (
    ArrayPixels,
    Clicker,
    NoCellError,
    Prompt,
)
from napari_leukoseg.errors import ModelError, SettingsError
from napari_leukoseg.geometry import Region
from napari_leukoseg.slide import open_slide

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_leukoseg.cell import SegmentedCell
    from napari_leukoseg.synthetic import DrawnRegion

DIAMETER = 60.0

GROUND_GREEN = 200
"""Ground of the picture that `ColorPredictor` can outline is brighter."""


class Scene(NamedTuple):
    """A picture with cells, and what outlines them."""

    clicker: Clicker
    image: NDArray[np.uint8]
    cells: list[NDArray[np.bool_]]
    nucleus: NDArray[np.bool_]


class ColorPredictor:
    """Stands for SAM's predictor: gives what is dark at a point, or in a box."""

    def __init__(self) -> None:
        self.image = np.zeros((1, 1, 3), np.uint8)
        self.asked: dict[str, object] = {}

    def set_image(self, image: NDArray[np.uint8]) -> None:
        self.image = image

    def predict(self, *, point_coords, point_labels, box, multimask_output):
        self.asked = {"points": point_coords, "labels": point_labels, "box": box}
        assert self.image.shape == (1024, 1024, 3)
        labels, _ = ndimage.label(self.image[..., 1] < GROUND_GREEN)
        if point_coords is not None:
            found = labels == labels[tuple(np.rint(point_coords[0]).astype(int)[::-1])]
        else:
            left, top, right, bottom = np.rint(box).astype(int)
            inside = labels[max(0, top) : bottom, max(0, left) : right]
            found = labels == np.bincount(inside.ravel(), minlength=2)[1:].argmax() + 1
        found &= labels > 0
        return np.stack([labels < 0, found]), np.array([0.2, 0.9]), None


@pytest.fixture(scope="module")
def clicker() -> NetworkClicker:
    return load_clicker(device="cpu")


@pytest.fixture(scope="module")
def cells(drawn_field: DrawnRegion) -> dict[int, NDArray[np.bool_]]:
    """Whole cells of the field that no other touches, by id."""
    ids = np.maximum(drawn_field.nucleus, drawn_field.cytoplasm)
    whole = {}
    for cell_id in np.unique(ids[ids > 0]):
        mask = ids == cell_id
        near = ndimage.binary_dilation(mask, iterations=2)
        edges = (near[0], near[-1], near[:, 0], near[:, -1])
        is_alone = not np.isin(ids[near], (0, cell_id), invert=True).any()
        if is_alone and not any(edge.any() for edge in edges):
            whole[int(cell_id)] = mask
    assert whole
    return whole


def middle(mask: NDArray[np.bool_]) -> tuple[float, float]:
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(depth.argmax(), mask.shape)
    return float(row), float(column)


def drawn(cell: SegmentedCell, shape: tuple[int, int]) -> NDArray[np.bool_]:
    mask = np.zeros(shape, bool)
    mask[cell.region.slices] = cell.mask
    return mask


def iou(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return (found & truth).sum() / (found | truth).sum()


def check_form(cell: SegmentedCell, shape: tuple[int, int]) -> None:
    """What every answer keeps to."""
    assert cell.region == cell.region.intersection(Region.of_shape(shape))
    assert cell.mask.shape == (cell.region.height, cell.region.width)
    assert not (cell.nucleus & cell.cytoplasm).any()
    for axis in range(2):  # the box is tight
        found = np.flatnonzero(cell.mask.any(axis=1 - axis))
        assert (found[0], found[-1] + 1) == (0, cell.mask.shape[axis])
    assert 0 <= cell.score <= 1
    assert cell.class_probabilities.sum() == pytest.approx(1)
    assert len(cell.class_ids) == len(cell.class_probabilities)


@pytest.fixture(params=["network", "sam", "medsam"])
def scene(
    request: pytest.FixtureRequest,
    clicker: NetworkClicker,
    drawn_field: DrawnRegion,
    cells: dict[int, NDArray[np.bool_]],
) -> Scene:
    if request.param == "network":
        nucleus = drawn_field.nucleus > 0
        return Scene(clicker, drawn_field.image, list(cells.values()), nucleus)
    image = np.full((320, 400, 3), 230, np.uint8)
    rows, columns = np.indices(image.shape[:2])
    radius = np.hypot(rows - 150, columns - 210)
    image[radius < DIAMETER / 2], image[radius < 15] = (190, 170, 220), (90, 50, 140)
    sam = SamClicker(ColorPredictor(), boxes_only=request.param == "medsam")
    return Scene(sam, image, [radius < DIAMETER / 2], radius < 15)


def test_a_click_gives_the_cell_under_it(scene: Scene) -> None:
    pixels, overlaps = ArrayPixels(scene.image), []
    for truth in scene.cells:
        prompt = Prompt((middle(truth),))
        cell = scene.clicker.segment(pixels, prompt, cell_diameter_px=DIAMETER)
        check_form(cell, truth.shape)
        nucleus = np.zeros_like(truth)
        nucleus[cell.region.slices] = cell.nucleus
        both = drawn(cell, truth.shape), nucleus
        overlaps.append((iou(both[0], truth), iou(both[1], scene.nucleus & truth)))
    assert np.min(overlaps) > 0.7
    assert np.mean(overlaps, axis=0)[0] > 0.8


def test_a_box_gives_the_cell_in_it(scene: Scene) -> None:
    truth = scene.cells[0]
    rows, columns = np.nonzero(truth)
    box = Region.from_bounds(
        rows.min() - 2, columns.min() - 2, rows.max() + 3, columns.max() + 3
    )
    cell = scene.clicker.segment(ArrayPixels(scene.image), Prompt(box=box))
    check_form(cell, truth.shape)
    assert iou(drawn(cell, truth.shape), truth) > 0.85


def test_a_click_outside_takes_that_away(scene: Scene) -> None:
    truth = scene.cells[0]
    pixels, first = ArrayPixels(scene.image), Prompt((middle(truth),))
    before = scene.clicker.segment(pixels, first, cell_diameter_px=DIAMETER)
    rows, columns = np.nonzero(drawn(before, truth.shape))
    at = int(np.argmax(columns))
    outside = (float(rows[at]), float(columns[at]) - 3)
    corrected = replace(first, negative=(outside,))
    after = scene.clicker.segment(pixels, corrected, previous=before)
    mask = drawn(after, truth.shape)
    check_form(after, truth.shape)
    assert not mask[tuple(int(v) for v in outside)]
    assert mask[tuple(int(v) for v in first.positive[0])]


@pytest.mark.parametrize(
    ("prompt", "match"),
    [
        (Prompt(), "Nothing says which cell"),
        (Prompt(negative=((5.0, 5.0),)), "Nothing says which cell"),
        (Prompt(((5.0, 400.0),)), "outside the slide of 320×400"),
        (Prompt(box=Region(500, 0, 50, 50)), "outside the slide"),
    ],
)
def test_a_prompt_that_says_nothing_is_refused(
    scene: Scene, prompt: Prompt, match: str
) -> None:
    with pytest.raises(SettingsError, match=match):
        scene.clicker.segment(ArrayPixels(scene.image), prompt)


def test_a_size_that_no_cell_has_is_refused(scene: Scene) -> None:
    with pytest.raises(SettingsError, match="diameter of 1 pixels"):
        scene.clicker.segment(
            ArrayPixels(scene.image), Prompt(((5.0, 5.0),)), cell_diameter_px=1.0
        )


def test_empty_ground_holds_no_cell(scene: Scene) -> None:
    blank = ArrayPixels(np.full((300, 300, 3), 235, np.uint8))
    with pytest.raises(NoCellError, match="click into the middle"):
        scene.clicker.segment(blank, Prompt(((150.0, 150.0),)))


def test_a_box_without_extent_is_refused() -> None:
    with pytest.raises(SettingsError, match="too small for a cell"):
        Prompt(box=Region(5, 5, 1, 30))


def test_clicks_are_numbers() -> None:
    with pytest.raises(SettingsError, match="not all numbers"):
        Prompt(((float("nan"), 3.0),))


@pytest.mark.parametrize("zoom", [0.5, 1.0, 2.5, 5.0])
def test_cells_of_any_size_are_found_without_being_told(
    clicker: NetworkClicker,
    drawn_field: DrawnRegion,
    cells: dict[int, NDArray[np.bool_]],
    zoom: float,
) -> None:
    truth = max(cells.values(), key=np.sum)
    size = tuple(round(n * zoom) for n in truth.shape[::-1])
    image = np.asarray(Image.fromarray(drawn_field.image).resize(size))
    truth = np.asarray(Image.fromarray(truth).resize(size, Image.Resampling.NEAREST))
    cell = clicker.segment(ArrayPixels(image), Prompt((middle(truth),)))
    assert iou(drawn(cell, truth.shape), truth) > 0.8


def test_a_shifted_picture_gives_the_shifted_cell(
    clicker: NetworkClicker,
    drawn_field: DrawnRegion,
    cells: dict[int, NDArray[np.bool_]],
) -> None:
    image = np.pad(drawn_field.image, ((90, 90), (90, 90), (0, 0)), mode="reflect")
    row, column = (value + 90 for value in middle(next(iter(cells.values()))))
    whole = clicker.segment(
        ArrayPixels(image), Prompt(((row, column),)), cell_diameter_px=DIAMETER
    )
    part = clicker.segment(
        ArrayPixels(image[7:, 11:]),
        Prompt(((row - 7, column - 11),)),
        cell_diameter_px=DIAMETER,
    )
    assert part.region == whole.region.shifted(-7, -11)
    np.testing.assert_array_equal(part.nucleus, whole.nucleus)
    np.testing.assert_array_equal(part.cytoplasm, whole.cytoplasm)


def test_a_cell_that_the_edge_cuts_ends_there(
    clicker: NetworkClicker,
    drawn_field: DrawnRegion,
    cells: dict[int, NDArray[np.bool_]],
) -> None:
    truth = next(iter(cells.values()))
    rows = np.flatnonzero(truth.any(axis=1))
    cut = int(rows[0] + 0.4 * (rows[-1] - rows[0]))
    part = truth[cut:]
    cell = clicker.segment(
        ArrayPixels(drawn_field.image[cut:]),
        Prompt((middle(part),)),
        cell_diameter_px=DIAMETER,
    )
    check_form(cell, part.shape)
    assert cell.region.row == 0
    assert iou(drawn(cell, part.shape), part) > 0.75


def test_a_slide_is_read_as_its_pixels_are(
    clicker: NetworkClicker,
    field_png: Path,
    drawn_field: DrawnRegion,
    cells: dict[int, NDArray[np.bool_]],
) -> None:
    prompt = Prompt((middle(next(iter(cells.values()))),))
    with open_slide(field_png) as slide:
        of_slide = clicker.segment(slide, prompt)
    of_pixels = clicker.segment(ArrayPixels(drawn_field.image), prompt)
    assert of_slide.region == of_pixels.region
    np.testing.assert_array_equal(of_slide.mask, of_pixels.mask)


def test_a_wrong_outline_is_corrected_by_a_click(
    clicker: NetworkClicker,
    drawn_field: DrawnRegion,
    cells: dict[int, NDArray[np.bool_]],
) -> None:
    """As when a person clicks into the part of a cell that a run has missed."""
    truth = next(iter(cells.values()))
    half = truth.copy()
    half[:, int(middle(truth)[1]) :] = False
    missed = middle(truth & ~half)
    is_nucleus = drawn_field.nucleus > 0
    wrong = SimpleNamespace(
        region=Region.of_shape(truth.shape),
        nucleus=half & is_nucleus,
        cytoplasm=half & ~is_nucleus,
    )
    cell = clicker.segment(
        ArrayPixels(drawn_field.image), Prompt((missed,)), previous=wrong
    )
    assert iou(half, truth) < 0.6
    assert iou(drawn(cell, truth.shape), truth) > 0.75


def test_a_network_without_prompts_is_no_clicker(color_model: Path) -> None:
    with pytest.raises(ModelError, match="takes no clicks"):
        load_clicker(color_model, "cpu")


def test_a_second_opinion_expects_cells_of_the_same_size(color_model: Path) -> None:
    with pytest.raises(ModelError, match="cannot look together"):
        load_clicker(device="cpu", segmenter=color_model)


def test_opinions_that_agree_stand_and_others_meet() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.dirichlet(np.ones(3), (2, 1, 8, 8)).transpose(0, 1, 4, 2, 3)
    one, other = one.astype(np.float32), other.astype(np.float32)
    np.testing.assert_allclose(agreed(one, one), one, atol=1e-3)
    both = agreed(one, other)
    np.testing.assert_allclose(both, agreed(other, one), atol=1e-6)
    np.testing.assert_allclose(both.sum(axis=1), 1, atol=1e-5)
    same = one.argmax(axis=1) == other.argmax(axis=1)
    np.testing.assert_array_equal(both.argmax(axis=1)[same], one.argmax(axis=1)[same])


def test_a_veto_does_not_decide_alone() -> None:
    sure = np.full((1, 3, 1, 1), 1e-9, np.float32)
    sure[0, 2] = 1
    unsure = np.array([0.9, 0.05, 0.05], np.float32).reshape(1, 3, 1, 1)
    assert agreed(sure, unsure)[0, 2, 0, 0] > 0.9


def test_a_picture_in_memory_is_rgb() -> None:
    with pytest.raises(SettingsError, match="is no RGB"):
        ArrayPixels(np.zeros((4, 4), np.uint8))


def test_sam_is_asked_in_its_own_coordinates() -> None:
    """One click is an (x, y) point; MedSAM gets a box of the cell's size instead."""
    image = np.full((200, 300, 3), 230, np.uint8)
    image[80:120, 190:230] = (90, 60, 160)
    prompt, diameter = Prompt(((100.0, 210.0),)), 40.0
    sam = SamClicker(ColorPredictor())
    cell = sam.segment(ArrayPixels(image), prompt, cell_diameter_px=diameter)
    assert cell.region == Region(80, 190, 40, 40)
    np.testing.assert_allclose(sam.predictor.asked["points"], [[512, 512]], atol=7)
    assert sam.predictor.asked["box"] is None
    medsam = SamClicker(ColorPredictor(), boxes_only=True)
    medsam.segment(ArrayPixels(image), prompt, cell_diameter_px=diameter)
    assert medsam.predictor.asked["points"] is None
    np.testing.assert_allclose(
        medsam.predictor.asked["box"], [384, 384, 640, 640], atol=7
    )


class TinySam(torch.nn.Module):
    """As much of SAM as is loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)
        self.register_buffer("pixel_mean", torch.full((3, 1, 1), 120.0), False)
        self.register_buffer("pixel_std", torch.full((3, 1, 1), 58.0), False)


@pytest.fixture
def sam_library(monkeypatch: pytest.MonkeyPatch) -> None:
    library = SimpleNamespace(
        sam_model_registry={"vit_b": TinySam, "vit_l": lambda: torch.nn.Linear(3, 3)},
        SamPredictor=lambda model: SimpleNamespace(model=model),
    )
    monkeypatch.setitem(sys.modules, "segment_anything", library)


def test_checkpoints_are_loaded(sam_library: None, tmp_path: Path) -> None:
    weights = TinySam().state_dict()
    torch.save(weights, tmp_path / "sam.pth")
    clicker = load_sam_clicker(tmp_path / "sam.pth", device="cpu")
    torch.testing.assert_close(clicker.predictor.model.state_dict(), weights)
    assert not clicker.boxes_only
    medsam = load_sam_clicker(tmp_path / "sam.pth", "medsam", device="cpu")
    assert medsam.boxes_only
    assert medsam.predictor.model.pixel_std.unique().tolist() == [255]


def test_checkpoints_that_are_none_are_refused(
    sam_library: None, tmp_path: Path
) -> None:
    torch.save(TinySam().state_dict(), tmp_path / "sam.pth")
    torch.save(SimpleNamespace(code=1), tmp_path / "pickle.pth")
    for path, kind, match in (
        (tmp_path / "sam.pth", "vit_l", "no checkpoint of SAM 'vit_l'"),
        (tmp_path / "pickle.pth", "vit_b", "read safely"),
        (tmp_path / "absent.pth", "vit_b", "read safely"),
    ):
        with pytest.raises(ModelError, match=match):
            load_sam_clicker(path, kind, device="cpu")
    with pytest.raises(SettingsError, match="'tiny' is unknown"):
        load_sam_clicker(tmp_path / "sam.pth", "tiny", device="cpu")


def test_without_its_library_sam_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "segment_anything", None)
    with pytest.raises(ModelError, match="pip install"):
        load_sam_clicker(tmp_path / "sam.pth", device="cpu")
    assert click_sam.KINDS[0] == "vit_b"

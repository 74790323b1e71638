"""Prediction is independent of batches, padding and memory."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_leukoseg.cells import measure_cell
from napari_leukoseg.classes import UNCLASSIFIED
from napari_leukoseg.errors import DeviceError
from napari_leukoseg.geometry import Region
from napari_leukoseg.segment import Segmenter, load_segmenter
from napari_leukoseg.segment.close_look import LOOKS
from napari_leukoseg.segment.device import autocast_dtype, resolve_device
from napari_leukoseg.segment.instances import InstanceSettings, Prediction
from napari_leukoseg.segment.model import Model, ModelCard
from napari_leukoseg.segment.networks import (
    ARCHITECTURES,
    NARROW,
    NetworkOutput,
    SegmentationNetwork,
    build_network,
)
from napari_leukoseg.segment.networks.base import NEVER
from napari_leukoseg.segment.predict import UNMEASURED
from napari_leukoseg.segment.tiling import Tile
from napari_leukoseg.synthetic import DrawnRegion


@pytest.fixture
def segmenter(color_model: Path) -> Segmenter:
    return load_segmenter(color_model, "cpu")


@pytest.mark.parametrize("shape", [(1, 1), (33, 65), (64, 48)])
def test_maps_have_the_shape_of_the_picture(
    segmenter: Segmenter, shape: tuple[int, int]
) -> None:
    image = np.full((*shape, 3), 200, np.uint8)
    (prediction,) = segmenter.predict([image])
    assert prediction.probabilities.shape == (3, *shape)
    np.testing.assert_allclose(prediction.probabilities.sum(axis=0), 1, atol=1e-2)
    assert prediction.distance is not None
    assert prediction.distance.shape == shape


def test_a_batch_equals_its_parts(
    segmenter: Segmenter, drawn_field: DrawnRegion
) -> None:
    image = drawn_field.image
    images = [image[:160, :160], image[160:, 160:320], image[:100, :130]]
    together = segmenter.predict(images)
    for picture, prediction in zip(images, together, strict=True):
        (alone,) = segmenter.predict([picture])
        np.testing.assert_allclose(
            prediction.probabilities, alone.probabilities, atol=0.02
        )


def test_all_looks_together_do_not_tell_left_from_right(
    drawn_field: DrawnRegion,
) -> None:
    segmenter = load_segmenter("default", "cpu")
    segmenter._dtype = None
    image = drawn_field.image[:176, :176]  # padded at neither size
    (ours,) = segmenter.predict([image], len(LOOKS))
    (theirs,) = segmenter.predict([image[:, ::-1]], len(LOOKS))
    (once,) = segmenter.predict([image])
    for name in ("probabilities", "distance", "evidence"):
        maps = getattr(ours, name)
        np.testing.assert_allclose(maps, getattr(theirs, name)[..., ::-1], atol=1e-3)
        assert maps.shape == getattr(once, name).shape
    np.testing.assert_allclose(ours.probabilities.sum(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (2, 3), (33, 65)])
@pytest.mark.parametrize("n_looks", [2, 4])
def test_several_looks_at_a_batch_equal_those_at_its_pictures(
    segmenter: Segmenter, shape: tuple[int, int], n_looks: int
) -> None:
    segmenter._dtype = None
    rng = np.random.default_rng(0)
    images = list(rng.integers(0, 255, (2, *shape, 3), np.uint8))
    for image, together in zip(images, segmenter.predict(images, n_looks), strict=True):
        (alone,) = segmenter.predict([image], n_looks)
        assert together.usual is not None
        assert alone.usual is not None
        assert together.usual.shape == together.probabilities.shape == (3, *shape)
        np.testing.assert_allclose(
            together.probabilities, alone.probabilities, atol=1e-4
        )
        np.testing.assert_allclose(together.usual, alone.usual, atol=1e-4)


def test_one_look_at_the_usual_size_judges_two(
    segmenter: Segmenter, drawn_field: DrawnRegion
) -> None:
    (once,) = segmenter.predict([drawn_field.image])
    (twice,) = segmenter.predict([drawn_field.image], 2)
    assert once.usual is None
    assert once.judged is once.probabilities
    assert twice.judged is twice.usual
    assert not np.array_equal(twice.judged, twice.probabilities)


@pytest.mark.parametrize("n_looks", [2, 4])
def test_looks_of_other_sizes_fit_onto_the_picture(
    segmenter: Segmenter, drawn_field: DrawnRegion, n_looks: int
) -> None:
    image = drawn_field.image[:170, :201]
    (once,) = segmenter.predict([image])
    (often,) = segmenter.predict([image], n_looks)
    alone, together = (p.probabilities[0] < 0.5 for p in (once, often))
    assert alone.any()
    assert 2 * (alone & together).sum() / (alone.sum() + together.sum()) > 0.9


def test_reduced_precision_agrees_with_full(drawn_field: DrawnRegion) -> None:
    segmenter = load_segmenter("default", "cpu")
    (reduced,) = segmenter.predict([drawn_field.image])
    segmenter._dtype = None
    (full,) = segmenter.predict([drawn_field.image])
    agree = reduced.probabilities.argmax(0) == full.probabilities.argmax(0)
    assert agree.mean() > 0.99


class SmallMemory(Segmenter):
    """Pretends to be on a GPU that holds `fits` pictures at a time."""

    fits = 1

    def _forward(
        self, images: Sequence[NDArray[np.uint8]], n_looks: int
    ) -> list[Prediction]:
        if self.device.type == "cuda" and len(images) > self.fits:
            raise torch.OutOfMemoryError
        place, self.device = self.device, torch.device("cpu")
        try:
            return super()._forward(images, n_looks)
        finally:
            self.device = place


@pytest.mark.parametrize("n_looks", [1, 4])
@pytest.mark.parametrize("fits", [0, 1])
def test_out_of_memory_halves_then_falls_back(
    segmenter: Segmenter, fits: int, n_looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = SmallMemory(segmenter.model, torch.device("cpu"))
    small.fits = fits
    monkeypatch.setattr(small, "device", torch.device("cuda"))
    monkeypatch.setattr(
        SmallMemory, "device_label", property(lambda self: "Pretended GPU")
    )
    images = [np.full((32, 32, 3), v, np.uint8) for v in (50, 150, 250)]
    predictions = small.predict(images, n_looks)
    expected = segmenter.predict(images, n_looks)
    for ours, theirs in zip(predictions, expected, strict=True):
        assert (ours.usual is None) == (n_looks == 1)
        np.testing.assert_allclose(ours.probabilities, theirs.probabilities, atol=0.02)
    assert bool(small.notices) == (fits == 0)
    assert small.device.type == ("cpu" if fits == 0 else "cuda")


def test_windows_follow_the_memory_budget(color_model: Path) -> None:
    sides = [
        load_segmenter(color_model, "cpu", memory_budget_mb=mb).window_px
        for mb in (1, 256, 4096)
    ]
    assert sides == sorted(sides)
    assert sides[0] < sides[-1]


def test_auto_takes_a_device_and_absent_ones_are_refused() -> None:
    assert resolve_device("auto").type in ("cuda", "mps", "cpu")
    assert autocast_dtype(torch.device("cpu")) in (None, torch.bfloat16)
    with pytest.raises(DeviceError, match="'gpu' is unknown"):
        resolve_device("gpu")
    absent = "mps" if not torch.backends.mps.is_available() else "cuda"
    with pytest.raises(DeviceError, match="not available"):
        resolve_device(absent)


class DarkSpots(SegmentationNetwork):
    """Takes darkness for cells, and tells no more than its flags say."""

    stride = 8
    bytes_per_pixel = 100

    def __init__(self, *, nucleus: bool, cytoplasm: bool, distance: bool) -> None:
        super().__init__()
        self.has_nucleus, self.has_cytoplasm = nucleus, cytoplasm
        self.gives_distance = distance
        self.threshold = torch.nn.Parameter(torch.tensor(0.7))

    def forward(self, image: torch.Tensor) -> NetworkOutput:
        dark = 40 * (self.threshold - (0.25 * image[:, 1:2] + 0.5))
        never = torch.full_like(dark, NEVER)
        cytoplasm = dark if self.has_cytoplasm else never
        nucleus = 2 * dark - 16 if self.has_cytoplasm else dark
        kinds = [0 * dark, cytoplasm, nucleus if self.has_nucleus else never]
        evidence = dark.expand(-1, 5, -1, -1) if self.has_cytoplasm else None
        distance = dark if self.gives_distance else None
        return NetworkOutput(torch.cat(kinds, dim=1), distance, evidence)


@pytest.mark.parametrize("distance", [True, False])
@pytest.mark.parametrize(
    ("nucleus", "cytoplasm"), [(True, True), (True, False), (False, True)]
)
def test_cells_are_made_of_what_a_network_knows(
    drawn_field: DrawnRegion, nucleus: bool, cytoplasm: bool, distance: bool
) -> None:
    network = DarkSpots(nucleus=nucleus, cytoplasm=cytoplasm, distance=distance)
    card = ModelCard("dark", "dark", {}, (1, 2, 3, 4, 5), cell_diameter_px=60.0)
    segmenter = Segmenter(Model(card, network), torch.device("cpu"))
    (prediction,) = segmenter.predict([drawn_field.image])
    whole = Region.of_shape(drawn_field.image.shape)
    cells = segmenter.cells_of(prediction, Tile(0, whole, whole))
    assert cells
    for cell in cells:
        assert not cell.nucleus.any() or nucleus
        assert not cell.cytoplasm.any() or cytoplasm
        assert (cell.class_ids == (UNCLASSIFIED,)) == (not cytoplasm)
        image = drawn_field.image[cell.region.slices]
        row = measure_cell(image, cell, mpp=None)
        assert row["cell_area_px"] == cell.mask.sum()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_untrained_networks_run_to_the_end(name: str, drawn_field: DrawnRegion) -> None:
    torch.manual_seed(0)
    network = build_network(name, NARROW[name]).eval()
    card = ModelCard(name, name, NARROW[name], (1, 2, 3, 4, 5), cell_diameter_px=60.0)
    segmenter = Segmenter(Model(card, network), torch.device("cpu"))
    assert segmenter.window_px % network.stride == 0
    image = drawn_field.image[:100, :130]
    (prediction,) = segmenter.predict([image])
    assert prediction.probabilities.shape == (3, 100, 130)
    np.testing.assert_allclose(prediction.probabilities.sum(axis=0), 1, atol=1e-2)
    known = prediction.probabilities.max(axis=(1, 2)) > 1e-6
    assert known.tolist() == [True, network.has_cytoplasm, network.has_nucleus]
    whole = Region.of_shape(image.shape)
    for cell in segmenter.cells_of(prediction, Tile(0, whole, whole)):
        assert not (cell.nucleus & cell.cytoplasm).any()


def test_windows_are_at_least_one_stride(segmenter: Segmenter) -> None:
    network = DarkSpots(nucleus=True, cytoplasm=True, distance=True)
    network.stride = 2048
    deep = Segmenter(Model(segmenter.card, network), torch.device("cpu"))
    assert deep.window_px == 2048


def test_settings_are_strict_only_where_they_were_measured(
    segmenter: Segmenter,
) -> None:
    network = DarkSpots(nucleus=True, cytoplasm=True, distance=True)
    other = Segmenter(Model(segmenter.card, network), torch.device("cpu"))
    assert segmenter.settings == InstanceSettings()
    assert other.settings == UNMEASURED
    given = InstanceSettings(min_score=0.7)
    chosen = Segmenter(other.model, torch.device("cpu"), settings=given)
    assert chosen.settings == given


@pytest.mark.gpu
def test_gpu_agrees_with_the_cpu(color_model: Path, drawn_field: DrawnRegion) -> None:
    gpu, cpu = load_segmenter(color_model, "auto"), load_segmenter(color_model, "cpu")
    if gpu.device.type == "cpu":
        pytest.skip("no GPU")
    (ours,) = gpu.predict([drawn_field.image])
    (theirs,) = cpu.predict([drawn_field.image])
    agree = ours.probabilities.argmax(0) == theirs.probabilities.argmax(0)
    assert agree.mean() > 0.99

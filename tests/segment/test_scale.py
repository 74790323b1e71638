"""The size of cells is given, follows from pixels, or is looked for."""

from pathlib import Path

import pytest
import torch

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region
from napari_leukoseg.segment import Segmenter, load_segmenter
from napari_leukoseg.segment.model import Model, ModelCard
from napari_leukoseg.segment.networks import NARROW, build_network
from napari_leukoseg.segment.scale import WHITE_CELL_UM, CellScale, resolve_cell_scale
from napari_leukoseg.slide import SlideReader, open_slide


@pytest.fixture
def other() -> Segmenter:
    """One whose network was not trained to know cells of a wrong size."""
    settings = NARROW["hematology-mil"]
    card = ModelCard("other", "hematology-mil", settings, (), cell_diameter_px=64.0)
    network = build_network("hematology-mil", settings).eval()
    return Segmenter(Model(card, network), torch.device("cpu"), memory_budget_mb=300)


@pytest.fixture
def slide(field_png: Path) -> SlideReader:
    with open_slide(field_png) as slide:
        slide.mpp = None
        yield slide


def test_networks_trained_for_it_find_the_size_themselves(color_model: Path) -> None:
    segmenter = load_segmenter(color_model, "cpu")
    assert segmenter.scale_finder is segmenter


def test_others_leave_it_to_the_default_model(other: Segmenter) -> None:
    finder = other.scale_finder
    assert finder is other.scale_finder
    assert finder.card.name == "default"
    assert finder.device == other.device
    assert finder.memory_budget_mb == 300
    finder.notices.append("The CPU went on.")
    assert other.notices == ["The CPU went on."]


def test_the_finder_is_asked_only_where_the_size_is_unknown(
    other: Segmenter, slide: SlideReader, color_model: Path
) -> None:
    finder = load_segmenter(color_model, "cpu")
    other.__dict__["scale_finder"] = finder
    area = Region.of_shape(slide.shape)
    found = resolve_cell_scale(slide, other, area, None)
    assert found == resolve_cell_scale(slide, finder, area, None)
    assert found.source == "estimated"
    assert found.diameter_px == pytest.approx(60, rel=0.25)
    del other.__dict__["scale_finder"]
    assert resolve_cell_scale(slide, other, area, 50.0) == CellScale(50.0, "given")
    slide.mpp = 0.2
    assert resolve_cell_scale(slide, other, area, None) == CellScale(
        WHITE_CELL_UM / 0.2, "pixel size"
    )
    assert "scale_finder" not in vars(other)


def test_impossible_sizes_are_refused() -> None:
    with pytest.raises(SettingsError, match="out of range"):
        CellScale(1.0, "given")

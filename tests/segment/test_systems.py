"""A model's card names the stain step that its network wants."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_leukoseg.errors import ModelError
from napari_leukoseg.segment.card import ModelCard, bundled_models, read_card
from napari_leukoseg.segment.networks.registry import ARCHITECTURES, NARROW
from napari_leukoseg.segment.systems import is_narrow, own_stain_step, see_slide
from napari_leukoseg.slide import open_slide
from napari_leukoseg.stain import StainChoice, StainDefault, StainEstimationError
from napari_leukoseg.training.config import load_config

CPU = torch.device("cpu")
CONFIGS = Path(__file__).parents[2] / "training" / "configs"


def card(architecture: str = "cbam-unet", **values) -> ModelCard:
    values = {"settings": {}, "class_ids": (), "cell_diameter_px": 64.0, **values}
    return ModelCard(architecture, architecture, **values)


@pytest.fixture
def field(field_png: Path):
    """Return a drawn field, open."""
    with open_slide(field_png) as slide:
        yield slide


@pytest.fixture
def white(tmp_path: Path):
    """Return a white picture, open."""
    from PIL import Image

    path = tmp_path / "white.png"
    Image.new("RGB", (40, 30), "white").save(path)
    with open_slide(path) as slide:
        yield slide


def test_the_card_decides_unless_the_user_does(field):
    own, users = card(stain="macenko:bccd"), StainChoice.parse("reinhard").prepared()
    titles = {
        StainDefault.MODEL: "Macenko → bccd",
        StainDefault.NONE: None,
        users: users.title,
    }
    for asked, expected in titles.items():
        seen = see_slide(field, own, asked, CPU)
        assert (seen.step and seen.step.title) == expected
        is_changed = bool((seen.slide.overview() != field.overview()).any())
        assert is_changed is (expected is not None)
    assert see_slide(field, card(), StainDefault.MODEL, CPU).slide is field


def test_a_field_without_cells_fails_only_where_the_user_asked(white):
    seen = see_slide(white, card(stain="macenko"), StainDefault.MODEL, CPU)
    assert (seen.slide, seen.step) == (white, None)
    assert "not standardized" in seen.notices[0]
    with pytest.raises(StainEstimationError):
        see_slide(white, card(), StainChoice.parse("macenko").prepared(), CPU)


def test_an_unknown_step_is_told_with_its_model():
    with pytest.raises(ModelError, match="'cbam-unet' has an unknown stain step"):
        own_stain_step(card(stain="bleach"))


def test_every_network_is_bundled_and_all_but_the_default_are_narrow():
    cards = {name: read_card(folder) for name, folder in bundled_models().items()}
    assert list(cards) == ["default", *sorted(set(NARROW) - {"residual-unet"})]
    assert [name for name, found in cards.items() if is_narrow(found)] == [*cards][1:]


@pytest.mark.parametrize("name", sorted(set(NARROW) - {"residual-unet"}))
def test_narrow_networks_are_told_from_full_ones(name):
    assert is_narrow(card(name, settings=NARROW[name]))
    assert is_narrow(card(name, settings=NARROW[name] | {"attended_px": 128}))
    assert not is_narrow(card(name))
    assert not is_narrow(card("residual-unet"))


@pytest.mark.parametrize("size", ["narrow", "full"])
def test_configurations_of_systems_have_their_step(size):
    steps = {
        name: load_config(CONFIGS / size / f"{name}.yaml").stain
        for name in ARCHITECTURES
        if (CONFIGS / size / f"{name}.yaml").exists()
    }
    own = {name: step for name, step in steps.items() if step}
    assert own == {
        "cbam-unet": "retinex",
        "hematology-mil": "macenko",
        "mtl-nucleus": "histogram",
        "stain-standardized": "learned",
    }

"""New classes leave everything else as it was."""

from __future__ import annotations

import pytest
import torch

from napari_leukoseg.classes import DEFAULT_SCHEME, CellClass
from napari_leukoseg.errors import ModelError
from napari_leukoseg.segment.model import Model, ModelCard, load_model, save_model
from napari_leukoseg.segment.networks import NARROW, build_network
from napari_leukoseg.training.finetuning.extending import extend_classes

BLAST = CellClass(7, "blast", "b", "#123456")
SCHEME = DEFAULT_SCHEME.added(BLAST)


def model_of(architecture: str) -> Model:
    torch.manual_seed(0)
    settings = NARROW[architecture]
    network = build_network(architecture, settings).eval()
    ids = (1, 2, 3, 4, 5)
    return Model(ModelCard("base", architecture, settings, ids, 32.0), network)


@pytest.mark.parametrize("architecture", ["residual-unet", "flexunet", "unet"])
@torch.no_grad()
def test_other_outputs_are_unchanged(architecture):
    base = model_of(architecture)
    image = torch.randn(1, 3, 64, 64)
    before = base.network(image)
    extended = extend_classes(base, (1, 7), SCHEME)
    after = extended.network(image)
    assert extended.card.class_ids == (1, 2, 3, 4, 5, 7)
    torch.testing.assert_close(after.evidence[:, :5], before.evidence)
    if base.network.has_nucleus:
        torch.testing.assert_close(after.semantic, before.semantic)
    winner = after.evidence.mean(dim=(2, 3)).argmax(dim=1)
    assert winner.item() != 5  # a class that was never taught wins no cell


def test_extended_models_are_saved_with_their_classes(tmp_path):
    extended = extend_classes(model_of("residual-unet"), (7,), SCHEME)
    save_model(tmp_path, extended.network, extended.card)
    again = load_model(tmp_path)
    assert again.card.scheme == SCHEME
    twice = extend_classes(again, (7, 2), SCHEME)
    assert twice.card == again.card


def test_nothing_new_changes_nothing():
    base = model_of("residual-unet")
    same = extend_classes(base, (1, 2), SCHEME)
    assert same.card == base.card
    assert same.network is not base.network
    for name, weight in base.network.state_dict().items():
        torch.testing.assert_close(same.network.state_dict()[name], weight)


def test_networks_without_classes_stay_without():
    settings = NARROW["mtl-nucleus"]
    network = build_network("mtl-nucleus", settings)
    bare = Model(ModelCard("bare", "mtl-nucleus", settings, (), 32.0), network)
    assert extend_classes(bare, (1, 7), SCHEME).card == bare.card


def test_networks_of_fixed_classes_are_refused():
    settings = NARROW["stain-standardized"]
    network = build_network("stain-standardized", settings)
    ids = (1, 2, 3, 4, 5)
    base = Model(ModelCard("x", "stain-standardized", settings, ids, 32.0), network)
    assert extend_classes(base, (1,), SCHEME).card == base.card
    with pytest.raises(ModelError, match="cannot be added"):
        extend_classes(base, (7,), SCHEME)

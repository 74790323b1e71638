"""Every loss: partial masks, networks that do not fit, and their terms."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import functional

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.segment.networks import NetworkOutput, build_network
from napari_leukoseg.segment.networks.base import NEVER
from napari_leukoseg.segment.networks.outputs import from_pixel_classes
from napari_leukoseg.training.crops import Crop
from napari_leukoseg.training.losses import (
    BinaryLoss,
    FocalDiceLoss,
    Loss,
    MultiTaskLoss,
    PartialLoss,
    PixelClassLoss,
    SemanticLoss,
    check_fit,
)
from napari_leukoseg.training.pixel_losses import (
    partial_cross_entropy,
    partial_dice_loss,
)
from napari_leukoseg.training.sample import (
    ANYTHING,
    IS_BACKGROUND,
    IS_CYTOPLASM,
    IS_NUCLEUS,
)

SHAPE = (6, 8)


def drawn(channels: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(channels)
    return torch.randn(2, channels, *SHAPE, generator=generator)


def three_parts(maps: torch.Tensor) -> NetworkOutput:
    return NetworkOutput(maps[:, :3], maps[:, 3:4], maps[:, 4:, ::2, ::2])


def semantic_only(maps: torch.Tensor) -> NetworkOutput:
    return NetworkOutput(maps, None, None)


def whole_cells(maps: torch.Tensor) -> NetworkOutput:
    zero = torch.zeros_like(maps)
    return NetworkOutput(torch.cat([zero, maps, zero + NEVER], dim=1), None, None)


def nuclei(maps: torch.Tensor) -> NetworkOutput:
    zero = torch.zeros_like(maps[:, :1])
    semantic = torch.cat([zero, zero + NEVER, maps[:, :1]], dim=1)
    return NetworkOutput(semantic, maps[:, 1:], None)


Output = Callable[[torch.Tensor], NetworkOutput]
CASES: dict[str, tuple[Loss, int, Output]] = {
    "partial": (PartialLoss(), 9, three_parts),
    "pixel-classes": (PixelClassLoss(), 6, from_pixel_classes),
    "focal-dice": (FocalDiceLoss(), 6, from_pixel_classes),
    "semantic": (SemanticLoss(), 3, semantic_only),
    "binary": (BinaryLoss(), 1, whole_cells),
    "multi-task": (MultiTaskLoss(), 2, nuclei),
}
every_loss = pytest.mark.parametrize(
    ("loss", "channels", "output"), CASES.values(), ids=CASES
)


def crop_of(allowed: torch.Tensor, **changed: Any) -> Crop:
    parts = {
        "image": torch.zeros(2, 3, *SHAPE, dtype=torch.uint8),
        "allowed": allowed.to(torch.uint8),
        "distance": torch.full((2, *SHAPE), torch.nan),
        "instances": torch.zeros(2, *SHAPE, dtype=torch.int64),
        "classes": torch.full((2, 8), -1),
    }
    return Crop(**(parts | changed))


@pytest.fixture
def marked() -> Crop:
    """A cell with a nucleus in each half, of class 2 in the first and none else."""
    allowed = torch.full((2, *SHAPE), IS_BACKGROUND)
    allowed[..., 2:], allowed[:, 2:4, 4:6] = IS_CYTOPLASM, IS_NUCLEUS
    instances = torch.zeros(2, *SHAPE, dtype=torch.int64)
    instances[0, :, 2:] = 1
    classes = torch.full((2, 8), -1)
    classes[0, 0] = 2
    distance = (allowed != IS_BACKGROUND).float()
    return crop_of(allowed, instances=instances, classes=classes, distance=distance)


@every_loss
def test_what_nobody_marked_teaches_nothing(
    loss: Loss, channels: int, output: Output
) -> None:
    maps = drawn(channels).requires_grad_()
    terms = loss(output(maps), crop_of(torch.full((2, *SHAPE), ANYTHING)))
    terms.total.backward()
    assert terms.total.item() == pytest.approx(0, abs=1e-6)
    assert maps.grad is not None
    assert not maps.grad.any()


@every_loss
def test_a_step_down_the_gradient_lowers_the_loss(
    loss: Loss, channels: int, output: Output, marked: Crop
) -> None:
    maps = drawn(channels).requires_grad_()
    before = loss(output(maps), marked).total
    before.backward()
    assert maps.grad is not None
    after = loss(output(maps.detach() - 0.1 * maps.grad), marked).total
    assert after < before


@every_loss
def test_open_pixels_do_not_matter(
    loss: Loss, channels: int, output: Output, marked: Crop
) -> None:
    allowed, distance = marked.allowed.clone(), marked.distance.clone()
    instances = marked.instances.clone()
    allowed[:, 4:], distance[:, 4:], instances[:, 4:] = ANYTHING, torch.nan, 0
    crop = marked._replace(allowed=allowed, distance=distance, instances=instances)
    maps = drawn(channels)
    other = torch.cat([maps[:, :, :4], 5 - maps[:, :, 4:]], dim=2)
    torch.testing.assert_close(
        loss(output(maps), crop).total, loss(output(other), crop).total
    )


def test_partial_loss_weighs_its_terms(marked: Crop) -> None:
    output = three_parts(drawn(9))
    weighed = PartialLoss(2.0, 3.0, 5.0, 7.0)(output, marked)
    torch.testing.assert_close(
        weighed.total,
        2 * weighed.semantic
        + 3 * weighed.dice
        + 5 * weighed.distance
        + 7 * weighed.cell_class,
    )
    torch.testing.assert_close(
        weighed.semantic, partial_cross_entropy(output.semantic, marked.allowed)
    )
    torch.testing.assert_close(
        weighed.dice, partial_dice_loss(output.semantic, marked.allowed)
    )


def test_partial_loss_takes_networks_without_some_heads(marked: Crop) -> None:
    terms = PartialLoss()(semantic_only(drawn(3)), marked)
    assert terms.distance.item() == 0
    assert terms.cell_class.item() == 0
    torch.testing.assert_close(terms.total, terms.semantic + 0.5 * terms.dice)


def test_partial_loss_weighs_classes(marked: Crop) -> None:
    both = marked.classes.clone()
    both[1, 0] = 4
    crop = marked._replace(instances=marked.instances[[0, 0]], classes=both)
    output = three_parts(drawn(9))
    weights = torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0])
    alone = PartialLoss(label_smoothing=0)(output, marked).cell_class
    torch.testing.assert_close(
        PartialLoss(label_smoothing=0)(output, crop, weights).cell_class, alone
    )


def test_pixel_classes_are_those_of_the_cell(marked: Crop) -> None:
    maps = drawn(6)
    crop = marked._replace(
        allowed=marked.allowed[:1],
        instances=marked.instances[:1],
        classes=marked.classes[:1],
    )
    target = torch.where(crop.instances > 0, 3, 0)  # class index 2 follows background
    torch.testing.assert_close(
        PixelClassLoss()(from_pixel_classes(maps[:1]), crop).total,
        functional.cross_entropy(maps[:1], target),
    )


def test_focal_dice_is_the_sum_of_both(marked: Crop) -> None:
    terms = FocalDiceLoss()(from_pixel_classes(drawn(6)), marked)
    assert terms.semantic > 0
    assert terms.dice > 0
    torch.testing.assert_close(terms.total, terms.semantic + terms.dice)


def test_multi_task_is_the_sum_of_its_three_terms(marked: Crop) -> None:
    maps = drawn(2)
    terms = MultiTaskLoss(distance=3.0)(nuclei(maps), marked)
    is_nucleus = (marked.allowed == IS_NUCLEUS).float()
    p = maps[:, 0].sigmoid()
    dice = 1 - (2 * (p * is_nucleus).sum() + 1) / (p.sum() + is_nucleus.sum() + 1)
    expected = (
        functional.binary_cross_entropy(p, is_nucleus)
        + dice
        + 3 * functional.mse_loss(maps[:, 1].sigmoid(), marked.distance)
    )
    torch.testing.assert_close(terms.total, expected)


@pytest.mark.parametrize(
    ("architecture", "loss", "missing"),
    [
        ("unet", MultiTaskLoss(), "distance"),
        ("flexunet", PartialLoss(), "nucleus"),
        ("mtl-nucleus", BinaryLoss(), "cytoplasm"),
        ("hematology-mil", FocalDiceLoss(), "pixel classes"),
    ],
)
def test_losses_without_an_output_to_learn_are_refused(
    architecture: str, loss: Loss, missing: str
) -> None:
    with torch.device("meta"):
        network = build_network(architecture, {})
    output = {
        "unet": three_parts(drawn(9)),
        "flexunet": from_pixel_classes(drawn(6)),
        "mtl-nucleus": nuclei(drawn(2)),
        "hematology-mil": whole_cells(drawn(1)),
    }[architecture]
    if architecture == "unet":
        output = output._replace(distance=None)
    with pytest.raises(SettingsError, match=missing):
        check_fit(loss, network, output, architecture)


@pytest.mark.parametrize(("name", "value"), [("gamma", 0.5), ("smoothing", 0.0)])
def test_settings_without_a_gradient_are_refused(name: str, value: float) -> None:
    with pytest.raises(SettingsError, match=name):
        FocalDiceLoss(**{name: value})

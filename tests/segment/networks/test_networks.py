"""One contract for every architecture, run on each in its narrow setting."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from napari_leukoseg.errors import ModelError, SettingsError
from napari_leukoseg.segment.model import (
    WEIGHTS_NAME,
    ModelCard,
    load_model,
    save_model,
)
from napari_leukoseg.segment.networks import (
    ARCHITECTURES,
    NARROW,
    ResidualUNet,
    ResidualUNetSettings,
    SegmentationNetwork,
    build_network,
)
from napari_leukoseg.segment.networks.base import CYTOPLASM, NEVER, NUCLEUS
from napari_leukoseg.segment.networks.pspnet import GridMean

VARIANTS = [
    *NARROW.items(),
    ("cbam-unet", {"encoder": "resnet50", "width": 8, "reduction": 4}),
    ("hematology-mil", {"width": 8, "head_channels": 16}),
    ("flexunet", {"base_filters": 4, "base_dilation": 3, "n_levels": 3}),
]

MAX_BYTES = 3_000_000

MADE = {
    "residual-unet": 3_637_465,
    "stain-standardized": 71_433_219,
    "flexunet": 124_996_934,
    "cbam-unet": 24_891_462 + 44_940,
    "mtl-nucleus": 95_758_982,
    # 42,004,074 with 21 classes; both heads end with 256 weights and an offset each.
    "hematology-mil": 42_004_074 - 2 * (21 - 1) * 257,
    "unet": 31_032_200,
    "deeplabv3plus": 40_348_840,
    "pspnet": 46_585_928,
    "fcn": 134_299_480,
}
"""Weights as published, or as derived from the published layout."""

WITH_STATISTICS = {"stain-standardized"}
"""Counted by Keras, which includes the running statistics."""


@pytest.fixture(
    params=VARIANTS, ids=lambda pair: "-".join(map(str, (pair[0], *pair[1].values())))
)
def variant(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    return request.param


@pytest.fixture
def network(variant: tuple[str, dict[str, object]]) -> SegmentationNetwork:
    torch.manual_seed(0)
    return build_network(*variant)


def picture(network: SegmentationNetwork, rows: int = 2, columns: int = 2) -> Tensor:
    """Two pictures of RGB in 0 to 1, standardized as the network wants them."""
    generator = torch.Generator().manual_seed(1)
    size = rows * network.stride, columns * network.stride
    colors = torch.rand(2, 3, *size, generator=generator)
    mean, std = (
        torch.tensor(v)[:, None, None] for v in (network.image_mean, network.image_std)
    )
    return (colors - mean) / std


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 3)])
def test_outputs_are_as_promised(
    network: SegmentationNetwork, rows: int, columns: int
) -> None:
    height, width = rows * network.stride, columns * network.stride
    output = network.eval()(picture(network, rows, columns))
    assert output.semantic.shape == (2, 3, height, width)
    if output.distance is not None:
        assert output.distance.shape == (2, 1, height, width)
    if output.evidence is not None:
        stride = height // output.evidence.shape[2]
        assert output.evidence.shape == (2, 5, height // stride, width // stride)
        assert network.stride % stride == 0
    assert all(part.isfinite().all() for part in output if part is not None)


def test_flags_say_which_class_is_never_given(network: SegmentationNetwork) -> None:
    semantic = network.eval()(picture(network)).semantic
    is_never = (semantic == NEVER).flatten(2).all(dim=2)
    assert (is_never[:, NUCLEUS] != network.has_nucleus).all()
    assert (is_never[:, CYTOPLASM] != network.has_cytoplasm).all()
    assert not is_never[:, 0].any()


def test_every_parameter_that_can_learns(network: SegmentationNetwork) -> None:
    image = picture(network)
    learning = {n: p for n, p in network.named_parameters() if p.requires_grad}
    start = {name: p.detach().clone() for name, p in learning.items()}
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _ in range(2):  # zero-initialized layers pass gradients after one step
        optimizer.zero_grad()
        parts = [part for part in network(image) if part is not None]
        sum(part.square().mean() for part in parts).backward()
        assert all(p.grad is not None for p in learning.values())
        optimizer.step()
    still = [name for name, p in learning.items() if torch.equal(p, start[name])]
    assert not still
    frozen = {n for n, _ in network.named_parameters()} - set(learning)
    assert all(name.startswith("aux_classifier.") for name in frozen)


def test_a_picture_does_not_depend_on_its_batch(network: SegmentationNetwork) -> None:
    image = picture(network)
    image[1] = image[1] * 0.3
    network.eval()
    together, alone = network(image), network(image[:1])
    for whole, part in zip(together, alone, strict=True):
        if whole is not None:
            torch.testing.assert_close(whole[:1], part, rtol=1e-3, atol=1e-3)


def test_a_saved_model_loads_with_its_weights(
    network: SegmentationNetwork, variant: tuple[str, dict[str, object]], tmp_path: Path
) -> None:
    network.half().float()  # as they are stored
    card = ModelCard("narrow", *variant, class_ids=(1,), cell_diameter_px=64.0)
    save_model(tmp_path, network, card)
    assert (tmp_path / WEIGHTS_NAME).stat().st_size <= MAX_BYTES
    loaded = load_model(tmp_path).network
    assert type(loaded) is type(network)
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], tensor, rtol=0, atol=0)


def test_every_architecture_has_a_narrow_variant() -> None:
    assert NARROW.keys() == ARCHITECTURES.keys() == MADE.keys()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_full_networks_have_the_published_size(name: str) -> None:
    assert count_weights(name, {}, statistics=name in WITH_STATISTICS) == MADE[name]


def test_cbam_unet_is_the_published_unet_and_its_attention() -> None:
    assert count_weights("cbam-unet", {"cbam": False}) == 24_891_462


def count_weights(
    name: str, settings: dict[str, object], *, statistics: bool = False
) -> int:
    """Count without making the weights."""
    with torch.device("meta"):
        network = build_network(name, settings)
    counted = list(network.parameters())
    if statistics:
        counted += [b for b in network.buffers() if b.is_floating_point()]
    return sum(tensor.numel() for tensor in counted)


def test_flexunet_shrinks_kernels_and_dilations_from_level_to_level() -> None:
    with torch.device("meta"):
        network = build_network("flexunet", {"base_dilation": 3})
    convs = [
        next(m for m in block.modules() if isinstance(m, nn.Conv2d))
        for block in network.get_submodule("encoder").children()
    ]
    assert [c.kernel_size[0] for c in convs] == [9, 7, 5, 3, 3, 3, 3, 3]
    assert [c.dilation[0] for c in convs] == [3, 2, 1, 1, 1, 1, 1, 1]
    assert [c.out_channels for c in convs] == [16 * 2**i for i in range(8)]
    dropped = [
        m.p
        for m in network.get_submodule("encoder").modules()
        if isinstance(m, nn.Dropout)
    ]
    assert dropped == pytest.approx([0.05 * i for i in range(8)])
    assert network.stride == 128


def test_deeplab_is_dilated_and_named_as_published() -> None:
    with torch.device("meta"):
        network = build_network("hematology-mil", {})
    dilations = {
        name: module.dilation[0]
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3)
    }
    assert dilations["backbone.layer2.3.conv2"] == 1
    assert dilations["backbone.layer3.0.conv2"] == 1
    assert dilations["backbone.layer3.5.conv2"] == 2
    assert dilations["backbone.layer4.0.conv2"] == 2
    assert dilations["backbone.layer4.2.conv2"] == 4
    assert [dilations[f"classifier.0.convs.{i}.0"] for i in (1, 2, 3)] == [12, 24, 36]
    shapes = {name: tuple(v.shape) for name, v in network.state_dict().items()}
    for name, shape in {
        "backbone.conv1.weight": (64, 3, 7, 7),
        "backbone.layer1.0.downsample.1.running_var": (256,),
        "backbone.layer4.2.bn3.bias": (2048,),
        "classifier.0.convs.0.0.weight": (256, 2048, 1, 1),
        "classifier.0.convs.4.1.weight": (256, 2048, 1, 1),
        "classifier.0.convs.4.2.running_mean": (256,),
        "classifier.0.project.0.weight": (256, 1280, 1, 1),
        "classifier.1.weight": (256, 256, 3, 3),
        "classifier.4.bias": (1,),
        "aux_classifier.0.weight": (256, 1024, 3, 3),
        "aux_classifier.4.weight": (1, 256, 1, 1),
    }.items():
        assert shapes[name] == shape


def test_keras_networks_normalize_as_keras_does() -> None:
    with torch.device("meta"):
        network = build_network("stain-standardized", {})
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(m.momentum, m.eps) for m in norms} == {(0.01, 1e-3)}


@pytest.mark.parametrize("n", [1, 2, 3, 6])
@pytest.mark.parametrize("size", [(1, 1), (6, 12), (7, 20), (4, 5)])
def test_grid_means_equal_adaptive_pooling(n: int, size: tuple[int, int]) -> None:
    features = torch.randn(2, 3, *size)
    torch.testing.assert_close(GridMean(n)(features), nn.AdaptiveAvgPool2d(n)(features))


def test_pixel_classes_become_whole_cells_without_loss() -> None:
    network = build_network("cbam-unet", NARROW["cbam-unet"]).eval()
    seen: list[Tensor] = []
    network.get_submodule("head").register_forward_hook(lambda *a: seen.append(a[2]))
    output = network(picture(network))
    logits = torch.cat([output.semantic[:, :1], output.evidence], dim=1)
    torch.testing.assert_close(logits, seen[0], rtol=0, atol=0)
    torch.testing.assert_close(
        output.semantic.softmax(dim=1)[:, 0], logits.softmax(dim=1)[:, 0]
    )


def test_prediction_does_not_depend_on_distant_surroundings() -> None:
    """No statistic of the tile enters, so tiles agree where they overlap."""
    torch.manual_seed(1)
    network = ResidualUNet(ResidualUNetSettings(4, (8, 8), (1, 1))).eval()
    for parameter in network.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)

    def center(image: Tensor) -> Tensor:
        output: Tensor = network(image).semantic[..., 60:68, 60:68]
        return output

    first = torch.randn(1, 3, 128, 128)
    second = torch.randn(1, 3, 128, 128)
    second[..., 24:104, 24:104] = first[..., 24:104, 24:104]
    torch.testing.assert_close(center(first), center(second))


def test_unknown_names_and_settings_are_refused() -> None:
    with pytest.raises(ModelError, match="'nonsense' is unknown"):
        build_network("nonsense", {})
    with pytest.raises(ModelError, match="no setting 'width'"):
        build_network("residual-unet", {"width": 3})
    with pytest.raises(SettingsError, match="as many"):
        ResidualUNetSettings(channels=(8, 8), depths=(1,))


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        *((name, {"width": 0}, "width is 0; give") for name in ("unet", "fcn")),
        ("pspnet", {"width": "64"}, "width is '64'; give"),
        ("hematology-mil", {"head_channels": -1}, "head_channels is -1; give"),
        ("deeplabv3plus", {"n_classes": True}, "n_classes is True; give"),
        ("stain-standardized", {"dropout": 1.0}, "dropout is 1.0; give"),
        ("flexunet", {"base_kernel": 4}, "base_kernel is 4; give an odd"),
        ("flexunet", {"dropout_step": 0.2}, "give 0 or more, and less than 0.14"),
        ("cbam-unet", {"encoder": "vgg19"}, "'vgg19'; give vgg16 or resnet50"),
        ("mtl-nucleus", {"attended_px": 100}, "a multiple of 16"),
        ("mtl-nucleus", {"width": 1, "n_heads": 3}, "16 channels with 3 heads"),
    ],
)
def test_impossible_settings_are_refused(
    name: str, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        build_network(name, settings)

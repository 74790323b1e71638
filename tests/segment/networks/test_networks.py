"""One contract for every architecture, run on each."""

import pytest
import torch
from torch import Tensor

from napari_leukoseg.errors import ModelError, SettingsError
from napari_leukoseg.segment.networks import (
    ARCHITECTURES,
    ResidualUNet,
    ResidualUNetSettings,
    SegmentationNetwork,
    build_network,
)

SMALL = {
    "residual-unet": {"stem_channels": 4, "channels": [8, 8, 12], "depths": [1, 1, 1]}
}


@pytest.fixture(params=list(ARCHITECTURES))
def network(request: pytest.FixtureRequest) -> SegmentationNetwork:
    torch.manual_seed(0)
    return build_network(request.param, SMALL[request.param])


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 3)])
def test_outputs_have_the_promised_shapes(
    network: SegmentationNetwork, rows: int, columns: int
) -> None:
    height, width = rows * network.stride, columns * network.stride
    output = network(torch.randn(2, 3, height, width))
    assert output.semantic.shape == (2, 3, height, width)
    if output.distance is not None:
        assert output.distance.shape == (2, 1, height, width)
    if output.evidence is not None:
        stride = height // output.evidence.shape[2]
        assert output.evidence.shape[2:] == (height // stride, width // stride)
        assert network.stride % stride == 0


def test_every_parameter_learns(network: SegmentationNetwork) -> None:
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    image = torch.randn(1, 3, 2 * network.stride, 2 * network.stride)
    for _ in range(2):  # zero-initialized layers pass gradients after one step
        optimizer.zero_grad()
        parts = [part for part in network(image) if part is not None]
        sum(part.square().mean() for part in parts).backward()
        optimizer.step()
    still = [
        n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()
    ]
    assert not still


def test_state_round_trips(network: SegmentationNetwork) -> None:
    other = type(network)(network_settings(network))
    other.load_state_dict(network.state_dict())
    image = torch.randn(1, 3, network.stride, network.stride)
    first, second = network.eval()(image), other.eval()(image)
    torch.testing.assert_close(first.semantic, second.semantic)


def network_settings(network: SegmentationNetwork) -> ResidualUNetSettings:
    assert isinstance(network, ResidualUNet)
    return ResidualUNetSettings(4, (8, 8, 12), (1, 1, 1))


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

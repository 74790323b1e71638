"""The network for clicks begins as the network whose weights it takes."""

import torch

from napari_leukoseg.segment.networks import (
    PROMPTED,
    ResidualUNet,
    ResidualUNetSettings,
    build_network,
)
from napari_leukoseg.segment.networks.click_net import N_PROMPTS

WIDTHS = {"stem_channels": 4, "channels": (8, 8, 8, 8), "depths": (1, 1, 1, 1)}


def built() -> tuple[torch.nn.Module, torch.nn.Module]:
    torch.manual_seed(0)
    base = ResidualUNet(ResidualUNetSettings(**WIDTHS)).eval()
    for parameter in base.parameters():  # blocks that begin as the identity too
        torch.nn.init.normal_(parameter, 0, 0.1)
    network = build_network("click-net", WIDTHS).eval()
    network.adopt(base.state_dict())
    return base, network


def test_it_begins_as_its_base_whatever_is_pointed_at() -> None:
    base, network = built()
    seen = torch.rand(2, 3 + N_PROMPTS, 32, 48)
    for expected, found in zip(base(seen[:, :3]), network(seen), strict=True):
        torch.testing.assert_close(found, expected)


def test_every_map_of_the_prompt_is_learned_from() -> None:
    _, network = built()
    seen = torch.rand(2, 3 + N_PROMPTS, 32, 32)
    network(seen).semantic.square().mean().backward()
    for layer in network.prompts:
        assert (layer.weight.grad.abs().amax(dim=(0, 2, 3)) > 0).all()


def test_without_a_prompt_nothing_is_pointed_at() -> None:
    _, network = built()
    torch.nn.init.normal_(network.prompts[0].weight)
    colors = torch.rand(1, 3, 32, 32)
    empty = torch.cat([colors, torch.zeros(1, N_PROMPTS, 32, 32)], dim=1)
    clicked = empty.clone()
    clicked[0, 3, 16, 16] = 1
    torch.testing.assert_close(network(colors).semantic, network(empty).semantic)
    assert not torch.allclose(network(clicked).semantic, network(empty).semantic)


def test_its_own_weights_are_taken_whole() -> None:
    _, network = built()
    torch.nn.init.normal_(network.prompts[2].weight)
    other = build_network("click-net", WIDTHS)
    other.adopt(network.state_dict())
    torch.testing.assert_close(other.prompts[2].weight, network.prompts[2].weight)


def test_it_takes_few_bytes() -> None:
    network = PROMPTED["click-net"][0](PROMPTED["click-net"][1]())
    assert 2 * sum(p.numel() for p in network.parameters()) < 4_000_000

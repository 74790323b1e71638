"""Attention weighs features by the published formulas."""

import numpy as np
import pytest
import torch
from scipy.special import expit

from napari_leukoseg.segment.networks.attention import AttentionGate, Cbam
from napari_leukoseg.segment.networks.transformer import MapTransformer, position_code


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def test_channel_weights_sum_both_poolings_before_the_sigmoid() -> None:
    cbam = Cbam(4, reduction=2).eval()
    features = torch.randn(1, 4, 3, 5)
    first, second = (
        (layer.weight.detach().numpy(), layer.bias.detach().numpy())
        for layer in (cbam.mlp[0], cbam.mlp[2])
    )
    pixels = features[0].flatten(1).numpy()

    def perceptron(pooled: np.ndarray) -> np.ndarray:
        return second[0] @ np.maximum(first[0] @ pooled + first[1], 0) + second[1]

    expected = expit(perceptron(pixels.mean(1)) + perceptron(pixels.max(1)))
    weights = cbam.channel_weights(features).detach()
    assert weights.shape == (1, 4, 1, 1)
    np.testing.assert_allclose(weights.flatten(), expected, rtol=1e-5)


def test_pixel_weights_see_the_largest_and_the_mean_channel() -> None:
    cbam = Cbam(4).eval()
    kernel = torch.zeros(1, 2, 7, 7)
    kernel[0, :, 3, 3] = torch.tensor([1.0, -1.0])
    cbam.conv.weight.data = kernel
    features = torch.randn(2, 4, 3, 5)
    expected = torch.sigmoid(
        (features.amax(1) - features.mean(1)) / (1 + cbam.norm.eps) ** 0.5
    )
    torch.testing.assert_close(cbam.pixel_weights(features)[:, 0], expected)


def test_undecided_attention_halves_twice() -> None:
    cbam = Cbam(8).eval()
    for parameter in (*cbam.mlp.parameters(), cbam.conv.weight):
        parameter.data.zero_()
    features = torch.randn(1, 8, 6, 6)
    torch.testing.assert_close(cbam(features), features / 4)


def test_cbam_has_the_published_weights_and_at_least_one_hidden_unit() -> None:
    counts = [
        sum(p.numel() for p in Cbam(channels).parameters())
        for channels in (64, 128, 256, 512)
    ]
    assert sum(counts) == 44_940
    assert Cbam(5, reduction=16).mlp[0].out_features == 1


def test_a_gate_multiplies_the_skip_by_additive_attention() -> None:
    gate = AttentionGate(2, 3, 4)
    skip, signal = torch.randn(1, 2, 5, 5), torch.randn(1, 3, 5, 5)
    w_x, w_g = gate.skip.weight[:, :, 0, 0], gate.gate.weight[:, :, 0, 0]
    x, g = skip[0, :, 2, 3], signal[0, :, 2, 3]
    hidden = torch.relu(w_x @ x + w_g @ g + gate.gate.bias)
    alpha = torch.sigmoid(gate.weight.weight.flatten() @ hidden + gate.weight.bias)
    torch.testing.assert_close(gate(skip, signal)[0, :, 2, 3], alpha * x)
    gate.weight.bias.data.fill_(-100)
    assert gate(skip, signal).abs().max() < 1e-6


def test_position_codes_are_all_different_and_do_not_depend_on_the_size() -> None:
    code = position_code(16, 16, 32)
    assert code.shape == (16, 16, 32)
    distances = torch.cdist(code.flatten(0, 1), code.flatten(0, 1))
    assert distances.fill_diagonal_(1).min() > 1e-2
    torch.testing.assert_close(position_code(3, 7, 32), code[:3, :7])
    torch.testing.assert_close(code[5, 2, 0], torch.tensor(5.0).sin())
    torch.testing.assert_close(code[5, 2, 16], torch.tensor(2.0).sin())


def test_a_transformer_attends_within_blocks() -> None:
    transformer = MapTransformer(8, 2, 2, block=4, dropout=0.1).eval()
    features = torch.randn(1, 8, 6, 9)
    whole = transformer(features)
    assert whole.shape == features.shape
    torch.testing.assert_close(whole[..., :4, 4:8], transformer(features[..., :4, 4:8]))
    torch.testing.assert_close(whole[..., 4:, 8:], transformer(features[..., 4:, 8:]))
    changed = features.clone()
    changed[:, 0, 0, 0] += 1  # of one channel, since the norm removes their mean
    differs = ~torch.isclose(transformer(changed), whole).all(dim=1)[0]
    assert differs[:4, :4].all()
    assert not differs[4:].any()
    assert not differs[:, 4:].any()


def test_a_transformer_knows_where_pixels_are() -> None:
    transformer = MapTransformer(8, 1, 2, block=4, dropout=0.0).eval()
    even = transformer(torch.ones(1, 8, 4, 4))[0].flatten(1).T
    assert torch.cdist(even, even).fill_diagonal_(1).min() > 1e-4

"""Attention that weighs features: CBAM and the gates of Attention U-Net."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["AttentionGate", "Cbam"]

SPATIAL_KERNEL = 7


class Cbam(nn.Module):
    """Convolutional block attention: by channel, then by pixel [1]_.

    ``M_c = σ(MLP(mean) + MLP(max))`` over the pixels, then ``M_s =
    σ(BN(conv7x7([max; mean])))`` over the channels; both multiply the features.

    Parameters
    ----------
    channels : int
        Channels C of the features.
    reduction : int, optional
        The shared perceptron has C over this many hidden units, at least one.

    References
    ----------
    .. [1] S. Woo et al., "CBAM: convolutional block attention module",
       ECCV 2018.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(1, channels // reduction)
        self.mlp = nn.Sequential(
            nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels)
        )
        self.conv = nn.Conv2d(
            2, 1, SPATIAL_KERNEL, padding=SPATIAL_KERNEL // 2, bias=False
        )
        self.norm = nn.BatchNorm2d(1)

    def forward(self, features: Tensor) -> Tensor:
        """Weigh (B, C, H, W)."""
        features = features * self.channel_weights(features)
        return features * self.pixel_weights(features)

    def channel_weights(self, features: Tensor) -> Tensor:
        """Weight of each channel, 0 to 1, shape (B, C, 1, 1)."""
        mean, highest = features.mean(dim=(2, 3)), features.amax(dim=(2, 3))
        return torch.sigmoid(self.mlp(mean) + self.mlp(highest))[..., None, None]

    def pixel_weights(self, features: Tensor) -> Tensor:
        """Weight of each pixel, 0 to 1, shape (B, 1, H, W)."""
        highest = features.amax(dim=1, keepdim=True)
        mean = features.mean(dim=1, keepdim=True)
        return torch.sigmoid(self.norm(self.conv(torch.cat([highest, mean], dim=1))))


class AttentionGate(nn.Module):
    """Additive attention that lets pass what the coarser level asks for [1]_.

    ``α = σ(ψᵀ ReLU(W_x x + W_g g + b) + b_ψ)`` multiplies the skip x, where g
    is the gating signal at the same resolution.

    Parameters
    ----------
    skip_channels, gate_channels : int
        Channels of x and g.
    hidden_channels : int
        Channels in which they are compared.

    References
    ----------
    .. [1] O. Oktay et al., "Attention U-Net: learning where to look for the
       pancreas", MIDL 2018.
    """

    def __init__(
        self, skip_channels: int, gate_channels: int, hidden_channels: int
    ) -> None:
        super().__init__()
        self.skip = nn.Conv2d(skip_channels, hidden_channels, 1, bias=False)
        self.gate = nn.Conv2d(gate_channels, hidden_channels, 1)
        self.weight = nn.Conv2d(hidden_channels, 1, 1)

    def forward(self, skip: Tensor, gate: Tensor) -> Tensor:
        """Weigh the skip (B, C, H, W) by a gate (B, C', H, W)."""
        compared = functional.relu(self.skip(skip) + self.gate(gate))
        return skip * torch.sigmoid(self.weight(compared))

"""A transformer over the pixels of a coarse feature map."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_leukoseg.errors import SettingsError

__all__ = ["MapTransformer", "position_code"]

MLP_RATIO = 4
LONGEST_WAVELENGTH = 10_000.0
"""Over 2π tokens, as for sentences."""


def position_code(height: int, width: int, channels: int) -> Tensor:
    """Sines and cosines of row and column at geometric wavelengths [1]_.

    Parameters
    ----------
    height, width : int
        Rows and columns.
    channels : int
        A multiple of 4: the first half tells the row, the second the column.

    Returns
    -------
    code : Tensor of shape (height, width, channels)
        Values from -1 to 1.

    References
    ----------
    .. [1] A. Vaswani et al., "Attention is all you need", NeurIPS 2017; for
       two axes, Z. Wang, J.-C. Liu, "Translating math formula images to LaTeX
       sequences", IJDAR 24, 2021.
    """
    quarter = channels // 4
    rates = LONGEST_WAVELENGTH ** (-torch.arange(quarter) / quarter)
    row, column = (torch.arange(n)[:, None] * rates for n in (height, width))
    row = torch.cat([row.sin(), row.cos()], dim=1)[:, None].expand(-1, width, -1)
    column = torch.cat([column.sin(), column.cos()], dim=1).expand(height, -1, -1)
    return torch.cat([row, column], dim=2)


class TransformerLayer(nn.Module):
    """Self-attention and a perceptron, each normalized before and added."""

    def __init__(self, channels: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norm1 = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.project = nn.Linear(channels, channels)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(
            nn.Linear(channels, MLP_RATIO * channels),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(MLP_RATIO * channels, channels),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Keep the shape (B, N, C)."""
        tokens = tokens + self.dropout(self.attend(self.norm1(tokens)))
        out: Tensor = tokens + self.dropout(self.mlp(self.norm2(tokens)))
        return out

    def attend(self, tokens: Tensor) -> Tensor:
        """Mix the tokens (B, N, C) of each picture."""
        batch, count = tokens.shape[:2]
        split = self.qkv(tokens).view(batch, count, 3, self.n_heads, -1)
        query, key, value = split.permute(2, 0, 3, 1, 4)  # (B, heads, N, C / heads)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.project(mixed.transpose(1, 2).reshape(tokens.shape))
        return out


class MapTransformer(nn.Module):
    """Pre-norm transformer over blocks of a feature map.

    A map of any size is cut into blocks of at most `block` x `block` pixels,
    each with its own position code and attention. So a tile larger than the
    crops of training meets no position that the network never saw, and memory
    does not grow with the square of the tile.

    Parameters
    ----------
    channels : int
        Channels of the map; a multiple of 4 and of `n_heads`.
    n_layers, n_heads : int
        Depth, and parallel attentions of each layer.
    block : int
        Largest side of a block.
    dropout : float
        Share of values dropped in training.

    Raises
    ------
    SettingsError
        If the channels cannot be divided so.
    """

    def __init__(
        self, channels: int, n_layers: int, n_heads: int, block: int, dropout: float
    ) -> None:
        super().__init__()
        if channels % 4 or channels % n_heads:
            raise SettingsError(
                f"A transformer of {channels} channels with {n_heads} heads is not "
                "possible; give a multiple of 4 and of the heads."
            )
        self.block = block
        self.layers = nn.Sequential(
            *(TransformerLayer(channels, n_heads, dropout) for _ in range(n_layers))
        )
        self.norm = nn.LayerNorm(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Keep the shape (B, C, H, W)."""
        rows = [
            torch.cat(
                [self.attend(part) for part in torch.split(row, self.block, 3)], 3
            )
            for row in torch.split(features, self.block, 2)
        ]
        return torch.cat(rows, dim=2)

    def attend(self, block: Tensor) -> Tensor:
        """Transform one block (B, C, h, w)."""
        channels, height, width = block.shape[1:]
        code = position_code(height, width, channels).to(block)
        coded = (block.permute(0, 2, 3, 1) + code).flatten(1, 2)  # (B, h * w, C)
        tokens: Tensor = self.norm(self.layers(coded))
        return tokens.transpose(1, 2).reshape(block.shape)

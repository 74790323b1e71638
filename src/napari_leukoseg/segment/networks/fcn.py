"""FCN-8s on VGG16, a baseline."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from napari_leukoseg.segment.networks.base import (
    NetworkOutput,
    SegmentationNetwork,
    require_counts,
)
from napari_leukoseg.segment.networks.blocks import init_he_normal
from napari_leukoseg.segment.networks.outputs import (
    N_SEMANTIC,
    upsample,
    with_evidence,
)
from napari_leukoseg.segment.networks.pretrained import IMAGENET_MEAN, IMAGENET_STD
from napari_leukoseg.segment.networks.vgg import Vgg16Encoder

__all__ = ["Fcn8s", "Fcn8sSettings"]

PUBLISHED_DROPOUT = 0.5

CONTEXT_KERNEL = 7
"""Side of the fully connected layer's input, of which a convolution was made."""


@dataclass(frozen=True)
class Fcn8sSettings:
    """Shape of a `Fcn8s`.

    Parameters
    ----------
    width : int, optional
        Channels of the encoder's first stage; 64 as published.
    hidden_channels : int, optional
        Channels of the layers that were fully connected; 4096 as published.
    n_classes : int, optional
        Cell classes with evidence.
    """

    width: int = 64
    hidden_channels: int = 4096
    n_classes: int = 5

    def __post_init__(self) -> None:
        require_counts(self, "width", "hidden_channels", "n_classes")


class Fcn8s(SegmentationNetwork):
    """Scores at strides 32, 16 and 8, summed from coarse to fine [1]_.

    Scores are interpolated linearly, as the learned upsampling starts out. With
    the published widths it has 134,299,480 weights.

    Parameters
    ----------
    settings : Fcn8sSettings
        Widths.

    References
    ----------
    .. [1] J. Long et al., "Fully convolutional networks for semantic
       segmentation", CVPR 2015.
    """

    stride = 32
    image_mean = IMAGENET_MEAN
    image_std = IMAGENET_STD

    def __init__(self, settings: Fcn8sSettings) -> None:
        super().__init__()
        self.bytes_per_pixel = 200 + 14 * settings.width
        outputs = N_SEMANTIC + settings.n_classes
        hidden = settings.hidden_channels
        encoder = Vgg16Encoder(settings.width)
        *_, third, fourth, fifth = encoder.channels
        self.deep = nn.Sequential(
            nn.Conv2d(fifth, hidden, CONTEXT_KERNEL, padding=CONTEXT_KERNEL // 2),
            nn.ReLU(),
            nn.Dropout2d(PUBLISHED_DROPOUT),
            nn.Conv2d(hidden, hidden, 1),
            nn.ReLU(),
            nn.Dropout2d(PUBLISHED_DROPOUT),
            nn.Conv2d(hidden, outputs, 1),
        )
        self.skips = nn.ModuleList(nn.Conv2d(n, outputs, 1) for n in (fourth, third))
        init_he_normal(self)
        self.encoder = encoder

    def forward(self, image: Tensor) -> NetworkOutput:
        """Predict a batch (B, 3, H, W) of RGB; evidence is at stride 8."""
        *_, third, fourth, fifth = (
            functional.max_pool2d(stage, 2) for stage in self.encoder(image)
        )
        scores = self.deep(fifth)
        for score, features in zip(self.skips, (fourth, third), strict=True):
            scores = upsample(scores, features.shape[-2:]) + score(features)
        return with_evidence(scores, image.shape[-2:])

"""Channels and masks equal those of scikit-image."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import color, filters

from napari_leukoseg.segment.networks.color_channels import (
    NUCLEUS_CHANNELS,
    NUCLEUS_GUIDES,
    WBC_CHANNELS,
    WBC_GUIDES,
    color_channels,
    exceed_threshold,
    guidance_masks,
    stack_channels,
)
from napari_leukoseg.synthetic import DrawnRegion


def to_batch(*images: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255


@pytest.fixture(scope="module")
def image(drawn_field: DrawnRegion) -> NDArray[np.uint8]:
    return drawn_field.image[100:228, 100:228]


def test_channels_equal_those_of_scikit_image() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (20, 30, 3), np.uint8)
    image[0, :4] = [[0, 0, 0], [255, 255, 255], [90, 90, 90], [1, 0, 0]]
    lab, luv, hsv = (f(image) for f in (color.rgb2lab, color.rgb2luv, color.rgb2hsv))
    expected = {
        "red": image[..., 0] / 255,
        "green": image[..., 1] / 255,
        "blue": image[..., 2] / 255,
        "lab_l": lab[..., 0] / 100,
        "lab_a": lab[..., 1] / 128,
        "lab_b": lab[..., 2] / 128,
        "luv_l": luv[..., 0] / 100,
        "luv_v": luv[..., 2] / 128,
        "hue": hsv[..., 0],
        "saturation": hsv[..., 1],
    }
    channels = color_channels(to_batch(image))
    assert channels.keys() == expected.keys() | {"cyan", "magenta", "yellow"}
    for name, values in expected.items():
        np.testing.assert_allclose(
            channels[name][0, 0], values, atol=2e-4, err_msg=name
        )


def test_printing_colors_of_known_lights() -> None:
    image = np.array([[[255, 0, 0], [0, 255, 255], [0, 0, 0], [204, 102, 51]]])
    channels = color_channels(to_batch(image.astype(np.uint8)))
    printed = torch.cat([channels[n] for n in ("cyan", "magenta", "yellow")], dim=1)
    expected = [[0, 1, 1], [1, 0, 0], [0, 0, 0], [0, 0.5, 0.75]]
    np.testing.assert_allclose(printed[0, :, 0].T, expected, atol=1e-6)


def test_stacks_keep_the_published_order() -> None:
    assert NUCLEUS_CHANNELS == (
        "magenta",
        "lab_l",
        "lab_a",
        "hue",
        "saturation",
        "luv_l",
    )
    assert WBC_CHANNELS == ("cyan", "yellow", "lab_b", "hue", "saturation", "luv_v")
    channels = color_channels(torch.rand(2, 3, 4, 5))
    stacked = stack_channels(channels, WBC_CHANNELS)
    assert stacked.shape == (2, 6, 4, 5)
    torch.testing.assert_close(stacked[:, 5:], channels["luv_v"])


def test_masks_exceed_the_thresholds_of_their_picture(
    image: NDArray[np.uint8],
) -> None:
    darker = (image * 0.7).astype(np.uint8)
    channels = color_channels(to_batch(image, darker))
    thresholds = {
        NUCLEUS_GUIDES: (
            ("saturation", filters.threshold_otsu),
            ("green", filters.threshold_minimum),
            ("magenta", filters.threshold_isodata),
        ),
        WBC_GUIDES: (
            ("yellow", filters.threshold_li),
            ("luv_v", filters.threshold_otsu),
            ("luv_v", filters.threshold_yen),
        ),
    }
    for guides, expected in thresholds.items():
        masks = guidance_masks(channels, guides)
        for mask, (name, threshold) in zip(masks, expected, strict=True):
            for picture in range(2):
                values = channels[name][picture, 0].numpy()
                wanted = values > threshold(values)
                np.testing.assert_array_equal(mask[picture, 0], wanted, err_msg=name)
                assert 0 < wanted.mean() < 1
            assert not mask.requires_grad


def test_pictures_without_two_peaks_give_empty_masks() -> None:
    ramp = np.linspace(0, 1, 4096, dtype=np.float32).reshape(64, 64) ** 3
    with pytest.raises(RuntimeError):
        filters.threshold_minimum(ramp)
    assert not exceed_threshold(ramp, filters.threshold_minimum).any()
    channels = color_channels(torch.full((1, 3, 16, 16), 0.6))
    for mask in guidance_masks(channels, NUCLEUS_GUIDES + WBC_GUIDES):
        assert not mask.any()


def test_the_nucleus_is_marked_by_saturation_and_left_out_by_green(
    drawn_field: DrawnRegion,
) -> None:
    channels = color_channels(to_batch(drawn_field.image))
    saturated, bright, _ = guidance_masks(channels, NUCLEUS_GUIDES)
    nucleus = torch.from_numpy(drawn_field.nucleus > 0)
    assert saturated[0, 0][nucleus].mean() > 0.9
    assert bright[0, 0][nucleus].mean() < 0.1

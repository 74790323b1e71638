"""Bent crops: fields of the promised size, and pictures that stay on their masks."""

from dataclasses import replace

import numpy as np
import pytest

from napari_leukoseg.training.bending import (
    LENS_CENTERS,
    LENS_RADIUS,
    BendSettings,
    bend,
    deformation_field,
    distortion_field,
    look_through_lenses,
)
from napari_leukoseg.training.crop_settings import CropSettings
from napari_leukoseg.training.crops import CropDataset
from napari_leukoseg.training.sample import ANYTHING, IS_NUCLEUS, NOT_NUCLEUS, Sample

SIDE = 200


def grid(side: int) -> np.ndarray:
    return np.indices((side, side)).astype(np.float32) - side / 2 + 0.5


@pytest.mark.parametrize("amount", [0.3, -0.3])
def test_a_lens_follows_its_formula(amount: float) -> None:
    center = (np.array(LENS_CENTERS[0]) - 0.5) * SIDE
    radius = LENS_RADIUS * SIDE
    distances = np.array([0, 1, 0.25 * radius, 0.5 * radius, radius, 1.2 * radius])
    points = np.stack([center[0] + distances, np.full(6, center[1])])[..., None]
    seen = look_through_lenses(points, SIDE, amount, 1)[0, :, 0] - center[0]
    inside = distances[1:4]
    expected = inside * np.sin(np.pi * inside / (2 * radius)) ** amount
    np.testing.assert_allclose(seen[1:4], expected, rtol=1e-4)
    np.testing.assert_allclose(seen[[0, 4, 5]], distances[[0, 4, 5]], atol=1e-3)


@pytest.mark.parametrize("amount", [0.3, -0.3])
def test_a_lens_does_not_fold(amount: float) -> None:
    center = (np.array(LENS_CENTERS[0]) - 0.5) * SIDE
    ray = np.linspace(0.5, 1.5 * LENS_RADIUS * SIDE, 300)
    points = np.stack([center[0] + 0.6 * ray, center[1] + 0.8 * ray])[..., None]
    seen = look_through_lenses(points, SIDE, amount, 1)[..., 0] - center[:, None]
    assert (np.diff(np.hypot(*seen)) > 0).all()


def test_lenses_are_laid_on_one_after_the_other() -> None:
    """Seen through two, as one picture taken of another."""
    points = grid(60)
    centers = (np.array(LENS_CENTERS[:2]) - 0.5) * 60
    once = look_through_lenses(points + 0, 60, 0.3, 1)
    twice = look_through_lenses(points, 60, 0.3, 2)
    # The second lens moves only what lies in it; the first then moves the result.
    near = np.hypot(*(points - centers[1][:, None, None])) < LENS_RADIUS * 60
    np.testing.assert_allclose(twice[:, ~near], once[:, ~near], atol=1e-4)
    assert np.abs(twice[:, near] - once[:, near]).max() > 1


@pytest.mark.parametrize(("side", "expected"), [(512, 2.29), (256, 1.145)])
def test_deformations_are_as_strong_as_published(side: int, expected: float) -> None:
    """Uniform noise of variance 1/3 through the three smoothings of the recipe."""
    field = deformation_field(side, 1300, 8.0, np.random.default_rng(0))
    middle = field[:, 64:-64, 64:-64]
    assert np.sqrt((middle**2).mean()) == pytest.approx(expected, rel=0.1)
    assert field.shape == (2, side, side)


def test_distortions_reach_their_share_and_are_smooth() -> None:
    field = distortion_field(SIDE, 0.03, np.random.default_rng(0))
    np.testing.assert_allclose(np.abs(field).max(axis=(1, 2)), 0.03 * SIDE, rtol=1e-5)
    assert np.abs(np.diff(field, axis=1)).max() < 1


def test_off_means_that_nothing_is_drawn() -> None:
    rng, twin = np.random.default_rng(0), np.random.default_rng(0)
    points = grid(32)
    assert bend(points, BendSettings(), rng) is points
    assert rng.random() == twin.random()


@pytest.mark.parametrize("kind", ["lens", "deformation", "distortion"])
def test_picture_and_masks_are_bent_alike(samples: list[Sample], kind: str) -> None:
    """A picture of the mask itself stays on the mask."""
    painted = [
        replace(s, image=np.repeat((s.allowed == IS_NUCLEUS)[..., None], 3, 2) * 255)
        for s in samples
    ]
    painted = [replace(s, image=s.image.astype(np.uint8)) for s in painted]
    settings = CropSettings(
        size_px=96,
        cell_diameter_px=32.0,
        off_scale=0.0,
        mosaic=0.0,
        paste=0.0,
        appearance=None,
        outline_nuclei=True,
    )
    bent = replace(settings, bend=BendSettings(**{kind: 1.0}))
    n_moved = 0
    for index in range(6):
        plain = CropDataset(painted, settings, 6, seed=0)[index]
        crop = CropDataset(painted, bent, 6, seed=0)[index]
        n_moved += int((plain.image != crop.image).any())
        known = crop.allowed != ANYTHING
        is_nucleus = crop.image[0][known] > 127
        marked = crop.allowed[known]
        wrong = is_nucleus != (marked == IS_NUCLEUS)
        assert wrong.float().mean() < 0.01
        assert set(marked.tolist()) <= {IS_NUCLEUS, NOT_NUCLEUS}
    assert n_moved == 6

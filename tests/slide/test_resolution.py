"""Stated units become µm; what no microscope gives becomes none."""

from __future__ import annotations

import math

import pytest

from napari_leukoseg.slide.resolution import mpp_from_density, mpp_from_spacing


@pytest.mark.parametrize("dpi", [1, 72, 96, 150, 300, 600, 1200])
def test_print_resolutions_are_no_pixel_size(dpi) -> None:
    assert mpp_from_density(dpi, dpi, "inch") is None


@pytest.mark.parametrize(
    ("value", "unit"),
    [(0.25, "µm"), (0.25, "μm"), (250, "nm"), (2.5e-4, "mm"), (2.5e-7, "m")],
)
def test_spacing_in_any_unit(value, unit) -> None:
    assert mpp_from_spacing(value, value, unit) == pytest.approx(0.25)


def test_density_is_the_inverse_of_spacing() -> None:
    assert mpp_from_density(40_000, 40_000, "cm") == pytest.approx(0.25)


@pytest.mark.parametrize("unit", [None, "", "pixel", "furlong", "s"])
def test_unknown_units_say_nothing(unit) -> None:
    assert mpp_from_spacing(0.25, 0.25, unit) is None


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_impossible_numbers_say_nothing(value) -> None:
    assert mpp_from_spacing(value, value, "µm") is None
    assert mpp_from_density(value, value, "inch") is None


def test_pixels_that_are_not_square_say_nothing() -> None:
    assert mpp_from_spacing(0.25, 0.5, "µm") is None

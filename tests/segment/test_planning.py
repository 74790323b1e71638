"""Small areas are looked at closely, as far as a budget allows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region
from napari_leukoseg.segment import Segmenter, load_segmenter
from napari_leukoseg.segment.close_look import LOOKS, MAGNIFICATION, CloseLook
from napari_leukoseg.segment.planning import plan_area

SHAPE = (480, 640)
DIAMETER_PX = 120.0


@pytest.fixture(scope="module")
def segmenter() -> Segmenter:
    return load_segmenter("default", "cpu")


@given(budget=st.integers(0, 2_000_000))
def test_the_budget_is_kept_and_no_close_look_is_left_out(
    segmenter: Segmenter, budget: int
) -> None:
    area = Region.of_shape(SHAPE)
    usual = plan_area(SHAPE, segmenter, area, DIAMETER_PX)
    look = CloseLook(budget_px=budget)
    pixels = area.size.area * (MAGNIFICATION * usual.factor) ** 2
    plan = plan_area(SHAPE, segmenter, area, DIAMETER_PX, look)
    if plan == usual:
        assert 2 * pixels > budget
        return
    assert plan.n_looks * pixels <= budget
    assert plan.working_diameter_px == MAGNIFICATION * usual.working_diameter_px
    assert plan.factor == pytest.approx(MAGNIFICATION * usual.factor)
    assert plan.n_looks == look.n_looks or look.n_looks * pixels > budget
    assert plan.digest != usual.digest


def test_the_memory_of_a_device_does_not_matter(segmenter: Segmenter) -> None:
    small = load_segmenter("default", "cpu", memory_budget_mb=1)
    assert small.window_px < segmenter.window_px
    shape = (3000, 3000)
    area = Region.of_shape(shape)
    looks = [
        plan_area(shape, one, area, DIAMETER_PX, CloseLook(budget_px=12_000_000))
        for one in (segmenter, small)
    ]
    assert len(looks[0].tiles) < len(looks[1].tiles)
    assert looks[0].n_looks == looks[1].n_looks == 2


def test_what_lies_around_a_narrow_strip_counts(segmenter: Segmenter) -> None:
    shape = (40_000, 40_000)
    strip = Region(20_000, 0, 10, 40_000)
    plan = plan_area(shape, segmenter, strip, DIAMETER_PX, CloseLook())
    assert plan.n_looks == 1
    assert plan.working_diameter_px == segmenter.card.cell_diameter_px


def test_networks_that_know_one_size_look_as_usual() -> None:
    unet = load_segmenter("unet", "cpu")
    area = Region.of_shape(SHAPE)
    plain = plan_area(SHAPE, unet, area, DIAMETER_PX)
    assert plan_area(SHAPE, unet, area, DIAMETER_PX, CloseLook()) == plain


def test_each_look_is_another_and_the_first_as_it_is() -> None:
    assert len(set(LOOKS)) == len(LOOKS)
    assert LOOKS[0] == ((), 1.0)


@pytest.mark.parametrize("wrong", [{"n_looks": 3}, {"budget_px": -1}])
def test_impossible_looks_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        CloseLook(**wrong)  # type: ignore[arg-type]

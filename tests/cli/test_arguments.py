from __future__ import annotations

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from napari_leukoseg.cli.arguments import parse_mpp, parse_region, parse_size
from napari_leukoseg.geometry import Region, Size

pixels = st.integers(0, 10**6)


@given(pixels, pixels, st.integers(1, 10**6), st.integers(1, 10**6))
def test_region_is_read_as_half_open_bounds(row, column, height, width):
    region = Region(row, column, height, width)
    assert parse_region(",".join(map(str, region.bounds))) == region
    assert parse_region(", ".join(map(str, region.bounds))) == region


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,2,3",
        "1,2,3,4,5",
        "0,0,10,x",
        "0,0,0,10",
        "5,0,5,10",
        "-1,0,5,5",
        "1;2;3;4",
    ],
)
def test_what_is_no_region_is_explained(text):
    with pytest.raises(typer.BadParameter, match="R0,C0,R1,C1"):
        parse_region(text)


@pytest.mark.parametrize("text", ["1536x2048", "1536X2048"])
def test_size_is_rows_then_columns(text):
    assert parse_size(text) == Size(1536, 2048)


@pytest.mark.parametrize("text", ["", "10", "10x", "0x10", "-5x5", "1x2x3", "axb"])
def test_what_is_no_size_is_explained(text):
    with pytest.raises(typer.BadParameter, match="ROWSxCOLS"):
        parse_size(text)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "72", "a quarter"])
def test_what_is_no_pixel_size_is_explained(text):
    with pytest.raises(typer.BadParameter, match="µm per pixel"):
        parse_mpp(text)


def test_pixel_size_is_read():
    assert parse_mpp("0.25") == 0.25

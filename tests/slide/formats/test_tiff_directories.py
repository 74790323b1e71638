"""A TIFF cut anywhere is refused or opens as the picture it was."""

from __future__ import annotations

import io

import numpy as np
import pytest

from napari_leukoseg.errors import SlideError
from napari_leukoseg.geometry import Region
from napari_leukoseg.slide import open_slide
from napari_leukoseg.slide.faults import Unreadable
from napari_leukoseg.slide.formats.tiff_directories import check_directories


@pytest.mark.parametrize("name", ["channels.ome.tif", "pyramid.ome.tif", "big.btf"])
def test_no_cut_gives_another_picture(write_stored, image, name) -> None:
    path = write_stored(name, image)
    data = path.read_bytes()
    for length in range(8, len(data) - 1, len(data) // 23):
        path.write_bytes(data[:length])
        try:
            with open_slide(path) as slide:
                found = slide.read_region(Region.of_shape(slide.shape))
        except SlideError:
            continue
        np.testing.assert_array_equal(found, image)


@pytest.mark.parametrize("name", ["strips.tif", "big.btf", "slide.svs"])
def test_whole_files_pass(write_stored, image, name) -> None:
    with write_stored(name, image).open("rb") as file:
        check_directories(file)


def test_a_directory_that_points_at_itself_ends() -> None:
    loop = b"II*\0\x08\0\0\0" + b"\0\0" + b"\x08\0\0\0"
    check_directories(io.BytesIO(loop))


def test_a_header_alone_is_truncated() -> None:
    with pytest.raises(Unreadable, match="truncated"):
        check_directories(io.BytesIO(b"II*\0\x08\0\0\0"))

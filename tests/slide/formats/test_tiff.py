"""What of a TIFF is the slide, how large its pixels are, and which are missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_leukoseg.errors import SlideError
from napari_leukoseg.geometry import Region
from napari_leukoseg.slide import open_slide

if TYPE_CHECKING:
    from napari_leukoseg.slide import SlideReader


def whole(slide: SlideReader) -> np.ndarray:
    return slide.read_region(Region.of_shape(slide.shape))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "slide.ome.tif"


@pytest.mark.parametrize("axes", ["ZYX", "TYX", "TZYX"])
def test_the_first_plane_of_a_stack(path, image, axes) -> None:
    planes = image.transpose(2, 0, 1)
    planes = planes.reshape((1,) * (len(axes) - 3) + planes.shape)
    tifffile.imwrite(path, planes, photometric="minisblack", metadata={"axes": axes})
    with open_slide(path) as slide:
        for channel in range(3):
            np.testing.assert_array_equal(whole(slide)[..., channel], image[..., 0])


@pytest.mark.parametrize("axes", ["ZCYX", "CZYX", "TCZYX"])
def test_three_channels_of_a_stack_are_the_first_plane_in_color(
    path, image, axes
) -> None:
    """Planes after the first hold something else."""
    shape = {"T": 2, "Z": 4, "C": 3, "Y": image.shape[0], "X": image.shape[1]}
    data = np.random.default_rng(0).integers(0, 256, [shape[a] for a in axes], np.uint8)
    index = tuple(slice(None) if a in "CYX" else 0 for a in axes)
    data[index] = np.moveaxis(image, 2, 0)
    tifffile.imwrite(path, data, photometric="minisblack", metadata={"axes": axes})
    with open_slide(path) as slide:
        np.testing.assert_array_equal(whole(slide), image)


@pytest.mark.parametrize("n_channels", [2, 4, 5])
def test_other_numbers_of_channels_are_refused(path, n_channels) -> None:
    data = np.zeros((n_channels, 60, 70), np.uint8)
    tifffile.imwrite(path, data, photometric="minisblack", metadata={"axes": "CYX"})
    with pytest.raises(SlideError, match=rf"{n_channels} channels.*save it as RGB"):
        open_slide(path)


def test_color_planes_of_16_bits(path, image) -> None:
    data = np.moveaxis(image, 2, 0).astype(np.uint16) << 8
    tifffile.imwrite(path, data, photometric="minisblack", metadata={"axes": "CYX"})
    with open_slide(path) as slide:
        np.testing.assert_array_equal(whole(slide), image)


@pytest.mark.parametrize(
    ("size", "unit", "mpp"),
    [(0.25, "µm", 0.25), (250, "nm", 0.25), (2.5e-4, "mm", 0.25), (1, "pixel", None)],
)
def test_ome_pixel_size(path, image, size, unit, mpp) -> None:
    metadata = {"axes": "YXS"}
    for axis in "XY":
        metadata |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": unit}
    tifffile.imwrite(path, image, photometric="rgb", metadata=metadata)
    with open_slide(path) as slide:
        assert slide.format_name == "OME-TIFF"
        assert slide.mpp == (pytest.approx(mpp) if mpp else None)


OME_WITH_OBJECTIVES = """<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">
<Instrument ID="Instrument:0"><Objective ID="Objective:0" NominalMagnification="10"/>
<Objective ID="Objective:1" NominalMagnification="63"/></Instrument>
<Image ID="Image:0"><ObjectiveSettings ID="Objective:1"/>
<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8" SizeX="151" SizeY="203"
 SizeC="3" SizeZ="1" SizeT="1"><Channel ID="Channel:0:0" SamplesPerPixel="3"/>
<TiffData IFD="0" PlaneCount="1"/></Pixels></Image></OME>"""


def test_ome_names_the_objective_of_the_picture(path, image) -> None:
    options = {"photometric": "rgb", "metadata": None}
    tifffile.imwrite(path, image, description=OME_WITH_OBJECTIVES, **options)
    with open_slide(path) as slide:
        assert slide.objective_power == 63
        np.testing.assert_array_equal(whole(slide), image)


@pytest.mark.parametrize(
    ("unit", "value", "mpp"),
    [
        ("centimeter", 40_000, 0.25),
        ("inch", 25_400, 1.0),
        ("none", 40_000, None),
        ("inch", 300, None),
        ("inch", 72, None),
    ],
)
def test_resolution_tags(tmp_path, image, unit, value, mpp) -> None:
    path = tmp_path / "field.tif"
    resolution = {"resolution": (value, value), "resolutionunit": unit}
    tifffile.imwrite(path, image, photometric="rgb", **resolution)
    with open_slide(path) as slide:
        assert slide.mpp == (pytest.approx(mpp) if mpp else None)


@pytest.mark.parametrize(
    ("unit", "value", "mpp"),
    [("micron", 4, 0.25), ("um", 2, 0.5), ("cm", 40_000, 0.25), ("pixel", 4, None)],
)
def test_imagej_says_its_unit_elsewhere(tmp_path, image, unit, value, mpp) -> None:
    path = tmp_path / "field.tif"
    options = {"resolution": (value, value), "metadata": {"unit": unit}}
    tifffile.imwrite(path, image, photometric="rgb", imagej=True, **options)
    with open_slide(path) as slide:
        assert slide.mpp == (pytest.approx(mpp) if mpp else None)


def test_aperio_metadata_without_tiles(tmp_path, image) -> None:
    """A region exported from a slide keeps the description, not the layout."""
    path = tmp_path / "region.tif"
    text = "Aperio Image Library v12\n151x203|AppMag = 20|MPP = 0.499|User = someone"
    tifffile.imwrite(path, image, photometric="rgb", description=text, metadata=None)
    with open_slide(path) as slide:
        assert (slide.mpp, slide.objective_power) == (0.499, 20)


def test_the_largest_picture_is_the_slide(tmp_path, image) -> None:
    path = tmp_path / "thumbnail_first.tif"
    with tifffile.TiffWriter(path) as tif:
        tif.write(image[:50, :40], photometric="rgb", metadata=None)
        tif.write(image, photometric="rgb", metadata=None)
    with open_slide(path) as slide:
        np.testing.assert_array_equal(whole(slide), image)


def test_label_and_macro_are_no_levels(data_slides) -> None:
    with open_slide(data_slides / "cmu-1-small-region.svs") as slide:
        assert len(slide.levels) == 1


def test_levels_in_pages_that_follow(tmp_path, draw_image) -> None:
    image = draw_image(256, 320)
    path = tmp_path / "pages.tif"
    options = {"photometric": "rgb", "tile": (64, 64), "metadata": None}
    with tifffile.TiffWriter(path) as tif:
        tif.write(image, **options)
        for step in (2, 4):
            tif.write(image[::step, ::step], subfiletype=1, **options)
    with open_slide(path) as slide:
        assert [level.downsample for level in slide.levels] == [1, 2, 4]
        found = slide.read_region(Region(3, 5, 40, 50), level=1)
    np.testing.assert_array_equal(found, image[::2, ::2][3:43, 5:55])


def test_tiles_that_were_left_out_are_white(tmp_path, image) -> None:
    path = tmp_path / "sparse.tif"
    tifffile.imwrite(
        path, image, photometric="rgb", tile=(64, 64), compression="deflate"
    )
    with tifffile.TiffFile(path, mode="r+") as tif:
        tag = tif.pages[0].tags["TileByteCounts"]
        tag.overwrite([0, *tag.value[1:]])
    with open_slide(path) as slide:
        found = whole(slide)
    assert (found[:64, :64] == 255).all()
    np.testing.assert_array_equal(found[64:], image[64:])


@pytest.mark.parametrize("photometric", ["cielab", "logluv", "cfa"])
def test_color_spaces_without_a_rule_are_refused(tmp_path, image, photometric) -> None:
    path = tmp_path / "lab.tif"
    samples = image[..., 0] if photometric == "cfa" else image
    tifffile.imwrite(path, samples, photometric=photometric, planarconfig=None)
    with pytest.raises(SlideError, match=r"color space .*save it as RGB"):
        open_slide(path)


def test_a_volume_in_one_page_is_refused(tmp_path) -> None:
    path = tmp_path / "volume.tif"
    data = np.zeros((16, 64, 64), np.uint8)
    tifffile.imwrite(
        path, data, photometric="minisblack", tile=(16, 64, 64), volumetric=True
    )
    with pytest.raises(SlideError, match=r"volume\.tif"):
        open_slide(path)


def test_a_flat_strip_of_enormous_size_is_refused(tmp_path) -> None:
    path = tmp_path / "strip.tif"
    tifffile.imwrite(
        path, np.zeros((40, 50, 3), np.uint8), photometric="rgb", compression="deflate"
    )
    with tifffile.TiffFile(path, mode="r+") as tif:
        tags = tif.pages[0].tags
        for name, value in (("ImageWidth", 50_000), ("ImageLength", 20_000)):
            tags[name].overwrite(value)
        tags["RowsPerStrip"].overwrite(20_000)
    with pytest.raises(SlideError, match=r"20000×50000 .* 5\.6 GiB .* convert"):
        open_slide(path)

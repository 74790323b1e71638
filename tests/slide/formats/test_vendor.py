"""Scanner formats through OpenSlide: metadata, background, and what is left out."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import tifffile

from napari_leukoseg.errors import SlideError
from napari_leukoseg.geometry import Region
from napari_leukoseg.slide import open_slide
from napari_leukoseg.slide.formats.vendor import open_vendor


def test_metadata_of_a_scanner(write_stored, image) -> None:
    with open_slide(write_stored("trestle.tif", image)) as slide:
        assert slide.format_name == "Trestle"
        assert slide.mpp == 0.25
        assert slide.objective_power == 40


NM_PER_PIXEL = 250


def scn_image(ifd: int, size: tuple[int, int], view: tuple[int, int, int, int]) -> str:
    """One picture of a Leica collection; `view` is width, height and place in nm."""
    columns, rows = size
    width, height, x, y = view
    return f"""<image><device model="m" version="1"/>
    <pixels sizeX="{columns}" sizeY="{rows}">
    <dimension sizeX="{columns}" sizeY="{rows}" r="0" ifd="{ifd}"/></pixels>
    <view sizeX="{width}" sizeY="{height}" offsetX="{x}" offsetY="{y}" spacingZ="0"/>
    <scanSettings><objectiveSettings><objective>40</objective></objectiveSettings>
    <illuminationSettings><numericalAperture>0.4</numericalAperture>
    <illuminationSource>brightfield</illuminationSource></illuminationSettings>
    </scanSettings></image>"""


@pytest.fixture
def leica_slide(tmp_path, image):
    """Leica SCN of 300 by 400 pixels, scanned from (20, 40), with a macro picture."""
    rows, columns = image.shape[:2]
    glass = 400 * NM_PER_PIXEL, 300 * NM_PER_PIXEL
    place = tuple(n * NM_PER_PIXEL for n in (columns, rows, 40, 20))
    description = (
        '<scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01"><collection '
        f'sizeX="{glass[0]}" sizeY="{glass[1]}" barcode="PATIENT-7">'
        + scn_image(0, (100, 75), (*glass, 0, 0))
        + scn_image(1, (columns, rows), place)
        + "</collection></scn>"
    )
    path = tmp_path / "slide.scn"
    options = {"photometric": "rgb", "tile": (64, 64), "metadata": None}
    resolution = {"resolution": (40_000, 40_000), "resolutionunit": "centimeter"}
    with tifffile.TiffWriter(path, bigtiff=True) as tif:
        tif.write(image[:75, :100] // 2, description=description, **options)
        tif.write(image, **options, **resolution)
    return path


def test_places_that_were_not_scanned_are_white(leica_slide, image) -> None:
    with open_slide(leica_slide) as slide:
        assert (slide.format_name, slide.mpp) == ("Leica SCN", 0.25)
        found = slide.read_region(Region.of_shape(slide.shape))
    expected = np.full((300, 400, 3), 255, np.uint8)
    expected[20:223, 40:191] = image
    np.testing.assert_array_equal(found, expected)


def test_macro_pictures_and_barcodes_stay_in_the_file(leica_slide) -> None:
    with open_slide(leica_slide) as slide:
        known = {key: value for key, value in vars(slide).items() if key[0] != "_"}
        assert "PATIENT" not in repr(known)
        assert [level.shape for level in slide.levels] == [(300, 400)]


def test_a_mirax_index_without_its_folder_is_no_picture(write_stored, image) -> None:
    """The index itself is a JPEG thumbnail, which must not open as the slide."""
    path = write_stored("field.jpg", image)
    with pytest.raises(SlideError, match=r"slide\.mrxs .*folder of the same name"):
        open_slide(path.rename(path.with_name("slide.mrxs")))


def test_aperio_read_as_tiff_is_what_openslide_reads(data_slides) -> None:
    path = data_slides / "cmu-1-small-region.svs"
    region = Region(700, 500, 600, 500)
    with open_slide(path) as ours, open_vendor(path) as theirs:
        np.testing.assert_array_equal(
            ours.read_region(region), theirs.read_region(region)
        )
        assert (ours.mpp, ours.shape, ours.levels, ours.objective_power) == (
            theirs.mpp,
            theirs.shape,
            theirs.levels,
            theirs.objective_power,
        )


def test_jpeg_2000_read_as_tiff_is_what_openslide_reads(data_slides) -> None:
    path = data_slides / "tcga-cr-7395-01a-01-ts1.svs"
    with open_slide(path) as ours, open_vendor(path) as theirs:
        region = Region(1000, 1000, 300, 300)
        np.testing.assert_array_equal(
            ours.read_region(region), theirs.read_region(region)
        )
        corner = Region(0, 0, 200, 200)
        np.testing.assert_array_equal(
            ours.read_region(corner, 1), theirs.read_region(corner, 1)
        )


def test_several_dicom_series_in_a_folder_are_ambiguous(data_slides, tmp_path) -> None:
    folder = tmp_path / "dicom"
    shutil.copytree(data_slides / "dicom", folder)
    for file in list(folder.iterdir()):
        file.chmod(0o644)
        changed = file.read_bytes().replace(b"1689669825649.4.0", b"1689669825649.4.9")
        (folder / f"other_{file.name}").write_bytes(changed)
    folder.chmod(0o755)
    with pytest.raises(SlideError, match="several DICOM series"):
        open_slide(folder)

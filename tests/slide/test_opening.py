"""What cannot be opened is named with its reason; what can, whatever its name."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest
import tifffile
import zarr
from PIL import Image

from napari_leukoseg.errors import SlideError
from napari_leukoseg.geometry import Region
from napari_leukoseg.slide import SLIDE_SUFFIXES, open_slide

if TYPE_CHECKING:
    from pathlib import Path


def assert_refused(path: Path, reason: str) -> None:
    """One sentence or two that start with the file's name."""
    with pytest.raises(SlideError, match=reason) as caught:
        open_slide(path)
    message = str(caught.value)
    assert message.startswith(path.name)
    assert message.endswith(".")
    assert "\n" not in message
    assert len(message) < 420
    # The error is still at hand here, and with it every frame it went through.
    names = [file.path for file in psutil.Process().open_files()]
    assert not [name for name in names if path.name in name]


@pytest.mark.parametrize("name", ["notes.svs", "notes.tif", "notes.png", "notes.mrxs"])
def test_a_text_file_is_no_slide(tmp_path, name) -> None:
    path = tmp_path / name
    path.write_text("These are notes, not a slide.\n" * 20)
    assert_refused(path, "convert it|copy it")


@pytest.mark.parametrize("suffix", SLIDE_SUFFIXES[:-2])
def test_an_empty_file(tmp_path, suffix) -> None:
    path = tmp_path / f"empty{suffix}"
    path.touch()
    assert_refused(path, "is empty")


def test_a_missing_file(tmp_path) -> None:
    assert_refused(tmp_path / "nowhere.svs", "no such file")


def test_a_folder_that_is_no_slide(tmp_path) -> None:
    (tmp_path / "readme.txt").write_text("nothing here")
    assert_refused(tmp_path, "neither OME-Zarr nor a DICOM slide")


def test_a_case_is_no_slide(tmp_path) -> None:
    folder = tmp_path / "smear.leukoseg.zarr"
    zarr.open_group(str(folder), mode="w")
    assert_refused(folder, "results")


TRUNCATED = [
    "field.png",
    "field.jpg",
    "field.bmp",
    "rows.tif",
    "strips.tif",
    "tiles.tif",
    "jpeg_tiles.tif",
    "plane_rows.tif",
    "big.btf",
    "channels.ome.tif",
    "pyramid.ome.tif",
    "slide.svs",
]


@pytest.mark.parametrize("name", TRUNCATED)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_file_is_refused(write_stored, image, name, share) -> None:
    path = write_stored(name, image)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert_refused(path, "truncated|incomplete|missing")


@pytest.mark.parametrize("name", ["field.png", "field.jpg", "field.bmp", "rows.tif"])
@pytest.mark.parametrize("n_bytes", [1, 2, 3, 8, 20, 60])
def test_a_stump_is_refused(write_stored, image, name, n_bytes) -> None:
    path = write_stored(name, image)
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(SlideError, match=name):
        open_slide(path)


@pytest.mark.parametrize("name", ["field.png", "strips.tif"])
def test_damage_inside_shows_when_opened(write_stored, image, name) -> None:
    path = write_stored(name, image)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    path.write_bytes(data)
    with pytest.raises(SlideError, match=name):
        open_slide(path)


def test_damaged_tile_is_a_slide_error_when_read(write_stored, image) -> None:
    path = write_stored("tiles.tif", image)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages[0].dataoffsets[0]
    data[offset : offset + 200] = bytes(200)
    path.write_bytes(data)
    with open_slide(path) as slide, pytest.raises(SlideError, match=r"tiles\.tif"):
        slide.read_region(Region(0, 0, 10, 10))


@pytest.mark.parametrize(
    ("name", "disguise"),
    [
        ("field.png", "a.jpg"),
        ("field.jpg", "a.tif"),
        ("tiles.tif", "a"),
        ("field.bmp", "a.svs"),
    ],
)
def test_content_decides_not_the_suffix(write_stored, image, name, disguise) -> None:
    path = write_stored(name, image)
    renamed = path.rename(path.with_name(disguise))
    with open_slide(renamed) as slide:
        assert slide.shape == image.shape[:2]


def test_a_path_may_be_text(write_stored, image) -> None:
    with open_slide(str(write_stored("field.png", image))) as slide:
        assert slide.path.name == "field.png"


@pytest.mark.parametrize("version", ["old", "new"])
def test_a_zarr_may_be_given_by_its_metadata_file(write_stored, image, version) -> None:
    path = write_stored(f"{version}.ome.zarr", image)
    name = "zarr.json" if version == "new" else ".zattrs"
    with open_slide(path / name) as slide:
        assert slide.shape == image.shape[:2]


def test_no_warning_of_large_pictures(tmp_path) -> None:
    """Warnings are errors here; Pillow would raise beyond 179 million pixels."""
    path = tmp_path / "large.png"
    Image.new("1", (20_000, 10_000)).save(path)
    with open_slide(path) as slide:
        assert slide.shape == (10_000, 20_000)
        assert slide.levels[-1].shape == (625, 1250) or len(slide.levels) > 1


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp"])
def test_dpi_changes_nothing_but_the_file(tmp_path, image, suffix) -> None:
    found = []
    for dpi in (None, (72, 72), (300, 300)):
        path = tmp_path / f"field{suffix}"
        Image.fromarray(image).save(path, **({"dpi": dpi} if dpi else {}))
        with open_slide(path) as slide:
            assert slide.mpp is None
            found.append(slide.read_region(Region.of_shape(slide.shape)))
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp"])
def test_a_believable_resolution_is_the_pixel_size(tmp_path, image, suffix) -> None:
    """0.5 µm are 50,800 pixels per inch, which even JFIF's 16 bits can say."""
    path = tmp_path / f"field{suffix}"
    Image.fromarray(image).save(path, dpi=(50_800, 50_800))
    with open_slide(path) as slide:
        assert slide.mpp == pytest.approx(0.5, rel=1e-6)


def test_reading_a_picture_loads_neither_zarr_nor_torch(write_stored, image) -> None:
    path = write_stored("tiles.tif", image)
    code = (
        "import sys\n"
        "from napari_leukoseg.slide import open_slide\n"
        "assert 'tifffile' not in sys.modules\n"
        f"open_slide({str(path)!r}).close()\n"
        "loaded = {'zarr', 'torch', 'napari', 'skimage'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_real_slides(data_slides) -> None:
    expected = {
        "boxes.tiff": ((250, 300), 4, None, None),
        "cmu-1-small-region.svs": ((2967, 2220), 1, 0.499, 20),
        "small.svs": ((16, 16), 1, 0.499, 20),
        "tcga-cr-7395-01a-01-ts1.svs": ((3567, 4443), 2, None, None),
        "dicom": ((16, 16), 1, 0.499, 20),
    }
    for name, (shape, n_levels, mpp, power) in expected.items():
        with open_slide(data_slides / name) as slide:
            assert slide.shape == shape
            assert len(slide.levels) == n_levels
            assert slide.mpp == mpp
            assert slide.objective_power == power
            assert slide.overview(64).std() > 1
    assert_refused(data_slides / "broken.svs", "content is none of")


def test_files_of_one_dicom_slide_are_the_same_slide(data_slides, tmp_path) -> None:
    fingerprints = set()
    for file in [*(data_slides / "dicom").iterdir(), data_slides / "dicom"]:
        with open_slide(file) as slide:
            fingerprints.add(slide.fingerprint)
    assert len(fingerprints) == 1
    shutil.copytree(data_slides / "dicom", tmp_path / "copy")
    with open_slide(tmp_path / "copy") as slide:
        assert slide.fingerprint in fingerprints

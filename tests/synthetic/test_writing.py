import errno
import sys

import numpy as np
import openslide
import pytest
import tifffile
from PIL import Image

from napari_leukoseg.errors import SampleError
from napari_leukoseg.synthetic import (
    DRAWN_FIELD_SUFFIXES,
    DRAWN_SLIDE_SUFFIXES,
    DrawProgress,
    Smear,
    SmearSettings,
    write_field,
    write_slide,
)

FIELD = SmearSettings.for_field((130, 170), seed=6)
SLIDE = SmearSettings.for_slide((1030, 501), seed=6)


def run(steps):
    """Exhaust a generator; its progress and its result."""
    progress = []
    while True:
        try:
            progress.append(next(steps))
        except StopIteration as stop:
            return progress, stop.value


@pytest.fixture(scope="module")
def field():
    return Smear(FIELD).draw()


@pytest.fixture(scope="module")
def slide():
    return Smear(SLIDE).draw()


@pytest.mark.parametrize("suffix", DRAWN_FIELD_SUFFIXES)
def test_fields_are_what_was_drawn(tmp_path, field, suffix):
    path = tmp_path / f"a{suffix}"
    progress, written = run(write_field(path, FIELD))
    assert written == [path] == list(tmp_path.iterdir())
    assert progress[-1] == DrawProgress(1, 1)
    image = np.asarray(Image.open(path))
    if suffix in (".jpg", ".jpeg"):
        assert np.abs(image.astype(float) - field.image).mean() < 3
    else:
        np.testing.assert_array_equal(image, field.image)


def test_an_ome_name_gives_ome(tmp_path, field):
    _, written = run(write_field(tmp_path / "a.ome.tif", FIELD, with_labels=True))
    assert written[-1].name == "a_class.tif"
    with tifffile.TiffFile(written[0]) as file:
        assert f'PhysicalSizeX="{FIELD.mpp}"' in file.ome_metadata
        np.testing.assert_array_equal(file.asarray(), field.image)


def test_fields_carry_their_pixel_size(tmp_path):
    run(write_field(tmp_path / "a.png", FIELD))
    run(write_field(tmp_path / "a.tif", FIELD))
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.info["dpi"][0] == pytest.approx(25_400 / FIELD.mpp, rel=1e-4)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages[0].resolution[0] == pytest.approx(10_000 / FIELD.mpp)


def test_labels_are_written_beside(tmp_path, field):
    _, written = run(write_field(tmp_path / "a.b.png", FIELD, with_labels=True))
    names = ["a.b.png", "a.b_nucleus.tif", "a.b_cytoplasm.tif", "a.b_class.tif"]
    assert [path.name for path in written] == names
    planes = (field.nucleus, field.cytoplasm, field.classes)
    for path, plane in zip(written[1:], planes, strict=True):
        stored = tifffile.imread(path)
        assert stored.dtype == plane.dtype
        np.testing.assert_array_equal(stored, plane)


@pytest.mark.parametrize("name", ["a.OME.tiff", "a.tif"])
def test_slides_are_what_was_drawn_at_every_level(tmp_path, slide, name):
    path = tmp_path / "new" / name
    progress, written = run(write_slide(path, SLIDE))
    assert written == path
    assert list(path.parent.iterdir()) == [path]
    assert [p.done for p in progress] == list(range(1, progress[0].total + 1))
    with tifffile.TiffFile(path) as file:
        assert file.is_bigtiff
        assert file.is_ome == (".ome" in name.lower())
        levels = file.series[0].levels
        assert [level.shape for level in levels] == [(1030, 501, 3), (515, 251, 3)]
        fine, coarse = (level.asarray().astype(float) for level in levels)
    assert np.abs(fine - slide.image).mean() < 3
    even = slide.image[:, :500].reshape(515, 2, 250, 2, 3).mean(axis=(1, 3))
    assert np.abs(coarse[:, :250] - even).mean() < 4


def test_slides_carry_their_pixel_size(tmp_path):
    run(write_slide(tmp_path / "a.ome.tif", SLIDE))
    run(write_slide(tmp_path / "a.tif", SLIDE))
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as file:
        assert f'PhysicalSizeX="{SLIDE.mpp}"' in file.ome_metadata
    with openslide.OpenSlide(tmp_path / "a.tif") as file:
        mpp = float(file.properties[openslide.PROPERTY_NAME_MPP_X])
        assert mpp == pytest.approx(SLIDE.mpp)
        assert file.level_dimensions == ((501, 1030), (251, 515))


def test_a_small_slide_has_one_level(tmp_path):
    settings = SmearSettings.for_slide((3, 5))
    run(write_slide(tmp_path / "a.tif", settings))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert [level.shape for level in file.series[0].levels] == [(3, 5, 3)]


@pytest.mark.parametrize("write", [write_field, write_slide])
def test_stopping_leaves_what_was_there(tmp_path, write):
    path = tmp_path / "a.tif"
    path.write_text("before")
    steps = write(path, SLIDE)
    next(steps)
    steps.close()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("write", "name", "suffixes"),
    [
        (write_field, "a.gif", DRAWN_FIELD_SUFFIXES),
        (write_field, "png", DRAWN_FIELD_SUFFIXES),
        (write_slide, "a.png", DRAWN_SLIDE_SUFFIXES),
        (write_slide, "a", DRAWN_SLIDE_SUFFIXES),
    ],
)
def test_other_names_are_refused(tmp_path, write, name, suffixes):
    with pytest.raises(SampleError, match=f"'{name}'.*{suffixes[0]}"):
        next(write(tmp_path / name, FIELD))


@pytest.mark.parametrize("write", [write_field, write_slide])
def test_a_folder_is_no_file(tmp_path, write):
    (tmp_path / "a.tif").mkdir()
    with pytest.raises(SampleError, match="is a folder"):
        next(write(tmp_path / "a.tif", FIELD))


@pytest.mark.parametrize("write", [write_field, write_slide])
def test_a_file_is_no_folder(tmp_path, write):
    (tmp_path / "a").write_text("")
    with pytest.raises(SampleError, match="part of its path is a file"):
        next(write(tmp_path / "a" / "b.tif", FIELD))


@pytest.mark.skipif(sys.platform == "win32", reason="folders are never read-only")
@pytest.mark.parametrize("write", [write_field, write_slide])
def test_a_folder_of_others_is_refused(tmp_path, write):
    tmp_path.chmod(0o500)
    try:
        (tmp_path / "probe").write_text("")
    except PermissionError:
        with pytest.raises(SampleError, match="not allowed"):
            run(write(tmp_path / "a.tif", FIELD))
    else:
        pytest.skip("this user may write anywhere")


def refuse(code):
    def write(*args, **kwargs):
        raise OSError(code, "no")

    return write


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "not allowed"),
        (errno.EIO, "no"),
    ],
)
def test_what_the_disk_refuses_is_said(tmp_path, monkeypatch, code, message):
    monkeypatch.setattr(tifffile.TiffWriter, "write", refuse(code))
    for write in (write_field, write_slide):
        with pytest.raises(SampleError, match=message):
            run(write(tmp_path / "a.tif", SLIDE))
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_while_drawing_is_said(tmp_path, monkeypatch):
    from napari_leukoseg.synthetic import pyramid

    monkeypatch.setattr(pyramid._Quarters, "append", refuse(errno.ENOSPC))
    with pytest.raises(SampleError, match="disk is full"):
        run(write_slide(tmp_path / "a.tif", SLIDE))
    assert not list(tmp_path.iterdir())


def test_a_field_too_large_for_memory_is_refused(tmp_path):
    with pytest.raises(SampleError, match="draw a slide"):
        next(write_field(tmp_path / "a.png", SmearSettings.for_field((50_000, 20_000))))

from __future__ import annotations

import numpy as np
import pytest
import skimage.io
import tifffile
from PIL import Image

from napari_leukoseg.errors import ExportError
from napari_leukoseg.export import write_label_tiffs
from napari_leukoseg.slide import open_slide

CELLS = [((40, 50), 20, 1), ((90, 90), 15, 3), ((0, 120), 12, 2)]
READERS = {
    "tifffile": tifffile.imread,
    "scikit-image": skimage.io.imread,
    "Pillow": lambda path: np.asarray(Image.open(path)),
}


@pytest.mark.parametrize("shape", [(130, 150), (512, 513), (1100, 140)])
def test_readers_give_the_labels(make_case, tmp_path, shape):
    drawn = make_case(shape, CELLS)
    paths = write_label_tiffs(drawn.case, tmp_path / "out", "a.b")
    names = ["a.b_nucleus.tif", "a.b_cytoplasm.tif", "a.b_class.tif"]
    assert [path.name for path in paths] == names
    expected = (drawn.nucleus, drawn.cytoplasm, drawn.classes)
    for path, labels in zip(paths, expected, strict=True):
        assert labels.any()
        for name, read in READERS.items():
            np.testing.assert_array_equal(read(path), labels, name)


def test_types_and_tags(make_case, tmp_path):
    paths = write_label_tiffs(make_case((60, 70)).case, tmp_path, "x")
    for path, dtype in zip(paths, ("uint32", "uint32", "uint8"), strict=True):
        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages[0]
            assert page.dtype == dtype
            assert page.is_tiled
            assert not tiff.is_bigtiff
            assert "ImageDescription" not in page.tags


@pytest.mark.parametrize("shape", [(1, 1), (1, 700), (3, 2)])
def test_tiny_and_empty_pictures(make_case, tmp_path, shape):
    for path in write_label_tiffs(make_case(shape).case, tmp_path, "x"):
        labels = tifffile.imread(path)
        assert labels.shape == shape
        assert not labels.any()


@pytest.mark.parametrize("mpp", [None, 0.05, 0.2527])
def test_pixel_size_survives(make_case, tmp_path, mpp):
    paths = write_label_tiffs(make_case((40, 40), mpp=mpp).case, tmp_path, "x")
    for path in paths:
        with open_slide(path) as labels:
            assert labels.mpp == (mpp and pytest.approx(mpp))


def test_writing_again_replaces_and_gives_equal_files(make_case, tmp_path):
    drawn = make_case((130, 150), CELLS)
    first = [p.read_bytes() for p in write_label_tiffs(drawn.case, tmp_path, "x")]
    again = [p.read_bytes() for p in write_label_tiffs(drawn.case, tmp_path, "x")]
    assert first == again


def test_folder_that_cannot_be_made_is_named(make_case, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ExportError, match=r"x_nucleus\.tif .*out"):
        write_label_tiffs(make_case((9, 9)).case, tmp_path / "out", "x")

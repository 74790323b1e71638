from __future__ import annotations

import numpy as np
import pytest

from napari_leukoseg.errors import ExportError
from napari_leukoseg.geometry import Region
from napari_leukoseg.slide import open_slide
from napari_leukoseg.stain import writing
from napari_leukoseg.stain.writing import PictureFormat, write_picture


def write(slide, path, kind):
    """Write a picture and return the progress."""
    return list(write_picture(slide, path, kind))


@pytest.mark.parametrize("mpp", [0.25, None])
@pytest.mark.parametrize("kind", PictureFormat)
def test_every_pixel_and_the_pixel_size_are_kept(
    kind, mpp, smear, array_slide, tmp_path
):
    path = tmp_path / f"x{kind.suffix}"
    steps = write(array_slide(smear, mpp=mpp), path, kind)
    assert steps[-1].done <= steps[-1].total == 1
    with open_slide(path) as slide:
        np.testing.assert_array_equal(slide.level_array(), smear)
        assert slide.mpp == (mpp and pytest.approx(mpp, rel=1e-3))


@pytest.mark.parametrize("shape", [(1031, 517), (513, 1026), (1, 1100)])
@pytest.mark.parametrize("kind", [PictureFormat.TIFF, PictureFormat.ZARR])
def test_levels_are_halves(kind, shape, array_slide, tmp_path):
    rng = np.random.default_rng(0)
    image = np.kron(
        rng.integers(0, 255, (-(-shape[0] // 9), -(-shape[1] // 9), 3), np.uint8),
        np.ones((9, 9, 1), np.uint8),
    )[: shape[0], : shape[1]]
    path = tmp_path / f"x{kind.suffix}"
    source = array_slide(image)
    write(source, path, kind)
    with open_slide(path) as slide:
        np.testing.assert_array_equal(slide.level_array(), image)
        assert [level.downsample for level in slide.levels[:2]] == [1, 2]
        rows, columns = (max(1, side // 2) for side in shape)
        covered = Region(0, 0, min(2 * rows, shape[0]), min(2 * columns, shape[1]))
        np.testing.assert_array_equal(
            slide.level_array(1), source.read_scaled(covered, 0.5)
        )


def test_closing_stops_the_writer(smear, array_slide, tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "TILE_PX", 16)
    monkeypatch.setattr(writing, "TOLD_EVERY_S", 0.001)
    slide = array_slide(np.tile(smear, (6, 6, 1)))
    steps = write_picture(slide, tmp_path / "x.ome.tif", PictureFormat.TIFF)
    first = next(steps)
    steps.close()
    assert first.done < first.total
    slide.close()  # would wait for ever if the writer still read


def test_fault_of_the_source_surfaces(smear, array_slide, tmp_path):
    slide = array_slide(smear)
    slide.images[0] = None
    with pytest.raises(Exception, match="cannot be read"):
        write(slide, tmp_path / "x.png", PictureFormat.PNG)


def test_huge_png_is_refused(smear, array_slide, tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "MAX_PNG_PX", 1000)
    with pytest.raises(ExportError, match="choose tiff or zarr"):
        write(array_slide(smear), tmp_path / "x.png", PictureFormat.PNG)
    write(array_slide(smear), tmp_path / "x.ome.tif", PictureFormat.TIFF)


def test_zarr_is_valid(smear, array_slide, tmp_path):
    ome_zarr_models = pytest.importorskip("ome_zarr_models.v05")
    import zarr

    write(array_slide(smear, mpp=0.5), tmp_path / "x.ome.zarr", PictureFormat.ZARR)
    group = zarr.open_group(tmp_path / "x.ome.zarr", mode="r")
    image = ome_zarr_models.Image.from_zarr(group)
    assert image.ome_attributes.multiscales[0].ndim == 3

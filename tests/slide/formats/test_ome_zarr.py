"""OME-Zarr of any axes; folders that are something else are named."""

from __future__ import annotations

import json

import numpy as np
import pytest
import zarr

from napari_leukoseg.errors import SlideError
from napari_leukoseg.geometry import Region
from napari_leukoseg.slide import open_slide


def write(path, data, axes, *, unit="micrometer", scale=0.25, zarr_format=3, **array):
    """OME-Zarr of one level."""
    kinds = {"c": "channel", "t": "time"}
    described = [{"name": a, "type": kinds.get(a, "space")} for a in axes]
    if unit:
        described = [{**axis, "unit": unit} for axis in described]
    scales = [scale if a in "yx" else 1 for a in axes]
    transformations = [{"type": "scale", "scale": scales}]
    dataset = {"path": "s0", "coordinateTransformations": transformations}
    multiscale = {"axes": described, "datasets": [dataset]}
    group = zarr.open_group(str(path), mode="w", zarr_format=zarr_format)
    group.create_array("s0", data=data, **array)
    group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}
    return group


def read(path) -> np.ndarray:
    with open_slide(path) as slide:
        return slide.read_region(Region.of_shape(slide.shape))


@pytest.mark.parametrize("axes", ["cyx", "yxc", "czyx", "tczyx", "zcyx"])
def test_axes_in_any_order(tmp_path, image, axes) -> None:
    """Planes after the first hold something else."""
    sizes = {"t": 2, "z": 3, "c": 3, "y": image.shape[0], "x": image.shape[1]}
    data = np.random.default_rng(0).integers(0, 256, [sizes[a] for a in axes], np.uint8)
    kept = "".join(a for a in axes if a in "yxc")
    index = tuple(slice(None) if a in "yxc" else 0 for a in axes)
    data[index] = image.transpose(["yxc".index(a) for a in kept])
    write(tmp_path / "field.zarr", data, axes, chunks=(1,) * (len(axes) - 2) + (64, 64))
    np.testing.assert_array_equal(read(tmp_path / "field.zarr"), image)


@pytest.mark.parametrize(
    ("axes", "extra"), [("yx", ()), ("cyx", (1,)), ("tcyx", (1, 1))]
)
def test_grey(tmp_path, image, axes, extra) -> None:
    data = image[..., 0].reshape(*extra, *image.shape[:2])
    write(tmp_path / "grey.zarr", data, axes)
    np.testing.assert_array_equal(read(tmp_path / "grey.zarr")[..., 2], image[..., 0])


@pytest.mark.parametrize(
    "array", [{"chunks": (3, 20, 20)}, {"chunks": (3, 40, 40), "shards": (3, 240, 160)}]
)
def test_chunks_and_shards(tmp_path, image, array) -> None:
    write(tmp_path / "field.zarr", np.moveaxis(image, 2, 0), "cyx", **array)
    np.testing.assert_array_equal(read(tmp_path / "field.zarr"), image)


def test_16_bits_keep_the_upper_8(tmp_path, image) -> None:
    data = np.moveaxis(image, 2, 0).astype(np.uint16) << 8 | 0x7F
    write(tmp_path / "deep.zarr", data, "cyx")
    np.testing.assert_array_equal(read(tmp_path / "deep.zarr"), image)


@pytest.mark.parametrize(
    ("unit", "scale", "mpp"),
    [
        ("micrometer", 0.25, 0.25),
        ("nanometer", 250, 0.25),
        ("micrometer", 352.8, None),
        (None, 0.25, None),
        ("furlong", 0.25, None),
    ],
)
def test_pixel_size(tmp_path, image, unit, scale, mpp) -> None:
    write(tmp_path / "a.zarr", image, "yxc", unit=unit, scale=scale)
    with open_slide(tmp_path / "a.zarr") as slide:
        assert slide.mpp == (pytest.approx(mpp) if mpp else None)


def test_scale_of_all_levels_counts_too(tmp_path, image) -> None:
    group = write(tmp_path / "a.zarr", image, "yxc", scale=0.5)
    ome = group.attrs["ome"]
    shared = [{"type": "scale", "scale": [0.5, 0.5, 1]}]
    ome["multiscales"][0]["coordinateTransformations"] = shared
    group.attrs["ome"] = ome
    with open_slide(tmp_path / "a.zarr") as slide:
        assert slide.mpp == pytest.approx(0.25)


def test_the_first_of_several_pictures(tmp_path, image) -> None:
    root = zarr.open_group(str(tmp_path / "raw.zarr"), mode="w")
    root.attrs["ome"] = {"version": "0.5", "bioformats2raw.layout": 3}
    write(tmp_path / "raw.zarr" / "0", np.moveaxis(image, 2, 0), "cyx")
    np.testing.assert_array_equal(read(tmp_path / "raw.zarr"), image)


@pytest.mark.parametrize(
    ("ome", "reason"),
    [
        ({"plate": {}}, "plate"),
        ({"well": {}}, "well"),
        ({"image-label": {}, "multiscales": []}, "labels"),
        ({}, "without an OME picture"),
        ({"multiscales": [{"axes": [], "datasets": []}]}, "without an OME picture"),
    ],
)
def test_groups_that_are_no_picture(tmp_path, ome, reason) -> None:
    group = zarr.open_group(str(tmp_path / "a.zarr"), mode="w")
    group.attrs["ome"] = {"version": "0.5", **ome}
    with pytest.raises(SlideError, match=rf"a\.zarr .*{reason}"):
        open_slide(tmp_path / "a.zarr")


def test_other_numbers_of_channels_are_refused(tmp_path) -> None:
    write(tmp_path / "five.zarr", np.zeros((5, 30, 30), np.uint8), "cyx")
    with pytest.raises(SlideError, match="5 channels"):
        open_slide(tmp_path / "five.zarr")


def test_one_chunk_of_enormous_size_is_refused(tmp_path) -> None:
    group = zarr.open_group(str(tmp_path / "huge.zarr"), mode="w")
    shape = (3, 20_000, 20_000)
    group.create_array("s0", shape=shape, chunks=shape, dtype="uint8")
    axes = [{"name": a, "type": "space"} for a in "cyx"]
    multiscale = {"axes": axes, "datasets": [{"path": "s0"}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [multiscale]}
    with pytest.raises(SlideError, match=r"20000×20000 .* GiB"):
        open_slide(tmp_path / "huge.zarr")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_damaged_metadata(tmp_path, image, text) -> None:
    write(tmp_path / "a.zarr", image, "yxc")
    (tmp_path / "a.zarr" / "zarr.json").write_text(text)
    with pytest.raises(SlideError, match=r"a\.zarr"):
        open_slide(tmp_path / "a.zarr")


def test_a_missing_level_is_named(tmp_path, image) -> None:
    write(tmp_path / "a.zarr", image, "yxc")
    metadata = tmp_path / "a.zarr" / "zarr.json"
    metadata.write_text(metadata.read_text().replace('"s0"', '"s9"'))
    with pytest.raises(SlideError, match="s9"):
        open_slide(tmp_path / "a.zarr")


def test_labels_that_someone_adds_leave_the_fingerprint(tmp_path, image) -> None:
    write(tmp_path / "a.zarr", image, "yxc")
    with open_slide(tmp_path / "a.zarr") as slide:
        before = slide.fingerprint
    write(tmp_path / "a.zarr" / "labels" / "cells", image, "yxc")
    with open_slide(tmp_path / "a.zarr") as slide:
        assert slide.fingerprint == before


def test_pictures_of_equal_size_differ_without_compression(tmp_path, image) -> None:
    found = set()
    for seed, name in enumerate("ab"):
        write(tmp_path / name, np.roll(image, seed, 0), "yxc", compressors=None)
        with open_slide(tmp_path / name) as slide:
            found.add(slide.fingerprint)
    assert len(found) == 2


def test_metadata_is_that_of_the_specification(write_stored, image) -> None:
    """The fixture for 0.5 is what other readers expect."""
    path = write_stored("new.ome.zarr", image)
    ome = json.loads((path / "zarr.json").read_text())["attributes"]["ome"]
    assert ome["version"] == "0.5"
    with open_slide(path) as slide:
        assert slide.format_name == "OME-Zarr 0.5"
        assert slide.mpp == 0.25

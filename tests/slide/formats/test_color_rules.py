"""Pictures of every kind of sample become RGB by the stated rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_leukoseg.errors import SlideError
from napari_leukoseg.geometry import Region
from napari_leukoseg.slide import open_slide

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> np.ndarray:
    with open_slide(path) as slide:
        return slide.read_region(Region.of_shape(slide.shape))


def on_white(rgba: np.ndarray) -> np.ndarray:
    """Reference composition in floating point."""
    alpha = rgba[..., 3:] / 255
    return rgba[..., :3] * alpha + 255 * (1 - alpha)


def assert_close(found: np.ndarray, expected: np.ndarray, tolerance: float = 1) -> None:
    assert found.shape == (*expected.shape[:2], 3)
    if expected.ndim == 2:
        expected = np.repeat(expected[..., None], 3, axis=2)
    assert np.abs(found - expected.astype(float)).max() <= tolerance


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_1_bit_is_black_and_white(tmp_path, image, suffix) -> None:
    mask = image[..., 0] > 140
    Image.fromarray(mask).save(tmp_path / f"bits{suffix}")
    assert_close(read(tmp_path / f"bits{suffix}"), mask * 255, 0)


@pytest.mark.parametrize("compression", ["group3", "group4", "packbits", "raw"])
def test_fax_codes_of_1_bit(tmp_path, image, compression) -> None:
    mask = image[..., 0] > 140
    path = tmp_path / "fax.tif"
    Image.fromarray(mask).save(path, compression=compression)
    assert_close(read(path), mask * 255, 0)


@pytest.mark.parametrize("bits", [2, 4])
def test_few_bits_are_spread(tmp_path, image, bits) -> None:
    small = image[..., 0] >> (8 - bits)
    tifffile.imwrite(
        tmp_path / "few.tif", small, bitspersample=bits, photometric="minisblack"
    )
    assert_close(read(tmp_path / "few.tif"), small * (255 // ((1 << bits) - 1)), 0)


@pytest.mark.parametrize(
    ("suffix", "tolerance"), [(".png", 0), (".bmp", 0), (".tif", 0), (".jpg", 12)]
)
def test_grey_is_repeated(tmp_path, image, suffix, tolerance) -> None:
    path = tmp_path / f"grey{suffix}"
    Image.fromarray(image[..., 1]).save(path, quality=95)
    assert_close(read(path), image[..., 1], tolerance)


def test_white_is_zero_is_inverted(tmp_path, image) -> None:
    path = tmp_path / "inverted.tif"
    tifffile.imwrite(path, image[..., 1], photometric="miniswhite")
    assert_close(read(path), 255 - image[..., 1], 0)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_is_composited_on_white(tmp_path, image, suffix, mode) -> None:
    rgba = np.dstack((image, image[::-1, ::-1, 0]))
    picture = Image.fromarray(rgba).convert(mode)
    path = tmp_path / f"alpha{suffix}"
    picture.save(path)
    assert_close(read(path), on_white(np.asarray(picture.convert("RGBA"))))


@pytest.mark.parametrize("n_stated", [1, 20, 60])
def test_palette_with_alpha(tmp_path, image, n_stated) -> None:
    path = tmp_path / "palette.png"
    alpha = bytes(range(0, 4 * n_stated, 4))
    Image.fromarray(image).quantize(60).save(path, transparency=alpha)
    with Image.open(path) as picture:
        expected = on_white(np.asarray(picture.convert("RGBA")))
    assert_close(read(path), expected)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_the_one_transparent_color_of_a_png_is_white(tmp_path, image, mode) -> None:
    picture = Image.fromarray(image).convert(mode)
    path = tmp_path / "key.png"
    picture.save(path, transparency=picture.getpixel((3, 5)))
    expected = np.array(picture.convert("RGB"))
    expected[(expected == expected[5, 3]).all(axis=2)] = 255
    assert_close(read(path), expected, 0)


def test_premultiplied_alpha_is_not_multiplied_again(tmp_path, image) -> None:
    alpha = image[::-1, ::-1, 0]
    premultiplied = (image * (alpha[..., None] / 255)).astype(np.uint8)
    path = tmp_path / "premultiplied.tif"
    tifffile.imwrite(
        path,
        np.dstack((premultiplied, alpha)),
        photometric="rgb",
        extrasamples=["assocalpha"],
    )
    assert_close(read(path), on_white(np.dstack((image, alpha))), 2)


def test_a_fourth_sample_without_meaning_is_ignored(tmp_path, image) -> None:
    path = tmp_path / "extra.tif"
    four = np.dstack((image, image[..., 0]))
    tifffile.imwrite(path, four, photometric="rgb", extrasamples=["unspecified"])
    assert_close(read(path), image, 0)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_palette_is_looked_up(tmp_path, image, suffix) -> None:
    picture = Image.fromarray(image).quantize(60)
    picture.save(tmp_path / f"palette{suffix}")
    assert_close(
        read(tmp_path / f"palette{suffix}"), np.asarray(picture.convert("RGB")), 0
    )


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_palette_of_few_bits(tmp_path, image, bits) -> None:
    picture = Image.fromarray(image).quantize(1 << bits)
    path = tmp_path / "palette.png"
    picture.save(path, bits=bits)
    assert_close(read(path), np.asarray(picture.convert("RGB")), 0)


@pytest.mark.parametrize("n_samples", [1, 3])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bits_keep_the_upper_8(tmp_path, image, suffix, n_samples) -> None:
    low = np.random.default_rng(0).integers(0, 256, image.shape, dtype=np.uint16)
    deep = np.squeeze((image.astype(np.uint16) << 8 | low)[..., :n_samples])
    path = tmp_path / f"deep{suffix}"
    if suffix == ".png":
        path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(deep)))
    else:
        tifffile.imwrite(path, deep, photometric="rgb" if n_samples == 3 else None)
    assert_close(read(path), np.squeeze(image[..., :n_samples]), 0)


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_16_bits_in_the_other_byte_order(tmp_path, image, compression) -> None:
    path = tmp_path / "motorola.tif"
    options = {"byteorder": ">", "compression": compression, "photometric": "rgb"}
    tifffile.imwrite(path, image.astype(np.uint16) << 8, **options)
    assert_close(read(path), image, 0)


def test_16_bit_rule_does_not_look_at_the_picture(tmp_path, image) -> None:
    dark = image.astype(np.uint16)  # a camera's low counts stay black
    tifffile.imwrite(tmp_path / "dark.tif", dark, photometric="rgb")
    assert read(tmp_path / "dark.tif").max() == 0


def test_ome_states_fewer_significant_bits(tmp_path, image) -> None:
    path = tmp_path / "twelve.ome.tif"
    metadata = {"axes": "YXS", "SignificantBits": 12}
    twelve = image.astype(np.uint16) << 4
    tifffile.imwrite(path, twelve, photometric="rgb", metadata=metadata)
    assert_close(read(path), image, 0)


def ink_to_rgb(cmyk: np.ndarray) -> np.ndarray:
    ink = cmyk / 255
    return 255 * (1 - ink[..., :3]) * (1 - ink[..., 3:])


@pytest.mark.parametrize(("suffix", "tolerance"), [(".tif", 1), (".jpg", 14)])
def test_cmyk_is_mixed(tmp_path, image, suffix, tolerance) -> None:
    cmyk = np.dstack((image, image[::-1, ::-1, 0] // 4))
    path = tmp_path / f"ink{suffix}"
    Image.fromarray(cmyk, mode="CMYK").save(path, quality=97)
    assert_close(read(path), ink_to_rgb(cmyk), tolerance)


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_uncoded_ycbcr(tmp_path, image, compression) -> None:
    picture = Image.fromarray(image).convert("YCbCr")
    path = tmp_path / "ycbcr.tif"
    tifffile.imwrite(
        path,
        np.asarray(picture),
        photometric="ycbcr",
        subsampling=(1, 1),
        compression=compression,
    )
    assert_close(read(path), image, 3)


@pytest.mark.parametrize("compression", ["jpeg", "tiff_lzw", "tiff_adobe_deflate"])
def test_strips_as_other_libraries_write_them(tmp_path, image, compression) -> None:
    path = tmp_path / "strips.tif"
    options = {"quality": 95} if compression == "jpeg" else {}
    Image.fromarray(image).save(path, compression=compression, **options)
    assert_close(read(path), image, 12 if compression == "jpeg" else 0)


@pytest.mark.parametrize("compression", ["jpeg2000", "webp", "jpegxl", "lzw", "lzma"])
def test_modern_tile_codecs(tmp_path, image, compression) -> None:
    path = tmp_path / "tiles.tif"
    options = {"photometric": "rgb", "tile": (64, 64), "compression": compression}
    tifffile.imwrite(path, image, **options)
    assert_close(read(path), image, 40 if compression == "jpegxl" else 12)


@pytest.mark.parametrize("dtype", ["float32", "int16", "float64", "int32"])
def test_samples_without_a_range_are_refused(tmp_path, image, dtype) -> None:
    path = tmp_path / "heights.tif"
    tifffile.imwrite(path, image.astype(dtype), photometric="rgb")
    with pytest.raises(SlideError, match=rf"heights\.tif.*{dtype}.*8 or 16"):
        open_slide(path)


def test_exif_orientation_is_not_applied(tmp_path, image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    Image.fromarray(image).save(path, exif=exif, quality=95, subsampling=0)
    assert_close(read(path), image, 12)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".jpg"])
def test_a_picture_of_one_pixel(tmp_path, mode, suffix) -> None:
    path = tmp_path / f"one{suffix}"
    try:
        Image.new(mode, (1, 1)).save(path)
    except OSError:
        pytest.skip("the format has no such picture")
    assert read(path).shape == (1, 1, 3)
    with open_slide(path) as slide:
        assert slide.overview().shape == (1, 1, 3)
        assert slide.read_scaled(Region(0, 0, 1, 1), 0.1).shape == (1, 1, 3)

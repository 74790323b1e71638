from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from napari_leukoseg.cli.stain import Container, StainMethod
from napari_leukoseg.slide import open_slide
from napari_leukoseg.stain import (
    Method,
    PictureFormat,
    StainReference,
    bundled_references,
    make_normalizer,
    standardized_slide,
    writing,
)
from napari_leukoseg.synthetic import SmearSettings, write_field


@pytest.fixture
def out(tmp_path):
    """Return the output folder of `stain`."""
    return tmp_path / "out"


@pytest.fixture
def stain(leukoseg, out):
    """Return a function that runs `leukoseg stain` into the folder ``out``."""
    return lambda *arguments: leukoseg("stain", "--out", out, *arguments)


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    """Return a folder with two fields of different looks."""
    folder = tmp_path_factory.mktemp("slides")
    for name, look in (("a", "wright-giemsa"), ("b", "dim")):
        settings = SmearSettings((150, 180), look=look, white_cell_fraction=0.15)
        for _ in write_field(folder / f"{name}.png", settings):
            pass
    return folder


def names(folder):
    """Return what a folder holds."""
    return sorted(path.name for path in folder.iterdir())


def pixels(path):
    """Read a picture."""
    with open_slide(path) as slide:
        return np.asarray(slide.level_array())


def test_choices_are_those_of_the_stage():
    assert [m.value for m in StainMethod] == [m.value for m in Method]
    assert {c.value for c in Container} == {f.value for f in PictureFormat}


@pytest.mark.parametrize("container", Container)
def test_folder_is_standardized_as_in_python(container, stain, slides, out):
    outcome = stain(slides, "--reference", "bccd", "--format", container)
    assert (outcome.status, outcome.err) == (0, "")
    assert "2 of 2 standardized" in outcome.out
    suffix = PictureFormat(container.value).suffix
    assert names(out) == [f"a{suffix}", f"b{suffix}"]
    reference = StainReference.load(bundled_references()["bccd"])
    normalizer = reference.normalizer("reinhard")
    for name in "ab":
        expected = normalizer.transform(pixels(slides / f"{name}.png"))
        np.testing.assert_array_equal(pixels(out / f"{name}{suffix}"), expected)
    with open_slide(out / f"a{suffix}") as made, open_slide(slides / "a.png") as old:
        assert made.mpp == pytest.approx(old.mpp, rel=1e-3)


@pytest.mark.parametrize("method", StainMethod)
def test_every_method_with_its_usual_reference(method, stain, slides, out):
    outcome = stain(slides / "b.png", "--method", method)
    assert outcome.status == 0
    assert names(out) == ["b.png"]
    assert ("reference: wright-giemsa" in outcome.err) == (method != "retinex")


def test_device_of_pointwise_methods_is_numpy_on_the_cpu(stain, slides, out):
    assert stain(slides / "b.png", "--device", "cpu").status == 0
    reference = StainReference.load(bundled_references()["wright-giemsa"])
    expected = reference.normalizer("reinhard").transform(pixels(slides / "b.png"))
    np.testing.assert_array_equal(pixels(out / "b.png"), expected)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_absent_device_is_explained(stain, slides):
    outcome = stain(slides / "b.png", "--method", "learned", "--device", "cuda")
    assert outcome.status == 1
    assert "'cuda' is not available" in outcome.err


def test_strength_and_variant_are_used(stain, slides, out):
    source = slides / "b.png"
    stain(source, "--strength", 0)
    np.testing.assert_array_equal(pixels(out / "b.png"), pixels(source))
    arguments = ("--method", "macenko", "--published", "--overwrite")
    assert stain(source, *arguments, "--reference", slides / "a.png").status == 0
    normalizer = make_normalizer("macenko", "published").fit(pixels(slides / "a.png"))
    np.testing.assert_array_equal(
        pixels(out / "b.png"), normalizer.transform(pixels(source))
    )


def test_nothing_is_replaced_unless_told_to(stain, slides, out):
    assert stain(slides / "a.png").status == 0
    first = (out / "a.png").read_bytes()
    outcome = stain(slides / "a.png", "--strength", 0.5)
    assert outcome.status == 1
    assert "--overwrite" in outcome.err
    assert (out / "a.png").read_bytes() == first
    assert stain(slides / "a.png", "--strength", 0.5, "--overwrite").status == 0
    assert (out / "a.png").read_bytes() != first


def test_folders_are_replaced_only_if_they_are_ome_zarr(stain, slides, out):
    zarr = ("--format", "zarr", "--overwrite")
    assert stain(slides / "a.png", *zarr).status == 0
    assert stain(slides / "a.png", *zarr).status == 0
    (out / "b.ome.zarr").mkdir()
    (out / "b.ome.zarr" / "mine.txt").write_text("mine")
    outcome = stain(slides / "b.png", *zarr)
    assert outcome.status == 1
    assert "left alone" in outcome.err
    assert names(out / "b.ome.zarr") == ["mine.txt"]
    assert names(out) == ["a.ome.zarr", "b.ome.zarr"]


def test_source_is_never_replaced(leukoseg, slides):
    before = (slides / "a.png").read_bytes()
    arguments = (slides / "a.png", "--out", slides, "--overwrite")
    outcome = leukoseg("stain", *arguments)
    assert outcome.status == 1
    assert "is the picture itself" in outcome.err
    assert (slides / "a.png").read_bytes() == before


def test_bad_files_do_not_stop_the_rest(stain, slides, out, tmp_path):
    (tmp_path / "text.svs").write_text("no slide")
    Image.new("RGB", (30, 40), (250, 250, 250)).save(tmp_path / "white.png")
    files = (tmp_path / "text.svs", tmp_path / "white.png", slides / "a.png")
    outcome = stain(*files, tmp_path / "missing.png")
    assert outcome.status == 1
    assert "1 of 4 standardized" in outcome.out
    for name in ("text.svs", "white.png", "missing.png"):
        assert f"error: {name}" in outcome.err
    assert "whole slide" in outcome.err
    assert names(out) == ["a.png"]


def test_stain_is_estimated_from_another_picture(stain, slides, out, tmp_path):
    Image.new("RGB", (30, 40), (250, 240, 245)).save(tmp_path / "empty.png")
    assert "--estimate-from" in stain(tmp_path / "empty.png").err
    outcome = stain(tmp_path / "empty.png", "--estimate-from", slides / "a.png")
    assert outcome.status == 0
    assert names(out) == ["empty.png"]
    missing = stain(slides / "a.png", "--estimate-from", tmp_path / "missing.png")
    assert missing.status == 1
    assert "missing.png" in missing.err


def test_failure_while_writing_leaves_nothing(stain, slides, out, monkeypatch, caplog):
    monkeypatch.setattr(standardized_slide._LevelPixels, "read", lambda *_: 1 / 0)
    outcome = stain(slides, "--format", "zarr")
    assert outcome.status == 1
    assert "0 of 2 standardized" in outcome.out
    assert names(out) == []


def test_stopped_run_leaves_finished_pictures(stain, slides, out, monkeypatch):
    original = writing.write_picture

    def stopped(slide, *arguments):
        if slide.path.name == "b.png":
            raise KeyboardInterrupt
        yield from original(slide, *arguments)

    monkeypatch.setattr("napari_leukoseg.stain.write_picture", stopped)
    outcome = stain(slides)
    assert outcome.status == 130
    assert names(out) == ["a.png"]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("--method", "magic"), 2, "reinhard"),
        (("--strength", 2), 2, "strength"),
        (("--method", "retinex", "--reference", "bccd"), 2, "no reference"),
        (("--method", "retinex", "--device", "cuda"), 2, "on the CPU"),
        (("--reference", "magic"), 1, "give one of bccd"),
    ],
)
def test_wrong_usage_is_explained(arguments, status, message, stain, slides, out):
    outcome = stain(slides, *arguments)
    assert outcome.status == status
    assert message in outcome.err
    assert not out.exists() or names(out) == []


def test_written_picture_of_a_case_is_refused(stain, slides, tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "x_overlay.png")
    Image.new("RGB", (9, 9)).save(tmp_path / "x.png")
    outcome = stain(tmp_path / "x_overlay.png")
    assert outcome.status == 1
    assert "was written by leukoseg" in outcome.err

"""What napari's own *Open* gives for pictures, slides and cases."""

from pathlib import Path
from typing import Any

import napari.utils.notifications
import numpy as np
import pytest
from napari import Viewer
from PIL import Image as Pillow

from napari_leukoseg.case import Case
from napari_leukoseg.plugin.preferences import Preferences
from napari_leukoseg.plugin.readers import get_reader
from napari_leukoseg.plugin.roles import ROLES
from napari_leukoseg.slide import open_slide

PLUGIN = "napari-leukoseg"


@pytest.fixture
def case_folder(field_png: Path, tmp_path: Path) -> Path:
    path = tmp_path / "field.leukoseg.zarr"
    with open_slide(field_png) as slide:
        Case.create(path, slide).close()
    return path


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif"])
def test_picture_opens_as_an_image_layer(
    viewer: Viewer, tmp_path: Path, suffix: str, rng: np.random.Generator
) -> None:
    path = tmp_path / f"x.{suffix}"
    Pillow.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(path)
    (layer,) = viewer.open(path, plugin=PLUGIN)
    assert layer.rgb
    assert layer.data.shape == (20, 30, 3)
    assert layer.metadata["path"] == str(path)


def test_slide_opens_as_a_pyramid(viewer: Viewer, big_field: Path) -> None:
    (layer,) = viewer.open(big_field, plugin=PLUGIN)
    assert layer.multiscale
    assert layer.data.shape == (4200, 4200, 3)


def test_remembered_pixel_size_is_used(viewer: Viewer, big_field: Path) -> None:
    Preferences().remember(big_field, 0.3)
    (layer,) = viewer.open(big_field, plugin=PLUGIN)
    assert tuple(layer.scale) == (0.3, 0.3)


def test_case_opens_as_three_layers(viewer: Viewer, case_folder: Path) -> None:
    layers = viewer.open(case_folder, plugin=PLUGIN)
    assert [layer.name for layer in layers] == list(ROLES)


def test_case_brings_its_picture(
    viewer: Viewer, case_folder: Path, field_png: Path
) -> None:
    Preferences().remember(field_png)
    layers = viewer.open(case_folder, plugin=PLUGIN)
    assert [layer.name for layer in layers] == [field_png.name, *ROLES]
    assert all(tuple(layer.scale) == tuple(layers[0].scale) for layer in layers)


def test_file_that_cannot_be_read_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(
        napari.utils.notifications.notification_manager,
        "dispatch",
        lambda notification: said.append(notification.message),
    )
    path = tmp_path / "x.svs"
    path.write_text("no slide")
    reader = get_reader(str(path))
    assert reader is not None
    assert reader(str(path)) == [(None,)]
    assert len(said) == 1
    assert "x.svs" in said[0]


@pytest.mark.parametrize("path", ["x.csv", ["a.png", "b.png"]])
def test_what_is_not_ours_is_left_to_others(path: Any) -> None:
    assert get_reader(path) is None

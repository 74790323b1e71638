import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.area import (
    Area,
    find_rectangle_layer,
    region_of,
    start_drawing,
)

SHAPE = (300, 400)


@pytest.fixture
def model() -> ViewerModel:
    return ViewerModel()


@pytest.fixture(params=[1.0, 0.25])
def picture(request: pytest.FixtureRequest, model: ViewerModel) -> Image:
    return model.add_image(
        np.zeros((*SHAPE, 3), np.uint8),
        rgb=True,
        scale=(request.param,) * 2,
        translate=(10, 20),
    )


def look_at(model: ViewerModel, picture: Image, center: tuple, height: float) -> None:
    model.canvas.size = (100, 200)
    model.scene.camera.center = tuple(picture.data_to_world(center))
    model.scene.camera.zoom = 100 / (height * picture.scale[0])


def test_whole(model: ViewerModel, picture: Image) -> None:
    assert region_of(Area.WHOLE, model, picture, SHAPE) == Region(0, 0, *SHAPE)


def test_view_in_the_middle(model: ViewerModel, picture: Image) -> None:
    look_at(model, picture, (149.5, 199.5), 60)
    assert region_of(Area.VIEW, model, picture, SHAPE).bounds == (120, 140, 180, 260)


def test_view_is_cut_to_the_picture(model: ViewerModel, picture: Image) -> None:
    look_at(model, picture, (0, 0), 100)
    region = region_of(Area.VIEW, model, picture, SHAPE)
    assert (region.row, region.column) == (0, 0)
    look_at(model, picture, (150, 200), 10_000)
    assert region_of(Area.VIEW, model, picture, SHAPE) == Region(0, 0, *SHAPE)


def test_view_beside_the_picture_is_told(model: ViewerModel, picture: Image) -> None:
    look_at(model, picture, (9000, 200), 100)
    with pytest.raises(SettingsError, match="in view"):
        region_of(Area.VIEW, model, picture, SHAPE)


def test_no_rectangle_is_told(model: ViewerModel, picture: Image) -> None:
    with pytest.raises(SettingsError, match="rectangle"):
        region_of(Area.RECTANGLE, model, picture, SHAPE)


def test_rectangle_last_drawn_or_selected(model: ViewerModel, picture: Image) -> None:
    shapes = start_drawing(model, picture)
    assert shapes.mode == "add_rectangle"
    for corner in (10, 100):
        low, high = corner - 0.5, corner + 49.5
        shapes.add_rectangles([[low, low], [high, high]])
    shapes.selected_data = set()
    region = region_of(Area.RECTANGLE, model, picture, SHAPE)
    assert region == Region(100, 100, 50, 50)
    shapes.selected_data = {0}
    region = region_of(Area.RECTANGLE, model, picture, SHAPE)
    assert region == Region(10, 10, 50, 50)


def test_drawing_again_uses_the_same_layer(model: ViewerModel, picture: Image) -> None:
    assert start_drawing(model, picture) is start_drawing(model, picture)
    assert find_rectangle_layer(model) is not None
    assert len(model.layers) == 2

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_leukoseg.plugin.rescaling import rescale_layers


@pytest.mark.parametrize("mpp", [0.25, 2.0])
def test_view_stays_on_the_same_pixels(mpp: float) -> None:
    model = ViewerModel()
    picture = model.add_image(np.zeros((50, 60, 3), np.uint8), rgb=True)
    labels = model.add_labels(np.zeros((50, 60), np.uint32))
    camera = model.scene.camera
    camera.center, camera.zoom = (20.0, 30.0), 8.0
    seen = picture.world_to_data(camera.center[-2:])
    for given in (mpp, None, mpp):
        rescale_layers(model, picture, [labels], given)
        np.testing.assert_allclose(picture.world_to_data(camera.center[-2:]), seen)
        assert camera.zoom * picture.scale[0] == pytest.approx(8.0)
        assert tuple(labels.scale) == tuple(picture.scale)
        assert labels.units == picture.units
    assert picture.scale[0] == mpp
    assert str(picture.units[0]) == "micrometer"

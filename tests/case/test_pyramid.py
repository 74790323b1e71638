import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_leukoseg.case.pyramid import CHUNK_PX, DamagedChunkError, chunk_parts
from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import Region

from .drawn_tiles import whole


@given(
    st.builds(
        Region,
        st.integers(0, 3000),
        st.integers(0, 3000),
        st.integers(0, 1500),
        st.integers(0, 1500),
    )
)
@settings(max_examples=50)
def test_parts_cover_a_region_once(region):
    seen = np.zeros((region.height, region.width), np.uint8)
    for key, inside, outside in chunk_parts(region):
        seen[outside] += 1
        for axis, start in enumerate((region.row, region.column)):
            assert 0 <= inside[axis].start <= inside[axis].stop <= CHUNK_PX
            place = key[axis] * CHUNK_PX + inside[axis].start
            assert place == start + outside[axis].start
    assert (seen == 1).all()


@given(data=st.data())
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_regions_read_as_zarr_reads_them(segmented, data):
    level = data.draw(st.integers(0, segmented.n_levels - 1))
    array = segmented.label_array("cytoplasm", level)
    rows, columns = (
        sorted(data.draw(st.tuples(*[st.integers(0, side)] * 2)))
        for side in array.shape
    )
    region = Region.from_bounds(rows[0], columns[0], rows[1], columns[1])
    labels = segmented.read_labels("cytoplasm", region, level)
    assert labels.dtype == np.uint32
    np.testing.assert_array_equal(labels, array[region.slices])


@pytest.mark.parametrize(
    ("region", "level"),
    [
        (Region(-1, 0, 5, 5), 0),
        (Region(1299, 0, 2, 1), 0),
        (Region(0, 0, 700, 10), 1),
        (Region(0, 0, 1, 1), 3),
        (Region(0, 0, 1, 1), -1),
    ],
)
def test_what_lies_outside_is_refused(case, region, level):
    with pytest.raises(SettingsError, match="level"):
        case.read_labels("nucleus", region, level)


def test_unknown_label_image_is_refused(case):
    with pytest.raises(SettingsError, match=r"'class'.*nucleus, cytoplasm"):
        case.label_array("class")


@pytest.mark.parametrize("keep", [0, 20, -1])
def test_damaged_chunk_is_named_and_can_be_rebuilt(segmented, keep):
    before = segmented.read_labels("nucleus", whole(segmented))
    chunk = segmented.path / "labels" / "nucleus" / "0" / "c" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:keep])
    with pytest.raises(DamagedChunkError, match=r"0 is damaged.*rebuild_labels"):
        segmented.read_labels("nucleus", whole(segmented))
    segmented.rebuild_labels()
    after = segmented.read_labels("nucleus", whole(segmented))
    np.testing.assert_array_equal(after, before)

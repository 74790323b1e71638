from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
import tifffile

from napari_leukoseg.export import write_ome_tiff

CELLS = [((40, 50), 20, 1), ((90, 90), 15, 3), ((0, 120), 12, 2)]
NAMESPACE = {"ome": "http://www.openmicroscopy.org/Schemas/OME/2016-06"}


@pytest.mark.parametrize("shape", [(1, 1), (130, 150), (1100, 1400)])
def test_series_hold_the_labels_at_all_levels(make_case, tmp_path, shape):
    drawn = make_case(shape, CELLS if max(shape) > 1 else ())
    path = tmp_path / "out" / "labels.ome.tif"
    write_ome_tiff(drawn.case, path)
    expected = {
        "nucleus": drawn.nucleus,
        "cytoplasm": drawn.cytoplasm,
        "class": drawn.classes,
    }
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_ome
        assert [series.name for series in tiff.series] == list(expected)
        for series in tiff.series:
            labels = expected[series.name]
            assert len(series.levels) == drawn.case.n_levels
            for level in series.levels:
                assert level.dtype == labels.dtype
                np.testing.assert_array_equal(level.asarray(), labels)
                labels = labels[::2, ::2]


@pytest.mark.parametrize("mpp", [None, 0.25])
def test_metadata(make_case, tmp_path, mpp):
    path = tmp_path / "labels.ome.tif"
    write_ome_tiff(make_case((130, 150), CELLS, mpp=mpp).case, path)
    with tifffile.TiffFile(path) as tiff:
        root = ET.fromstring(tiff.ome_metadata)
        assert tiff.pages[0].software == "napari-leukoseg"
    images = root.findall("ome:Image", NAMESPACE)
    assert [image.get("Name") for image in images] == ["nucleus", "cytoplasm", "class"]
    for image in images:
        pixels = image.find("ome:Pixels", NAMESPACE)
        assert (pixels.get("SizeY"), pixels.get("SizeX")) == ("130", "150")
        assert pixels.get("PhysicalSizeX") == (mpp and str(mpp))
        assert pixels.get("PhysicalSizeXUnit", "µm") == "µm"

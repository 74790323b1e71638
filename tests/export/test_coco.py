from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as reference
from pycocotools.coco import COCO

from napari_leukoseg.errors import ExportError
from napari_leukoseg.export import write_coco
from napari_leukoseg.export.coco import compress_runs, run_lengths
from napari_leukoseg.geometry import Region

# pycocotools hands NumPy its arrays in the way of NumPy 1.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ impl:DeprecationWarning")

CELLS = [((40, 50), 20, 1), ((90, 90), 15, 3), ((0, 120), 12, 2)]
MASKS = hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


@given(MASKS, st.integers(0, 5), st.integers(0, 5), st.integers(0, 1000))
def test_encoding_is_that_of_pycocotools(mask, row, column, rest):
    shape = (row + mask.shape[0] + rest % 7, column + mask.shape[1] + rest)
    region = Region(row, column, *mask.shape)
    whole = np.zeros(shape, np.uint8, order="F")
    whole[region.slices] = mask
    counts = compress_runs(run_lengths(mask, region, shape))
    assert counts.encode() == reference.encode(whole)["counts"]


def test_file_is_read_by_pycocotools(make_case, tmp_path):
    drawn = make_case((130, 150), CELLS)
    path = tmp_path / "out" / "cells.json"
    write_coco(drawn.case, path)
    coco = COCO(path)
    (image,) = coco.loadImgs(coco.getImgIds())
    assert image["file_name"] == "source.png"
    assert (image["height"], image["width"]) == (130, 150)
    names = {c["id"]: c["name"] for c in coco.loadCats(coco.getCatIds())}
    assert names == {c.id: c.name for c in drawn.case.scheme}
    cells = drawn.nucleus + drawn.cytoplasm
    annotations = coco.loadAnns(coco.getAnnIds())
    assert len(annotations) == 3
    for annotation in annotations:
        mask = coco.annToMask(annotation).astype(bool)
        np.testing.assert_array_equal(mask, cells == annotation["id"])
        nucleus = reference.decode(annotation["nucleus"]).astype(bool)
        np.testing.assert_array_equal(nucleus, drawn.nucleus == annotation["id"])
        assert (drawn.classes[mask] == annotation["category_id"]).all()
        assert annotation["area"] == mask.sum()
        rle = annotation["segmentation"]
        assert annotation["bbox"] == reference.toBbox(rle).tolist()
        assert annotation["iscrowd"] == 0
        assert annotation["reviewed"] is False


def test_no_cell(make_case, tmp_path):
    write_coco(make_case((20, 20)).case, tmp_path / "cells.json")
    assert COCO(tmp_path / "cells.json").getAnnIds() == []


def test_slide_that_is_too_large_is_refused(make_case, tmp_path, monkeypatch):
    case = make_case((20, 20)).case
    monkeypatch.setattr(type(case), "shape", (70_000, 70_000))
    with pytest.raises(ExportError, match="70000x70000 pixels is too large for COCO"):
        write_coco(case, tmp_path / "cells.json")
    assert not (tmp_path / "cells.json").exists()

from __future__ import annotations

import numpy as np
import pytest
import skimage.io
from PIL import Image

from napari_leukoseg.classes import DEFAULT_SCHEME, CellClass
from napari_leukoseg.errors import ExportError
from napari_leukoseg.export import palette_masks, write_palette_masks

CELLS = [
    ((40, 50), 20, 1),
    ((90, 90), 15, 3),
    ((0, 120), 12, 2),
    ((20, 100), 8, 4),
    ((60, 110), 8, 5),
]

FLEXUNET = {
    1: (255, 0, 0),
    2: (255, 255, 0),
    3: (0, 255, 255),
    4: (0, 255, 0),
    5: (0, 0, 255),
    0: (0, 0, 0),
}
"""Neutrophil, lymphocyte, monocyte, eosinophil, basophil, background."""


@pytest.mark.parametrize(
    ("shape", "limits"),
    [
        ((130, 150), {}),
        ((600, 150), {}),
        ((130, 150), {"BAND_ROWS": 37}),
        ((130, 150), {"BAND_BYTES": 1}),
    ],
)
def test_values_and_colors(make_case, tmp_path, monkeypatch, shape, limits):
    for name, limit in limits.items():
        monkeypatch.setattr(palette_masks, name, limit)
    drawn = make_case(shape, CELLS)
    paths = write_palette_masks(drawn.case, tmp_path / "out", "x")
    assert [p.name for p in paths] == ["x_cell.png", "x_nucleus.png", "x_cytoplasm.png"]
    masks = (drawn.nucleus + drawn.cytoplasm, drawn.nucleus, drawn.cytoplasm)
    for path, mask in zip(paths, masks, strict=True):
        expected = np.where(mask > 0, drawn.classes, 0)
        with Image.open(path) as picture:
            assert picture.mode == "P"
            np.testing.assert_array_equal(np.asarray(picture), expected)
            assert picture.info["Software"] == "napari-leukoseg"
        colors = skimage.io.imread(path)[..., :3]
        for class_id, color in FLEXUNET.items():
            assert (colors[expected == class_id] == color).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (700, 2)])
def test_no_cell_on_pictures_of_any_shape(make_case, tmp_path, shape):
    for path in write_palette_masks(make_case(shape).case, tmp_path, "x"):
        labels = np.asarray(Image.open(path))
        assert labels.shape == shape
        assert not labels.any()


def test_own_classes_have_their_color(make_case, tmp_path):
    scheme = DEFAULT_SCHEME.added(CellClass(200, "blast", "b", "#12ab34"))
    drawn = make_case((130, 150), CELLS[:1], scheme=scheme)
    drawn.case.append_edit({"cell_ids": [1], "rows": [{"cell_id": 1, "class_id": 200}]})
    path = write_palette_masks(drawn.case, tmp_path, "x")[0]
    picture = Image.open(path)
    assert np.unique(picture).tolist() == [0, 200]
    assert picture.convert("RGB").getpixel((50, 40)) == (0x12, 0xAB, 0x34)


def test_files_are_not_replaced_unasked(make_case, tmp_path):
    case = make_case((130, 150), CELLS).case
    (tmp_path / "x_cytoplasm.png").write_text("mine")
    with pytest.raises(ExportError, match=r"x_cytoplasm\.png exists"):
        write_palette_masks(case, tmp_path, "x")
    assert not (tmp_path / "x_cell.png").exists()
    write_palette_masks(case, tmp_path, "x", overwrite=True)
    with Image.open(tmp_path / "x_cytoplasm.png") as picture:
        assert picture.size == (150, 130)

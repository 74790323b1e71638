from __future__ import annotations

import numpy as np
import pytest
import zarr
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from ome_zarr_models.v05 import Image, ImageLabel

from napari_leukoseg.case import Case
from napari_leukoseg.errors import ExportError
from napari_leukoseg.export import write_ome_zarr
from napari_leukoseg.slide import open_slide

CELLS = [((40, 50), 20, 1), ((90, 90), 15, 3), ((0, 120), 12, 2)]


@pytest.mark.parametrize("shape", [(130, 150), (1100, 700)])
def test_labels_at_all_levels(make_case, tmp_path, shape):
    drawn = make_case(shape, CELLS, mpp=0.25)
    path = tmp_path / "out" / "labels.ome.zarr"
    write_ome_zarr(drawn.case, path)
    expected = {
        "nucleus": drawn.nucleus,
        "cytoplasm": drawn.cytoplasm,
        "class": drawn.classes,
    }
    picture, *others = Reader(parse_url(path))()
    assert len(picture.data) == drawn.case.n_levels
    found = {node.zarr.basename(): node for node in others}
    for name, labels in expected.items():
        assert len(found[name].data) == drawn.case.n_levels
        for level in found[name].data:
            assert level.dtype == labels.dtype
            np.testing.assert_array_equal(level, labels)
            labels = labels[::2, ::2]


def test_official_models_accept_it(make_case, tmp_path):
    case = make_case((1100, 700), CELLS, mpp=0.25).case
    path = tmp_path / "labels.ome.zarr"
    write_ome_zarr(case, path)
    image = Image.from_zarr(zarr.open_group(path, mode="r"))
    assert set(image.labels.ome_attributes.labels) == {"nucleus", "cytoplasm", "class"}
    label = ImageLabel.from_zarr(zarr.open_group(path / "labels" / "class", mode="r"))
    described = label.ome_attributes.image_label
    colors = {c.label_value: c.rgba for c in described.colors}
    assert colors[1] == (255, 0, 0, 255)
    assert {p["label-value"]: p["class"] for p in _properties(path)} == {
        c.id: c.name for c in case.scheme
    }


def _properties(path):
    group = zarr.open_group(path / "labels" / "class", mode="r")
    return group.attrs["ome"]["image-label"]["properties"]


def test_nothing_private_is_exported(make_case, tmp_path):
    path = tmp_path / "labels.ome.zarr"
    write_ome_zarr(make_case((130, 150), CELLS).case, path)
    assert sorted(p.name for p in path.iterdir()) == ["0", "labels", "zarr.json"]
    with open_slide(path) as slide:
        assert slide.shape == (130, 150)


def test_only_an_earlier_export_is_replaced(make_case, tmp_path):
    case = make_case((130, 150), CELLS).case
    path = tmp_path / "labels.ome.zarr"
    write_ome_zarr(case, path)
    with pytest.raises(ExportError, match="exists; give another name, or --overwrite"):
        write_ome_zarr(case, path)
    (path / "labels" / "stale").mkdir()
    write_ome_zarr(case, path, overwrite=True)
    assert not (path / "labels" / "stale").exists()
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "precious.txt").write_text("kept")
    for other in (folder, case.path, folder / "precious.txt"):
        with pytest.raises(ExportError, match="is no earlier OME-Zarr export"):
            write_ome_zarr(case, other, overwrite=True)
    assert (folder / "precious.txt").read_text() == "kept"
    assert len(Case.open(case.path).table()) == 3


def test_failure_leaves_what_was_there(make_case, tmp_path, monkeypatch):
    case = make_case((130, 150), CELLS).case
    path = tmp_path / "labels.ome.zarr"
    write_ome_zarr(case, path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_leukoseg.export.ome_zarr._write_level", full)
    with pytest.raises(ExportError, match="the disk is full"):
        write_ome_zarr(case, path, overwrite=True)
    assert zarr.open_group(path, mode="r")["labels/nucleus/0"][:].any()
    assert not list(tmp_path.glob(".*"))

import json
import shutil
from itertools import pairwise

import numpy as np
import pytest
import zarr
from ome_zarr_models.v05 import Image, ImageLabel, Labels

from napari_leukoseg.case import LABEL_NAMES, Case, case_path
from napari_leukoseg.case.layout import FORMAT, CaseInfo
from napari_leukoseg.case.pyramid import COARSEST_PX, level_shapes
from napari_leukoseg.classes import CellClass, ClassScheme
from napari_leukoseg.errors import CaseError

from .drawn_tiles import DrawnSlide

SHAPES = [(1, 1), (7, 300), (512, 512), (513, 2), (1300, 1100), (3000, 9001)]


def create(tmp_path, **fields):
    with Case.create(case_path(tmp_path, "x"), DrawnSlide(**fields)) as case:
        return case


def ome(path):
    return zarr.open_group(path, mode="r").attrs["ome"]


def positions(path, level, index):
    """Where pixels of a level lie on the rows of the slide, in its unit."""
    dataset = ome(path)["multiscales"][0]["datasets"][level]
    steps = {step["type"]: step for step in dataset["coordinateTransformations"]}
    offset = steps.get("translation", {}).get("translation", [0.0] * 3)
    return offset[-2] + steps["scale"]["scale"][-2] * index


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mpp", [None, 0.25])
def test_validators_accept_the_case(tmp_path, shape, mpp):
    case = create(tmp_path, shape=shape, mpp=mpp)
    image = Image.from_zarr(zarr.open_group(case.path, mode="r"))
    assert image.labels is not None
    assert len(image.datasets[0]) == case.n_levels
    Labels.from_zarr(zarr.open_group(case.path / "labels", mode="r"))
    for name in LABEL_NAMES:
        folder = case.path / "labels" / name
        ImageLabel.from_zarr(zarr.open_group(folder, mode="r"))
        assert ome(folder)["image-label"]["version"] == "0.5"
        units = {axis.get("unit") for axis in ome(folder)["multiscales"][0]["axes"]}
        assert units == ({"micrometer"} if mpp else {None})


def test_listing_the_members_gives_no_warning(segmented):
    members = dict(zarr.open_group(segmented.path, mode="r").members(max_depth=None))
    assert {"labels/nucleus/0", "leukoseg", "leukoseg/journal"} <= members.keys()


@pytest.mark.parametrize("shape", SHAPES)
def test_levels_halve_until_small(shape):
    shapes = level_shapes(shape)
    assert shapes[0] == shape
    for finer, coarser in pairwise(shapes):
        assert coarser == np.empty(finer, np.bool_)[::2, ::2].shape
        assert max(finer) > COARSEST_PX
    assert max(shapes[-1]) <= COARSEST_PX


@pytest.mark.parametrize("mpp", [None, 0.25])
def test_levels_lie_over_each_other(tmp_path, mpp):
    case = create(tmp_path, shape=(3000, 9001), mpp=mpp)
    unit = mpp or 1.0
    overview_rows = zarr.open_group(case.path, mode="r")["0"].shape[1]
    for level in range(case.n_levels):
        # The edges of the first overview pixel lie on those of the slide.
        half = (positions(case.path, level, 1) - positions(case.path, level, 0)) / 2
        top = positions(case.path, level, 0) - half
        assert top == pytest.approx(-0.5 * unit)
        size = 2**level * 3000 / overview_rows * unit
        assert 2 * half == pytest.approx(size)
        # A label pixel of a coarse level is one of level 0.
        label = case.path / "labels" / "nucleus"
        assert positions(label, level, 3) == pytest.approx(3 * 2**level * unit)


def test_overview_is_stored_and_averaged(tmp_path):
    slide = DrawnSlide(shape=(1300, 1100))
    case = create(tmp_path, shape=slide.shape)
    group = zarr.open_group(case.path, mode="r")
    overview = slide.overview(1024)
    np.testing.assert_array_equal(np.moveaxis(group["0"][:], 0, 2), overview)
    rows, columns = (side // 2 for side in overview.shape[:2])
    half = overview[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2, 3)
    stored = np.moveaxis(group["1"][:], 0, 2)[:rows, :columns]
    assert np.abs(half.mean(axis=(1, 3)) - stored).max() <= 0.5


def test_info_round_trips(tmp_path):
    scheme = ClassScheme((CellClass(7, "blast", "b", "#102030"),))
    slide = DrawnSlide()
    info = CaseInfo.of_slide(slide, scheme)
    assert CaseInfo.from_dict(json.loads(json.dumps(info.to_dict()))) == info
    with Case.create(case_path(tmp_path, "x"), slide, scheme=scheme) as case:
        assert case.scheme == scheme
        assert (case.shape, case.mpp) == (slide.shape, slide.mpp)
        assert case.source_name == "smear.png"


def edit_metadata(case, change):
    path = case.path / "leukoseg" / "zarr.json"
    node = json.loads(path.read_text())
    change(node["attributes"]["leukoseg"])
    path.write_text(json.dumps(node))


def remove(*parts):
    def damage(case):
        path = case.path.joinpath(*parts)
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return damage


def rechunk(case):
    zarr.create_array(
        case.path / "labels" / "nucleus" / "0",
        shape=case.shape,
        chunks=(100, 100),
        dtype="uint32",
        overwrite=True,
    )


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda c: shutil.rmtree(c.path), "does not exist"),
        (remove("leukoseg"), "is not a case"),
        (remove("leukoseg", "zarr.json"), "is damaged: its metadata"),
        (remove("leukoseg", "journal"), "is damaged: its journal is missing"),
        (remove("labels", "cytoplasm"), "cytoplasm.* is missing"),
        (remove("labels", "nucleus", "1", "zarr.json"), "is missing or unreadable"),
        (rechunk, "was changed by another program"),
        (
            lambda c: edit_metadata(c, lambda d: d.update(format=FORMAT + 1)),
            "newer napari-leukoseg",
        ),
        (lambda c: edit_metadata(c, lambda d: d.pop("shape")), "is damaged"),
        (lambda c: edit_metadata(c, lambda d: d.update(shape=[9])), "is damaged"),
        (lambda c: edit_metadata(c, lambda d: d.update(scheme={})), "is damaged"),
        (
            lambda c: (c.path / "leukoseg" / "zarr.json").write_text("{"),
            "is damaged: its metadata",
        ),
    ],
)
def test_bad_cases_give_one_clear_sentence(case, damage, message):
    damage(case)
    with pytest.raises(CaseError, match=message) as caught:
        Case.open(case.path)
    assert str(case.path) in str(caught.value)


def test_a_file_is_not_a_case(tmp_path):
    path = tmp_path / "x.leukoseg.zarr"
    path.write_text("hello")
    with pytest.raises(CaseError, match="is not a case"):
        Case.open(path)

"""What is read of corrections, and what is not."""

from __future__ import annotations

import shutil
from collections import deque
from dataclasses import replace

import numpy as np
import pytest

from napari_leukoseg.case import Case
from napari_leukoseg.correct import MarkReviewed
from napari_leukoseg.errors import DataError
from napari_leukoseg.geometry import Region
from napari_leukoseg.training.finetuning import survey_sources
from napari_leukoseg.training.finetuning.gathering import cut_out, gather, load_kept
from napari_leukoseg.training.sample import ANYTHING, IS_BACKGROUND, Sample


def gather_all(survey, work, diameter_px=1000.0):
    work.mkdir()
    reading = gather(survey, work, diameter_px)
    while True:
        try:
            next(reading)
        except StopIteration as end:
            return end.value


def test_only_reviewed_cells_are_known(make_case, tmp_path):
    paths = [make_case(0, n_reviewed=2), make_case(1)]
    survey = survey_sources(paths, min_cells=1)
    survey = replace(survey, sources=tuple(taught(survey.sources, field="field0")))
    (sample,) = gather_all(survey, tmp_path / "work").taught
    assert len(sample.instance_ids) == 2
    assert set(sample.cell_classes) == set(sample.instance_ids.tolist())
    with Case.open(paths[0]) as case:
        ids = case.read_ids(Region.of_shape(case.shape))
        reviewed = case.table().query("reviewed")["cell_id"].tolist()
    is_open = (ids > 0) & ~np.isin(ids, reviewed)
    assert is_open.any()
    n_known = int(np.isin(ids, reviewed).sum())
    assert int((sample.instances > 0).sum()) == n_known
    # Wherever a pixel is known, it is a reviewed cell or ground near to one.
    assert (sample.allowed != ANYTHING).sum() < ids.size - is_open.sum()


def taught(sources, field):
    """Keep all other fields aside."""
    for source in sources:
        fields = [replace(f, is_kept_aside=f.name != field) for f in source.fields]
        yield replace(source, fields=tuple(fields))


def test_pictures_kept_aside_are_not_taught(fields, tmp_path):
    survey = survey_sources([fields], min_cells=1)
    material = gather_all(survey, tmp_path / "work")
    names = {sample.name for sample in material.taught}
    kept = [load_kept(picture) for picture in material.kept]
    assert names.isdisjoint(sample.name for sample in kept)
    assert len(names) + len(kept) == len(survey.fields)
    assert {sample.name for sample in material.watched} == {s.name for s in kept}
    for picture, sample in zip(material.kept, kept, strict=True):
        assert picture.n_cells == len(sample.instance_ids)
        assert (sample.instances[sample.allowed == ANYTHING] == 0).all()


def test_pictures_are_no_finer_than_needed(fields, tmp_path):
    survey = survey_sources([fields], min_cells=1)
    material = gather_all(survey, tmp_path / "work", diameter_px=12.0)
    assert material.taught
    assert all(s.cell_diameter_px <= 12 for s in (*material.taught, *material.watched))
    assert all(load_kept(kept).cell_diameter_px <= 12 for kept in material.kept)


@pytest.mark.parametrize("what", ["case", "slide", "review"])
def test_sources_that_changed_meanwhile(make_case, tmp_path, what):
    path = make_case(0)
    survey = survey_sources([path, make_case(1)], min_cells=1)
    if what == "case":
        shutil.rmtree(path)
    elif what == "slide":
        path.with_name("field0.png").unlink()
    else:
        with Case.open(path) as case:
            ids = tuple(case.table()["cell_id"])
            MarkReviewed(ids, reviewed=False).apply(case)
    (tmp_path / "work").mkdir()
    with pytest.raises(DataError, match="moved, deleted or changed"):
        deque(gather(survey, tmp_path / "work", 100.0), maxlen=0)


@pytest.mark.parametrize("size", [(100, 120), (700, 900)])
def test_parts_have_all_that_is_known(size):
    rng = np.random.default_rng(0)
    allowed = np.full(size, ANYTHING, np.uint8)
    instances = np.zeros(size, np.int32)
    for number in range(1, 8):
        row, column = rng.integers(0, np.array(size) - 12)
        instances[row : row + 12, column : column + 12] = number
        allowed[row : row + 12, column : column + 12] = IS_BACKGROUND
    image = rng.integers(0, 255, (*size, 3)).astype(np.uint8)
    sample = Sample("x", "x", "x", image, allowed, instances, {1: 2}, 12.0)
    parts = cut_out(sample)
    seen = set().union(*(part.instance_ids.tolist() for part in parts))
    assert seen == set(sample.instance_ids.tolist())
    n_pixels = sum(part.allowed.size for part in parts)
    assert n_pixels < 0.8 * allowed.size or max(size) < 200
    for part in parts:
        known = part.allowed != ANYTHING
        assert known.any()
        assert np.isin(np.unique(part.instances), np.unique(instances)).all()


def test_nothing_known_gives_no_part():
    blank = np.zeros((20, 20), np.int32)
    image = np.zeros((20, 20, 3), np.uint8)
    allowed = np.full((20, 20), ANYTHING, np.uint8)
    assert cut_out(Sample("x", "x", "x", image, allowed, blank)) == []

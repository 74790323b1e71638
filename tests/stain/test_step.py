"""A stain step is named by a text, kept as plain data, and the same afterwards."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.stain import (
    Method,
    StainChoice,
    StainEstimationError,
    StainReferenceError,
    StainStep,
    Variant,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("macenko", StainChoice(Method.MACENKO)),
        ("reinhard:jtsc", StainChoice(Method.REINHARD, "jtsc")),
        (
            "vahadane-published:C:\\looks\\ours.json",
            StainChoice(Method.VAHADANE, "C:\\looks\\ours.json", Variant.PUBLISHED),
        ),
        ("retinex-published", StainChoice(Method.RETINEX, "", Variant.PUBLISHED)),
    ],
)
def test_texts_are_read_and_written(text, expected):
    assert StainChoice.parse(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize("text", ["", "bleach", "macenko-new:jtsc", ":jtsc"])
def test_unknown_methods_are_refused_with_those_there_are(text):
    with pytest.raises(SettingsError, match=r"reinhard, macenko.*-published"):
        StainChoice.parse(text)


def test_a_reference_is_refused_where_none_is_taken():
    with pytest.raises(SettingsError, match="takes no reference"):
        StainChoice.parse("retinex:jtsc")


def test_an_unknown_reference_is_told():
    with pytest.raises(StainReferenceError, match=r"no stain reference.*jtsc"):
        StainChoice.parse("macenko:nowhere").prepared()


@pytest.mark.parametrize("text", ["reinhard:jtsc", "histogram-published", "retinex"])
def test_plain_data_give_the_same_pixels(text, smear, array_slide):
    step = replace(StainChoice.parse(text).prepared(), strength=0.7)
    again = StainStep.from_dict(json.loads(json.dumps(step.to_dict())))
    slide = array_slide(smear)
    with step.standardized(slide) as one, again.standardized(slide) as other:
        np.testing.assert_array_equal(one.overview(), other.overview())
        assert (one.overview() != slide.overview()).any()
    assert again.describe() == step.describe()


def test_titles_are_for_people():
    titles = [
        StainChoice.parse(text).prepared().title
        for text in ("macenko", "macenko-published:jtsc", "retinex-published")
    ]
    assert titles == [
        "Macenko → wright-giemsa",
        "Macenko, as published → jtsc",
        "Retinex, as published",
    ]


def test_records_tell_steps_apart():
    step = StainChoice.parse("macenko:jtsc").prepared()
    others = (
        StainChoice.parse("macenko:bccd").prepared(),
        StainChoice.parse("macenko-published:jtsc").prepared(),
        replace(step, strength=0.5),
    )
    digests = {one.describe()["sha256"] for one in (step, *others)}
    assert len(digests) == 1 + len(others)


def test_a_slide_without_nuclei_takes_the_estimate_of_another(
    smear, empty_smear, array_slide
):
    step = StainChoice.parse("reinhard:jtsc").prepared()
    slide = array_slide(empty_smear)
    with pytest.raises(StainEstimationError):
        step.standardized(slide)
    lent = replace(step, source=step.normalizer.estimate(smear))
    kept = StainStep.from_dict(lent.to_dict())
    with lent.standardized(slide) as one, kept.standardized(slide) as other:
        difference = one.overview().astype(int) - other.overview()
    assert np.abs(difference).max() <= 1  # statistics are kept to six digits


def test_a_step_is_estimated_from_a_file(smear, empty_smear, array_slide, tmp_path):
    Image.fromarray(smear).save(tmp_path / "cells.png")
    Image.fromarray(empty_smear).save(tmp_path / "empty.png")
    step = StainChoice.parse("reinhard:jtsc").prepared()
    lent = step.estimated_from(tmp_path / "cells.png")
    assert lent.title == "Reinhard → jtsc, estimated from cells.png"
    lent.standardized(array_slide(empty_smear)).close()
    with pytest.raises(StainEstimationError, match="--estimate-from"):
        step.estimated_from(tmp_path / "empty.png")


def test_damaged_data_are_told():
    with pytest.raises(StainReferenceError, match="damaged"):
        StainStep.from_dict({"title": "x"})
    with pytest.raises(SettingsError, match="strength"):
        StainStep(StainChoice.parse("retinex").prepared().normalizer, "x", 2.0)

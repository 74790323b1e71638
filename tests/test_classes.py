from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_leukoseg.classes import (
    DEFAULT_SCHEME,
    UNCLASSIFIED,
    CellClass,
    ClassScheme,
    Counting,
)
from napari_leukoseg.errors import LeukosegError, SettingsError

cell_classes = st.builds(
    CellClass,
    st.integers(1, 255),
    st.text(min_size=1),
    st.sampled_from(["", *"abcdefghij"]),
    st.from_regex(r"#[0-9a-fA-F]{6}", fullmatch=True),
    st.sampled_from(Counting),
)


def are_unique(classes):
    keys = [c.key for c in classes if c.key]
    return len({c.id for c in classes}) == len({c.name for c in classes}) == len(
        classes
    ) and len(set(keys)) == len(keys)


schemes = st.lists(cell_classes, max_size=6).filter(are_unique).map(tuple)


def test_default_scheme():
    names = {c.id: (c.name, c.color) for c in DEFAULT_SCHEME}
    assert names[1] == ("neutrophil", "#ff0000")
    assert names[2] == ("lymphocyte", "#ffff00")
    assert names[3] == ("monocyte", "#00ffff")
    assert names[4] == ("eosinophil", "#00ff00")
    assert names[5] == ("basophil", "#0000ff")
    assert names[UNCLASSIFIED][0] == "unclassified"
    assert len(DEFAULT_SCHEME) == 6


@given(schemes)
def test_scheme_survives_json(classes):
    scheme = ClassScheme(classes)
    assert ClassScheme.from_dict(json.loads(json.dumps(scheme.to_dict()))) == scheme


def test_scheme_survives_a_file(tmp_path):
    path = tmp_path / "scheme.json"
    blast = CellClass(7, "Blastenzelle (unreif) μ", "b", "#8000ff", Counting.NONE)
    scheme = ClassScheme((*DEFAULT_SCHEME, blast))
    scheme.save(path)
    assert ClassScheme.load(path) == scheme


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"classes": 3}'])
def test_unreadable_file_is_refused(tmp_path, text):
    path = tmp_path / "scheme.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match="Class scheme"):
        ClassScheme.load(path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"absent\.json"):
        ClassScheme.load(tmp_path / "absent.json")


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "a", "color": "#000000"},
        {"id": 1, "color": "#000000"},
        {"id": 1, "name": "a"},
        {"id": "one", "name": "a", "color": "#000000"},
        {"id": 1, "name": "a", "color": "#000000", "counting": "twice"},
        {"id": 1, "name": "a", "color": "red"},
        {"id": 300, "name": "a", "color": "#000000"},
    ],
)
def test_faulty_entry_is_refused(entry):
    with pytest.raises(SettingsError):
        ClassScheme.from_dict({"classes": [entry]})


def test_key_and_counting_may_be_left_out():
    data = {"classes": [{"id": 1, "name": "a", "color": "#000000"}]}
    (only,) = ClassScheme.from_dict(data)
    assert (only.key, only.counting) == ("", Counting.DIFFERENTIAL)


def test_look_up():
    assert DEFAULT_SCHEME[3] is DEFAULT_SCHEME.by_name("monocyte")
    assert 3 in DEFAULT_SCHEME
    assert 0 not in DEFAULT_SCHEME
    assert "monocyte" not in DEFAULT_SCHEME


@pytest.mark.parametrize("class_id", [0, 7, -1])
def test_unknown_id_is_named_with_those_there_are(class_id):
    with pytest.raises(SettingsError, match=rf"{class_id} .* 1, 2, 3, 4, 5, 6"):
        DEFAULT_SCHEME[class_id]


def test_unknown_name_is_named():
    with pytest.raises(SettingsError, match=r"'blast' .* neutrophil"):
        DEFAULT_SCHEME.by_name("blast")


@pytest.mark.parametrize("class_id", [0, -1, 256])
def test_id_outside_a_byte_is_refused(class_id):
    with pytest.raises(SettingsError, match="1 to 255"):
        CellClass(class_id, "a", "", "#000000")


@pytest.mark.parametrize("color", ["", "red", "#fff", "#gggggg", "#0000000", "000000"])
def test_color_of_another_form_is_refused(color):
    with pytest.raises(SettingsError, match="#rrggbb"):
        CellClass(1, "a", "", color)


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_rgb_reads_the_color(rgb):
    color = "#" + bytes(rgb).hex()
    assert CellClass(1, "a", "", color).rgb == pytest.approx([v / 255 for v in rgb])


@pytest.mark.parametrize(
    ("second", "what"),
    [
        (CellClass(1, "b", "2", "#000000"), "id"),
        (CellClass(2, "a", "2", "#000000"), "name"),
        (CellClass(2, "b", "1", "#000000"), "key"),
    ],
)
def test_shared_id_name_or_key_is_refused(second, what):
    with pytest.raises(SettingsError, match=f"Class {what} .* twice"):
        ClassScheme((CellClass(1, "a", "1", "#000000"), second))


def test_classes_without_a_key_do_not_share_one():
    assert len(ClassScheme(tuple(CellClass(i, f"{i}", "", "#000000") for i in (1, 2))))


OWN = CellClass(7, "blast", "7", "#ff00ff")


def test_own_classes_come_and_go():
    more = DEFAULT_SCHEME.added(OWN)
    assert more[7] == OWN
    assert (DEFAULT_SCHEME.next_own_id, more.next_own_id) == (7, 8)
    assert more.removed(7) == DEFAULT_SCHEME
    renamed = more.changed(CellClass(7, "band", "7", "#ff00aa", Counting.NONE))
    assert renamed[7].name == "band"
    assert [c.id for c in renamed] == [c.id for c in more]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.added(OWN), "id 7 is given twice"),
        (lambda s: s.added(CellClass(8, "x", "1", "#000000")), "key '1' is given"),
        (lambda s: s.removed(6), "id 6 is one of those"),
        (lambda s: s.removed(9), "id 9 is not in the scheme"),
        (lambda s: s.changed(CellClass(9, "x", "x", "#000000")), "id 9 is not in"),
        (lambda s: s.changed(CellClass(7, "monocyte", "7", "#000000")), "'monocyte'"),
        (lambda s: s.removed(7).removed(7), "id 7 is not in"),
    ],
)
def test_changes_that_no_scheme_allows(change, message):
    with pytest.raises(SettingsError, match=message):
        change(DEFAULT_SCHEME.added(OWN))


def test_ids_below_those_of_ones_own_are_not_added():
    short = ClassScheme(tuple(DEFAULT_SCHEME)[:3])
    with pytest.raises(SettingsError, match="id 5 is one of those"):
        short.added(CellClass(5, "x", "x", "#000000"))


def test_errors_are_caught_as_leukoseg_and_value_errors():
    assert issubclass(SettingsError, LeukosegError)
    assert issubclass(SettingsError, ValueError)

"""The user's models: kept whole or not at all, given away and taken in safely."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from napari_leukoseg.errors import ModelError
from napari_leukoseg.segment import card, library
from napari_leukoseg.segment.card import CARD_NAME, WEIGHTS_NAME
from napari_leukoseg.segment.library import (
    ARCHIVE_SUFFIX,
    ModelLibrary,
    available_models,
    resolve_model,
)
from napari_leukoseg.segment.model import load_model


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Return an empty library, which is the user's."""
    folder = tmp_path / "library"
    monkeypatch.setattr(library, "library_folder", lambda: folder)
    return ModelLibrary()


@pytest.fixture
def archive(own, color_model, tmp_path):
    """Return a model as a file."""
    own.add(color_model, "mine")
    return own.export("mine", tmp_path / "mine")


def altered(archive: Path, members: dict[str, bytes]) -> Path:
    """Write an archive with other members."""
    path = archive.with_name(f"altered{ARCHIVE_SUFFIX}")
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(path, "w") as target:
        kept = {name: source.read(name) for name in source.namelist()}
        for name, content in (kept | members).items():
            target.writestr(name, content)
    return path


def test_kept_models_are_found_by_name(own, color_model):
    assert own.names() == ()
    path = own.add(color_model, "my smears 2")
    assert own.names() == ("my smears 2",)
    assert own.path("my smears 2") == path
    assert own.info("my smears 2").name == "my smears 2"
    assert load_model("my smears 2").card.name == "my smears 2"
    assert available_models()["my smears 2"] == path
    assert "default" in available_models()
    assert sorted(p.name for p in own.folder.iterdir()) == ["my smears 2"]
    own.remove("my smears 2")
    assert own.names() == ()
    assert not list(own.folder.iterdir())


def test_files_give_the_same_model(own, archive, color_model):
    assert archive.suffix == ARCHIVE_SUFFIX
    own.remove("mine")
    assert own.import_(archive) == "mine"
    assert own.import_(archive, "other") == "other"
    for name in ("mine", "other"):
        kept = own.path(name) / WEIGHTS_NAME
        assert kept.read_bytes() == (color_model / WEIGHTS_NAME).read_bytes()
    assert load_model("other").card.architecture == "residual-unet"


def test_bundled_models_can_be_given_away(own, tmp_path):
    file = own.export("default", tmp_path / "default.leukoseg-model")
    with pytest.raises(ModelError, match="ships with leukoseg"):
        own.import_(file)
    assert own.import_(file, "renamed") == "renamed"


def test_names_that_cannot_be_had(own, color_model):
    own.add(color_model, "mine")
    for name in ("default", "Default"):
        with pytest.raises(ModelError, match="ships with leukoseg"):
            own.add(color_model, name)
    for name in ("mine", "MINE"):
        with pytest.raises(ModelError, match="already"):
            own.add(color_model, name)
    for name in (
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a\\b",
        ".x",
        "x.",
        "n" * 70,
        "/x",
        "C:",
    ):
        with pytest.raises(ModelError, match="cannot name a model"):
            own.add(color_model, name)
    assert own.names() == ("mine",)


def test_bundled_and_absent_models_are_not_removed(own):
    with pytest.raises(ModelError, match="cannot be removed"):
        own.remove("default")
    for name in ("absent", "..", "."):
        with pytest.raises(ModelError, match="no model"):
            own.remove(name)
    assert Path(card.bundled_folder() / "default" / WEIGHTS_NAME).exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("../outside.txt", b"x", "and nothing else"),
        ("/tmp/outside.txt", b"x", "and nothing else"),
        ("weights.pkl", b"x", "pickle"),
        ("readme.txt", b"x", "and nothing else"),
        (WEIGHTS_NAME, b"x", "SHA-256"),
        (CARD_NAME, b"{", "model card"),
    ],
)
def test_altered_files_are_refused(own, archive, tmp_path, name, content, message):
    before = sorted(tmp_path.iterdir())
    path = altered(archive, {name: content})
    with pytest.raises(ModelError, match=message):
        own.import_(path, "new")
    path.unlink()
    assert own.names() == ("mine",)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_other_files_are_refused(own, archive, content):
    path = archive.with_name("odd")
    path.write_bytes(archive.read_bytes()[:-200] if content is None else content)
    with pytest.raises(ModelError, match="not a model file"):
        own.import_(path)
    with pytest.raises(ModelError, match="not a model file"):
        own.import_(archive.with_name("absent"))


def test_archives_that_would_fill_the_disk(own, archive, monkeypatch):
    monkeypatch.setitem(library.MAX_BYTES, WEIGHTS_NAME, 100)
    with pytest.raises(ModelError, match="too large"):
        own.import_(archive, "new")


def test_damaged_models_are_neither_added_nor_given_away(own, color_model, tmp_path):
    damaged = Path(shutil.copytree(color_model, tmp_path / "damaged"))
    (damaged / WEIGHTS_NAME).write_bytes(b"x")
    with pytest.raises(ModelError, match="SHA-256"):
        own.add(damaged, "new")
    assert own.names() == ()
    path = own.add(color_model, "mine")
    (path / WEIGHTS_NAME).write_bytes(b"x")
    with pytest.raises(ModelError, match="SHA-256"):
        own.export("mine", tmp_path / "file")
    assert not (tmp_path / "file.leukoseg-model").exists()


def test_folders_and_files_are_told_apart(own, archive, color_model):
    assert resolve_model(color_model) == color_model
    assert resolve_model("mine") == own.path("mine")
    with pytest.raises(ModelError, match="import it first"):
        resolve_model(archive)
    with pytest.raises(ModelError, match=r"neither a folder nor one of default.*mine"):
        resolve_model("absent")


def test_own_classes_are_on_the_card(own, color_model):
    path = own.add(color_model, "mine")
    data = json.loads((path / CARD_NAME).read_text())
    entry = {"id": 7, "name": "blast", "key": "b", "color": "#123456"}
    (path / CARD_NAME).write_text(json.dumps(data | {"own_classes": [entry]}))
    assert own.info("mine").scheme[7].name == "blast"
    (path / CARD_NAME).write_text(json.dumps(data | {"own_classes": [{"id": 7}]}))
    with pytest.raises(ModelError, match="needs an id"):
        assert own.info("mine").scheme


def test_the_library_loads_no_torch():
    code = (
        "import sys, napari_leukoseg.segment.library as l; l.available_models();"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr

"""The manifest names only what exists, and all that can be read."""

from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_leukoseg
from napari_leukoseg.case import CASE_SUFFIX
from napari_leukoseg.slide import SLIDE_SUFFIXES

MANIFEST = Path(napari_leukoseg.__file__).with_name("napari.yaml")


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_file(MANIFEST)


def test_every_command_can_be_imported(manifest: PluginManifest) -> None:
    manifest.validate_imports()


def test_reader_takes_every_format(manifest: PluginManifest) -> None:
    (reader,) = manifest.contributions.readers
    patterns = set(reader.filename_patterns)
    assert patterns == {f"*{suffix}" for suffix in (*SLIDE_SUFFIXES, CASE_SUFFIX)}
    assert reader.accepts_directories


def test_link_beside_the_project_is_the_manifest() -> None:
    link = MANIFEST.parents[2] / "napari.yaml"
    if not link.exists():
        pytest.skip("installed without the project's files")
    assert link.read_text() == MANIFEST.read_text()

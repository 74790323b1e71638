"""Fixtures of the plugin: folders that are not the user's, a viewer with our dock."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_leukoseg.plugin import places
from napari_leukoseg.plugin.session import FOREGROUND_VARIABLE, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from napari import Viewer
    from pytestqt.qtbot import QtBot

    from napari_leukoseg.plugin.widgets.dock import LeukoSegDock

TIMEOUT_MS = 60_000


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder in place of the user's own."""
    folder = tmp_path / "home"
    monkeypatch.setattr(places, "cases_folder", lambda: folder / "cases")
    monkeypatch.setattr(places, "cache_folder", lambda: folder / "cache")
    monkeypatch.setattr(places, "trainings_folder", lambda: folder / "trainings")
    monkeypatch.setattr(places, "preferences_file", lambda: folder / "preferences.json")
    library = "napari_leukoseg.segment.library.library_folder"
    monkeypatch.setattr(library, lambda: folder / "models")
    return folder


@pytest.fixture
def wait(qtbot: QtBot) -> Callable[[Callable[[], bool]], None]:
    """Run the event loop until something is so."""

    def until(is_so: Callable[[], bool]) -> None:
        qtbot.waitUntil(is_so, timeout=TIMEOUT_MS)

    return until


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Viewer]) -> Viewer:
    """Empty viewer, not shown."""
    return make_napari_viewer()


@pytest.fixture
def session(viewer: Viewer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """Session of the viewer, whose worker runs in the test's own process."""
    monkeypatch.setenv(FOREGROUND_VARIABLE, "1")
    session = Session.of(viewer)
    session.join("test")
    yield session
    session.close()


@pytest.fixture
def dock(
    session: Session, viewer: Viewer, color_model: Path, wait: Any
) -> Iterator[LeukoSegDock]:
    """Our dock in the viewer, with a small model chosen."""
    from napari_leukoseg.plugin.widgets.dock import LeukoSegDock

    dock = LeukoSegDock(viewer)
    viewer.window.add_dock_widget(dock, name="LeukoSeg")
    box = dock.segment_page.form.model_box
    wait(lambda: dock.segment_page.form.device_box.count() > 1)
    dock.segment_page.form.use_model(str(color_model))
    wait(lambda: box.currentData() == str(color_model))
    yield dock
    wait(lambda: not session.background.is_busy)


@pytest.fixture
def open_field(session: Session, field_png: Path, wait: Any) -> Callable[[], Path]:
    """Open the drawn field as the Slide page does."""

    def open_it() -> Path:
        session.open(field_png)
        wait(lambda: session.picture is not None and bool(session.picture.fingerprint))
        return field_png

    return open_it


@pytest.fixture(scope="session")
def drawn_case_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Case of another drawn field, which nobody has reviewed, beside its picture."""
    from .drawn_cases import make_drawn_case

    return make_drawn_case(tmp_path_factory.mktemp("drawn"))


@pytest.fixture
def drawn_case(tmp_path: Path, drawn_case_once: Path) -> Path:
    """Copy of that case to work on, beside its picture."""
    folder = shutil.copytree(drawn_case_once.parent, tmp_path / "drawn")
    return folder / drawn_case_once.name


@pytest.fixture
def big_field(tmp_path: Path, rng: np.random.Generator) -> Path:
    """TIFF of a few thousand pixels whose labels are a pyramid in the viewer."""
    import tifffile

    path = tmp_path / "big.tif"
    picture = np.full((4200, 4200, 3), 230, np.uint8)
    tifffile.imwrite(path, picture, photometric="rgb", tile=(512, 512))
    return path


@pytest.fixture
def rng() -> np.random.Generator:
    """Generator with a fixed seed."""
    return np.random.default_rng(0)

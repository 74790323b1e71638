"""What painting in the window over a large slide costs, against napari alone.

The same strokes by the same mouse events in three viewers: in our window over a slide
of `SIDE_PX` squared, on a plain layer of the window's size, and on a plain layer of
the whole slide. A frame is one mouse move with all that follows until it is drawn.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
import pytest
import tifffile
from napari import Viewer
from napari.layers import Labels
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_leukoseg.case import Case, case_path
from napari_leukoseg.cell import SegmentedCell
from napari_leukoseg.cells import measure_cell
from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin import places
from napari_leukoseg.plugin.review.painting import Painting
from napari_leukoseg.plugin.review.stroke_watch import StrokeWatch
from napari_leukoseg.plugin.review.window import WindowState
from napari_leukoseg.plugin.session import FOREGROUND_VARIABLE, Session
from napari_leukoseg.slide import open_slide

SIDE_PX = 20_000
TILE_PX = 512
CENTER = (10_000, 10_000)
RADIUS_PX = 60
BRUSH_PX = 20
ZOOM = 0.5
"""Canvas pixels for one of level 0: the window then has some 3 million pixels."""

STROKES, MOVES = 4, 20
PAUSE_S = 0.015
TIMEOUT_MS = 120_000

MAX_HANDLER_S = 0.005
MAX_RATIO = 1.1


@pytest.fixture(scope="module")
def case_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Blank slide with a pyramid, and its case with one cell in the middle."""
    folder = tmp_path_factory.mktemp("painting")
    path = folder / "blank.tif"
    tile = np.full((TILE_PX, TILE_PX, 3), 230, np.uint8)
    side = SIDE_PX
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        while side > TILE_PX:
            n_tiles = (-(-side // TILE_PX)) ** 2
            tiff.write(
                (tile for _ in range(n_tiles)),
                shape=(side, side, 3),
                dtype=np.uint8,
                tile=(TILE_PX, TILE_PX),
                compression="deflate",
                photometric="rgb",
                subfiletype=int(side < SIDE_PX),
            )
            side //= 2
    distance = np.hypot(
        *np.mgrid[-RADIUS_PX : RADIUS_PX + 1, -RADIUS_PX : RADIUS_PX + 1]
    )
    nucleus = distance <= RADIUS_PX / 2
    box = Region(*(c - RADIUS_PX for c in CENTER), *nucleus.shape)
    cell = SegmentedCell(
        box,
        nucleus,
        (distance <= RADIUS_PX) & ~nucleus,
        (1, 2, 3, 4, 5),
        np.full(5, 0.2),
        0.9,
    )
    case = case_path(folder, "blank")
    with open_slide(path) as slide, Case.create(case, slide) as made:
        run = made.begin_run({"model": "drawn"}, 1)
        run.commit_tile(
            0, [cell], [measure_cell(slide.read_region(box), cell, mpp=None)]
        )
        run.finish({})
    return case


@pytest.fixture
def new_viewer(
    make_napari_viewer: Callable[..., Viewer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[], Viewer]:
    monkeypatch.setenv(FOREGROUND_VARIABLE, "1")
    for name in ("cases_folder", "cache_folder"):
        monkeypatch.setattr(places, name, lambda: tmp_path)
    monkeypatch.setattr(places, "preferences_file", lambda: tmp_path / "p.json")

    def make() -> Viewer:
        viewer = make_napari_viewer(show=True)
        viewer.window.resize(1280, 800)
        QApplication.processEvents()
        return viewer

    return make


@contextmanager
def timed(owner: type, name: str) -> Iterator[list[float]]:
    """Collect how long each call of a method takes."""
    method, times = getattr(owner, name), []

    def call(*arguments: object) -> object:
        began = time.perf_counter()
        try:
            return method(*arguments)
        finally:
            times.append(time.perf_counter() - began)

    setattr(owner, name, call)
    try:
        yield times
    finally:
        setattr(owner, name, method)


def send(viewer: Viewer, kind: QEvent.Type, point: QPoint, *, is_held: bool) -> None:
    """Send a mouse event to the canvas, and wait until it is drawn."""
    canvas = viewer.window._qt_viewer.canvas.native
    left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    event = QMouseEvent(
        kind,
        QPointF(point),
        QPointF(canvas.mapToGlobal(point)),
        none if kind == QEvent.Type.MouseMove else left,
        left if is_held else none,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(canvas, event)
    QApplication.processEvents()


def rest() -> None:
    """Let some time pass: moves that follow too soon are left out by napari."""
    end = time.perf_counter() + PAUSE_S
    while time.perf_counter() < end:
        QApplication.processEvents()


def paint(viewer: Viewer, n_strokes: int = STROKES, shift_px: int = 0) -> list[float]:
    """Paint strokes about the middle of the canvas; return the time of each move."""
    height, width = viewer.canvas.size
    times = []
    for stroke in range(n_strokes):
        row = height // 2 - 40 + 2 * BRUSH_PX * stroke + shift_px
        points = [QPoint(width // 2 - 100 + 5 * n, row) for n in range(MOVES)]
        send(viewer, QEvent.Type.MouseMove, points[0], is_held=False)
        send(viewer, QEvent.Type.MouseButtonPress, points[0], is_held=True)
        for point in points[1:]:
            rest()
            began = time.perf_counter()
            send(viewer, QEvent.Type.MouseMove, point, is_held=True)
            times.append(time.perf_counter() - began)
        send(viewer, QEvent.Type.MouseButtonRelease, points[-1], is_held=False)
    return times


def take_brush(viewer: Viewer, layer: Labels) -> None:
    """Look at the middle of the slide with a brush in hand."""
    viewer.scene.camera.center, viewer.scene.camera.zoom = CENTER, ZOOM
    viewer.layers.selection.active = layer
    layer.brush_size = BRUSH_PX
    layer.selected_label = 1
    layer.mode = "paint"
    QApplication.processEvents()


def add_layers(viewer: Viewer, window: Region, painted: Region) -> Labels:
    """Add what our window shows as plain arrays; return the layer to paint on."""
    place = {"translate": (window.row, window.column)}
    shape = (window.height, window.width)
    viewer.add_image(np.full((*shape, 3), 230, np.uint8), **place)
    viewer.add_labels(np.zeros(shape, np.uint32), **place)
    layer = viewer.add_labels(
        np.zeros((painted.height, painted.width), np.uint32),
        translate=(painted.row, painted.column),
    )
    viewer.add_labels(np.zeros(shape, np.uint8), **place)
    return layer


@pytest.mark.filterwarnings("ignore:data shape .* exceeds GL_MAX_TEXTURE_SIZE")
def test_painting_in_the_window_is_napari_painting(
    new_viewer: Callable[[], Viewer], case_folder: Path, qtbot: QtBot
) -> None:
    viewer = new_viewer()
    session = Session.of(viewer)
    session.join("benchmark")
    session.open(case_folder)
    qtbot.waitUntil(lambda: session.desk.can_edit, timeout=TIMEOUT_MS)
    qtbot.waitUntil(lambda: session.results.is_settled, timeout=TIMEOUT_MS)
    viewer.scene.camera.center, viewer.scene.camera.zoom = CENTER, ZOOM
    session.desk.select((1,))
    window = session.tools.window
    window.open("cytoplasm", "paint")
    qtbot.waitUntil(lambda: window.state is WindowState.READY, timeout=TIMEOUT_MS)
    region = window.region
    take_brush(viewer, window.layers["cytoplasm"])
    paint(viewer)
    with (
        timed(StrokeWatch, "_on_update") as updates,
        timed(StrokeWatch, "_on_paint") as ends,
        timed(Painting, "_edit") as edits,
    ):
        ours = median(paint(viewer, shift_px=BRUSH_PX))
        session.painting.flush()
    qtbot.waitUntil(lambda: session.results.is_settled, timeout=TIMEOUT_MS)
    assert session.desk.undo_action == "PaintPixels"
    session.close()
    viewer.close()

    assert len(updates) >= STROKES * MOVES * 0.9
    handlers = max(*updates, *ends)
    print(f"\nwindow of {region.height} x {region.width} pixels")
    print(f"our handlers: {len(updates) + len(ends)} calls, longest {handlers:.5f} s")
    print(f"a stroke becomes an edit in {median(edits):.3f} s")
    assert handlers <= MAX_HANDLER_S

    small = median(measure(new_viewer(), region, region, STROKES))
    print(f"frame: ours {ours:.4f} s, napari on the same window {small:.4f} s,")
    assert ours <= MAX_RATIO * small
    whole = Region(0, 0, SIDE_PX, SIDE_PX)
    full = median(measure(new_viewer(), region, whole, 1))
    print(f"  napari on all {SIDE_PX} x {SIDE_PX} pixels {full:.4f} s")
    assert ours < full


def measure(
    viewer: Viewer, window: Region, painted: Region, n_strokes: int
) -> list[float]:
    """Return the times of frames of napari alone."""
    layer = add_layers(viewer, window, painted)
    take_brush(viewer, layer)
    paint(viewer, n_strokes)
    times = paint(viewer, n_strokes, BRUSH_PX)
    assert layer.data.any()
    viewer.close()
    return times

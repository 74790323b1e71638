"""Tools for cells in the canvas, one in hand at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from qtpy.QtCore import QObject, Signal

from napari_leukoseg.errors import LeukosegError
from napari_leukoseg.plugin.review.clicker import CellClicker
from napari_leukoseg.plugin.review.commands import COMMANDS, Need
from napari_leukoseg.plugin.review.sketch import Drawn, Sketch, Stroke
from napari_leukoseg.plugin.review.window import PaintWindow, WindowState

if TYPE_CHECKING:
    from napari.layers import Labels

    from napari_leukoseg.correct import Edit, Part
    from napari_leukoseg.plugin.session import Session

__all__ = ["Tools", "canvas_key"]

_BRUSHES = {
    "paint_nucleus": ("nucleus", "paint"),
    "paint_cytoplasm": ("cytoplasm", "paint"),
}

_STROKES = {
    "split": Stroke.LINE,
    "draw": Stroke.OUTLINE,
    "replace": Stroke.OUTLINE,
    "click": Stroke.BOX,
}

_DRAWING_MODES = {"paint", "polygon", "fill"}

_BRUSH_SHARE = 1 / 8
"""Width of a brush at first, over the diameter of a cell."""

_FURTHER = "Esc puts the tool down."

_QT_TO_NAPARI = {"Del": "Delete", "Ctrl": "Control", "Esc": "Escape"}


class Tools(QObject):
    """What can be done to cells in the canvas, by buttons and keys.

    Parameters
    ----------
    session : Session
        Shared state of the viewer.

    Attributes
    ----------
    changed : Signal
        See `active`, `hint` and `trouble`.
    window : PaintWindow
        What is painted on where labels are pyramids.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session, self._desk = session, session.desk
        self._viewer = session.viewer
        self._commands = {command.name: command for command in COMMANDS}
        self._held: str | None = None
        self._role = "nucleus"
        self._mode_layer: Labels | None = None
        self._sized: WeakSet[Labels] = WeakSet()
        self.window = PaintWindow(session)
        self._sketch = Sketch(session.viewer)
        self._clicker = CellClicker(session)
        self._connect()

    @property
    def active(self) -> str | None:
        """Name of the tool in hand, if any; napari's own brushes count."""
        if self._sketch.is_active:
            return self._held
        if self.window.state in (WindowState.LOADING, WindowState.TOO_FAR):
            return self._held
        layer = self._viewer.layers.selection.active
        role = self._session.painting.role_of(layer)
        if layer is None or role not in ("nucleus", "cytoplasm"):
            return None
        if str(layer.mode) == "erase":
            return "erase"
        return f"paint_{role}" if str(layer.mode) in _DRAWING_MODES else None

    @property
    def hint(self) -> str:
        """What to do with the tool in hand; empty where there is none."""
        active = self.active
        if active is None:
            return ""
        if self.window.state is WindowState.TOO_FAR and not self._sketch.is_active:
            return f"Zoom in to paint. {_FURTHER}"
        if self.window.state is WindowState.LOADING and not self._sketch.is_active:
            return "The labels in view are being read…"
        if active == "click" and self._clicker.n_waiting:
            return "The cell is being outlined…"
        hint = self._commands[active].hint
        if active in _BRUSHES:
            selected = self._desk.selected
            whose = f"cell {selected[0]}" if selected else "a new cell"
            hint = (
                f"{hint[:-1]} of {whose}. M begins a new one, [ and ] size the brush."
            )
        return f"{hint} {_FURTHER}"

    def trouble(self, name: str) -> str:
        """Return why a command cannot be run, in a sentence; empty where it can."""
        if not self._desk.can_edit:
            return self._desk.refusal
        if name == "undo" and self._desk.undo_action is None:
            return "There is nothing to undo."
        if name == "redo" and self._desk.redo_action is None:
            return "There is nothing to redo."
        need, n_selected = self._commands[name].need, len(self._desk.selected)
        is_met = {
            Need.NOTHING: True,
            Need.CELLS: not self._desk.table.empty,
            Need.ONE: n_selected == 1,
            Need.SOME: n_selected >= 1,
            Need.TWO: n_selected >= 2,
        }
        return "" if is_met[need] else str(need)

    def run(self, name: str) -> None:
        """Do something, or take a tool in hand; the one in hand is put down.

        Parameters
        ----------
        name : str
            Name of a command.
        """
        trouble = self.trouble(name)
        if trouble:
            self._desk.noticed.emit(trouble)
        elif self._commands[name].is_tool:
            self._take_up(name)
        else:
            self._session.painting.flush()
            self._do(name)

    def put_down(self) -> None:
        """Have nothing in hand; clicks select cells again."""
        self._end_sketch()
        layer = self._viewer.layers.selection.active
        if layer is not None and self._session.painting.role_of(layer):
            layer.mode = "pan_zoom"
        self._session.painting.flush()
        self.window.close()
        self._held = None
        self.changed.emit()

    def escape(self) -> None:
        """Put the tool down, or let go of the selection if there is none."""
        if self.active is not None or self.window.is_open:
            self.put_down()
        else:
            self._desk.select(())

    def close(self) -> None:
        """Let go of the viewer; may be repeated."""
        self._end_sketch()
        self.window.close()
        for key in (*(command.key for command in COMMANDS), "Esc"):
            self._viewer.bind_key(canvas_key(key), None)

    def _take_up(self, name: str) -> None:
        """Take a tool in hand."""
        was_active = self.active
        self.put_down()
        if was_active == name:
            return
        self._held = name
        if name in _STROKES:
            self._clicker.forget()
            layer = self._session.layer
            if layer is not None:
                self._sketch.begin(layer, _STROKES[name])
        else:
            self._role, mode = _BRUSHES.get(name, (self._role, "erase"))
            self._take_brush(self._role, mode)
        self.changed.emit()

    def _take_brush(self, role: str, mode: str) -> None:
        """Let people paint on a result layer, or on a window over it."""
        results = self._session.results
        if results is None or results.view is None:
            return
        if not results.view.is_plain:
            self.window.open(role, mode)
            return
        layer = results.layers.get(role)
        if layer is None:
            self._desk.failed.emit(
                f"The layer {role} was removed; open the case again to have it back."
            )
            return
        layer.visible = True
        self._viewer.layers.selection.active = layer
        layer.mode = mode

    def _do(self, name: str) -> None:
        """Carry out a command that is done at once."""
        if name in ("undo", "redo"):
            getattr(self._desk, name)()
            return
        selected = self._desk.selected
        if self._desk.apply(self._edit_of(name)) is not None and name == "merge":
            self._desk.select(selected[:1])

    def _edit_of(self, name: str) -> Edit:
        """Return the edit of a command that is done at once."""
        # Imported by the thread that opened the case.
        from napari_leukoseg import correct

        ids, part, distance = self._desk.selected, self.part, self.distance_px
        makers: dict[str, Callable[[], Edit]] = {
            "delete": lambda: correct.DeleteCells(ids),
            "merge": lambda: correct.MergeCells(ids),
            "divide": lambda: correct.SplitByWatershed(ids[0]),
            "fill": lambda: correct.FillHoles(ids, part),
            "smooth": lambda: correct.SmoothCells(ids, float(distance)),
            "grow": lambda: correct.GrowCells(ids, distance, part),
            "shrink": lambda: correct.GrowCells(ids, -distance, part),
        }
        return makers[name]()

    @property
    def part(self) -> Part:
        """What outlines are of: the whole cell, or its nucleus."""
        from napari_leukoseg.correct import Part

        is_nucleus = self._session.preferences.tool_part == "nucleus"
        return Part.NUCLEUS if is_nucleus else Part.CELL

    @property
    def distance_px(self) -> int:
        """How far outlines are moved, in pixels."""
        return max(1, self._session.preferences.tool_distance_px)

    def _on_drawn(self, drawn: Drawn) -> None:
        """Use the tool in hand."""
        if self._held == "click":
            self._point(drawn)
        elif not drawn.is_click and len(drawn.points) > 2:
            edit = self._try(partial(self._drawn_edit, drawn))
            inverse = None if edit is None else self._desk.apply(edit)
            if inverse is not None and self._held == "draw":
                self._desk.select(inverse.added_ids)

    def _drawn_edit(self, drawn: Drawn) -> Edit:
        """Return the edit that a drawn line means."""
        from napari_leukoseg.plugin.review import outlining

        case, slide = self._desk.case, self._desk.slide
        if case is None:
            raise LeukosegError(self._desk.refusal)
        selected = self._desk.selected
        if self._held == "split":
            return outlining.split_along(case, drawn.points, selected)
        if self._held == "draw":
            return outlining.added_cell(case, slide, drawn.points, self.part)
        if len(selected) != 1:
            raise LeukosegError(str(Need.ONE))
        return outlining.replaced_part(
            case, slide, selected[0], drawn.points, self.part
        )

    def _try(self, make: Callable[[], Edit]) -> Edit | None:
        """Return an edit; where there can be none, tell why."""
        try:
            return make()
        except LeukosegError as error:
            self._desk.failed.emit(str(error))
            return None

    def _point(self, drawn: Drawn) -> None:
        """Add or correct the cell that was pointed at."""
        point = (float(drawn.points[0, 0]), float(drawn.points[0, 1]))
        if not drawn.is_click:
            low, high = drawn.points.min(axis=0), drawn.points.max(axis=0)
            bounds = [round(x) for x in (*low, *(high + 1))]
            self._clicker.add_box((bounds[0], bounds[1], bounds[2], bounds[3]))
        elif drawn.modifiers & {"Shift", "Alt", "Control"}:
            is_inside = "Shift" in drawn.modifiers
            self._clicker.correct(point, is_inside=is_inside)
        else:
            self._clicker.add(point)

    def _show_clicks(self) -> None:
        """Mark the clicks of the cell that further ones would correct."""
        pointed = self._clicker.pointed
        self._sketch.mark(
            [(point, True) for point in pointed.positive]
            + [(point, False) for point in pointed.negative]
        )
        self.changed.emit()

    def _end_sketch(self) -> None:
        """Take the drawing layer away."""
        if self._sketch.is_active:
            self._sketch.end()

    def _connect(self) -> None:
        """Listen to what tools and buttons depend on, and to keys in the canvas."""
        self._sketch.drawn.connect(self._on_drawn)
        self._sketch.ended.connect(self.put_down)
        self._clicker.state_changed.connect(self._show_clicks)
        self.window.state_changed.connect(self._on_window)
        self._session.painting.escaped.connect(self.escape)
        self._desk.selection_changed.connect(self.changed)
        self._desk.state_changed.connect(self._on_desk)
        self._session.picture_changed.connect(self._on_desk)
        self._viewer.layers.selection.events.active.connect(self._on_active)
        for command in COMMANDS:
            press = _pressed(partial(self.run, command.name))
            self._viewer.bind_key(canvas_key(command.key), press, overwrite=True)
        self._viewer.bind_key("Escape", _pressed(self.escape), overwrite=True)

    def _on_desk(self) -> None:
        """Put drawing tools down where nothing can be edited."""
        if self._sketch.is_active and not self._desk.can_edit:
            self.put_down()
        self.changed.emit()

    def _on_window(self) -> None:
        """Size the brushes of a new window; tell why there is none."""
        if self.window.state is WindowState.TOO_FAR:
            self._desk.noticed.emit(self.hint)
        for layer in self.window.layers.values():
            self._size_brush(layer)
        if not self.window.is_open and not self._sketch.is_active:
            self._held = None
        self.changed.emit()

    def _on_active(self, event: Any) -> None:
        """Follow the mode of the layer that is worked on."""
        if self._mode_layer is not None:
            self._mode_layer.events.mode.disconnect(self._on_mode)
            self._mode_layer = None
        layer = event.value
        role = self._session.painting.role_of(layer)
        if role:
            self._mode_layer = layer
            layer.events.mode.connect(self._on_mode)
            self._size_brush(layer)
        if role in ("nucleus", "cytoplasm"):
            self._role = role
        self.changed.emit()

    def _on_mode(self, _: object) -> None:
        """Tell that napari's own buttons were used."""
        self.changed.emit()

    def _size_brush(self, layer: Labels) -> None:
        """Give a layer a brush that fits its cells, once."""
        if layer in self._sized or "cell_diameter_px" not in self._desk.table:
            return
        diameter = self._desk.table["cell_diameter_px"].median()
        if diameter == diameter:  # a table without cells has no median
            self._sized.add(layer)
            layer.brush_size = max(2, round(_BRUSH_SHARE * float(diameter)))


def canvas_key(key: str) -> str:
    """Return a shortcut as napari writes it, of one as Qt does."""
    control = "Meta" if sys.platform == "darwin" else "Control"
    names = {**_QT_TO_NAPARI, "Ctrl": control}
    return "-".join(names.get(part, part) for part in key.split("+"))


def _pressed(act: Callable[[], None]) -> Callable[[object], None]:
    """Return what a key of the canvas calls: a named function of the viewer."""

    def press(_: object) -> None:
        act()

    return press

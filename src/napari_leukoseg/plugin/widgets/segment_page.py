"""Segment page: finds the white cells, and shows how many of each class there are."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QShortcut,
    QVBoxLayout,
    QWidget,
)

from napari_leukoseg.errors import LeukosegError
from napari_leukoseg.plugin.area import Area
from napari_leukoseg.plugin.cell_text import describe_cell
from napari_leukoseg.plugin.runs import Ending, RunState, describe_duration, locate_case
from napari_leukoseg.plugin.widgets.legend import Legend
from napari_leukoseg.plugin.widgets.message_bar import MessageBar, Tone
from napari_leukoseg.plugin.widgets.page import Panel, fill
from napari_leukoseg.plugin.widgets.run_form import RunForm
from napari_leukoseg.plugin.widgets.wrapped_label import WrappedLabel

if TYPE_CHECKING:
    import napari

    from napari_leukoseg.plugin.session import Session

__all__ = ["SegmentPage", "SegmentWidget"]

_SETTLE_MS = 300
"""Pause after which a change of settings or view is looked at."""


class SegmentPage(QWidget):
    """What the user sees: settings, cost, progress, legend with counts, messages.

    Parameters
    ----------
    session : Session
        Shared state of the viewer.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.form = RunForm(session)
        self.cost_label = WrappedLabel()
        self.segment_button = QPushButton("&Segment")
        self.cancel_button = QPushButton("&Cancel")
        self.show_button = QPushButton("Show earlier result")
        self.progress_bar = QProgressBar()
        self.stage_label = WrappedLabel()
        self.message = MessageBar()
        self.legend = Legend()
        self.cell_label = WrappedLabel()
        self._estimate: int | None = None
        self._case: Path | None = None
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._look)
        self._set_up_buttons()
        self._lay_out()
        self._connect()
        self._show_state()
        self._settle.start()

    def segment(self) -> None:
        """Start a run with the settings as they are."""
        self.message.clear()
        try:
            request = self.form.request()
        except LeukosegError as error:
            self._show_error(str(error))
            return
        self.form.remember()
        if self.form.area is Area.RECTANGLE:  # clicks are for cells from here on
            self._session.viewer.layers.selection.active = request.layer
        self._session.runs.start(request)

    def _set_up_buttons(self) -> None:
        """Connect buttons and keys."""
        self.segment_button.setToolTip("Find the white cells (Ctrl+Return)")
        self.segment_button.clicked.connect(self.segment)
        self.cancel_button.setToolTip("Stop; what is finished is kept (Esc)")
        self.cancel_button.clicked.connect(self._session.runs.cancel)
        self.show_button.setToolTip("Show what is in the case of this picture")
        self.show_button.clicked.connect(self._show_earlier)
        for keys, action in (
            ("Ctrl+Return", self.segment),
            ("Esc", self._session.runs.cancel),
        ):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(action)

    def _lay_out(self) -> None:
        """Stack everything."""
        buttons = QHBoxLayout()
        buttons.addWidget(self.segment_button, 2)
        buttons.addWidget(self.cancel_button, 1)
        layout = QVBoxLayout(self)
        layout.addWidget(self.form)
        layout.addWidget(self.cost_label)
        layout.addLayout(buttons)
        for widget in (
            self.progress_bar,
            self.stage_label,
            self.message,
            self.show_button,
            self.legend,
            self.cell_label,
        ):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.progress_bar.hide()
        self.stage_label.hide()
        self.show_button.hide()

    def _connect(self) -> None:
        """Listen to everything that matters."""
        session, runs = self._session, self._session.runs
        runs.state_changed.connect(self._show_state)
        runs.progressed.connect(self._show_progress)
        runs.ended.connect(self._show_ending)
        session.client.event.connect(self._on_event)
        session.picture_changed.connect(self._on_picture)
        session.results_changed.connect(self._show_results)
        session.results_failed.connect(self._show_error)
        session.cell_clicked.connect(self._show_cell)
        self.form.changed.connect(self._settle.start)
        self.form.failed.connect(self._show_error)
        session.viewer.scene.camera.events.center.connect(self._on_camera)
        session.viewer.scene.camera.events.zoom.connect(self._on_camera)

    def _on_camera(self) -> None:
        """Take note that the view was moved."""
        if self.form.area is Area.VIEW:
            self._settle.start()

    def _on_picture(self) -> None:
        """Another picture was chosen, or more is known of it."""
        self.cell_label.clear()
        self.cost_label.clear()
        self._show_results()
        self._settle.start()

    def _look(self) -> None:
        """Find out what the run would cost and where its results go."""
        session = self._session
        if session.runs.is_active:
            return
        if session.picture is None:
            self._show_located(None)
            self.cost_label.setText("Open a picture on the Slide page first.")
            return
        locate = partial(locate_case, session.picture, self.form.case_folder)
        session.background.run(locate, self._show_located, self._show_error, self)
        try:
            request = self.form.request()
        except LeukosegError as error:
            self.cost_label.setText(str(error))
            return
        job = request.to_job("", "")
        self._estimate = session.client.send("estimate", job=job.to_dict())
        self.cost_label.setText("Estimating the time…")

    def _show_located(self, case: Path | None) -> None:
        """Show where results go, and offer those that are there."""
        self._case = case
        exists = case is not None and case.exists()
        results = self._session.results
        is_shown = results is not None and results.path == case
        self.form.show_case(case, "Exists already." if exists else "Will be made.")
        self.show_button.setVisible(exists and not is_shown)

    def _show_earlier(self) -> None:
        """Show the case of the picture."""
        self.show_button.hide()
        if self._session.layer is not None and self._case is not None:
            self._session.results_of(self._session.layer).open(self._case)

    def _on_event(self, event: dict[str, Any]) -> None:
        """Hear what a run would cost."""
        if event["id"] != self._estimate:
            return
        self._estimate = None
        if event["event"] == "done":
            cost = describe_duration(event["seconds"])
            lead = cost.capitalize() if event["seconds"] < 1 else f"About {cost}"
            self.cost_label.setText(f"{lead} on {event['device']}.")
        else:
            self.cost_label.setText(event.get("message", "The cost is not known."))

    def _show_state(self) -> None:
        """Enable what can be done."""
        state = self._session.runs.state
        is_active = state is not RunState.IDLE
        self.form.setEnabled(not is_active)
        self.segment_button.setEnabled(not is_active)
        self.cancel_button.setEnabled(is_active and state is not RunState.CANCELLING)
        self.progress_bar.setVisible(is_active)
        self.stage_label.setVisible(is_active)
        self.cost_label.setVisible(not is_active)
        if state is RunState.PREPARING:
            self.progress_bar.setRange(0, 0)
        if state is RunState.CANCELLING:
            self.stage_label.setText("Stopping…")

    def _show_progress(self, progress: dict[str, Any]) -> None:
        """Show how far the run is."""
        if self._session.runs.state is RunState.CANCELLING:
            return
        total = progress.get("total", 0)
        self.progress_bar.setRange(0, total)
        self.progress_bar.setValue(progress.get("done", 0))
        left = progress.get("seconds_left")
        text = progress["message"]
        if left is not None and progress.get("stage") == "segment":
            text += f" · about {describe_duration(left)} left"
        self.stage_label.setText(text)

    def _show_ending(self, ending: Ending) -> None:
        """Tell how the run ended."""
        tone = Tone.SUCCESS if ending.is_finished else Tone.INFO
        self.message.say(ending.message, Tone.ERROR if ending.is_error else tone)
        self._settle.start()

    def _show_results(self) -> None:
        """Show the count of each class."""
        results = self._session.results
        if results is None or results.view is None:
            self.legend.hide()
            return
        self.legend.show_count(results.view.snapshot.count, results.view.scheme)
        if results.path == self._case:
            self.show_button.hide()

    def _show_cell(self, cell_id: int) -> None:
        """Show what is known of the cell that was clicked on."""
        results = self._session.results
        if results is None or results.view is None:
            return
        text = describe_cell(results.view.snapshot.table, results.view.scheme, cell_id)
        self.cell_label.setText(text)
        if text:
            self._session.viewer.status = text

    def _show_error(self, message: str) -> None:
        """Show what went wrong."""
        self.message.say(message, Tone.ERROR)


class SegmentWidget(Panel):
    """Segment page as a widget of its own."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self.page = SegmentPage(self.session)
        fill(self, self.page)

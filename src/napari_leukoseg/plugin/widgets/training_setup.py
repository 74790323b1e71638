"""What a model is trained on and how, with a survey of what there is."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_leukoseg.plugin import places
from napari_leukoseg.plugin.widgets.source_list import SourceList
from napari_leukoseg.plugin.widgets.survey_view import SurveyView
from napari_leukoseg.plugin.widgets.training_form import TrainingForm

if TYPE_CHECKING:
    from napari_leukoseg.plugin.session import Session
    from napari_leukoseg.training.finetuning import Survey

__all__ = ["TrainingSetup"]

_SETTLE_MS = 500
"""Pause after which other sources or corrections are looked at."""

_HINT = (
    "Add cases with reviewed cells: correct some on the Review page first. The case of "
    "the open picture is added by itself."
)


class TrainingSetup(QWidget):
    """What the user sees: sources, cells by class, base model and preset.

    Parameters
    ----------
    session : Session
        Shared state of the viewer.

    Attributes
    ----------
    surveyed : Signal
        `refusal` may be another.
    """

    surveyed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        folder = session.preferences.case_folder
        self.sources = SourceList(Path(folder) if folder else places.cases_folder())
        self.survey_view = SurveyView()
        self.form = TrainingForm(session.preferences)
        self.survey: Survey | None = None
        self._offered: set[Path] = set()
        self._number = 0
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._look)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel("Train on"))
        for widget in (self.sources, self.survey_view, self.form):
            layout.addWidget(widget)
        for path in map(Path, session.preferences.training_sources):
            if path.exists():
                self.sources.add(path)
        self._connect()
        self._take_open_case()

    @property
    def refusal(self) -> str:
        """Why training cannot start, in a sentence; empty if it can."""
        if not self.sources.paths:
            return "Choose something to train on first."
        if self.survey is None:
            return "The chosen sources are being looked at; this takes a moment."
        return self.survey.refusal

    @property
    def usable(self) -> list[Path]:
        """Chosen sources that there is something to learn from in."""
        return [] if self.survey is None else [s.path for s in self.survey.sources]

    @property
    def slides(self) -> list[Path]:
        """Slides that were opened, where those of cases may be found."""
        return [Path(entry.path) for entry in self._session.preferences.recent]

    def remember(self) -> None:
        """Keep the choices for the next time."""
        chosen = [str(path) for path in self.sources.paths]
        self._session.preferences.training_sources = chosen
        self.form.remember()

    def look_again(self) -> None:
        """Look at the sources anew, soon."""
        self._settle.start()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Look at what was corrected while another page was in front."""
        super().showEvent(event)
        self._settle.start()

    def _connect(self) -> None:
        """Listen to everything that changes what there is."""
        self.sources.changed.connect(self._on_sources)
        self.form.split_changed.connect(self._settle.start)
        self._session.results_changed.connect(self._take_open_case)
        self._session.picture_changed.connect(self._take_open_case)
        self._session.desk.changed.connect(lambda _: self._settle.start())
        self._session.client.event.connect(self._on_event)

    def _take_open_case(self) -> None:
        """Offer the case of the chosen picture, once."""
        results = self._session.results
        path = None if results is None else results.path
        if path is not None and path not in self._offered:
            self._offered.add(path)
            self.sources.add(path)
        self._settle.start()

    def _on_sources(self) -> None:
        """Others were chosen: what is known is not of them."""
        self.survey = None
        self.surveyed.emit()
        self._settle.start()

    def _look(self) -> None:
        """Find out what there is to learn from."""
        if not self.isVisible():
            return
        paths = self.sources.paths
        if not paths:
            self.survey_view.say(_HINT)
            self.surveyed.emit()
            return
        if self.survey is None:
            self.survey_view.say("Looking at what is reviewed…")
        self._number += 1
        aside = self.form.aside_box.value() / 100, self.form.seed_box.value()
        work = partial(_survey, paths, self.slides, *aside)
        tell = partial(self._show, self._number)
        self._session.background.run(work, tell, self.survey_view.say, self)

    def _show(self, number: int, survey: Survey) -> None:
        """Show what was found, unless something else is chosen meanwhile."""
        if number != self._number:
            return
        self.survey = survey
        self.survey_view.show_survey(survey)
        self.sources.show_survey(survey)
        self.surveyed.emit()

    def _on_event(self, event: dict[str, Any]) -> None:
        """Hear which devices there are."""
        if event["do"] == "hello" and event["event"] == "done":
            self.form.show_devices(event["devices"])


def _survey(
    paths: list[Path], slides: list[Path], kept_aside: float, seed: int
) -> Survey:
    """Look at sources; runs in a thread, which pays for the import."""
    from napari_leukoseg.training.finetuning import survey_sources

    return survey_sources(paths, slides=slides, kept_aside=kept_aside, seed=seed)

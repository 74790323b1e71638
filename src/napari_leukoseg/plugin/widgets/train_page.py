"""Train page: fine-tunes a model on corrected cells, beside the living window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeySequence, QShowEvent
from qtpy.QtWidgets import (
    QMessageBox,
    QProgressBar,
    QPushButton,
    QShortcut,
    QVBoxLayout,
    QWidget,
)

from napari_leukoseg.errors import LeukosegError
from napari_leukoseg.plugin.closing import CloseGuard
from napari_leukoseg.plugin.runs import Ending, describe_duration
from napari_leukoseg.plugin.training_folder import TrainingFolder
from napari_leukoseg.plugin.training_run import TrainingState
from napari_leukoseg.plugin.widgets.comparison_view import ComparisonView
from napari_leukoseg.plugin.widgets.confusion_view import ConfusionView
from napari_leukoseg.plugin.widgets.curve_view import CurveView
from napari_leukoseg.plugin.widgets.fold import fold
from napari_leukoseg.plugin.widgets.keep_bar import KeepBar
from napari_leukoseg.plugin.widgets.library_box import LibraryBox
from napari_leukoseg.plugin.widgets.message_bar import MessageBar, Tone
from napari_leukoseg.plugin.widgets.page import Panel, fill
from napari_leukoseg.plugin.widgets.preview_view import PreviewView
from napari_leukoseg.plugin.widgets.training_setup import TrainingSetup
from napari_leukoseg.plugin.widgets.wrapped_label import WrappedLabel
from napari_leukoseg.training.finetuning import FinetuneProgress, Stage

if TYPE_CHECKING:
    import napari

    from napari_leukoseg.plugin.session import Session

__all__ = ["TrainPage", "TrainWidget"]

_STAGES = {
    Stage.READ: "Reading the corrected cells",
    Stage.JUDGE_BASE: "Judging the base on the fields kept aside",
    Stage.TRAIN: "Training",
    Stage.TEACH: "Teaching the classes",
    Stage.JUDGE_NEW: "Judging the new model on the fields kept aside",
    Stage.FINISH: "Comparing the new model with the base",
}


class TrainPage(QWidget):
    """What the user sees: sources and settings; then curves; then a comparison.

    Parameters
    ----------
    session : Session
        Shared state of the viewer.

    Attributes
    ----------
    segment_wanted : Signal
        The user wants to segment with the new model.
    """

    segment_wanted = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session, self._training = session, session.training
        self.setup = TrainingSetup(session)
        self.title = WrappedLabel()
        self.train_button = QPushButton("&Train")
        self.cancel_button = QPushButton("&Cancel")
        self.use_button = QPushButton("Use it in Segment")
        self.progress_bar = QProgressBar()
        self.stage_label = WrappedLabel()
        self.message = MessageBar()
        self.comparison = ComparisonView()
        self.confusion = ConfusionView()
        self.keep_bar = KeepBar()
        self.curves = CurveView()
        self.previews = PreviewView()
        self.library = LibraryBox(session.background)
        self._models: dict[str, Path] = {}
        self._kept = ""
        self._asked: Path | None = None
        self._set_up_buttons()
        self._lay_out()
        self._connect()
        self._show_state()
        self.library.renew()
        if not session.client.is_busy:  # the devices were listed before
            session.client.send("hello")

    def train(self) -> None:
        """Start with the settings as they are."""
        if self._training.state is not TrainingState.IDLE:
            return
        self.message.clear()
        self.use_button.hide()
        if self.setup.refusal:
            self._show_error(self.setup.refusal)
            return
        try:
            settings = self.setup.form.settings()
            self._training.start(self.setup.usable, settings, self.setup.slides)
        except LeukosegError as error:
            self._show_error(str(error))
        except OSError as error:
            self._show_error(
                f"The files of the training cannot be written ({error}); free some "
                "space in your home folder."
            )
        else:
            self.setup.remember()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Watch the window, and offer what an earlier session has left."""
        super().showEvent(event)
        CloseGuard.watch(self, self._reason_to_stay)
        if self._training.state is TrainingState.IDLE:
            for folder in TrainingFolder.orphans():
                if self._training.take_up(folder):
                    self.message.say(
                        "This model was trained in an earlier session, and neither "
                        "kept nor discarded."
                    )
                    break

    def _set_up_buttons(self) -> None:
        """Connect buttons and keys."""
        self.train_button.clicked.connect(self.train)
        self.cancel_button.clicked.connect(self._training.cancel)
        self.use_button.setToolTip("Choose the new model on the Segment page")
        self.use_button.clicked.connect(self._use)
        for keys, action in (
            ("Ctrl+Return", self.train),
            ("Esc", self._training.cancel),
        ):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(action)

    def _lay_out(self) -> None:
        """Stack everything."""
        layout = QVBoxLayout(self)
        for widget in (
            self.setup,
            self.title,
            self.train_button,
            self.progress_bar,
            self.stage_label,
            self.cancel_button,
            self.message,
            self.use_button,
            self.comparison,
            self.keep_bar,
            self.confusion,
            self.curves,
            self.previews,
            fold("My models", self.library),
        ):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.use_button.hide()

    def _connect(self) -> None:
        """Listen to everything that matters."""
        training, library = self._training, self.library
        training.state_changed.connect(self._show_state)
        training.progressed.connect(self._show_progress)
        training.ended.connect(self._show_ending)
        training.kept.connect(self._show_kept)
        training.failed.connect(self._show_error)
        self.keep_bar.keep_wanted.connect(training.keep)
        self.keep_bar.discard_wanted.connect(self._discard)
        self.setup.surveyed.connect(self._allow)
        self.setup.sources.changed.connect(self.message.clear)  # it is of others
        library.changed.connect(self._session.models_changed)
        library.listed.connect(self._take_models)
        library.noticed.connect(lambda text: self.message.say(text, Tone.SUCCESS))
        library.failed.connect(self._show_error)
        self._session.models_changed.connect(library.renew)

    def _allow(self) -> None:
        """Enable the start where there is enough to learn from."""
        refusal = self.setup.refusal
        self.train_button.setEnabled(not refusal)
        self.train_button.setToolTip(
            refusal or "Fine-tune the base model on the reviewed cells (Ctrl+Return)"
        )

    def _show_state(self) -> None:
        """Show what belongs to the state."""
        training, state = self._training, self._training.state
        is_idle, is_active = state is TrainingState.IDLE, training.is_active
        self.setup.setVisible(is_idle)
        self.train_button.setVisible(is_idle)
        for widget in (self.progress_bar, self.stage_label, self.cancel_button):
            widget.setVisible(is_active)
        self.title.setVisible(not is_idle)
        is_over = not (is_idle or is_active)
        self.keep_bar.setVisible(is_over)
        self.keep_bar.setEnabled(state is TrainingState.DECIDING)
        self._show_cancel(state)
        if is_idle or is_active:
            self.comparison.hide()
            self.confusion.hide()
        if is_idle:
            self.curves.hide()
            self.previews.hide()
            self._allow()
        else:
            self._show_run(state)

    def _show_cancel(self, state: TrainingState) -> None:
        """Say what Cancel does now."""
        is_stopping = state is TrainingState.STOPPING
        self.cancel_button.setText("Stop at &once" if is_stopping else "&Cancel")
        self.cancel_button.setToolTip(
            "End the training process now"
            if is_stopping
            else "Stop; the best model so far is kept (Esc)"
        )
        if is_stopping:
            self.stage_label.setText("Stopping…")

    def _show_run(self, state: TrainingState) -> None:
        """Show the run that is under way, or waits for a decision."""
        training, settings = self._training, self._training.settings
        if settings is not None:
            base = Path(settings.base).name
            self.title.setText(f"Fine-tuning {base} ({settings.preset})")
        if state is TrainingState.RUNNING and not training.history.epochs:
            self.progress_bar.setRange(0, 0)
            self.stage_label.setText("Starting…")
        self._show_curves()
        self.previews.show_history(training.history)
        if state is TrainingState.DECIDING:
            if training.result is not None:
                self.comparison.show_result(training.result)
                self.confusion.show_result(training.result)
            self._ask()

    def _show_curves(self) -> None:
        """Bring the curves up to date."""
        settings, history = self._training.settings, self._training.history
        planned = settings.values.epochs if settings is not None else 0
        self.curves.setVisible(bool(history.epochs or history.losses))
        self.curves.show_history(history, planned)

    def _show_progress(self, progress: FinetuneProgress) -> None:
        """Show how far the run is."""
        self._show_curves()
        if progress.preview_files:
            self.previews.show_history(self._training.history)
        if self._training.state is TrainingState.STOPPING:
            return
        if progress.stage not in (
            Stage.TEACH,
            Stage.JUDGE_NEW,
        ):  # between steps of the training
            self.progress_bar.setRange(0, progress.n_steps)
            self.progress_bar.setValue(progress.step)
        text = progress.message or _STAGES[progress.stage]
        if progress.seconds_left is not None:
            text += f" · about {describe_duration(progress.seconds_left)} left"
        self.stage_label.setText(text)

    def _show_ending(self, ending: Ending) -> None:
        """Tell how the run ended."""
        tone = Tone.SUCCESS if ending.is_finished else Tone.INFO
        self.message.say(ending.message, Tone.ERROR if ending.is_error else tone)

    def _show_kept(self, name: str) -> None:
        """Tell that the model is in the library, and offer to use it."""
        self._kept = name
        self.message.say(f"Kept as {name}. It is in the list of models.", Tone.SUCCESS)
        self.use_button.show()
        self._session.models_changed.emit()

    def _use(self) -> None:
        """Choose the new model on the Segment page."""
        self.use_button.hide()
        self._session.preferences.model = self._kept
        self._session.preferences.save()
        self._session.models_changed.emit()
        self.segment_wanted.emit()

    def _discard(self) -> None:
        """Remove the new model, if the user confirms."""
        question = "Discard the new model? It cannot be brought back."
        answer = QMessageBox.question(self, "Discard the new model", question)
        if answer == QMessageBox.StandardButton.Yes:
            self._training.discard()
            self.message.say("The new model is discarded.")

    def _take_models(self, models: dict[str, Path]) -> None:
        """Offer the models as bases."""
        self._models = models
        self.setup.form.show_models(models)

    def _ask(self) -> None:
        """Propose a name for the new model, once."""
        if self._asked != self._training.model:
            self._asked = self._training.model
            self.keep_bar.ask(self._propose())

    def _propose(self) -> str:
        """Return a name that no model has."""
        settings = self._training.settings
        name = "tuned" if settings is None else settings.model_name
        number = 2
        proposed = name
        while proposed in self._models:
            proposed, number = f"{name}-{number}", number + 1
        return proposed

    def _reason_to_stay(self) -> str:
        """Say what closing the window would cut short."""
        if not self._training.is_active:
            return ""
        return (
            "A model is being trained. If the window is closed, training ends; the "
            "best model so far is offered the next time."
        )

    def _show_error(self, message: str) -> None:
        """Show what went wrong."""
        self.message.say(message, Tone.ERROR)


class TrainWidget(Panel):
    """Train page as a widget of its own."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self.page = TrainPage(self.session)
        fill(self, self.page)

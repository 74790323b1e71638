"""Stain page: tries stain methods on the view, and applies one to the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_leukoseg.errors import LeukosegError
from napari_leukoseg.plugin.widgets.contact_sheet import ContactSheet
from napari_leukoseg.plugin.widgets.message_bar import MessageBar, Tone
from napari_leukoseg.plugin.widgets.page import Panel, fill
from napari_leukoseg.plugin.widgets.stain_facts import StainFactsView
from napari_leukoseg.plugin.widgets.stain_form import StainForm

if TYPE_CHECKING:
    import napari

    from napari_leukoseg.plugin.session import Session

__all__ = ["StainPage", "StainWidget"]

_STEPS = 1000
"""Places of the divide."""


class StainPage(QWidget):
    """What the user sees: settings, preview with its divide, facts, buttons.

    The preview is shown while the page is, and only then.

    Parameters
    ----------
    session : Session
        Shared state of the viewer.

    Attributes
    ----------
    next_wanted : Signal
        The user wants to go on to the next page.
    """

    next_wanted = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._desk = session.stain
        self.form = StainForm(session)
        self.preview_box = QCheckBox("Preview")
        self.divide_slider = QSlider(Qt.Orientation.Horizontal)
        self.compare_button = QPushButton("&Compare…")
        self.apply_button = QPushButton("&Apply")
        self.withdraw_button = QPushButton("&Remove")
        self.hint = QLabel("Open a picture on the Slide page first.")
        self.applied_label = QLabel()
        self.busy_bar = QProgressBar()
        self.message = MessageBar()
        self.facts = StainFactsView()
        self.sheet: ContactSheet | None = None
        self._set_up()
        self._lay_out()
        self._connect()
        self._show_applied()
        self._desk.shelf.load()

    def compare(self) -> None:
        """Open the contact sheet, or fill it anew."""
        if self.sheet is None:
            self.sheet = ContactSheet(self._session, self)
        try:
            self.sheet.fill()
        except LeukosegError as error:
            self._show_error(str(error))
            return
        self.sheet.show()
        self.sheet.raise_()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Show the preview with the page."""
        super().showEvent(event)
        self._desk.preview(self.preview_box.isChecked())

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Take the preview away with the page."""
        super().hideEvent(event)
        self._desk.preview(False)

    def _set_up(self) -> None:
        """Describe the widgets and listen to them."""
        self.preview_box.setChecked(True)
        self.preview_box.setToolTip("Show the view before and after, side by side")
        self.preview_box.toggled.connect(self._desk.preview)
        self.divide_slider.setRange(0, _STEPS)
        self.divide_slider.setValue(round(_STEPS * self._desk.divide))
        self.divide_slider.setAccessibleName("Divide")
        self.divide_slider.setToolTip(
            "Left of the divide the picture as it is, right of it standardized; the "
            "divide can be dragged in the picture, too"
        )
        self.divide_slider.valueChanged.connect(
            lambda value: self._desk.set_divide(value / _STEPS)
        )
        self.compare_button.setToolTip("Show the view by every method side by side")
        self.compare_button.clicked.connect(self.compare)
        self.apply_button.setToolTip(
            "Show the whole picture standardized, as a layer of its own, and let "
            "Segment use it"
        )
        self.apply_button.clicked.connect(self._desk.apply)
        self.withdraw_button.setToolTip("Take the standardized layer away again")
        self.withdraw_button.clicked.connect(self._desk.withdraw)
        for label in (self.applied_label, self.hint):
            label.setWordWrap(True)
        self.busy_bar.setRange(0, 0)
        self.busy_bar.setTextVisible(False)
        self.busy_bar.hide()

    def _lay_out(self) -> None:
        """Stack everything."""
        divide = QHBoxLayout()
        divide.addWidget(self.preview_box)
        divide.addWidget(self.divide_slider, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(4)
        for button in (self.compare_button, self.apply_button, self.withdraw_button):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.addWidget(self.hint)
        layout.addWidget(self.form)
        layout.addLayout(divide)
        layout.addLayout(buttons)
        for widget in (self.applied_label, self.busy_bar, self.message, self.facts):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.facts.hide()

    def _connect(self) -> None:
        """Listen to the desk."""
        desk = self._desk
        desk.facts_changed.connect(self.facts.show_facts)
        desk.divided.connect(self._show_divide)
        desk.preview_ended.connect(lambda: self.preview_box.setChecked(False))
        desk.applied_changed.connect(self._show_applied)
        desk.busy.connect(self._show_busy)
        desk.failed.connect(self._show_error)
        desk.noticed.connect(lambda text: self.message.say(text, Tone.SUCCESS))

    def _show_divide(self, divide: float) -> None:
        """Follow the divide that is dragged in the picture."""
        self.divide_slider.blockSignals(True)
        self.divide_slider.setValue(round(_STEPS * divide))
        self.divide_slider.blockSignals(False)

    def _show_applied(self) -> None:
        """Show which step is applied to the picture."""
        step = self._desk.applied_step(self._session.layer)
        self.applied_label.setVisible(step is not None)
        self.withdraw_button.setEnabled(step is not None)
        has_picture = self._session.layer is not None
        self.apply_button.setEnabled(has_picture)
        self.compare_button.setEnabled(has_picture)
        self.hint.setVisible(not has_picture)
        if step is not None:
            self.applied_label.setText(
                f"Applied: {step.title}. On the Segment page, choose Stain: as on the "
                "Stain page."
            )

    def _show_busy(self, text: str) -> None:
        """Show that something takes its time."""
        self.busy_bar.setVisible(bool(text))
        self.apply_button.setEnabled(not text and self._session.layer is not None)
        if text:
            self.message.say(text)
        elif self.message.tone is Tone.INFO:
            self.message.clear()

    def _show_error(self, message: str) -> None:
        """Show what went wrong, or that it is right again."""
        if message:
            self.message.say(message, Tone.ERROR)
        elif self.message.tone is Tone.ERROR:
            self.message.clear()


class StainWidget(Panel):
    """Stain page as a widget of its own."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self.page = StainPage(self.session)
        fill(self, self.page)

"""Differential count of the case under review: table, sign-off, export, report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_leukoseg.errors import LeukosegError
from napari_leukoseg.plugin.widgets.count_form import CountForm
from napari_leukoseg.plugin.widgets.count_table import CountTable
from napari_leukoseg.plugin.widgets.export_box import ExportBox
from napari_leukoseg.plugin.widgets.sign_off_box import SignOffBox
from napari_leukoseg.plugin.widgets.wrapped_label import WrappedLabel

if TYPE_CHECKING:
    from qtpy.QtGui import QShowEvent

    from napari_leukoseg.cells import Agreement, Differential
    from napari_leukoseg.plugin.case_view import CaseView
    from napari_leukoseg.plugin.session import Session

__all__ = ["DifferentialPanel"]

_N_CONFUSED = 5
"""Pairs of classes that are told of a comparison."""

_REMINDER_STYLE = "QLabel { border-left: 4px solid #d98b1f; padding-left: 6px; }"


class DifferentialPanel(QWidget):
    """What the user sees: the count as it is now, who has signed it, and where it goes.

    Parameters
    ----------
    session : Session
        Shared state of the viewer.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._desk = session.desk
        self._view: CaseView | None = None
        self._counts: Differential | None = None
        self._is_stale = True
        self.form = CountForm(session.preferences)
        self.table = CountTable()
        self.scope_label = WrappedLabel()
        self.reminder_label = WrappedLabel()
        self.reminder_label.setStyleSheet(_REMINDER_STYLE)
        self.compare_button = QPushButton("Compare &model")
        self.compare_button.setCheckable(True)
        self.compare_button.setToolTip(
            "Tell for how many reviewed cells the model had the same class"
        )
        self.copy_button = QPushButton("Co&py")
        self.copy_button.setToolTip("Copy the table for a spreadsheet (Ctrl+C in it)")
        self.agreement_label = WrappedLabel()
        self.agreement_label.hide()
        self.sign_box = SignOffBox(session.preferences)
        self.export_box = ExportBox(session, lambda: self.form.settings)
        self._lay_out()
        self._connect()
        self._follow(())

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Count what has changed while nobody looked."""
        super().showEvent(event)
        if self._is_stale:
            self._recount()

    def _lay_out(self) -> None:
        """Stack everything."""
        buttons = QHBoxLayout()
        buttons.addWidget(self.compare_button)
        buttons.addWidget(self.copy_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        above: tuple[QWidget, ...] = (
            self.form,
            self.table,
            self.scope_label,
            self.reminder_label,
        )
        below: tuple[QWidget, ...] = (
            self.agreement_label,
            self.sign_box,
            self.export_box,
        )
        for widget in above:
            layout.addWidget(widget)
        layout.addLayout(buttons)
        for widget in below:
            layout.addWidget(widget)
        layout.addStretch(1)

    def _connect(self) -> None:
        """Listen to the desk and to the fields."""
        self._desk.changed.connect(self._follow)
        self._desk.state_changed.connect(self._show_signature)
        self.form.changed.connect(self._recount)
        self.compare_button.toggled.connect(self._compare)
        self.copy_button.clicked.connect(self.table.copy)
        self.sign_box.signed.connect(self._sign)

    def _follow(self, _: object) -> None:
        """Take note of other cells, or of another case."""
        if self._desk.view is not self._view:
            self._view = self._desk.view
            self._begin_case()
        self._is_stale = True
        if self.isVisible():
            self._recount()

    def _begin_case(self) -> None:
        """Show the count that is signed off; a total is of one specimen only."""
        if self._view is None:
            return
        from napari_leukoseg.cells import CountSettings

        signed = self._view.case.signed_off
        if signed is not None:
            self.form.show_settings(CountSettings.of_sign_off(signed))
        else:
            self.form.wbc_box.setValue(0)

    def _recount(self) -> None:
        """Count the cells, and show it."""
        self._is_stale = False
        self._counts = None
        if self._view is not None:
            # Loaded since there is a view.
            from napari_leukoseg.cells import differential

            try:
                self._counts = differential(
                    self._desk.table,
                    self._desk.scheme,
                    self.form.settings,
                    mpp=self._view.case.mpp,
                )
            except LeukosegError as error:
                self.reminder_label.setText(str(error))
        self._show_counts()

    def _show_counts(self) -> None:
        """Show the table and what goes with it."""
        counts = self._counts
        self.table.setVisible(counts is not None)
        self.copy_button.setEnabled(counts is not None)
        self.compare_button.setEnabled(counts is not None)
        self.scope_label.setVisible(counts is None or counts.settings.count is not None)
        if counts is None:
            self.scope_label.setText("There are no cells to count yet.")
            self.reminder_label.setVisible(self._view is not None)
        else:
            self.table.show_count(counts, self._desk.scheme)
            self.scope_label.setText(
                f"{counts.total} of {counts.n_available} white cells are counted."
            )
            self.reminder_label.setText("\n".join(counts.reminders))
            self.reminder_label.setVisible(bool(counts.reminders))
        self._compare(self.compare_button.isChecked())
        self._show_signature()

    def _compare(self, is_wanted: bool) -> None:
        """Show how far person and model agree."""
        self.agreement_label.setVisible(is_wanted and self._counts is not None)
        if self.agreement_label.isHidden():
            return
        from napari_leukoseg.cells import compare_with_model

        agreement = compare_with_model(self._desk.table, self._desk.scheme)
        self.agreement_label.setText(_describe(agreement))

    def _show_signature(self) -> None:
        """Show whether the count is signed off, and whether it can be."""
        counts, view = self._counts, self._view
        self.sign_box.setVisible(counts is not None)
        if counts is None or view is None:
            return
        from napari_leukoseg.cells import CountSettings

        signed = view.case.signed_off
        is_this = counts.settings == CountSettings.of_sign_off(signed)
        self.sign_box.show_state(
            signed, is_this=is_this, reminders=len(counts.reminders)
        )
        self.sign_box.set_can_sign(self._desk.can_edit and counts.total > 0)

    def _sign(self, name: str) -> None:
        """Record that a person vouches for the count."""
        if self._counts is None:
            return
        count = self._counts.to_dict()
        self._desk.change(lambda case: case.sign_off(name, count))
        self._show_signature()


def _describe(agreement: Agreement) -> str:
    """Tell how far person and model agree, and where they do not."""
    if agreement.observed is None:
        return "No cell is reviewed yet that the model has judged."
    kappa = "" if agreement.kappa is None else f" (kappa {agreement.kappa:.2f})"
    lines = [
        f"The model had the same class for {100 * agreement.observed:.0f} % of "
        f"{agreement.n_cells} reviewed cells{kappa}."
    ]
    pairs = [
        (count, person, model)
        for person, counts in zip(agreement.names, agreement.counts, strict=True)
        for model, count in zip(agreement.names, counts.tolist(), strict=True)
        if count and person != model
    ]
    pairs.sort(key=lambda pair: -pair[0])
    for count, person, model in pairs[:_N_CONFUSED]:
        lines.append(f"{count} × {person}, for the model {model}")
    return "\n".join(lines)

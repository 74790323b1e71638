"""The panel counts what the desk shows, at once, and signs what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from napari.components import ViewerModel
from qtpy.QtGui import QGuiApplication

from napari_leukoseg.case import Case
from napari_leukoseg.cells import CountSettings, differential
from napari_leukoseg.correct import AssignClass, DeleteCells, MarkReviewed
from napari_leukoseg.plugin.preferences import Preferences
from napari_leukoseg.plugin.widgets.differential_panel import DifferentialPanel

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from napari_leukoseg.plugin.review.desk import ReviewDesk
    from napari_leukoseg.plugin.session import Session


@pytest.fixture
def viewer() -> ViewerModel:
    """Viewer without a window, which is made in no time."""
    return ViewerModel()


@pytest.fixture
def panel(session: Session, qtbot: QtBot) -> DifferentialPanel:
    """Panel before anything is open."""
    panel = DifferentialPanel(session)
    qtbot.addWidget(panel)
    panel.resize(420, 700)
    panel.show()
    return panel


@pytest.fixture
def desk(
    session: Session, panel: DifferentialPanel, drawn_case: Path, wait: Any
) -> ReviewDesk:
    """Desk with the drawn case."""
    session.open(drawn_case)
    wait(lambda: session.desk.can_edit and session.results.is_settled)
    return session.desk


def shown(panel: DifferentialPanel) -> dict[str, str]:
    """Cells by class, as the table says."""
    return {row[0]: row[1] for row in panel.table.rows()[1:]}


def counted(desk: ReviewDesk, settings: CountSettings | None = None) -> dict[str, str]:
    """Cells by class, as they are counted."""
    counts = differential(desk.table, desk.scheme, settings, mpp=desk.view.case.mpp)
    texts = {c.name: str(c.count) for c in counts.classes}
    return {**texts, "White cells": str(counts.total)}


def test_nothing_to_count(panel: DifferentialPanel) -> None:
    assert panel.table.isHidden()
    assert panel.sign_box.isHidden()
    assert "no cells" in panel.scope_label.text()
    assert not panel.copy_button.isEnabled()
    assert not panel.export_box.report_button.isEnabled()


def test_every_edit_shows_at_once(panel: DifferentialPanel, desk: ReviewDesk) -> None:
    assert shown(panel) == counted(desk)
    assert "not reviewed" in panel.reminder_label.text()
    ids = desk.table["cell_id"].tolist()
    for step in (
        lambda: desk.apply(AssignClass(tuple(ids[:2]), 5)),
        lambda: desk.apply(DeleteCells((ids[2],))),
        desk.undo,
        lambda: desk.apply(MarkReviewed(tuple(ids))),
    ):
        before = shown(panel), panel.reminder_label.text()
        step()
        assert shown(panel) == counted(desk)
        assert (shown(panel), panel.reminder_label.text()) != before
    assert panel.reminder_label.isHidden()


def test_hidden_panel_counts_when_it_is_shown(
    panel: DifferentialPanel, desk: ReviewDesk
) -> None:
    panel.hide()
    before = shown(panel)
    desk.apply(AssignClass((int(desk.table["cell_id"][0]),), 6))
    assert shown(panel) == before
    panel.show()
    assert shown(panel) == counted(desk)
    assert "have no class" in panel.reminder_label.text()


def test_part_of_the_cells_and_absolute_counts(
    panel: DifferentialPanel, desk: ReviewDesk
) -> None:
    form = panel.form
    assert form.order_box.isHidden()
    form.count_box.setCurrentIndex(form.count_box.findData(100))
    assert not form.order_box.isHidden()
    assert "Too few white cells" in panel.reminder_label.text()
    form.order_box.setCurrentIndex(1)
    form.seed_box.setValue(4)
    form.wbc_box.setValue(8.0)
    assert form.settings == CountSettings(100, "random", 4, 8.0)
    header, *rows = panel.table.rows()
    assert header == ["Class", "Cells", "%", "95 %", "10⁹/L"]
    for _, cells, share, _, absolute in rows[:-1]:
        assert float(absolute) == pytest.approx(0.08 * float(share), abs=0.01)
        assert (cells == "0") == (float(share) == 0)
    kept = Preferences.load()
    assert (kept.count_size, kept.count_order, kept.count_seed) == (100, "random", 4)


def test_intervals_give_way_in_a_narrow_dock(
    panel: DifferentialPanel, desk: ReviewDesk
) -> None:
    panel.form.wbc_box.setValue(6.0)
    assert not panel.table.isColumnHidden(3)
    panel.resize(230, 700)
    assert panel.table.isColumnHidden(3)
    assert "95 % interval" in panel.table.item(0, 2).toolTip()
    assert "95 %" in panel.table.rows()[0]


def test_copy(panel: DifferentialPanel, desk: ReviewDesk) -> None:
    panel.copy_button.click()
    lines = QGuiApplication.clipboard().text().split("\n")
    assert lines[0] == "Class\tCells\t%\t95 %"
    assert lines[-1].split("\t")[:2] == ["White cells", str(len(desk.table))]


def test_compare_with_the_model(panel: DifferentialPanel, desk: ReviewDesk) -> None:
    panel.compare_button.setChecked(True)
    assert "No cell is reviewed" in panel.agreement_label.text()
    ids = desk.table["cell_id"].tolist()
    desk.apply(MarkReviewed(tuple(ids[:4])))
    old = desk.scheme[int(desk.table["class_id"][0])].name
    desk.apply(AssignClass((ids[0],), 6))
    assert "75 % of 4 reviewed cells" in panel.agreement_label.text()
    assert f"1 × unclassified, for the model {old}" in panel.agreement_label.text()
    panel.compare_button.setChecked(False)
    assert panel.agreement_label.isHidden()


def test_sign_off_until_the_next_edit(
    panel: DifferentialPanel, desk: ReviewDesk
) -> None:
    box = panel.sign_box
    assert not box.sign_button.isEnabled()
    box.name_edit.setText("  ")
    assert not box.sign_button.isEnabled()
    box.name_edit.setText("A. Person ")
    assert box.sign_button.text() == "Sign off anyway"
    panel.form.wbc_box.setValue(7.5)
    box.sign_button.click()
    with Case.open(desk.view.case.path) as case:  # as any process sees it
        signed = case.signed_off
    assert signed["name"] == "A. Person"
    assert signed["count"]["total"] == len(desk.table)
    assert signed["count"]["settings"]["total_wbc"] == 7.5
    assert "Signed off by A. Person, " in box.state_label.text()
    assert box.sign_button.isHidden()
    assert Preferences.load().signer == "A. Person"
    panel.form.wbc_box.setValue(8.0)  # another count than the signed one
    assert not box.sign_button.isHidden()
    panel.form.wbc_box.setValue(7.5)
    assert box.sign_button.isHidden()
    desk.apply(MarkReviewed(tuple(desk.table["cell_id"])))
    assert not box.sign_button.isHidden()
    assert box.sign_button.text() == "Sign off"
    with Case.open(desk.view.case.path) as case:
        assert case.signed_off is None


def test_signed_count_comes_back_with_its_case(
    session: Session, panel: DifferentialPanel, drawn_case: Path, wait: Any
) -> None:
    settings = CountSettings(3, seed=2, total_wbc=5.5)
    with Case.open(drawn_case) as case:
        counts = differential(case.table(), case.scheme, settings, mpp=case.mpp)
        case.sign_off("A. Person", counts.to_dict())
    session.open(drawn_case)
    wait(lambda: session.desk.can_edit and session.results.is_settled)
    assert panel.form.settings == settings
    assert panel.form.count_box.currentText() == "3 cells"
    assert "3 of " in panel.scope_label.text()
    assert "Signed off by A. Person" in panel.sign_box.state_label.text()
    assert Preferences.load().count_size == 0


def test_no_signing_while_nothing_can_be_edited(
    panel: DifferentialPanel, desk: ReviewDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel.sign_box.name_edit.setText("A. Person")
    assert panel.sign_box.sign_button.isEnabled()
    monkeypatch.setattr(type(desk), "refusal", "A run is writing.")
    desk.state_changed.emit()
    assert not panel.sign_box.sign_button.isEnabled()

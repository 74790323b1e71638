"""Buttons that write the case for other programs, or a report of it."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_leukoseg.plugin.export_targets import REPORT, TARGETS, Target
from napari_leukoseg.plugin.widgets.message_bar import MessageBar, Tone

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_leukoseg.cells import CountSettings
    from napari_leukoseg.plugin.session import Session

__all__ = ["ExportBox"]

_REPORT_FILTERS = "Web page (*.html);;PDF (*.pdf)"
_PERCENT = 100


class ExportBox(QWidget):
    """Export and Report buttons, progress, and what came of it.

    Parameters
    ----------
    session : Session
        Shared state of the viewer.
    settings : callable
        Gives the count that a report shows.
    """

    def __init__(self, session: Session, settings: Callable[[], CountSettings]) -> None:
        super().__init__()
        self._session, self._settings = session, settings
        self._process = session.exports
        self._out = Path()
        self.export_button = QPushButton("E&xport")
        self.export_button.setToolTip("Write the cells for other programs")
        self.report_button = QPushButton("&Report…")
        self.report_button.setToolTip(
            "Write count, cells and settings as a web page or PDF"
        )
        self.progress_bar = QProgressBar()
        self.cancel_button = QPushButton("Cancel")
        self.open_button = QPushButton("Open")
        self.open_button.setToolTip("Open what was written")
        self.message = MessageBar()
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self._offer)
        self.export_button.setMenu(self.menu)
        self._lay_out()
        self._connect()
        self._show_state()

    def export(self, target: Target) -> None:
        """Ask where to, and write."""
        case = self._case_path()
        if case is None:
            return
        from napari_leukoseg.case import slide_stem

        ask = self._ask_folder if target.is_folder else self._ask_file
        chosen = ask(f"{slide_stem(case)}{target.ending}", target.title)
        if chosen is not None:
            self._start(target.to, *chosen)

    def report(self) -> None:
        """Ask where to, and write a report."""
        case = self._case_path()
        if case is None:
            return
        from napari_leukoseg.case import slide_stem

        name = f"{slide_stem(case)}_report.html"
        chosen = self._ask_file(name, "Report", _REPORT_FILTERS)
        if chosen is not None:
            self._start(REPORT, *chosen)

    def _lay_out(self) -> None:
        """Stack buttons, progress and message."""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for row in (
            (self.export_button, self.report_button),
            (self.progress_bar, self.cancel_button),
        ):
            line = QHBoxLayout()
            for widget in row:
                line.addWidget(widget, 1)
            layout.addLayout(line)
        layout.addWidget(self.message)
        layout.addWidget(self.open_button)
        self.open_button.hide()

    def _connect(self) -> None:
        """Listen to buttons, process and desk."""
        self.report_button.clicked.connect(self.report)
        self.cancel_button.clicked.connect(self._cancel)
        self.open_button.clicked.connect(self._open)
        self._process.progressed.connect(self._show_progress)
        self._process.done.connect(self._on_done)
        self._process.cancelled.connect(self._on_cancelled)
        self._process.failed.connect(self._on_failed)
        self._session.desk.state_changed.connect(self._show_state)

    def _offer(self) -> None:
        """Fill the menu with what can be written now."""
        self.menu.clear()
        for target in TARGETS:
            action = self.menu.addAction(target.title)
            refusal = self._refusal(target)
            action.setEnabled(not refusal)
            action.setToolTip(refusal or target.hint)
            action.triggered.connect(partial(self.export, target))

    def _refusal(self, target: Target) -> str:
        """Tell why something cannot be written; empty where it can."""
        if target.needs_slide and self._session.desk.slide is None:
            return "Needs the picture, which was not found"
        if target.to == "parquet" and find_spec("pyarrow") is None:
            return "Needs pyarrow: pip install napari-leukoseg[parquet]"
        return ""

    def _ask_file(
        self, name: str, title: str, filters: str = ""
    ) -> tuple[Path, bool] | None:
        """Ask for a file, which the dialog lets the user replace."""
        place = str(self._folder() / name)
        path, kind = QFileDialog.getSaveFileName(self, title, place, filters)
        if not path:
            return None
        if not Path(path).suffix:  # the dialog of some systems leaves it to us
            path += ".pdf" if "pdf" in kind else Path(name).suffix
        return Path(path), True

    def _ask_folder(self, name: str, title: str) -> tuple[Path, bool] | None:
        """Ask for a folder to make another in, and whether that may be replaced."""
        folder = QFileDialog.getExistingDirectory(self, title, str(self._folder()))
        if not folder:
            return None
        path = Path(folder, name)
        if not path.exists():
            return path, False
        answer = QMessageBox.question(
            self, title, f"{name} is there already. Replace what was exported to it?"
        )
        return (path, True) if answer == QMessageBox.StandardButton.Yes else None

    def _start(self, to: str, out: Path, overwrite: bool) -> None:
        """Begin to write."""
        case, slide = self._case_path(), self._session.desk.slide
        if case is None or self._process.is_running:
            return
        self._session.preferences.export_folder = str(out.parent)
        self._session.preferences.save()
        self._out = out
        self.message.clear()
        self.open_button.hide()
        self.progress_bar.setRange(0, 0)
        self._process.start(
            {
                "case": str(case),
                "to": to,
                "out": str(out),
                "slide": None if slide is None else str(slide.path),
                "count": self._settings().to_dict(),
                "overwrite": overwrite,
            }
        )
        self.cancel_button.setEnabled(True)
        self._show_state()

    def _cancel(self) -> None:
        """Stop writing."""
        self.cancel_button.setEnabled(False)
        self._process.cancel()

    def _open(self) -> None:
        """Show what was written: a report itself, of others the folder."""
        is_page = self._out.suffix.lower() in (".html", ".htm", ".pdf")
        place = self._out if is_page or self._out.is_dir() else self._out.parent
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(place)))

    def _show_progress(self, share: float) -> None:
        """Show how much is written."""
        self.progress_bar.setRange(0, _PERCENT)
        self.progress_bar.setValue(round(_PERCENT * share))

    def _on_done(self, _: list[str]) -> None:
        """Tell where it was written."""
        self._end(f"Written: {self._out.name}, in {self._out.parent}", Tone.SUCCESS)
        self.open_button.show()

    def _on_cancelled(self) -> None:
        """Tell that it was stopped."""
        self._end("Stopped; no file is left half-written.", Tone.INFO)

    def _on_failed(self, message: str) -> None:
        """Tell what could not be done."""
        self._end(message, Tone.ERROR)

    def _end(self, message: str, tone: Tone) -> None:
        """Take the progress away, and tell what came of it."""
        self._show_state()
        self.message.say(message, tone)

    def _show_state(self) -> None:
        """Enable what can be done."""
        is_running, case = self._process.is_running, self._case_path()
        self.export_button.setEnabled(case is not None and not is_running)
        self.report_button.setEnabled(case is not None and not is_running)
        self.progress_bar.setVisible(is_running)
        self.cancel_button.setVisible(is_running)

    def _case_path(self) -> Path | None:
        """Return the case that is shown."""
        view = self._session.desk.view
        return None if view is None else view.case.path

    def _folder(self) -> Path:
        """Return where the last export went."""
        last = self._session.preferences.export_folder
        return Path(last) if last and Path(last).is_dir() else Path.home()

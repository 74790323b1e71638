"""Slide page: opens a field or a slide, and shows what is known of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import MAX_MPP, PixelSize
from napari_leukoseg.plugin.widgets.message_bar import MessageBar, Tone
from napari_leukoseg.plugin.widgets.page import Panel, fill
from napari_leukoseg.plugin.widgets.picture_box import PictureBox

if TYPE_CHECKING:
    import napari

    from napari_leukoseg.plugin.pictures import Picture
    from napari_leukoseg.plugin.session import Session

__all__ = ["SlidePage", "SlideWidget"]

_UNKNOWN = "unknown"
_HINT = "Open a picture or a slide, or drop it here."


class SlidePage(QWidget):
    """What the user sees: buttons to open, the picture's facts, what went wrong.

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
        self.setAcceptDrops(True)
        self.message = MessageBar()
        self._busy = QProgressBar()
        self._busy.setRange(0, 0)
        self._busy.setTextVisible(False)
        self._busy.hide()
        self._hint = QLabel(_HINT)
        self._hint.setWordWrap(True)
        self._facts = self._make_facts()
        self.next_button = QPushButton("Next: Segment")
        self.next_button.setToolTip("Go on to find the white cells of this picture")
        self.next_button.clicked.connect(self.next_wanted)
        self._lay_out()
        session.picture_changed.connect(self._show_picture)
        session.busy.connect(self._show_busy)
        session.opened.connect(self.message.say)
        session.failed.connect(self._show_error)
        self._show_picture()

    def _lay_out(self) -> None:
        """Stack everything."""
        layout = QVBoxLayout(self)
        layout.addLayout(self._make_buttons())
        for widget in (self._hint, self._facts, self._busy, self.message):
            layout.addWidget(widget)
        layout.addWidget(self.next_button)
        layout.addStretch(1)

    def _make_buttons(self) -> QHBoxLayout:
        """Make the row of buttons that open something."""
        self.open_button = QPushButton("&Open…")
        self.open_button.setToolTip(
            "Open a picture or slide: PNG, JPEG, BMP, TIFF, SVS, NDPI, MRXS, SCN, "
            "DICOM and more"
        )
        self.open_button.clicked.connect(self._ask_for_file)
        self.folder_button = QPushButton("&Folder…")
        self.folder_button.setToolTip(
            "Open a slide that is a folder: OME-Zarr, DICOM, or a LeukoSeg case"
        )
        self.folder_button.clicked.connect(self._ask_for_folder)
        self.recent_button = QPushButton("&Recent")
        self.recent_button.setToolTip("Open one of the last files again")
        menu = QMenu(self.recent_button)
        menu.setToolTipsVisible(True)
        menu.aboutToShow.connect(lambda: self._fill_recent(menu))
        self.recent_button.setMenu(menu)
        row = QHBoxLayout()
        row.setSpacing(4)
        for button in (self.open_button, self.folder_button, self.recent_button):
            row.addWidget(button)
        return row

    def _make_facts(self) -> QWidget:
        """Make the form of facts."""
        self._name, self._format, self._objective = (QElidingLabel() for _ in range(3))
        self._size = QLabel()
        self._size.setWordWrap(True)
        self.mpp_box = QDoubleSpinBox()
        self.mpp_box.setDecimals(4)
        self.mpp_box.setRange(0, MAX_MPP)
        self.mpp_box.setSingleStep(0.01)
        self.mpp_box.setSpecialValueText(_UNKNOWN)
        self.mpp_box.setSuffix(" µm")
        self.mpp_box.setKeyboardTracking(False)
        self.mpp_box.setAccessibleName("Pixel size")
        self.mpp_box.valueChanged.connect(self._take_mpp)
        facts = QWidget()
        form = QFormLayout(facts)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Picture", PictureBox(self._session))
        for title, widget in (
            ("File", self._name),
            ("Size", self._size),
            ("Format", self._format),
            ("Pixel size", self.mpp_box),
            ("Objective", self._objective),
        ):
            form.addRow(title, widget)
        return facts

    def _show_picture(self) -> None:
        """Show what is known of the chosen picture."""
        picture = self._session.picture
        self._hint.setVisible(picture is None)
        self._facts.setVisible(picture is not None)
        self.next_button.setEnabled(picture is not None)
        if picture is None:
            return
        self._name.setText(
            "in the viewer only" if picture.path is None else picture.path.name
        )
        self._name.setToolTip(str(picture.path or ""))
        self._size.setText(_describe_size(picture))
        self._format.setText(picture.format_name or "…")
        self._objective.setText(_describe_objective(picture))
        self.mpp_box.blockSignals(True)
        self.mpp_box.setValue(picture.mpp or 0)
        self.mpp_box.blockSignals(False)
        self.mpp_box.setEnabled(not picture.has_own_mpp)
        self.mpp_box.setToolTip(
            "Stated by the file, in µm per pixel"
            if picture.has_own_mpp
            else "µm per pixel; areas are given in µm² where it is known, and cells "
            "are found faster"
        )

    def _take_mpp(self, value: float) -> None:
        """Take the pixel size that the user gave."""
        try:
            mpp = PixelSize(value).um if value else None
        except SettingsError as error:
            self._show_error(str(error))
            self._show_picture()
            return
        self.message.clear()
        self._session.set_mpp(mpp)

    def _ask_for_file(self) -> None:
        """Let the user choose a file."""
        from napari_leukoseg.slide import SLIDE_SUFFIXES

        patterns = " ".join(
            pattern for s in SLIDE_SUFFIXES for pattern in (f"*{s}", f"*{s.upper()}")
        )
        path, _ = QFileDialog.getOpenFileName(
            self,
            "Open a picture or slide",
            self._session.preferences.open_folder,
            f"Pictures and slides ({patterns});;All files (*)",
        )
        self.open_path(path)

    def _ask_for_folder(self) -> None:
        """Let the user choose a folder."""
        folder = self._session.preferences.open_folder
        title = "Open a slide or case that is a folder"
        self.open_path(QFileDialog.getExistingDirectory(self, title, folder))

    def open_path(self, path: str) -> None:
        """Open what the user chose; an empty text is no choice."""
        if path:
            self.message.clear()
            self._session.open(Path(path))

    def _fill_recent(self, menu: QMenu) -> None:
        """List the files opened last, without those that are gone."""
        menu.clear()
        for entry in self._session.preferences.recent:
            if Path(entry.path).exists():
                action = menu.addAction(Path(entry.path).name)
                action.setToolTip(entry.path)
                action.triggered.connect(
                    lambda _=False, path=entry.path: self.open_path(path)
                )
        if menu.isEmpty():
            menu.addAction("Nothing was opened yet").setEnabled(False)

    def _show_busy(self, name: str) -> None:
        """Show that something is being opened."""
        self._busy.setVisible(bool(name))
        if name:
            self.message.say(f"Opening {name}")

    def _show_error(self, message: str) -> None:
        """Show what went wrong."""
        self.message.say(message, Tone.ERROR)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Accept files."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Open the files that were dropped."""
        for url in event.mimeData().urls():
            self.open_path(url.toLocalFile())
        event.acceptProposedAction()


class SlideWidget(Panel):
    """Slide page as a widget of its own."""

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__(napari_viewer)
        self.page = SlidePage(self.session)
        self.page.next_button.hide()
        fill(self, self.page)


def _describe_size(picture: Picture) -> str:
    """Return the size in pixels, and in the specimen where it is known."""
    rows, columns = picture.shape
    size = f"{columns:,} × {rows:,} px"
    if picture.mpp is None:
        return size
    width, height = columns * picture.mpp, rows * picture.mpp
    if max(width, height) >= 2000:
        return f"{size} ({width / 1000:.1f} × {height / 1000:.1f} mm)"
    return f"{size} ({width:.0f} × {height:.0f} µm)"


def _describe_objective(picture: Picture) -> str:
    """Return the magnification."""
    power = picture.objective_power
    return _UNKNOWN if power is None else f"{power:g}×"

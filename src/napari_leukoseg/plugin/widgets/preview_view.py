"""Predictions of the same few fields, epoch by epoch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QPixmap, QResizeEvent
from qtpy.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSlider,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from napari_leukoseg.plugin.training_history import TrainingHistory

__all__ = ["PreviewView"]

_GAP_PX = 4
_MIN_WIDTH_PX, _MAX_WIDTH_PX = 110, 220
"""Of one picture: smaller ones cannot be judged, larger ones show no more."""


class PreviewView(QWidget):
    """What the user sees: fields as corrected and as predicted, and an epoch slider."""

    def __init__(self) -> None:
        super().__init__()
        self._epochs: list[tuple[int, tuple[str, ...]]] = []
        self._best: int | None = None
        self.title = QLabel()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setPageStep(1)
        self.slider.setAccessibleName("Epoch of the pictures")
        self.slider.setToolTip("Epoch whose predictions are shown; 0 is the base")
        self.slider.valueChanged.connect(self._show)
        self._grid = QGridLayout()
        self._grid.setSpacing(_GAP_PX)
        self._pictures: list[QLabel] = []
        top = QHBoxLayout()
        top.addWidget(self.title)
        top.addWidget(self.slider, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(top)
        layout.addLayout(self._grid)
        self.hide()

    @property
    def epoch(self) -> int | None:
        """Epoch that is shown."""
        shown = self.slider.value()
        return self._epochs[shown][0] if shown < len(self._epochs) else None

    def show_history(self, history: TrainingHistory) -> None:
        """Show the newest pictures, unless the user looks at older ones."""
        epochs, best = history.previews, history.best
        if epochs == self._epochs and epochs:
            return
        follows = self.slider.value() >= len(self._epochs) - 1
        self._epochs = epochs
        self._best = None if best is None else best.epoch
        self.setVisible(bool(self._epochs))
        last = max(0, len(self._epochs) - 1)
        self.slider.blockSignals(True)
        self.slider.setRange(0, last)
        if follows:
            self.slider.setValue(last)
        self.slider.blockSignals(False)
        self._show()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Fit the pictures to another width."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._show()

    def _show(self) -> None:
        """Show the pictures of the chosen epoch."""
        if not self._epochs:
            return
        epoch, files = self._epochs[min(self.slider.value(), len(self._epochs) - 1)]
        self.title.setText(_title(epoch, self._best))
        self._set_count(len(files))
        columns = max(1, min(len(files), self.width() // _MIN_WIDTH_PX))
        width = (self.width() - _GAP_PX * (columns - 1)) // columns
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
        for index, (label, file) in enumerate(zip(self._pictures, files, strict=True)):
            self._grid.removeWidget(label)
            self._grid.addWidget(label, index // columns, index % columns, left)
            self._fill(label, Path(file), max(1, min(width, _MAX_WIDTH_PX)))

    def _fill(self, label: QLabel, file: Path, width: int) -> None:
        """Put a picture into its label; one that is gone leaves it empty."""
        pixmap = QPixmap(str(file))
        if pixmap.isNull():
            label.clear()
            return
        ratio = self.devicePixelRatioF()
        smooth = Qt.TransformationMode.SmoothTransformation
        scaled = pixmap.scaledToWidth(round(width * ratio), smooth)
        scaled.setDevicePixelRatio(ratio)
        label.setPixmap(scaled)
        label.setToolTip(
            f'<img src="{file.as_uri()}"><p>Above as corrected, below as predicted.'
        )

    def _set_count(self, count: int) -> None:
        """Have as many labels as there are pictures."""
        while len(self._pictures) < count:
            label = QLabel()
            label.setMinimumWidth(1)  # else the picture would hold the dock open
            label.setAccessibleName("Field as corrected, and below as predicted")
            self._pictures.append(label)
        while len(self._pictures) > count:
            label = self._pictures.pop()
            self._grid.removeWidget(label)
            label.deleteLater()


def _title(epoch: int, best: int | None) -> str:
    """Name an epoch."""
    name = "Base" if epoch == 0 else f"Epoch {epoch}"
    return f"{name} (best)" if epoch == best else name

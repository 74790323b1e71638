"""Live curves of a fine-tuning, drawn in a thread so that the window never waits."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QSize, QTimer
from qtpy.QtGui import QImage, QPalette, QPixmap, QResizeEvent
from qtpy.QtWidgets import QLabel, QSizePolicy

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_leukoseg.plugin.background import Background
    from napari_leukoseg.plugin.training_history import TrainingHistory

__all__ = ["CurveView"]

_HEIGHT_PX = 270
_MIN_WIDTH_PX = 160
_SETTLE_MS = 150
_FIGURES = ("loss", "cell_dice", "nucleus_dice", "class_accuracy")


class CurveView(QLabel):
    """What the user sees: the loss, and how good the fields kept aside are.

    Parameters
    ----------
    background : Background
        Draws.
    """

    def __init__(self, background: Background) -> None:
        super().__init__()
        self._background = background
        self._history: TrainingHistory | None = None
        self._n_epochs = 0
        self._is_drawing = self._is_wanted = False
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(_SETTLE_MS)
        self._settle.timeout.connect(self._draw)
        self.setFixedHeight(_HEIGHT_PX)
        self.setMinimumWidth(_MIN_WIDTH_PX)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Curves of the training")
        self.setToolTip(
            "Above: loss, lower is better. Below: the fields kept aside, where epoch 0 "
            "is the model that training starts from. The dotted line is the best epoch."
        )

    def show_history(self, history: TrainingHistory, n_epochs: int) -> None:
        """Draw what was told so far, soon."""
        self._history, self._n_epochs = history, n_epochs
        if not self._settle.isActive():
            self._settle.start()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Draw anew in another size."""
        super().resizeEvent(event)
        self._settle.start()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Draw anew in the colors of another theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._settle.start()

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return a size that fits a dock."""
        return QSize(_MIN_WIDTH_PX, _HEIGHT_PX)

    def _draw(self) -> None:
        """Have the curves drawn; one drawing at a time."""
        if self._history is None or self.width() < _MIN_WIDTH_PX:
            return
        self._is_wanted = self._is_drawing
        if self._is_drawing:
            return
        self._is_drawing = True
        work = partial(_draw, self._curves(self._history), self._style())
        self._background.run(work, self._show, self._fail)

    def _curves(self, history: TrainingHistory) -> dict[str, Any]:
        """Copy what is drawn, since it grows meanwhile."""
        best = history.best
        return {
            "losses": tuple(history.losses),
            "epochs": {name: tuple(history.curve(name)) for name in _FIGURES},
            "n_epochs": self._n_epochs,
            "best_epoch": None if best is None else best.epoch,
        }

    def _style(self) -> dict[str, Any]:
        """Take size and colors from the window."""
        palette = self.palette()
        return {
            "width_px": self.width(),
            "height_px": self.height(),
            "ratio": self.devicePixelRatioF(),
            "ink": palette.color(QPalette.ColorRole.WindowText).name(),
            "paper": palette.color(QPalette.ColorRole.Window).name(),
        }

    def _show(self, picture: NDArray[Any]) -> None:
        """Show what was drawn, and draw again if there is more."""
        self._is_drawing = False
        with suppress(RuntimeError):  # the page was closed meanwhile
            rows, columns = picture.shape[:2]
            image = QImage(
                picture.data, columns, rows, 4 * columns, QImage.Format.Format_RGBA8888
            )
            pixmap = QPixmap.fromImage(image)
            pixmap.setDevicePixelRatio(self.devicePixelRatioF())
            self.setPixmap(pixmap)
            if self._is_wanted:
                self._settle.start()

    def _fail(self, message: str) -> None:
        """Say why there are no curves."""
        self._is_drawing = False
        with suppress(RuntimeError):
            self.setText(message)


def _draw(curves: dict[str, Any], style: dict[str, Any]) -> NDArray[Any]:
    """Draw; runs in a thread, which pays for the import."""
    from napari_leukoseg.plugin.training_curves import Curves, CurveStyle, draw_curves

    return draw_curves(Curves(**curves), CurveStyle(**style))

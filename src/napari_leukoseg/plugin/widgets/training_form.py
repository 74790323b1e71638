"""Settings of a fine-tuning: base model, preset, and what is folded away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_leukoseg.plugin.widgets.fold import fold
from napari_leukoseg.plugin.widgets.page import narrow
from napari_leukoseg.training.finetuning import (
    PRESETS,
    FinetuneSettings,
    Preset,
)

if TYPE_CHECKING:
    from napari_leukoseg.plugin.preferences import Preferences

__all__ = ["TrainingForm"]

_PRESETS = {
    Preset.QUICK: ("Quick", "Minutes on most computers"),
    Preset.THOROUGH: ("Thorough", "About ten times as long, for some more accuracy"),
}
_DEFAULTS = FinetuneSettings()
_RATE_UNIT = 1e-4


class TrainingForm(QWidget):
    """What the user chooses before a fine-tuning.

    Parameters
    ----------
    preferences : Preferences
        Choices of the last time.

    Attributes
    ----------
    split_changed : Signal
        Other fields are to be kept aside.
    """

    split_changed = Signal()

    def __init__(self, preferences: Preferences) -> None:
        super().__init__()
        self._preferences = preferences
        self.base_box = narrow(QComboBox())
        self.preset_box = narrow(QComboBox())
        self.device_box = narrow(QComboBox())
        self.epochs_box, self.steps_box = QSpinBox(), QSpinBox()
        self.rate_box, self.seed_box = QDoubleSpinBox(), QSpinBox()
        self.aside_box = QSpinBox()
        self.advanced_part = QWidget()
        self._set_up_boxes()
        self._set_up_numbers()
        self._lay_out()
        self.show_models({})
        self.show_devices([])
        self._take_preset()

    def settings(self) -> FinetuneSettings:
        """Return what the user asks for.

        Raises
        ------
        SettingsError
            If that is not possible.
        """
        return FinetuneSettings(
            base=self.base_box.currentData(),
            preset=Preset(self.preset_box.currentData()),
            epochs=self.epochs_box.value() or None,
            steps_per_epoch=self.steps_box.value() or None,
            learning_rate=self.rate_box.value() * _RATE_UNIT or None,
            kept_aside=self.aside_box.value() / 100,
            seed=self.seed_box.value(),
            device=self.device_box.currentData(),
        )

    def remember(self) -> None:
        """Keep the choices for the next time."""
        self._preferences.training_base = self.base_box.currentData()
        self._preferences.training_preset = self.preset_box.currentData()
        self._preferences.save()

    def show_models(self, models: dict[str, Path]) -> None:
        """List models by name, and the folder that was used last."""
        wanted = self.base_box.currentData() or self._preferences.training_base
        self.base_box.clear()
        for name, folder in models.items():
            self._add_model(name, name, str(folder))
        if self.base_box.findData(wanted) < 0 and (not models or Path(wanted).is_dir()):
            self._add_model(Path(wanted).name, wanted, wanted)
        self.base_box.setCurrentIndex(max(0, self.base_box.findData(wanted)))

    def show_devices(self, devices: list[dict[str, str]]) -> None:
        """List the devices of this computer."""
        chosen = self.device_box.currentData() or "auto"
        self.device_box.clear()
        best = devices[0]["label"] if devices else "the fastest"
        self.device_box.addItem(f"Auto: {best}", "auto")
        for device in devices:
            self.device_box.addItem(device["label"], device["name"])
        self.device_box.setCurrentIndex(max(0, self.device_box.findData(chosen)))

    def use_model(self, folder: str) -> None:
        """Start from the model of a folder."""
        if self.base_box.findData(folder) < 0:
            self._add_model(Path(folder).name, folder, folder)
        self.base_box.setCurrentIndex(self.base_box.findData(folder))

    def _set_up_boxes(self) -> None:
        """Fill the boxes to choose from."""
        self.base_box.setAccessibleName("Base model")
        self.base_box.setToolTip("Model that training starts from; it stays as it is")
        self.preset_box.setAccessibleName("Preset")
        for preset, (title, tip) in _PRESETS.items():
            self.preset_box.addItem(title, str(preset))
            last = self.preset_box.count() - 1
            self.preset_box.setItemData(last, tip, Qt.ItemDataRole.ToolTipRole)
        chosen = self.preset_box.findData(self._preferences.training_preset)
        self.preset_box.setCurrentIndex(max(0, chosen))
        self.preset_box.currentIndexChanged.connect(self._take_preset)
        self.device_box.setAccessibleName("Device of the training")
        self.device_box.setToolTip("Where the network is trained")

    def _set_up_numbers(self) -> None:
        """Set ranges, units and tips of the numbers."""
        self.epochs_box.setRange(0, 1000)
        self.steps_box.setRange(0, 10_000)
        self.rate_box.setRange(0, 1000)
        self.rate_box.setDecimals(2)
        self.rate_box.setSuffix(" × 10⁻⁴")
        self.aside_box.setRange(5, 80)
        self.aside_box.setSuffix(" %")
        self.aside_box.setValue(round(100 * _DEFAULTS.kept_aside))
        self.seed_box.setRange(0, 2**31 - 1)
        for box, name, tip in (
            (self.epochs_box, "Epochs", "After each, the fields kept aside are judged"),
            (self.steps_box, "Steps per epoch", "Batches learned from in an epoch"),
            (self.rate_box, "Learning rate", "Higher learns faster, and forgets more"),
            (self.aside_box, "Kept aside", "Share of the cells that judge the model"),
            (self.seed_box, "Seed", "Equal seeds give equal models on one machine"),
        ):
            box.setAccessibleName(name)
            box.setToolTip(tip)
            box.setKeyboardTracking(False)
        for box in (self.aside_box, self.seed_box):
            box.valueChanged.connect(self.split_changed)

    def _lay_out(self) -> None:
        """Stack everything."""
        choose = QToolButton()
        choose.setText("…")
        choose.setToolTip("Start from the folder of another model")
        choose.setAccessibleName("Choose the folder of a model")
        choose.clicked.connect(self._ask_for_model)
        base = QHBoxLayout()
        base.setSpacing(4)
        base.addWidget(self.base_box, 1)
        base.addWidget(choose)
        form = _form()
        form.addRow("Base", base)
        form.addRow("Preset", self.preset_box)
        rows = _form()
        self.advanced_part.setLayout(rows)
        for box in (
            self.epochs_box,
            self.steps_box,
            self.rate_box,
            self.aside_box,
            self.seed_box,
            self.device_box,
        ):
            rows.addRow(box.accessibleName().split(" of ")[0], box)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addWidget(fold("Advanced", self.advanced_part))

    def _take_preset(self) -> None:
        """Show what a preset stands for where the user gave nothing."""
        preset = Preset(self.preset_box.currentData())
        values = PRESETS[preset]
        self.preset_box.setToolTip(_PRESETS[preset][1])
        rate = f"{values.learning_rate / _RATE_UNIT:g}{self.rate_box.suffix()}"
        for box, value in (
            (self.epochs_box, values.epochs),
            (self.steps_box, values.steps_per_epoch),
            (self.rate_box, rate),
        ):
            box.setSpecialValueText(f"{value} (preset)")

    def _add_model(self, title: str, name: str, tip: str) -> None:
        """Add a model to the box."""
        self.base_box.addItem(title, name)
        last = self.base_box.count() - 1
        self.base_box.setItemData(last, tip, Qt.ItemDataRole.ToolTipRole)

    def _ask_for_model(self) -> None:
        """Let the user choose the folder of a model."""
        folder = QFileDialog.getExistingDirectory(self, "Folder of a model")
        if folder:
            self.use_model(folder)


def _form() -> QFormLayout:
    """Return an empty form whose fields take all the width."""
    form = QFormLayout()
    form.setContentsMargins(0, 0, 0, 0)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
    return form

"""Settings of a run: model, device, area, cell diameter, case folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QToolButton,
    QWidget,
)
from superqt import QElidingLabel

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.plugin import places
from napari_leukoseg.plugin.area import Area, region_of, start_drawing
from napari_leukoseg.plugin.runs import RunRequest
from napari_leukoseg.plugin.widgets.page import narrow
from napari_leukoseg.plugin.widgets.picture_box import PictureBox

if TYPE_CHECKING:
    from napari_leukoseg.geometry import Region
    from napari_leukoseg.plugin.session import Session

__all__ = ["RunForm"]

_AREAS = {
    Area.WHOLE: "Whole picture",
    Area.VIEW: "Current view",
    Area.RECTANGLE: "Drawn rectangle",
}
_STAINS = {
    "model": "As the model asks",
    "none": "As it is",
    "page": "As on the Stain page",
}
_STAIN_ROLE = Qt.ItemDataRole.UserRole + 1
_STAIN_TIP = (
    "Stain that the network sees; cells are measured on the picture as it is. "
    "As the model asks: {own}."
)
_MAX_DIAMETER_PX = 5000


class RunForm(QWidget):
    """What the user chooses before a run.

    Parameters
    ----------
    session : Session
        Shared state of the viewer.

    Attributes
    ----------
    changed : Signal
        The user chose something else.
    failed : Signal of str
        A sentence about a choice that is not possible.
    """

    changed = Signal()
    failed = Signal(str)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.model_box = narrow(QComboBox())
        self.device_box = narrow(QComboBox())
        self.area_box = narrow(QComboBox())
        self.stain_box = narrow(QComboBox())
        self.draw_button = _button("▭", "Draw a rectangle on the picture")
        self.auto_diameter = QCheckBox("auto")
        self.diameter_box = QDoubleSpinBox()
        self.case_label = QElidingLabel()
        self.case_label.setElideMode(Qt.TextElideMode.ElideMiddle)
        self._describing: int | None = None
        self._fill_model_box([])
        self._fill_device_box([])
        self._set_up_area()
        self._set_up_diameter()
        self._set_up_stain()
        self._lay_out()
        session.client.event.connect(self._on_event)
        session.models_changed.connect(lambda: session.client.send("hello"))

    @property
    def area(self) -> Area:
        """What the run is to cover."""
        return Area(self.area_box.currentData())

    @property
    def case_folder(self) -> Path:
        """Folder of cases."""
        chosen = self._session.preferences.case_folder
        return Path(chosen) if chosen else places.cases_folder()

    def request(self) -> RunRequest:
        """Return what the user asks for.

        Raises
        ------
        SettingsError
            If there is no picture, no model, nothing in the area, or nothing was
            applied on the Stain page.
        """
        session = self._session
        if session.layer is None or session.picture is None:
            raise SettingsError(
                "There is no picture to segment; open one on the Slide page first."
            )
        if not self.model_box.currentData():
            raise SettingsError(
                "There is no model yet; wait until models are listed, or choose the "
                "folder of one."
            )
        given = None if self.auto_diameter.isChecked() else self.diameter_box.value()
        return RunRequest(
            layer=session.layer,
            picture=session.picture,
            region=self._region(),
            model=self.model_box.currentData(),
            device=self.device_box.currentData(),
            cell_diameter_px=given,
            case_folder=self.case_folder,
            stain=self._stain(),
        )

    def remember(self) -> None:
        """Keep the choices for the next time."""
        preferences = self._session.preferences
        preferences.model = self.model_box.currentData() or preferences.model
        preferences.device = self.device_box.currentData()
        preferences.area = str(self.area)
        preferences.stain = self.stain_box.currentData()
        preferences.cell_diameter_px = (
            None if self.auto_diameter.isChecked() else self.diameter_box.value()
        )
        preferences.save()

    def show_case(self, path: Path | None, note: str = "") -> None:
        """Show where results go; none where that is not known yet."""
        shown = path or self.case_folder
        self.case_label.setText(shown.name if path else str(shown))
        self.case_label.setToolTip(f"{shown}\n{note}".strip())

    def _stain(self) -> str | dict[str, Any]:
        """Return the stain step as a job has it."""
        chosen: str = self.stain_box.currentData()
        if chosen != "page":
            return chosen
        step = self._session.stain.applied_step(self._session.layer)
        if step is None:
            raise SettingsError(
                "Nothing is applied to this picture on the Stain page; press Apply "
                "there, or choose another stain here."
            )
        return step.to_dict()

    def _region(self) -> Region | None:
        """Return the part of the picture to segment, none for the whole."""
        session = self._session
        if self.area is Area.WHOLE or session.layer is None or session.picture is None:
            return None
        shape = session.picture.shape
        return region_of(self.area, session.viewer, session.layer, shape)

    def _lay_out(self) -> None:
        """Stack the rows."""
        model_button = _button("…", "Use a model from a folder")
        model_button.clicked.connect(self._ask_for_model)
        case_button = _button("…", "Keep cases in another folder")
        case_button.clicked.connect(self._ask_for_case_folder)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Picture", PictureBox(self._session))
        form.addRow("Model", _row(self.model_box, model_button))
        form.addRow("Device", self.device_box)
        form.addRow("Area", _row(self.area_box, self.draw_button))
        form.addRow("Stain", self.stain_box)
        form.addRow("Cell size", _row(self.auto_diameter, self.diameter_box))
        form.addRow("Case", _row(self.case_label, case_button))

    def _set_up_area(self) -> None:
        """Fill the box of areas."""
        for area, title in _AREAS.items():
            self.area_box.addItem(title, area)
        self.area_box.setToolTip("Part of the picture in which cells are sought")
        self.area_box.setAccessibleName("Area")
        chosen = self.area_box.findData(self._session.preferences.area)
        self.area_box.setCurrentIndex(max(0, chosen))
        self.area_box.activated.connect(self._take_area)
        self.draw_button.clicked.connect(self._draw)
        self.draw_button.setVisible(self.area is Area.RECTANGLE)

    def _set_up_stain(self) -> None:
        """Fill the box of stains."""
        for choice, title in _STAINS.items():
            self.stain_box.addItem(title, choice)
        self.stain_box.setAccessibleName("Stain")
        chosen = self.stain_box.findData(self._session.preferences.stain)
        self.stain_box.setCurrentIndex(max(0, chosen))
        self.stain_box.activated.connect(self.changed)
        self._session.stain.applied_changed.connect(self._follow_stain_page)
        self.model_box.currentIndexChanged.connect(self._tell_own_stain)
        self._tell_own_stain()

    def _follow_stain_page(self) -> None:
        """Take note that something was applied, or taken back."""
        if self.stain_box.currentData() == "page":
            self.changed.emit()

    def _tell_own_stain(self) -> None:
        """Say which stain step the model asks for."""
        own = self.model_box.currentData(_STAIN_ROLE) or "none, as it is"
        self.stain_box.setToolTip(_STAIN_TIP.format(own=own))

    def _set_up_diameter(self) -> None:
        """Fill the row of the cell diameter."""
        given = self._session.preferences.cell_diameter_px
        tip = (
            "Typical diameter of a white cell; found from the pixel size, or from "
            "the picture, if automatic"
        )
        self.diameter_box.setRange(4, _MAX_DIAMETER_PX)
        self.diameter_box.setDecimals(0)
        self.diameter_box.setSuffix(" px")
        self.diameter_box.setKeyboardTracking(False)
        self.diameter_box.setValue(given or 100)
        self.diameter_box.setEnabled(given is not None)
        self.diameter_box.setAccessibleName("Cell diameter")
        self.auto_diameter.setChecked(given is None)
        for widget in (self.diameter_box, self.auto_diameter):
            widget.setToolTip(tip)
        self.auto_diameter.toggled.connect(self.diameter_box.setDisabled)
        self.auto_diameter.toggled.connect(self.changed)
        self.diameter_box.valueChanged.connect(self.changed)

    def _fill_model_box(self, models: list[dict[str, Any]]) -> None:
        """List the bundled models, and the folder used last."""
        preferred = self._session.preferences.model
        self.model_box.clear()
        self.model_box.setAccessibleName("Model")
        for model in models:
            self._add_model(model)
        if self.model_box.findData(preferred) < 0 and Path(preferred).is_dir():
            title = Path(preferred).name
            self._add_model({"name": preferred, "title": title, "description": ""})
        chosen = self.model_box.findData(preferred)
        self.model_box.setCurrentIndex(max(0, chosen))
        if not hasattr(self, "_models_connected"):
            self._models_connected = True
            self.model_box.activated.connect(self._take_model)

    def _take_model(self) -> None:
        """Take the user's choice, which holds when models are listed anew."""
        self._session.preferences.model = self.model_box.currentData()
        self.changed.emit()

    def _add_model(self, model: dict[str, Any]) -> None:
        """Add one model to the box."""
        self.model_box.addItem(model["title"], model["name"])
        tip = "\n".join(filter(None, (model["description"], model["name"])))
        last = self.model_box.count() - 1
        self.model_box.setItemData(last, tip, Qt.ItemDataRole.ToolTipRole)
        self.model_box.setItemData(last, model.get("stain", ""), _STAIN_ROLE)
        self._tell_own_stain()

    def _fill_device_box(self, devices: list[dict[str, Any]]) -> None:
        """List the devices of this computer."""
        best = devices[0]["label"] if devices else "the fastest"
        chosen = self.device_box.currentData() or self._session.preferences.device
        self.device_box.clear()
        self.device_box.setAccessibleName("Device")
        self.device_box.setToolTip("Where the network runs")
        self.device_box.addItem(f"Auto: {best}", "auto")
        for device in devices:
            self.device_box.addItem(device["label"], device["name"])
        self.device_box.setCurrentIndex(max(0, self.device_box.findData(chosen)))
        if not hasattr(self, "_devices_connected"):
            self._devices_connected = True
            self.device_box.activated.connect(self.changed)

    def _on_event(self, event: dict[str, Any]) -> None:
        """Hear which devices and models there are."""
        if event["do"] == "hello":
            self._take_hello(event)
        elif event["id"] == self._describing:
            self._describing = None
            if event["event"] == "done":
                self._add_model(event)
                self.model_box.setCurrentIndex(self.model_box.count() - 1)
                self.changed.emit()
            elif "message" in event:
                self.failed.emit(event["message"])

    def _take_hello(self, event: dict[str, Any]) -> None:
        """List devices and models, or tell why there are none."""
        if event["event"] == "done":
            self._fill_device_box(event["devices"])
            self._fill_model_box(event["models"])
            self.changed.emit()
        else:
            reason = event.get("message", f"status {event.get('status')}")
            self.failed.emit(
                f"The worker process does not start ({reason}); install the plugin "
                "again, or look into napari's log."
            )

    def _take_area(self) -> None:
        """Take another area; a rectangle has to be drawn first."""
        is_rectangle = self.area is Area.RECTANGLE
        self.draw_button.setVisible(is_rectangle)
        if is_rectangle:
            self._draw()
        self.changed.emit()

    def _draw(self) -> None:
        """Let the user draw a rectangle."""
        if self._session.layer is None:
            return
        layer = start_drawing(self._session.viewer, self._session.layer)
        layer.events.data.disconnect(self._on_drawn)
        layer.events.data.connect(self._on_drawn)

    def _on_drawn(self) -> None:
        """Take note of a rectangle drawn, moved or removed."""
        self.changed.emit()

    def _ask_for_model(self) -> None:
        """Let the user choose the folder of a model."""
        folder = QFileDialog.getExistingDirectory(self, "Folder of a model")
        if folder:
            self.use_model(folder)

    def use_model(self, folder: str) -> None:
        """Use the model of a folder, once the worker has read its card."""
        known = self.model_box.findData(folder)
        if known >= 0:
            self.model_box.setCurrentIndex(known)
            self.changed.emit()
        else:
            self._describing = self._session.client.send("describe", model=folder)

    def _ask_for_case_folder(self) -> None:
        """Let the user choose where cases go."""
        title = "Folder in which cases are kept"
        folder = QFileDialog.getExistingDirectory(self, title, str(self.case_folder))
        if folder:
            self.use_case_folder(folder)

    def use_case_folder(self, folder: str) -> None:
        """Keep cases in another folder."""
        self._session.preferences.case_folder = folder
        self._session.preferences.save()
        self.changed.emit()


def _button(text: str, tip: str) -> QToolButton:
    """Return a small button beside a field."""
    button = QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    return button


def _row(*widgets: QWidget) -> QHBoxLayout:
    """Return widgets side by side, the first one growing."""
    row = QHBoxLayout()
    row.setSpacing(4)
    for index, widget in enumerate(widgets):
        row.addWidget(widget, 1 if index == 0 else 0)
    return row

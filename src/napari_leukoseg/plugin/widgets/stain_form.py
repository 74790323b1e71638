"""Settings of the Stain page: method, variant, look, strength."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QMenu,
    QToolButton,
    QWidget,
)
from superqt import QLabeledSlider

from napari_leukoseg.plugin.area import Area
from napari_leukoseg.plugin.stain_jobs import PixelSource
from napari_leukoseg.plugin.widgets.page import narrow
from napari_leukoseg.plugin.widgets.picture_box import PictureBox

if TYPE_CHECKING:
    from napari_leukoseg.plugin.session import Session

__all__ = ["StainForm"]

_VARIANTS = {"smear": "For smears", "published": "As published"}
_VARIANT_TIP = (
    "For smears: nuclei, ground and the rest are measured each by themselves, and the "
    "texture of chromatin is kept. As published: the method of the paper, for tissue."
)
_METHOD_TIP = "How the stain is standardized; Compare shows all methods on this view"
_STRENGTH_TIP = "0 leaves the picture as it is, 100 standardizes it fully"
_REFERENCE_TIP = "Look that pictures are taken to"
_LOOKS = (
    "Looks and pictures (*.json *.png *.jpg *.jpeg *.bmp *.tif *.tiff *.svs *.ndpi)"
)
_NO_ARROW = "QToolButton::menu-indicator { image: none; }"
_ESTIMATE_TIP = (
    "Picture that shows how this one is stained; where it has no white cells itself, "
    "take another one of the same smear"
)
_NO_REFERENCE = "This method has no reference"


class StainForm(QWidget):
    """What the user chooses; every change is tried at once.

    Parameters
    ----------
    session : Session
        Shared state of the viewer.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._desk = session.stain
        self.method_box = narrow(QComboBox())
        self.variant_box = narrow(QComboBox())
        self.reference_box = narrow(QComboBox())
        self.reference_button = QToolButton()
        self.estimate_box = narrow(QComboBox())
        self._lenders: list[PixelSource | None] = [None]
        self.strength_slider = QLabeledSlider(Qt.Orientation.Horizontal)
        self._set_up()
        self._lay_out()
        self._desk.shelf.changed.connect(self._fill)
        self._desk.settings_changed.connect(self._show)
        session.pictures_changed.connect(self._show_lender)
        self._fill()

    def _set_up(self) -> None:
        """Describe the widgets and listen to them."""
        for variant, title in _VARIANTS.items():
            self.variant_box.addItem(title, variant)
        self.strength_slider.setRange(0, 100)
        self.strength_slider.setTracking(True)
        self.reference_button.setText("…")
        self.reference_button.setStyleSheet(_NO_ARROW)
        self.reference_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.reference_button.setMenu(self._make_menu())
        for widget, name, tip in (
            (self.method_box, "Method", _METHOD_TIP),
            (self.variant_box, "Variant", _VARIANT_TIP),
            (self.reference_box, "Reference", _REFERENCE_TIP),
            (self.reference_button, "More looks", "Add another look, or save one"),
            (self.estimate_box, "Estimate", _ESTIMATE_TIP),
            (self.strength_slider, "Strength", _STRENGTH_TIP),
        ):
            widget.setAccessibleName(name)
            widget.setToolTip(tip)
        for box, setting in (
            (self.method_box, "method"),
            (self.variant_box, "variant"),
            (self.reference_box, "reference"),
        ):
            box.activated.connect(
                lambda _, box=box, setting=setting: self._desk.choose(
                    **{setting: box.currentData()}
                )
            )
        self.estimate_box.activated.connect(self._choose_lender)
        self.strength_slider.valueChanged.connect(
            lambda value: self._desk.choose(strength=value / 100)
        )

    def _make_menu(self) -> QMenu:
        """Make the menu of further looks."""
        menu = QMenu(self)
        for title, action in (
            ("Picture or saved look…", self._ask_for_file),
            ("Most typical picture of a folder…", self._ask_for_folder),
            ("This picture", lambda: self._desk.add_look(Area.WHOLE)),
            ("What is in view", lambda: self._desk.add_look(Area.VIEW)),
            ("Drawn rectangle", lambda: self._desk.add_look(Area.RECTANGLE)),
        ):
            menu.addAction(title, action)
        menu.addSeparator()
        menu.addAction("Save this look…", self._ask_where_to_save)
        return menu

    def _lay_out(self) -> None:
        """Stack the rows."""
        reference = QHBoxLayout()
        reference.setSpacing(4)
        reference.addWidget(self.reference_box, 1)
        reference.addWidget(self.reference_button)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Picture", PictureBox(self._session))
        form.addRow("Method", self.method_box)
        form.addRow("Variant", self.variant_box)
        form.addRow("Reference", reference)
        form.addRow("Estimate", self.estimate_box)
        form.addRow("Strength %", self.strength_slider)

    def _fill(self) -> None:
        """List methods and looks, once they are known."""
        shelf = self._desk.shelf
        self.method_box.clear()
        for look in shelf.methods:
            self.method_box.addItem(look.title, look.method)
        self.reference_box.clear()
        for name, reference in shelf.references.items():
            self.reference_box.addItem(name, name)
            last = self.reference_box.count() - 1
            tip = "\n".join(filter(None, (reference.description, reference.license)))
            self.reference_box.setItemData(last, tip, Qt.ItemDataRole.ToolTipRole)
        self._show()

    def _show(self) -> None:
        """Show the settings as they are."""
        settings, shelf = self._desk.settings, self._desk.shelf
        takes = {look.method: look.takes_reference for look in shelf.methods}
        for box, value in (
            (self.method_box, settings.method),
            (self.variant_box, settings.variant),
            (self.reference_box, settings.reference),
        ):
            box.setCurrentIndex(box.findData(value))
        self.strength_slider.blockSignals(True)
        self.strength_slider.setValue(round(100 * settings.strength))
        self.strength_slider.blockSignals(False)
        has_reference = takes.get(settings.method, True)
        self.reference_box.setEnabled(has_reference)
        self.reference_box.setToolTip(
            _REFERENCE_TIP if has_reference else _NO_REFERENCE
        )
        self.setEnabled(bool(shelf.methods))
        self._show_lender()

    def _show_lender(self) -> None:
        """List the pictures that the stain may be estimated from."""
        session, lender = self._session, self._desk.lender
        others = [layer for layer in session.pictures if layer is not session.layer]
        self._lenders = [None, *map(PixelSource.of_layer, others)]
        chosen = [lender is None]
        chosen += [one.is_same(lender) for one in self._lenders[1:] if one]
        if not any(chosen):  # a file that is not open
            self._lenders.append(lender)
            chosen.append(True)
        self.estimate_box.clear()
        for one in self._lenders:
            self.estimate_box.addItem(one.name if one else "From this picture")
        self.estimate_box.addItem("From another file…")
        self.estimate_box.setCurrentIndex(chosen.index(True))

    def _choose_lender(self, index: int) -> None:
        """Estimate the stain from the picture that the user chose."""
        if index < len(self._lenders):
            self._desk.borrow(self._lenders[index])
            return
        self._show_lender()  # until there is another
        title = "Picture or slide of the same smear, to estimate the stain from"
        folder = self._session.preferences.open_folder
        path, _ = QFileDialog.getOpenFileName(self, title, folder)
        if path:
            self._desk.borrow(PixelSource(Path(path).name, Path(path)))

    def _ask_for_file(self) -> None:
        """Let the user choose a look, or a picture that becomes one."""
        folder = self._session.preferences.open_folder
        title = "Picture, slide or saved look to standardize to"
        path, _ = QFileDialog.getOpenFileName(
            self, title, folder, f"{_LOOKS};;All files (*)"
        )
        if path:
            self._desk.shelf.add_file(Path(path))

    def _ask_for_folder(self) -> None:
        """Let the user choose a folder, of which one picture becomes a look."""
        folder = self._session.preferences.open_folder
        title = "Folder of pictures, of which the most typical one is taken"
        path = QFileDialog.getExistingDirectory(self, title, folder)
        if path:
            self._desk.shelf.add_file(Path(path))

    def _ask_where_to_save(self) -> None:
        """Let the user choose where the look goes."""
        name = self._desk.settings.reference
        start = str(Path(self._session.preferences.open_folder, f"{name}.json"))
        path, _ = QFileDialog.getSaveFileName(
            self, "Save this look", start, "Looks (*.json)"
        )
        if path:
            self._desk.shelf.save(name, Path(path).with_suffix(".json"))

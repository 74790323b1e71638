"""Looks that the Stain page offers to standardize to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_leukoseg.errors import LeukosegError
from napari_leukoseg.plugin.background import Background
from napari_leukoseg.plugin.preferences import Preferences

if TYPE_CHECKING:
    from napari_leukoseg.plugin.stain_bench import MethodLook
    from napari_leukoseg.stain import StainReference

__all__ = ["LookShelf"]


class LookShelf(QObject):
    """Methods, bundled looks, and those that the user added.

    Parameters
    ----------
    background : Background
        Reads and measures.
    preferences : Preferences
        Remember the file of a look.

    Attributes
    ----------
    changed : Signal
        Methods and looks are known, or a look was added.
    added : Signal of str
        Name of a look that the user has just added.
    busy : Signal of str
        What takes its time; empty when it is over.
    failed, noticed : Signal of str
        A sentence for people.
    methods : tuple of MethodLook
        Empty until they are known.
    references : dict of str to StainReference
        Looks by name.
    """

    changed = Signal()
    added = Signal(str)
    busy = Signal(str)
    failed = Signal(str)
    noticed = Signal(str)

    def __init__(self, background: Background, preferences: Preferences) -> None:
        super().__init__()
        self._background = background
        self._preferences = preferences
        self._is_loading = False
        self.methods: tuple[MethodLook, ...] = ()
        self.references: dict[str, StainReference] = {}
        self._files: dict[str, str] = {}

    def load(self) -> None:
        """Find out what there is to choose from, once."""
        if not self._is_loading:
            self._is_loading = True
            work = partial(_load, self._preferences.stain_reference)
            self._background.run(work, self._take_all, self.failed.emit)

    @property
    def remembered(self) -> str:
        """Name of the look that was chosen last, where it is still there."""
        chosen = self._preferences.stain_reference
        names = {file: name for name, file in self._files.items()}
        return names.get(chosen, chosen)

    def is_slow(self, method: str) -> bool:
        """Whether a method takes so long that people should be told."""
        return any(look.is_local for look in self.methods if look.method == method)

    def remember(self, name: str) -> None:
        """Offer a look again the next time, where it has a file or is bundled."""
        if name in self._files:
            self._preferences.stain_reference = self._files[name]
        elif name in self.references:
            self._preferences.stain_reference = name
        self._preferences.save()

    def add_file(self, path: Path) -> None:
        """Add a look from its file, a picture, a slide, or a folder of pictures."""
        self.measure(path.name, partial(_read, path), str(path))

    def measure(
        self, name: str, work: Callable[[], StainReference], file: str = ""
    ) -> None:
        """Add a look that a function reads or measures in a thread."""
        self.busy.emit(f"Measuring {name}")
        checked = partial(_check, work)
        self._background.run(checked, partial(self._take, file), self._fail)

    def save(self, name: str, path: Path) -> None:
        """Write a look to a file, and remember that."""
        try:
            self.references[name].save(path)
        except LeukosegError as error:
            self.failed.emit(str(error))
            return
        self._files[name] = str(path)
        self.remember(name)
        self.noticed.emit(f"Saved as {path}; it is offered again the next time.")

    def _take_all(
        self, found: tuple[tuple[MethodLook, ...], dict[str, StainReference]]
    ) -> None:
        """Know what there is to choose from."""
        self.methods, references = found
        for file, reference in references.items():
            self._put(reference, file)
        self.changed.emit()

    def _take(self, file: str, reference: StainReference) -> None:
        """Offer a look that was added."""
        self.busy.emit("")
        self._put(reference, file)
        self.changed.emit()
        self.added.emit(reference.name)

    def _put(self, reference: StainReference, file: str) -> None:
        """Keep a look by its name, and its file if it has one of its own."""
        self.references[reference.name] = reference
        if file != reference.name:
            self._files[reference.name] = file

    def _fail(self, message: str) -> None:
        """Tell why there is no such look."""
        self.busy.emit("")
        self.failed.emit(message)


def _load(chosen: str) -> tuple[tuple[MethodLook, ...], dict[str, StainReference]]:
    """List what ships with the package, and a file chosen before; in a thread."""
    from napari_leukoseg.plugin.stain_bench import list_looks

    looks = list_looks()
    references = dict(looks.references)
    if chosen not in references and Path(chosen).exists():
        try:
            references[chosen] = _read(Path(chosen))
        except LeukosegError:  # damaged meanwhile; another one is chosen
            return looks.methods, references
    return looks.methods, references


def _read(path: Path) -> StainReference:
    """Read or measure a look; runs in a thread."""
    from napari_leukoseg.stain import find_reference

    return find_reference(path)


def _check(work: Callable[[], StainReference]) -> StainReference:
    """Refuse a look that only methods for tissue could be taken to."""
    from napari_leukoseg.stain import StainReferenceError, Variant

    reference = work()
    if all(variant is not Variant.SMEAR for _, variant in reference.statistics):
        raise StainReferenceError(
            f"{reference.name} shows no stained nuclei, so it says little of a stain; "
            "choose a picture with white cells."
        )
    return reference

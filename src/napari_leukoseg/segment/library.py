"""The user's own models: kept by name, and given away as one file; loads no torch."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import zipfile
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from napari_leukoseg.case.files import replace_path
from napari_leukoseg.errors import ModelError
from napari_leukoseg.segment.card import (
    CARD_NAME,
    UNSAFE_SUFFIXES,
    WEIGHTS_NAME,
    ModelCard,
    bundled_models,
    check_digest,
    find_cards,
    read_card,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ARCHIVE_SUFFIX", "ModelLibrary", "available_models", "resolve_model"]

ARCHIVE_SUFFIX = ".leukoseg-model"
"""End of the name of a model as one file: a ZIP archive of card and weights."""

NAME = re.compile(r"[^\W_][\w .+-]{0,63}")
"""Names that are folder names everywhere, and no path."""

MAX_BYTES = {CARD_NAME: 2**24, WEIGHTS_NAME: 2**32}
"""Largest members of an archive: far above any model, and below what fills a disk."""

PARTIAL_PREFIX = ".partial-"


def library_folder() -> Path:
    """Return the folder of the user's models."""
    data = platformdirs.user_data_dir("napari-leukoseg", appauthor=False)
    return Path(data) / "models"


class ModelLibrary:
    """Models of the user, each a folder with card and weights, by name.

    Parameters
    ----------
    folder : Path, optional
        Where they are; in the user's data folder by default. Made when something is
        added.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or library_folder()

    def names(self) -> tuple[str, ...]:
        """Return the names of the models, sorted."""
        found = (card.parent.name for card in find_cards(self.folder))
        return tuple(name for name in found if not name.startswith("."))

    def path(self, name: str) -> Path:
        """Return the folder of a model.

        Raises
        ------
        ModelError
            If there is none of that name.
        """
        if name not in self.names():
            known = ", ".join(self.names()) or "none yet"
            raise ModelError(f"The library has no model {name!r}; it has {known}.")
        return self.folder / name

    def info(self, name: str) -> ModelCard:
        """Return the card of a model.

        Raises
        ------
        ModelError
            If there is none of that name, or its card cannot be read.
        """
        return read_card(self.path(name))

    def check_name(self, name: str) -> None:
        """Refuse a name that no new model can have.

        Raises
        ------
        ModelError
            If it is taken, also by a bundled model, or is no folder name.
        """
        if not NAME.fullmatch(name) or name.endswith((".", " ")):
            raise ModelError(
                f"{name!r} cannot name a model; use up to 64 letters, digits, spaces, "
                "dots, + and -, beginning with a letter or digit."
            )
        folded = name.casefold()
        if folded in (bundled.casefold() for bundled in bundled_models()):
            raise ModelError(
                f"A model that ships with leukoseg is named {name!r}; choose another "
                "name."
            )
        if folded in (own.casefold() for own in self.names()):
            raise ModelError(
                f"The library has a model {name!r} already; choose another name, or "
                "remove that one first."
            )

    def add(self, folder: Path, name: str) -> Path:
        """Copy a model folder into the library; whole or not at all.

        Parameters
        ----------
        folder : Path
            Card and weights.
        name : str
            Name in the library, which the card of the copy gets too.

        Returns
        -------
        path : Path
            Folder of the copy.

        Raises
        ------
        ModelError
            If the name cannot be had, the folder is no whole model, its weights are
            not those of its card, or the library cannot be written to.
        """
        self.check_name(name)
        card, content = read_model_files(folder)
        with self._writing() as partial:
            (partial / WEIGHTS_NAME).write_bytes(content)
            text = json.dumps(replace(card, name=name).to_dict(), indent=2)
            (partial / CARD_NAME).write_text(text + "\n", encoding="utf-8")
            replace_path(partial, self.folder / name)
        return self.folder / name

    def remove(self, name: str) -> None:
        """Delete a model for good.

        Raises
        ------
        ModelError
            If it ships with leukoseg, there is none of that name, or it cannot be
            deleted.
        """
        if name in bundled_models():
            raise ModelError(f"{name!r} ships with leukoseg and cannot be removed.")
        path = self.path(name)
        try:
            # Out of the list first, so that no half of a model is ever found.
            doomed = Path(tempfile.mkdtemp(prefix=PARTIAL_PREFIX, dir=self.folder))
            replace_path(path, doomed / name)
            shutil.rmtree(doomed)
        except OSError as error:
            raise ModelError(f"{path} cannot be removed: {error}") from error

    def export(self, name: str, file: Path) -> Path:
        """Write a model of the library, or a bundled one, as one file.

        Parameters
        ----------
        name : str
            Which one.
        file : Path
            Made or replaced; ``.leukoseg-model`` is added where it has no suffix.

        Returns
        -------
        file : Path
            What was written.

        Raises
        ------
        ModelError
            If there is none of that name, it is damaged, or the file cannot be
            written.
        """
        folder = bundled_models().get(name) or self.path(name)
        read_model_files(folder)
        file = file if file.suffix else file.with_suffix(ARCHIVE_SUFFIX)
        partial = file.with_name(f"{PARTIAL_PREFIX}{file.name}")
        try:
            with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
                for member in (CARD_NAME, WEIGHTS_NAME):
                    archive.write(folder / member, member)
            replace_path(partial, file)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise ModelError(f"{file} cannot be written: {error}") from error
        return file

    def import_(self, file: Path, name: str = "") -> str:
        """Add a model that `export` wrote.

        Parameters
        ----------
        file : Path
            Archive.
        name : str, optional
            Name in the library; that of its card if empty.

        Returns
        -------
        name : str
            Name in the library.

        Raises
        ------
        ModelError
            If it is no such archive, holds anything else than a card and weights,
            the weights are not those of the card, or the name cannot be had.
        """
        with tempfile.TemporaryDirectory(prefix="leukoseg-") as folder:
            unpack(file, Path(folder))
            name = name or read_card(Path(folder)).name
            self.add(Path(folder), name)
        return name

    @contextmanager
    def _writing(self) -> Iterator[Path]:
        """Give a new folder in the library, gone in the end unless it was moved."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(prefix=PARTIAL_PREFIX, dir=self.folder))
            try:
                yield partial
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        except OSError as error:
            raise ModelError(f"{self.folder} cannot be written to: {error}") from error


def read_model_files(folder: Path) -> tuple[ModelCard, bytes]:
    """Read card and weights of a model folder, checked against each other.

    Raises
    ------
    ModelError
        If one is missing, or the weights are not those of the card.
    """
    card = read_card(folder)
    path = folder / WEIGHTS_NAME
    if not path.is_file():
        pickles = []
        with suppress(OSError):
            pickles = [p.name for p in folder.iterdir() if p.suffix in UNSAFE_SUFFIXES]
        hint = (
            f"; {pickles[0]} is a pickle, which is never loaded, since it can run code"
            if pickles
            else ""
        )
        raise ModelError(f"{folder} has no {WEIGHTS_NAME}{hint}.")
    content = path.read_bytes()
    check_digest(path, content, card.weights_sha256)
    return card, content


def unpack(file: Path, folder: Path) -> None:
    """Take card and weights out of an archive, and refuse one with anything else.

    Raises
    ------
    ModelError
        If it is no archive, or holds other files, links or folders.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            check_members(file, members)
            for member in members:
                content = archive.read(member)
                (folder / member.filename).write_bytes(content)
    except (OSError, zipfile.BadZipFile, RuntimeError, EOFError) as error:
        raise ModelError(
            f"{file} is not a model file, or it is damaged ({error}); give one that "
            "leukoseg exported."
        ) from error


def check_members(file: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuse an archive that holds anything but one card and one weights file."""
    names = [member.filename for member in members]
    pickles = [name for name in names if name.lower().endswith(UNSAFE_SUFFIXES)]
    if pickles:
        raise ModelError(
            f"{file} holds {pickles[0]!r}, a pickle, which is never loaded, since it "
            "can run code."
        )
    if sorted(names) != sorted(MAX_BYTES):
        raise ModelError(
            f"{file} holds {', '.join(map(repr, names[:4])) or 'nothing'}; a model "
            f"file has {CARD_NAME} and {WEIGHTS_NAME}, and nothing else."
        )
    for member in members:
        if member.file_size > MAX_BYTES[member.filename]:
            raise ModelError(
                f"{member.filename} in {file} has {member.file_size / 1e9:.1f} GB, "
                "which is too large for a model."
            )


def available_models() -> dict[str, Path]:
    """Return the folder of each bundled model and of each of the user, by name."""
    bundled, library = bundled_models(), ModelLibrary()
    own = {name: library.folder / name for name in library.names()}
    return {**bundled, **{n: p for n, p in own.items() if n not in bundled}}


def resolve_model(name: str | Path) -> Path:
    """Return the folder of a model.

    Parameters
    ----------
    name : str or Path
        Name of a bundled model or of one in the user's library, or a folder.

    Raises
    ------
    ModelError
        If it is none of them.
    """
    available = available_models()
    if str(name) in available:
        return available[str(name)]
    folder = Path(name)
    if folder.suffix.lower() in UNSAFE_SUFFIXES:
        raise ModelError(
            f"{folder} is a pickle, which can run code when it is read; give a "
            f"folder with {WEIGHTS_NAME} and {CARD_NAME} instead."
        )
    if folder.suffix == ARCHIVE_SUFFIX:
        raise ModelError(
            f"{folder} is a model file; import it first (leukoseg models import)."
        )
    if not folder.is_dir():
        raise ModelError(
            f"Model {str(name)!r} is neither a folder nor one of "
            f"{', '.join(available)}."
        )
    return folder

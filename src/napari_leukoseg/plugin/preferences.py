"""What the user chose last: folders, recent files, settings of the pages."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from napari_leukoseg.errors import SettingsError
from napari_leukoseg.geometry import PixelSize
from napari_leukoseg.plugin import places

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MAX_RECENT", "Preferences", "RecentFile"]

_logger = logging.getLogger(__name__)

MAX_RECENT = 12
"""Recent files that are remembered."""


@dataclass(frozen=True)
class RecentFile:
    """A slide that was opened.

    Parameters
    ----------
    path : str
        Where it was.
    mpp : float, optional
        µm per pixel that the user gave because the file does not say.
    """

    path: str
    mpp: float | None = None


@dataclass
class Preferences:
    """Choices that outlive a session; each change is written by `save`.

    Attributes
    ----------
    open_folder : str
        Where the last file was opened.
    recent : list of RecentFile
        Newest first.
    model, device, area : str
        Choices of the Segment page.
    cell_diameter_px : float or None
        Given cell diameter, none for automatic.
    case_folder : str
        Where cases go; empty for the user's data folder.
    """

    open_folder: str = ""
    recent: list[RecentFile] = field(default_factory=list)
    model: str = "default"
    device: str = "auto"
    area: str = "whole"
    cell_diameter_px: float | None = None
    case_folder: str = ""

    @classmethod
    def load(cls) -> Preferences:
        """Read the user's file; what is missing or damaged takes its default."""
        try:
            data = json.loads(places.preferences_file().read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return cls()
        return cls.from_dict(data) if isinstance(data, dict) else cls()

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Preferences:
        """Build from plain data, leaving out entries of a wrong type."""
        preferences = cls()
        for entry in fields(cls):
            value = data.get(entry.name)
            if isinstance(value, str) and entry.type == "str":
                setattr(preferences, entry.name, value)
        diameter = data.get("cell_diameter_px")
        if isinstance(diameter, int | float) and diameter > 0:
            preferences.cell_diameter_px = float(diameter)
        recent = data.get("recent")
        if isinstance(recent, list):
            preferences.recent = [r for r in map(_recent_file, recent) if r is not None]
        return preferences

    def save(self) -> None:
        """Write the user's file; a failure is logged, since nothing depends on it."""
        path = places.preferences_file()
        draft = path.with_suffix(".partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(asdict(self), indent=2), encoding="utf-8")
            draft.replace(path)
        except OSError as error:
            _logger.warning("Preferences were not saved to %s: %s", path, error)
            with suppress(OSError):
                draft.unlink(missing_ok=True)

    def mpp_of(self, path: Path) -> float | None:
        """Pixel size that the user gave for a file, if it is remembered."""
        return next((r.mpp for r in self.recent if r.path == str(path)), None)

    def remember(self, path: Path, mpp: float | None = None) -> None:
        """Put a file first among the recent ones, with what the user said of it."""
        others = [entry for entry in self.recent if entry.path != str(path)]
        self.recent = [RecentFile(str(path), mpp), *others][:MAX_RECENT]
        self.open_folder = str(path.parent)
        self.save()


def _recent_file(data: object) -> RecentFile | None:
    """Read one entry, or none where it is not one."""
    if not (isinstance(data, dict) and isinstance(data.get("path"), str)):
        return None
    mpp = data.get("mpp")
    if mpp is not None:
        try:
            mpp = PixelSize(float(mpp)).um
        except (SettingsError, TypeError, ValueError):
            mpp = None
    return RecentFile(data["path"], mpp)

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


_PLAIN = {"str": str, "int": int, "bool": bool}
"""Types of choices that are read as they are."""


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
    stain : str
        Choice of the Segment page: ``model``, ``none`` or ``page``.
    stain_method, stain_variant, stain_reference, stain_strength : str and float
        Choices of the Stain page; the reference is a name or a path.
    training_base, training_preset : str
        Choices of the Train page.
    training_sources : list of str
        Cases and folders that were trained on last.
    gallery_order : str
        Which cells come first, a value of `review.arranging.Order`.
    gallery_side_px : int
        Side of a crop on the Review page.
    gallery_contours, gallery_advance : bool
        Whether crops are outlined, and whether the next cell is selected when one
        has been judged.
    tool_part : str
        What the tools of the Review page outline: ``cell`` or ``nucleus``.
    tool_distance_px : int
        How far they move outlines.
    count_size, count_order, count_seed : int and str
        Cells of a differential count, 0 for all; their order and its seed.
    signer : str
        Who signed off last.
    export_folder : str
        Where the last export went.
    review_sections : list of str
        Sections of the Review page that are open.
    """

    open_folder: str = ""
    recent: list[RecentFile] = field(default_factory=list)
    model: str = "default"
    device: str = "auto"
    area: str = "whole"
    cell_diameter_px: float | None = None
    case_folder: str = ""
    stain: str = "model"
    stain_method: str = "reinhard"
    stain_variant: str = "smear"
    stain_reference: str = "wright-giemsa"
    stain_strength: float = 1.0
    training_base: str = "default"
    training_preset: str = "quick"
    training_sources: list[str] = field(default_factory=list)

    gallery_order: str = "least_certain"
    gallery_side_px: int = 96
    gallery_contours: bool = False
    gallery_advance: bool = True
    tool_part: str = "cell"
    tool_distance_px: int = 2
    count_size: int = 0
    count_order: str = "scan"
    count_seed: int = 0
    signer: str = ""
    export_folder: str = ""
    review_sections: list[str] = field(default_factory=lambda: ["Tools"])

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
            kind = _PLAIN.get(str(entry.type))
            if kind is not None and type(value) is kind:
                setattr(preferences, entry.name, value)
        diameter = data.get("cell_diameter_px")
        if isinstance(diameter, int | float) and diameter > 0:
            preferences.cell_diameter_px = float(diameter)
        strength = data.get("stain_strength")
        if isinstance(strength, int | float) and 0 <= strength <= 1:
            preferences.stain_strength = float(strength)
        for name in ("training_sources", "review_sections"):
            texts = data.get(name)
            if isinstance(texts, list):
                setattr(preferences, name, [t for t in texts if isinstance(t, str)])
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

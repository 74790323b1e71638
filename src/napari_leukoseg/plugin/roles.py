"""The three result layers, and what one of them shows at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_leukoseg.geometry import Region

__all__ = ["CLASSES", "ROLES", "Seen"]

CLASSES = "WBC class"
"""Layer of class ids; the others hold cell ids."""

ROLES = ("nucleus", "cytoplasm", CLASSES)
"""What the three layers show; also their names."""


@dataclass(frozen=True)
class Seen:
    """What a layer shows at the moment.

    Parameters
    ----------
    role : str
        One of `ROLES`.
    level : int
        Level of the pyramid.
    region : Region
        Part of that level.
    """

    role: str
    level: int
    region: Region

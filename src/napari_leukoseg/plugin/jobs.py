"""What the viewer asks of its worker, as plain data on either side of a pipe."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["SegmentJob"]


@dataclass(frozen=True)
class SegmentJob:
    """One run, or the estimate of one.

    Parameters
    ----------
    slide : str
        Path of the source; may be empty for an estimate.
    case : str
        Path of the case folder, made if absent; may be empty for an estimate.
    shape : tuple of int
        Rows and columns of the slide.
    mpp : float or None
        µm per pixel, none if unknown.
    model : str
        Bundled name, or folder.
    device : str
        As `segment.device.DEVICES`.
    bounds : tuple of int or None
        Row, column, row stop and column stop of the area; none for the whole.
    cell_diameter_px : float or None
        Typical diameter of a white cell, none to find it out.
    stain : str or dict
        ``model`` or ``none``, or data of a `stain.StainStep`.
    """

    slide: str
    case: str
    shape: tuple[int, int]
    mpp: float | None = None
    model: str = "default"
    device: str = "auto"
    bounds: tuple[int, int, int, int] | None = None
    cell_diameter_px: float | None = None
    stain: str | dict[str, Any] = "model"

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> SegmentJob:
        """Build from plain data."""
        bounds = data["bounds"]
        rows, columns = data["shape"]
        return cls(
            **{
                **data,
                "shape": (int(rows), int(columns)),
                "bounds": None if bounds is None else tuple(bounds),
            }
        )

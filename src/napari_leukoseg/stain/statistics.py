"""Small sets of numbers that say how a picture is stained, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from napari_leukoseg.stain.errors import StainReferenceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = [
    "N_QUANTILES",
    "DyeStatistics",
    "HistogramStatistics",
    "MomentStatistics",
    "RetinexStatistics",
    "Statistics",
]

N_QUANTILES = 257
"""Quantiles of a stored distribution, from the least to the largest value."""

SIGNIFICANT_DIGITS = 6


@dataclass(frozen=True, eq=False)
class Statistics:
    """Arrays of fixed shape, one a field.

    Raises
    ------
    StainReferenceError
        If an array has another shape, or holds anything but finite numbers.
    """

    shapes: ClassVar[dict[str, tuple[int, ...]]] = {}

    def __post_init__(self) -> None:
        for name, shape in self.shapes.items():
            value = np.asarray(getattr(self, name))
            is_number = np.issubdtype(value.dtype, np.number)
            if value.shape != shape or not is_number or not np.isfinite(value).all():
                raise StainReferenceError(
                    f"Stain statistics have {name} of shape {value.shape}; {shape} "
                    "finite numbers were expected. Make the reference again."
                )
            object.__setattr__(self, name, value.astype(np.float64))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that `from_dict` reads back, to six digits."""
        return {name: _rounded(getattr(self, name)) for name in self.shapes}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Build from plain data.

        Raises
        ------
        StainReferenceError
            If a field is missing, unknown, or not as it should be.
        """
        names = {field.name for field in fields(cls)}
        if not hasattr(data, "keys") or set(data) != names:
            raise StainReferenceError(
                f"Stain statistics hold {sorted(data) if data else 'nothing'}; "
                f"{sorted(names)} were expected. Make the reference again."
            )
        try:
            return cls(**{name: np.array(data[name]) for name in names})
        except ValueError as error:  # rows of unequal length
            raise StainReferenceError(
                f"Stain statistics are damaged ({error}). Make the reference again."
            ) from error

    @classmethod
    def typical(cls, many: Sequence[Self]) -> Self:
        """Return the median of each number over several pictures."""
        return cls(
            **{
                name: np.median([getattr(one, name) for one in many], axis=0)
                for name in cls.shapes
            }
        )


@dataclass(frozen=True, eq=False)
class MomentStatistics(Statistics):
    """Center and spread of colors in CIELAB.

    Parameters
    ----------
    ground : ndarray of shape (3,)
        RGB that colors are relative to, 0 to 255.
    mean, std : ndarray of shape (3,)
        Of L*, a* and b*.
    """

    ground: NDArray[np.float64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    shapes: ClassVar = {"ground": (3,), "mean": (3,), "std": (3,)}


@dataclass(frozen=True, eq=False)
class HistogramStatistics(Statistics):
    """Distribution of colors in CIELAB.

    Parameters
    ----------
    ground : ndarray of shape (3,)
        RGB that colors are relative to, 0 to 255.
    quantiles : ndarray of shape (3, N_QUANTILES)
        Of L*, a* and b*, at evenly spaced probabilities from 0 to 1.
    """

    ground: NDArray[np.float64]
    quantiles: NDArray[np.float64]

    shapes: ClassVar = {"ground": (3,), "quantiles": (3, N_QUANTILES)}


@dataclass(frozen=True, eq=False)
class DyeStatistics(Statistics):
    """Two dyes and how strongly they took.

    Parameters
    ----------
    ground : ndarray of shape (3,)
        RGB that densities are relative to, 0 to 255.
    stain_matrix : ndarray of shape (2, 3)
        Optical density of unit length: thiazine dye, then eosin.
    concentrations : ndarray of shape (2,)
        99th percentile of each dye.
    nuclear_density : ndarray of shape (3,)
        Typical density of nuclei; 0 where they were not looked for.
    """

    ground: NDArray[np.float64]
    stain_matrix: NDArray[np.float64]
    concentrations: NDArray[np.float64]
    nuclear_density: NDArray[np.float64]

    shapes: ClassVar = {
        "ground": (3,),
        "stain_matrix": (2, 3),
        "concentrations": (2,),
        "nuclear_density": (3,),
    }

    @classmethod
    def typical(cls, many: Sequence[Self]) -> Self:
        """Return the median of each number, the dyes of unit length again."""
        middle = super().typical(many)
        lengths = np.linalg.norm(middle.stain_matrix, axis=1, keepdims=True)
        middle.stain_matrix[:] /= lengths
        return middle


@dataclass(frozen=True, eq=False)
class RetinexStatistics(Statistics):
    """What a local method needs to know of the whole picture.

    Parameters
    ----------
    cell_px : ndarray of shape (2,)
        Rows and columns of a tile of adaptive equalization, at level 0.
    low, high : ndarray of shape (3,)
        Retinex output of each channel that becomes 0 and 255; unused ones are
        0 and 1.
    """

    cell_px: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    shapes: ClassVar = {"cell_px": (2,), "low": (3,), "high": (3,)}


def _rounded(values: NDArray[np.float64]) -> Any:
    """Return nested lists of numbers to a few digits."""
    if values.ndim:
        return [_rounded(value) for value in values]
    return float(f"{float(values):.{SIGNIFICANT_DIGITS}g}")

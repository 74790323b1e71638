"""Finds white cells: networks, weights, scale, tiles, prediction, instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_leukoseg.segment.predict import Segmenter, load_segmenter

__all__ = ["Segmenter", "load_segmenter"]


def __getattr__(name: str) -> Any:
    """Load PyTorch only when it is used; cards and the model library do without."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from napari_leukoseg.segment import predict

    return getattr(predict, name)

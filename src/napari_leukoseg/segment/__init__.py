"""Finds white cells: networks, weights, scale, tiles, prediction, instances."""

from napari_leukoseg.segment.predict import Segmenter, load_segmenter

__all__ = ["Segmenter", "load_segmenter"]

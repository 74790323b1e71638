"""What the worker does for a click: outlines the cell that is meant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_leukoseg.correct.click_network import load_clicker
from napari_leukoseg.correct.clicking import Clicker, Prompt
from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.review.packed_outline import PackedOutline
from napari_leukoseg.slide import open_slide

if TYPE_CHECKING:
    from napari_leukoseg.cell import SegmentedCell
    from napari_leukoseg.slide import SlideReader

__all__ = ["ClickWork"]


class ClickWork:
    """Answers clicks; keeps the slide and the network between them.

    Parameters
    ----------
    threads : int
        Threads of the network.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._clicker: Clicker | None = None
        self._slide: tuple[tuple[Any, ...], SlideReader] | None = None

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        """Outline the cell that a command points at.

        Parameters
        ----------
        command : dict
            ``slide`` and ``mpp`` name the picture; ``positive``, ``negative`` and
            ``box`` are what a `Prompt` takes, ``previous`` is a `PackedOutline` as
            plain data, and ``cell_diameter_px`` a typical size, or none.

        Returns
        -------
        answer : dict
            ``cell``, a `PackedOutline` as plain data, and ``score``.
        """
        box, previous = command["box"], command["previous"]
        prompt = Prompt(
            positive=_points(command["positive"]),
            negative=_points(command["negative"]),
            box=None if box is None else Region.from_bounds(*box),
        )
        cell: SegmentedCell = self._load().segment(
            self._open(Path(command["slide"]), command["mpp"]),
            prompt,
            previous=None if previous is None else PackedOutline.from_dict(previous),
            cell_diameter_px=command["cell_diameter_px"],
        )
        return {"cell": PackedOutline.of(cell).to_dict(), "score": float(cell.score)}

    def _load(self) -> Clicker:
        """Return the network, loaded when first needed."""
        if self._clicker is None:
            self._clicker = load_clicker(threads=self._threads)
        return self._clicker

    def _open(self, path: Path, mpp: float | None) -> SlideReader:
        """Return a slide, the last one if it is the same file still."""
        key = (path, mpp, path.stat().st_mtime_ns if path.exists() else None)
        if self._slide is None or self._slide[0] != key:
            if self._slide is not None:
                self._slide[1].close()
                self._slide = None
            self._slide = (key, open_slide(path, mpp=mpp))
        return self._slide[1]


def _points(points: list[list[float]]) -> tuple[tuple[float, float], ...]:
    """Return points as a prompt takes them."""
    return tuple((float(row), float(column)) for row, column in points)

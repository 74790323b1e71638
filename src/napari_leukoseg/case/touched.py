"""Which cells and pixels the latest records of a journal have changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_leukoseg.geometry import Region

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Touched"]


@dataclass(frozen=True)
class Touched:
    """What has changed in a case since a moment.

    Parameters
    ----------
    position : int
        Byte of the journal up to which this holds.
    cell_ids : tuple of int
        Cells added, changed or removed, in ascending order.
    drawn_ids : frozenset of int
        Those of them whose pixels, or whole row, may be others.
    columns : frozenset of str
        Columns in which the rest may have changed.
    boxes : tuple of Region
        Where pixels may have changed, at level 0.
    is_everything : bool
        Whether a run or another class scheme came in between, so that nothing that
        was known before may be relied on.
    """

    position: int
    cell_ids: tuple[int, ...] = ()
    drawn_ids: frozenset[int] = frozenset()
    columns: frozenset[str] = frozenset()
    boxes: tuple[Region, ...] = ()
    is_everything: bool = False

    @classmethod
    def by_records(cls, records: Iterable[dict[str, Any]], position: int) -> Touched:
        """Gather what records say; those end at byte `position`."""
        listed: set[int] = set()
        drawn: set[int] = set()
        columns: set[str] = set()
        boxes: dict[Region, None] = {}
        is_everything = False
        for record in records:
            is_everything |= record["kind"] in ("run", "tile") or "scheme" in record
            rows, cells = record.get("rows", ()), record.get("cells", ())
            listed.update(row["cell_id"] for row in rows)
            columns.update(name for row in rows for name in row)
            columns.update(record.get("drop_columns", ()))
            drawn.update(entry["id"] for entry in cells)
            drawn.update(record.get("removed", ()))
            bounds = [entry["box"] for entry in cells]
            bounds += [entry[1:] for entry in record.get("erase", ())]
            boxes.update((Region.from_bounds(*box), None) for box in bounds)
        return cls(
            position,
            tuple(sorted(listed | drawn)),
            frozenset(drawn),
            frozenset(columns - {"cell_id"}),
            tuple(boxes),
            is_everything,
        )

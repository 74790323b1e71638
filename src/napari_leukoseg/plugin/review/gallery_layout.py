"""Where the cells of a gallery lie: headers over grids, as arithmetic."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

__all__ = ["Box", "GalleryLayout", "Move"]


class Box(NamedTuple):
    """Rectangle in pixels of the widget's content."""

    x: int
    y: int
    width: int
    height: int


class Move(Enum):
    """Where the cursor goes."""

    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"
    PAGE_UP = "page up"
    PAGE_DOWN = "page down"
    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True)
class _Place:
    """One group: its first item, number of items, and extent from top to bottom."""

    first: int
    count: int
    top: int
    bottom: int


class GalleryLayout:
    """Groups one below the other, each a header over rows of equal items.

    Items are numbered through all groups. Times do not grow with their number, but
    for that of groups.

    Parameters
    ----------
    counts : sequence of int
        Items of each group.
    width : int
        Width of the content in pixels; at least one item is placed in a row.
    item : tuple of int
        Width and height of an item with its gap.
    header : int
        Height of a header.
    folded : collection of int, optional
        Groups of which only the header is shown.
    """

    def __init__(
        self,
        counts: Sequence[int],
        width: int,
        item: tuple[int, int],
        header: int,
        folded: frozenset[int] = frozenset(),
    ) -> None:
        self._item, self._header = item, header
        self.width = width
        self.n_columns = max(1, width // item[0])
        self._folded = folded
        self._places: list[_Place] = []
        first = top = 0
        for group, count in enumerate(counts):
            n_rows = 0 if group in folded else -(-count // self.n_columns)
            bottom = top + header + n_rows * item[1]
            self._places.append(_Place(first, count, top, bottom))
            first, top = first + count, bottom
        self.n_items, self.height = first, top
        self._firsts = [place.first for place in self._places]
        self._tops = [place.top for place in self._places]

    def group_of(self, item: int) -> int:
        """Return the group that holds an item."""
        return bisect_right(self._firsts, item) - 1

    def box(self, item: int) -> Box:
        """Return where an item lies; of no height in a folded group."""
        group = self.group_of(item)
        place = self._places[group]
        width, height = self._item
        if group in self._folded:
            return Box(0, place.top, width, 0)
        row, column = divmod(item - place.first, self.n_columns)
        return Box(
            column * width, place.top + self._header + row * height, width, height
        )

    def header_box(self, group: int) -> Box:
        """Return where the header of a group lies."""
        return Box(0, self._places[group].top, self.width, self._header)

    def bottom(self, group: int) -> int:
        """Return the height at which a group ends."""
        return self._places[group].bottom

    def group_at(self, y: int) -> int | None:
        """Return the group at a height, none beside all."""
        if not 0 <= y < self.height:
            return None
        return bisect_right(self._tops, y) - 1

    def header_at(self, y: int) -> int | None:
        """Return the group whose header is at a height, none if there is no header."""
        group = self.group_at(y)
        if group is None or y >= self._places[group].top + self._header:
            return None
        return group

    def item_at(self, x: int, y: int) -> int | None:
        """Return the item at a point, none where there is none."""
        group = self.group_at(y)
        if group is None or self.header_at(y) is not None:
            return None
        place = self._places[group]
        column = x // self._item[0]
        row = (y - place.top - self._header) // self._item[1]
        index = row * self.n_columns + column
        if not 0 <= column < self.n_columns or index >= place.count:
            return None
        return place.first + index

    def items_in(self, box: Box) -> list[range]:
        """Return the items that a rectangle touches, as ranges."""
        width, height = self._item
        first_column = max(0, box.x // width)
        last_column = min(self.n_columns - 1, (box.x + box.width - 1) // width)
        found: list[range] = []
        if first_column > last_column:
            return found
        for group, place in enumerate(self._places):
            top = place.top + self._header
            if (
                group in self._folded
                or box.y >= place.bottom
                or first_column > last_column
            ):
                continue
            first_row = max(0, (box.y - top) // height)
            last_row = (box.y + box.height - 1 - top) // height
            n_rows = -(-place.count // self.n_columns)
            for row in range(first_row, min(last_row + 1, n_rows)):
                start = row * self.n_columns + first_column
                stop = min(row * self.n_columns + last_column + 1, place.count)
                if start < stop:
                    found.append(range(place.first + start, place.first + stop))
        return found

    def moved(self, item: int, move: Move, page: int) -> int:
        """Return where the cursor goes from an item, past folded groups.

        Parameters
        ----------
        item : int
            Where it is.
        move : Move
            Direction.
        page : int
            Height of a page in pixels.
        """
        open_items = self._open_ranges()
        if not open_items:
            return item
        match move:
            case Move.FIRST:
                return open_items[0].start
            case Move.LAST:
                return open_items[-1].stop - 1
            case Move.LEFT | Move.RIGHT:
                return self._beside(item, 1 if move is Move.RIGHT else -1, open_items)
            case Move.UP | Move.DOWN:
                return self._row_on(item, 1 if move is Move.DOWN else -1)
        n_rows = max(1, page // self._item[1])
        for _ in range(n_rows):
            item = self._row_on(item, 1 if move is Move.PAGE_DOWN else -1)
        return item

    def _open_ranges(self) -> list[range]:
        """Return the items of each group that shows some."""
        return [
            range(place.first, place.first + place.count)
            for group, place in enumerate(self._places)
            if place.count and group not in self._folded
        ]

    def _beside(self, item: int, step: int, open_items: list[range]) -> int:
        """Return the next or last item before one, in the order of reading."""
        wanted = item + step
        if any(wanted in items for items in open_items):
            return wanted
        ends = [items.start if step > 0 else items.stop - 1 for items in open_items]
        beyond = [end for end in ends if (end - item) * step > 0]
        return (min if step > 0 else max)(beyond, default=item)

    def _row_on(self, item: int, step: int) -> int:
        """Return the item a row below or above, in the same column if there is one."""
        group = self.group_of(item)
        place = self._places[group]
        row, column = divmod(item - place.first, self.n_columns)
        n_rows = -(-place.count // self.n_columns)
        if group not in self._folded and 0 <= row + step < n_rows:
            index = (row + step) * self.n_columns + column
            return place.first + min(index, place.count - 1)
        groups = range(group + step, len(self._places) if step > 0 else -1, step)
        for other in groups:
            place = self._places[other]
            if place.count and other not in self._folded:
                rows = -(-place.count // self.n_columns)
                start = 0 if step > 0 else (rows - 1) * self.n_columns
                return place.first + min(start + column, place.count - 1)
        return item

"""The arithmetic of the gallery agrees with a drawing of every cell."""

from itertools import pairwise

import pytest

from napari_leukoseg.plugin.review.gallery_layout import Box, GalleryLayout, Move

ITEM, HEADER = (50, 60), 20

LAYOUTS = {
    "usual": ([5, 3, 9], 170, frozenset()),
    "empty groups": ([0, 4, 0, 0, 2, 0], 120, frozenset()),
    "folded": ([7, 6, 5], 150, frozenset({1})),
    "narrow": ([3, 2], 10, frozenset()),
    "nothing": ([], 300, frozenset()),
    "all folded": ([4, 4], 300, frozenset({0, 1})),
}


@pytest.fixture(params=LAYOUTS)
def layout(request):
    counts, width, folded = LAYOUTS[request.param]
    return GalleryLayout(counts, width, ITEM, HEADER, folded)


def open_items(layout):
    return [i for i in range(layout.n_items) if layout.box(i).height]


def touches(a, b):
    return (
        a.x < b.x + b.width
        and b.x < a.x + a.width
        and a.y < b.y + b.height
        and b.y < a.y + a.height
    )


def test_nothing_overlaps_and_points_find_their_item(layout):
    boxes = [layout.box(i) for i in open_items(layout)]
    headers = [layout.header_box(g) for g in range(len(layout._places))]
    for number, box in enumerate([*boxes, *headers]):
        assert box.y + box.height <= layout.height
        assert not any(touches(box, b) for b in [*boxes, *headers][:number])
    for item in open_items(layout):
        box = layout.box(item)
        for x, y in ((box.x, box.y), (box.x + 49, box.y + 59)):
            assert layout.item_at(x, y) == item
            assert layout.header_at(y) is None
    for group, box in enumerate(headers):
        assert layout.header_at(box.y) == layout.group_at(box.y) == group
        assert layout.item_at(5, box.y) is None
    assert layout.group_at(-1) is layout.group_at(layout.height) is None


@pytest.mark.parametrize("box", [Box(0, 0, 400, 900), Box(60, 30, 45, 90)])
def test_items_in_a_box_are_those_that_touch_it(layout, box):
    found = [item for items in layout.items_in(box) for item in items]
    expected = [i for i in open_items(layout) if touches(layout.box(i), box)]
    assert sorted(found) == expected


def test_cursor_reads_through_all_open_items_and_back(layout):
    items = open_items(layout)
    if not items:
        for move in Move:
            assert layout.moved(0, move, 100) == 0
        return
    assert layout.moved(items[-1], Move.FIRST, 0) == items[0]
    assert layout.moved(items[0], Move.LAST, 0) == items[-1]
    for left, right in pairwise(items):
        assert layout.moved(left, Move.RIGHT, 0) == right
        assert layout.moved(right, Move.LEFT, 0) == left
    assert layout.moved(items[-1], Move.RIGHT, 0) == items[-1]
    assert layout.moved(items[0], Move.LEFT, 0) == items[0]


def test_up_and_down_go_a_row_further_until_the_end(layout):
    for item in open_items(layout):
        below = layout.moved(item, Move.DOWN, 0)
        above = layout.moved(item, Move.UP, 0)
        assert layout.box(below).y > layout.box(item).y or below == item
        assert layout.box(above).y < layout.box(item).y or above == item
        assert layout.box(below).x <= layout.box(item).x
    items = open_items(layout)
    if items:
        last_row = layout.box(items[-1]).y
        page = layout.moved(items[0], Move.PAGE_DOWN, 10_000)
        assert layout.box(page).y == last_row

import numpy as np
import pytest

from napari_leukoseg.geometry import Region
from napari_leukoseg.plugin.label_blocks import BlockKey, LabelBlocks

BLOCK = np.zeros((8, 8), np.uint32)


def fill(blocks: LabelBlocks, n_blocks: int, level: int = 0) -> list[BlockKey]:
    keys = [
        BlockKey("nucleus", level, Region(0, 8 * index, 8, 8))
        for index in range(n_blocks)
    ]
    for key in keys:
        blocks.get(key, BLOCK.copy)
    return keys


def is_kept(blocks: LabelBlocks, key: BlockKey) -> bool:
    loaded = []
    blocks.get(key, lambda: loaded.append(1) or BLOCK)
    return not loaded


def test_block_is_loaded_once() -> None:
    blocks = LabelBlocks(10**6)
    (key,) = fill(blocks, 1)
    assert is_kept(blocks, key)


def test_oldest_block_goes_first() -> None:
    blocks = LabelBlocks(3 * BLOCK.nbytes)
    keys = fill(blocks, 5)
    assert len(blocks) == 3
    assert is_kept(blocks, keys[4])
    assert not is_kept(blocks, keys[0])


@pytest.mark.parametrize("level", [0, 1, 3])
def test_without_drops_what_changed_at_every_level(level: int) -> None:
    blocks = LabelBlocks(10**6)
    keys = fill(blocks, 4, level)
    scale = 2**level
    changed = Region(scale, 8 * scale, 1, 1)  # first pixel of the second block
    kept = blocks.without([changed])
    assert [is_kept(kept, key) for key in keys] == [True, False, True, True]
    assert len(blocks.without([])) == 4

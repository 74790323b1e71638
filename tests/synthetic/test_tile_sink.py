import numpy as np
import pytest

from napari_leukoseg.synthetic.tile_sink import QUEUED_TILES, TileSink

TILE = np.zeros((2, 2, 3), dtype=np.uint8)


def test_tiles_arrive_in_order():
    got = []

    def write(tiles):
        got.extend(int(next(tiles)[0, 0, 0]) for _ in range(100))

    with TileSink(write) as sink:
        for k in range(100):
            sink.put(TILE + np.uint8(k))
        sink.finish()
    assert got == list(range(100))


def test_what_breaks_the_writer_reaches_the_drawer():
    def write(tiles):
        next(tiles)
        raise OSError("full")

    with pytest.raises(OSError, match="full"), TileSink(write) as sink:
        for _ in range(3 * QUEUED_TILES):
            sink.put(TILE)


def test_what_breaks_the_drawing_ends_the_writer():
    ended = []

    def write(tiles):
        try:
            for _ in tiles:
                pass
        finally:
            ended.append(True)

    with pytest.raises(RuntimeError, match="stop"), TileSink(write) as sink:
        sink.put(TILE)
        raise RuntimeError("stop")
    assert ended == [True]

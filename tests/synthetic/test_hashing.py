import numpy as np

from napari_leukoseg.synthetic.hashing import hash_place, place_rng, uniform_at


def test_numbers_depend_on_every_part_and_nothing_else():
    rows, columns = np.mgrid[-20:20, -20:20]
    words = hash_place(7, 1, rows.ravel(), columns.ravel())
    assert len(np.unique(words)) == words.size
    assert not np.isin(hash_place(8, 1, rows.ravel(), columns.ravel()), words).any()
    assert hash_place(7, 1, -20, -20)[0] == words[0]


def test_uniform_numbers_fill_the_unit_interval_evenly():
    draw = uniform_at(0, np.arange(20)[:, None], np.arange(5000))
    assert draw.shape == (20, 5000)
    assert 0.0 <= draw.min() < 0.001 < 0.999 < draw.max() < 1.0
    np.testing.assert_allclose(np.histogram(draw, 10, (0, 1))[0], 10_000, rtol=0.05)
    assert abs(np.corrcoef(draw[0], draw[1])[0, 1]) < 0.05


def test_generators_of_a_place_repeat():
    assert place_rng(1, 2, -3).random() == place_rng(1, 2, -3).random()
    assert place_rng(1, 2, -3).random() != place_rng(1, 2, 3).random()

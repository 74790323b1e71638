"""Steps are taken in order, a few at once if asked, and never after the end."""

import time

import pytest
from qtpy.QtCore import QObject

from napari_leukoseg.plugin.steps import AT_ONCE_MS, Steps


@pytest.fixture
def steps(qapp):
    owner = QObject()
    yield Steps(owner)
    owner.deleteLater()


def test_steps_follow_in_order(steps, qtbot):
    seen = []

    def work(name):
        for number in range(3):
            seen.append((name, number, steps.is_stepping))
            yield

    steps.take(work("a"))
    steps.take(work("b"))
    assert seen == []
    qtbot.waitUntil(lambda: steps.is_done)
    assert seen == [(name, number, True) for name in "ab" for number in range(3)]
    assert not steps.is_stepping


def test_what_is_short_is_done_at_once(steps):
    seen = []
    steps.take_now(seen.append(i) for i in range(5))
    assert seen == [0, 1, 2, 3, 4]
    assert steps.is_done


def test_the_rest_of_what_is_long_follows(steps, qtbot):
    seen = []

    def work():
        for number in range(4):
            seen.append(number)
            time.sleep(AT_ONCE_MS / 1000 * 0.7)
            yield

    steps.take_now(work())
    assert 0 < len(seen) < 4
    qtbot.waitUntil(lambda: steps.is_done)
    assert seen == [0, 1, 2, 3]


def test_stop_forgets_the_rest(steps, qtbot):
    seen = []
    steps.take(seen.append(i) for i in range(100))
    qtbot.waitUntil(lambda: bool(seen))
    steps.stop()
    n_seen = len(seen)
    qtbot.wait(60)
    assert len(seen) == n_seen
    assert steps.is_done

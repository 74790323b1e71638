import pytest
from pytestqt.qtbot import QtBot

from napari_leukoseg.plugin.widgets.message_bar import MessageBar, Tone


@pytest.mark.parametrize("tone", list(Tone))
def test_say_and_clear(qtbot: QtBot, tone: Tone) -> None:
    bar = MessageBar()
    qtbot.addWidget(bar)
    assert bar.isHidden()
    bar.say("<b>as it is</b>", tone)
    assert not bar.isHidden()
    assert (bar.text, bar.tone) == ("<b>as it is</b>", tone)
    bar.say("")
    assert bar.isHidden()
    assert bar.text == ""

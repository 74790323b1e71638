from __future__ import annotations

from typing import TYPE_CHECKING

from napari_leukoseg.plugin.widgets.wrapped_label import WrappedLabel

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def test_height_follows_text_and_width(qtbot: QtBot) -> None:
    label = WrappedLabel()
    qtbot.addWidget(label)
    label.resize(400, 20)
    label.show()
    label.setText("word " * 40)
    wide = label.minimumHeight()
    label.resize(150, 20)
    assert label.minimumHeight() > wide
    label.resize(400, 20)
    assert label.minimumHeight() == wide
    label.setText("word")
    assert 0 < label.minimumHeight() < wide


def test_text_is_plain(qtbot: QtBot) -> None:
    label = WrappedLabel()
    qtbot.addWidget(label)
    label.setText("<b>1 < 2</b>")
    label.resize(400, 20)
    assert label.sizeHint().width() > label.fontMetrics().horizontalAdvance("1 < 2")

"""Icons of the tools, drawn in the color of the theme's text."""

from __future__ import annotations

from qtpy.QtCore import QByteArray, Qt
from qtpy.QtGui import QIcon, QPainter, QPixmap
from qtpy.QtSvg import QSvgRenderer

__all__ = ["ICONS", "tool_icon"]

_SIZES_PX = (20, 40)
"""For screens of one and of two pixels a point."""

_DISABLED_OPACITY = 0.3

_CELL = '<circle cx="12" cy="12" r="8.5"/>'
_FILLED = 'fill="currentColor" stroke="none"'

ICONS = {
    "undo": '<path d="M9 5 4 10l5 5M4 10h10a5 5 0 0 1 0 10h-3"/>',
    "redo": '<path d="m15 5 5 5-5 5M20 10H10a5 5 0 0 0 0 10h3"/>',
    "delete": '<path d="M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5"/>',
    "merge": (
        '<path d="M12 7.5a6 6 0 1 0 0 9 6 6 0 1 0 0-9z"/>'
        '<path d="M12 10v4" stroke-dasharray="1.5 1.5"/>'
    ),
    "split": f'{_CELL}<path d="M4 20 20 4"/>',
    "divide": '<circle cx="6.8" cy="12" r="4.8"/><circle cx="17.2" cy="12" r="4.8"/>',
    "paint_nucleus": (
        f'<circle cx="9" cy="14" r="7"/><circle cx="9" cy="14" r="3.2" {_FILLED}/>'
        '<path d="m13.5 9.5 7-7"/>'
    ),
    "paint_cytoplasm": (
        f'<path d="M9 7a7 7 0 1 0 0 14A7 7 0 0 0 9 7zm0 4a3 3 0 1 1 0 6 3 3 0 0 1 '
        f'0-6z" {_FILLED} fill-rule="evenodd"/><path d="m13.5 9.5 7-7"/>'
    ),
    "erase": '<path d="m4 15 9-9 6 6-8 8H8zM9 10l6 6M11 20h9"/>',
    "draw": (
        '<path d="M10 4c6-1 9 3 8 8s-6 8-11 6S3 6 10 4z" stroke-dasharray="3 2"/>'
        '<path d="M19 16v6M16 19h6"/>'
    ),
    "replace": (
        '<path d="M10 4c6-1 9 3 8 8s-6 8-11 6S3 6 10 4z" stroke-dasharray="3 2"/>'
        f'<circle cx="10.5" cy="11" r="3" {_FILLED}/>'
    ),
    "click": (
        '<circle cx="10" cy="10" r="6.5"/><path d="M10 1v4M10 15v4M1 10h4M15 10h4'
        'M19 16v6M16 19h6"/>'
    ),
    "fill": f'{_CELL}<circle cx="12" cy="12" r="4" {_FILLED}/>',
    "smooth": '<path d="m3 9 3-4 3 5 3-5 3 5 3-5 3 4M3 18q9-6 18 0"/>',
    "grow": (
        '<circle cx="12" cy="12" r="4"/>'
        '<path d="M12 5V1.5M12 19v3.5M5 12H1.5M19 12h3.5'
        'm-18-8 2.5 2.5M18 18l2.5 2.5"/>'
    ),
    "shrink": (
        '<circle cx="12" cy="12" r="3"/>'
        '<path d="M12 1v5.5M9.5 4.5l2.5 2.5 2.5-2.5M12 23v-5.5M9.5 19.5l2.5-2.5 '
        '2.5 2.5M1 12h5.5M4.5 9.5 7 12l-2.5 2.5M23 12h-5.5M19.5 9.5 17 12l2.5 2.5"/>'
    ),
}
"""By command: what stands inside an SVG of 24 by 24."""


def tool_icon(name: str, color: str) -> QIcon:
    """Return an icon.

    Parameters
    ----------
    name : str
        One of `ICONS`.
    color : str
        Color of its lines, as ``#rrggbb``.
    """
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
        f'<g fill="none" stroke="{color}" stroke-width="1.8" '
        'stroke-linecap="round" stroke-linejoin="round">'
        f"{ICONS[name].replace('currentColor', color)}</g></svg>"
    )
    renderer = QSvgRenderer(QByteArray(svg.encode()))
    icon = QIcon()
    for size in _SIZES_PX:
        icon.addPixmap(_drawn(renderer, size, 1.0), QIcon.Mode.Normal)
        icon.addPixmap(_drawn(renderer, size, _DISABLED_OPACITY), QIcon.Mode.Disabled)
    return icon


def _drawn(renderer: QSvgRenderer, size: int, opacity: float) -> QPixmap:
    """Return a picture of an icon."""
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setOpacity(opacity)
    renderer.render(painter)
    painter.end()
    return pixmap

"""Opens napari with the installed wheel, and segments a drawn field from the dock."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import napari
from napari.layers import Labels
from npe2 import PluginManager
from qtpy.QtWidgets import QPushButton

if TYPE_CHECKING:
    from collections.abc import Callable

PLUGIN = "napari-leukoseg"
LAYERS = {"nucleus", "cytoplasm", "WBC class"}
PATIENCE_S = 300.0


def wait_until(is_done: Callable[[], bool], what: str) -> None:
    """Let the window live until something has happened."""
    give_up = time.monotonic() + PATIENCE_S
    while not is_done():
        if time.monotonic() > give_up:
            sys.exit(f"No {what} after {PATIENCE_S:.0f} s")
        napari.qt.get_qapp().processEvents()
        time.sleep(0.01)


def starts(button: QPushButton) -> bool:
    """Press a button; whether that began something, for which models must be listed."""
    button.click()
    return not button.isEnabled()


def filled(viewer: napari.Viewer) -> set[str]:
    """Return the names of the Labels layers that are not empty."""
    layers = (layer for layer in viewer.layers if isinstance(layer, Labels))
    return {layer.name for layer in layers if layer.data.any()}


def main() -> None:
    """Add every contributed widget, open the sample, press Segment, look at layers."""
    viewer = napari.Viewer()
    manifest = PluginManager.instance().get_manifest(PLUGIN)
    docks = {
        widget.display_name: viewer.window.add_plugin_dock_widget(
            PLUGIN, widget.display_name
        )[1]
        for widget in manifest.contributions.widgets
    }
    print("widgets:", ", ".join(docks))
    viewer.open_sample(PLUGIN, "drawn_field")
    wait_until(lambda: len(viewer.layers) > 0, "picture")
    buttons = docks["LeukoSeg"].findChildren(QPushButton)
    (segment,) = (b for b in buttons if b.text().replace("&", "") == "Segment")
    wait_until(lambda: starts(segment), "start of the run")
    wait_until(lambda: filled(viewer) >= LAYERS, "labels")
    wait_until(segment.isEnabled, "end of the run")
    print("filled layers:", ", ".join(sorted(filled(viewer))))
    viewer.close()


if __name__ == "__main__":
    main()

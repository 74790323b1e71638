"""Make the pictures of docs/tutorial.md by driving the real viewer on drawn fields.

Run `xvfb-run -a -s "-screen 0 1280x800x24" python docs/make_tutorial.py`; it takes some
minutes, writes docs/images/tutorial-*.png and prints the figures that the page gives.
Everything else goes to a folder of its own, which is removed in the end.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_leukoseg.correct import ReplaceMasks
    from napari_leukoseg.plugin.widgets.dock import LeukoSegDock

IMAGES = Path(__file__).parent / "images"
LARGEST_PICTURE = 150_000
"""Bytes of one picture."""

WINDOW = (1280, 800)
DOCK_WIDTH = 330
NO_DITHER = Image.Dither.NONE
LIMIT_S = 3600.0
FIELD_SEEDS, OTHER_SEEDS = (202, 201, 203), range(301, 313)
"""Of the three fields that are corrected, the first with a cell that the default model
takes for another class, and of those that judge the models."""

POOR_DICE = 0.8
"""Below it a person would redraw a nucleus."""


def main() -> None:
    """Go through the tutorial once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=0, help="fewer, to try it out")
    parser.add_argument("--out", type=Path, default=IMAGES)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tutorial-") as folder:
        for name in ("DATA", "CONFIG", "CACHE"):  # nothing of the user's is touched
            os.environ[f"XDG_{name}_HOME"] = str(Path(folder, name.lower()))
        smears = draw(Path(folder, "smears"), FIELD_SEEDS)
        others = draw(Path(folder, "others"), OTHER_SEEDS)
        Tutorial(arguments.out, arguments.epochs).run(smears)
        for model in ("default", "my-lab"):
            print(model, flush=True)
            judge(model, others[0].parent)


def draw(folder: Path, seeds: range) -> list[Path]:
    """Draw fields of a laboratory whose stain and focus the default does not know."""
    from napari_leukoseg.synthetic import Illumination, SmearSettings, write_field

    folder.mkdir()
    paths = []
    for number, seed in enumerate(seeds, start=1):
        settings = SmearSettings(
            (512, 640),
            seed,
            cell_diameter_px=64.0,
            look="may-grunwald-giemsa",
            white_cell_fraction=0.2,
            red_cell_fraction=0.35,
            class_weights=(1, 1, 1, 1, 1),
            illumination=Illumination.FALL_OFF,
            defocus_um=0.4,
            is_two_stain=True,
        )
        paths.append(folder / f"smear-{number}.png")
        for _ in write_field(paths[-1], settings, with_labels=True):
            pass
    return paths


def judge(model: str, folder: Path) -> None:
    """Print the figures of a model on fields that it has never seen."""
    command = [sys.executable, "-c", "from napari_leukoseg.cli import main; main()"]
    options = [f"--data=labels={folder}", f"--model={model}", "--part=all"]
    options.append(f"--json={folder.parent / model}.json")
    subprocess.run([*command, "evaluate", *options], check=True)  # noqa: S603


class Tutorial:
    """The viewer with the dock, and a person who works with it.

    Parameters
    ----------
    out : Path
        Folder of the pictures.
    epochs : int
        Of the training; 0 for those of the preset.
    """

    def __init__(self, out: Path, epochs: int) -> None:
        import napari
        from qtpy.QtCore import Qt

        from napari_leukoseg.plugin.widgets.dock import LeukoSegDock

        self.out, self.epochs = out, epochs
        self.viewer = napari.Viewer()
        self.viewer.window.resize(*WINDOW)
        self.dock: LeukoSegDock = LeukoSegDock(self.viewer)
        self.viewer.window.add_dock_widget(self.dock, name="LeukoSeg")
        self.window = self.dock.window()
        right = Qt.Orientation.Horizontal
        self.window.resizeDocks([self.dock.parent()], [DOCK_WIDTH], right)
        self.session = self.dock.session
        self.settle(3)

    def run(self, smears: list[Path]) -> None:
        """Take all steps."""
        self.open(smears[0])
        self.shoot("1-open")
        self.segment()
        self.shoot("2-segment")
        self.show_wrong_cell(smears[0])
        self.shoot("3-review")
        print(smears[0].name, self.correct(smears[0]), flush=True)
        self.shoot("4-corrected")
        for smear in smears[1:]:
            self.open(smear)
            self.segment()
            self.dock.show_page(self.dock.review_page)
            print(smear.name, self.correct(smear), flush=True)
        self.train()
        self.keep()
        self.open(smears[0])
        self.dock.show_page(self.dock.segment_page)
        self.settle(1)
        self.shoot("9-new-model")
        self.session.close()
        self.viewer.close()

    def open(self, smear: Path) -> None:
        """Open a field on the Slide page."""
        self.dock.show_page(self.dock.slide_page)
        self.dock.slide_page.open_path(str(smear))
        session = self.session
        self.wait(lambda: session.picture is not None and session.picture.path == smear)
        self.wait(lambda: bool(session.picture and session.picture.fingerprint))
        self.settle(1)

    def segment(self) -> None:
        """Find the cells."""
        page, session = self.dock.segment_page, self.session
        self.dock.show_page(page)
        self.wait(lambda: page.form.device_box.count() > 1)
        page.segment_button.click()
        self.wait(lambda: not session.runs.is_active)
        self.wait(lambda: session.results is not None and session.results.is_settled)
        self.wait(lambda: session.desk.can_edit)
        self.settle(1)

    def show_wrong_cell(self, smear: Path) -> None:
        """Select a cell of a wrong class, as a click in the gallery does."""
        self.dock.show_page(self.dock.review_page)
        self.settle(2)
        for row in self.session.desk.table.to_dict("records"):
            truth = Truth(smear).of(row)
            if truth is not None and truth.class_id != row["class_id"]:
                self.session.desk.select([row["cell_id"]], center=True)
                break
        self.settle(1)
        self.wait(lambda: not self.session.background.is_busy)  # pictures of cells
        self.settle(1)

    def correct(self, smear: Path) -> dict[str, int]:
        """Give every cell its class, redraw poor nuclei, and remove what is no cell."""
        desk, page, truth = self.session.desk, self.dock.review_page, Truth(smear)
        done = {"cells": len(desk.table), "classes": 0, "nuclei": 0, "removed": 0}
        by_class: dict[int, list[int]] = {}
        for row in desk.table.to_dict("records"):
            cell = truth.of(row)
            if cell is None:
                desk.select([row["cell_id"]])
                page.delete()
                done["removed"] += 1
                continue
            by_class.setdefault(cell.class_id, []).append(row["cell_id"])
            done["classes"] += cell.class_id != row["class_id"]
            if cell.nucleus_dice(desk.case, row["cell_id"]) < POOR_DICE:
                desk.apply(cell.redrawn(row["cell_id"]))
                done["nuclei"] += 1
        for class_id, cell_ids in by_class.items():
            page.assign(class_id, cell_ids)
        self.wait(lambda: self.session.results is not None)
        self.settle(2)
        return done

    def train(self) -> None:
        """Fine-tune on the three cases, which the page has taken up by itself."""
        page, training = self.dock.train_page, self.session.training
        self.dock.show_page(page)
        self.wait(lambda: page.train_button.isEnabled())
        self.settle(1)
        self.shoot("5-sources")
        page.setup.form.epochs_box.setValue(self.epochs)
        page.train_button.click()
        middle = training.settings.values.epochs // 2 + 1
        self.wait(lambda: len(training.history.epochs) > middle)
        self.settle(1)
        self.shoot("6-training")
        self.wait(lambda: not training.is_active)
        self.settle(2)
        print(page.message.text, page.comparison.reason.text(), page.comparison.texts())
        self.shoot("7-compared")

    def keep(self) -> None:
        """Keep the new model, and choose it on the Segment page."""
        page = self.dock.train_page
        page.keep_bar.name_box.setText("my-lab")
        page.keep_bar.keep_button.click()
        self.wait(lambda: not page.use_button.isHidden())
        self.settle(1)
        self.shoot("8-kept")
        page.use_button.click()
        self.settle(1)

    def shoot(self, name: str) -> None:
        """Save a picture of the window, small enough for a repository."""
        path = self.out / f"tutorial-{name}.png"
        self.window.grab().save(str(path))
        picture = Image.open(path).convert("RGB")
        for colors in (256, 128, 64, 32):
            few = picture.quantize(colors, Image.Quantize.MAXCOVERAGE, dither=NO_DITHER)
            few.save(path, optimize=True)
            if path.stat().st_size <= LARGEST_PICTURE:
                break

    def wait(self, is_so: Callable[[], bool]) -> None:
        """Let the viewer work until something is so."""
        began = time.monotonic()
        while not is_so():
            if time.monotonic() - began > LIMIT_S:
                raise TimeoutError("The viewer did not get there.")
            self.settle(0.05)

    def settle(self, seconds: float) -> None:
        """Let the viewer work for a while."""
        from qtpy.QtWidgets import QApplication

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.005)


class TrueCell:
    """One cell as it was drawn.

    Parameters
    ----------
    class_id : int
        Its class.
    nucleus, cytoplasm : ndarray of bool, shape (M, N)
        Its masks, of the size of the field.
    """

    def __init__(self, class_id: int, nucleus: Any, cytoplasm: Any) -> None:
        self.class_id, self.nucleus, self.cytoplasm = class_id, nucleus, cytoplasm

    def nucleus_dice(self, case: Any, cell_id: int) -> float:
        """Return how well the case's nucleus agrees."""
        from napari_leukoseg.geometry import Region

        whole = Region.of_shape(self.nucleus.shape)
        found = case.read_labels("nucleus", whole) == cell_id
        total = found.sum() + self.nucleus.sum()
        return 2 * float((found & self.nucleus).sum()) / max(1.0, float(total))

    def redrawn(self, cell_id: int) -> ReplaceMasks:
        """Return the edit that a person's brush gives."""
        from napari_leukoseg.case import tight_box
        from napari_leukoseg.correct import ReplaceMasks

        box = tight_box(self.nucleus | self.cytoplasm)
        masks = self.nucleus[box.slices], self.cytoplasm[box.slices]
        return ReplaceMasks(cell_id, box, *masks, overwrite=True)


class Truth:
    """The labels of a field that was drawn.

    Parameters
    ----------
    smear : Path
        The field.
    """

    def __init__(self, smear: Path) -> None:
        import tifffile

        def read(part: str) -> Any:
            return tifffile.imread(smear.with_name(f"{smear.stem}_{part}.tif"))

        self.nucleus, self.cytoplasm = read("nucleus"), read("cytoplasm")
        self.classes = read("class")

    def of(self, row: dict[Any, Any]) -> TrueCell | None:
        """Return the cell that fills most of a box of the table, if there is one."""
        box = tuple(
            slice(int(row[f"box_{axis}_px"]), int(row[f"box_{axis}_stop_px"]))
            for axis in ("row", "column")
        )
        ids = np.maximum(self.nucleus, self.cytoplasm)
        inside = ids[box][ids[box] > 0]
        if not len(inside):
            return None
        cell_id = np.bincount(inside).argmax()
        class_id = int(self.classes[ids == cell_id].max())
        return TrueCell(class_id, self.nucleus == cell_id, self.cytoplasm == cell_id)


if __name__ == "__main__":
    main()

"""Count what a person does to correct segmented BCCD, here and in napari alone.

`python simulate_review.py ROOT OUT.json [MODEL CLICK_MODEL]`: data root, file to write,
and folders of models that never saw BCCD, which are then judged on all of it. By
default the bundled ones are, on the pictures kept back from training. The corrections
are carried out, so that it is known how many clicks they take; what
napari's own tools would take is counted by rule.
"""

import json
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import ndimage

from napari_leukoseg.case import Case, StoredCell, case_path
from napari_leukoseg.correct import (
    AddCell,
    AssignClass,
    DeleteCells,
    History,
    MergeCells,
    ReplaceMasks,
    SplitByWatershed,
)
from napari_leukoseg.correct.click_network import load_clicker
from napari_leukoseg.correct.clicking import NoCellError, Prompt
from napari_leukoseg.geometry import Region
from napari_leukoseg.pipeline import SegmentSettings, segment_slide
from napari_leukoseg.segment import load_segmenter
from napari_leukoseg.slide import open_slide
from napari_leukoseg.training.datasets import load_dataset
from napari_leukoseg.training.sample import Sample
from napari_leukoseg.training.splits import SplitSettings, split_by_group

GOOD_IOU = 0.9
"""Overlap of a cell with the expert's from which on nobody corrects it."""

MET, MOSTLY = 0.1, 0.5
"""Overlap with an expert's cell below which a cell is none; share of a cell that lies
in another."""

SLIVER = 0.05
"""Part of a cell that nobody paints or erases in napari."""

NEW, GIVEN, KEPT = "new", "given", "kept"
"""Labels in napari: the next free one, that of the cell, the one that is set."""

MAX_CLICKS = {"missing": 3, "outline": 1}
"""Clicks on a cell after which a person draws its outline."""

PROTOCOL = (
    f"An outline is wrong below IoU {GOOD_IOU} with the expert's; classes are known "
    "where all cells of a picture have one. An action is a click, a key, or a drag. "
    "Here: a click or box selects or adds, a click with a key held (two actions) "
    f"corrects; after {MAX_CLICKS['missing']} clicks for a missing cell and "
    f"{MAX_CLICKS['outline']} for a wrong outline it is drawn. In napari: a click for "
    "another layer, a key for another tool, a key for label 0 or a new label, a click "
    "and a key for a given label, a click to fill, a drag to encircle; each layer "
    "keeps its tool and label."
)


@dataclass
class Hands:
    """What a person does, by kind of error."""

    actions: Counter = field(default_factory=Counter)
    outlines: int = 0
    tool: str = ""

    def do(self, kind: str, n_actions: int = 1) -> None:
        self.actions[kind] += n_actions

    def take(self, kind: str, tool: str) -> None:
        """Take another tool by its key."""
        if tool != self.tool:
            self.do(kind)
            self.tool = tool

    def draw(self, kind: str) -> None:
        """Draw an outline by a drag."""
        self.do(kind)
        self.outlines += 1


@dataclass
class PlainHands(Hands):
    """The same with napari's own tools on three layers."""

    layer: str = ""
    state: dict = field(default_factory=dict)

    def use(self, kind: str, layer: str, tool: str, label: object) -> None:
        """Go to a layer and give it a tool and a label."""
        if layer != self.layer:
            self.do(kind)
            self.layer = layer
        old_tool, old_label = self.state.get(layer, ("", None))
        self.do(kind, int(old_tool != tool))
        if label is KEPT:
            label = old_label
        elif old_label != label:
            self.do(kind, 1 if label in (0, NEW) else 2)
        # The label of one cell is not that of the next.
        self.state[layer] = (tool, None if label in (NEW, GIVEN) else label)

    def remove(self, kind: str, n_nuclei: int) -> None:
        for layer, n_clicks in (("nucleus", n_nuclei), ("cytoplasm", 1), ("class", 1)):
            self.use(kind, layer, "fill", 0)
            self.do(kind, n_clicks)

    def encircle(self, kind: str, layers: dict[str, object]) -> None:
        for layer, label in layers.items():
            self.use(kind, layer, "paint", label)
            self.draw(kind)

    def correct(self, kind: str, mask: np.ndarray, truth: np.ndarray) -> None:
        """Paint what a cell lacks and erase what is too much."""
        for layer in ("cytoplasm", "class"):
            if (truth & ~mask).sum() > SLIVER * truth.sum():
                self.encircle(kind, {layer: GIVEN})
            if (mask & ~truth).sum() > SLIVER * truth.sum():
                self.use(kind, layer, "erase", KEPT)
                self.draw(kind)


@dataclass
class Bench:
    """One picture with its case, and what the expert drew."""

    case: Case
    history: History
    slide: object
    sample: Sample
    clicker: object
    ours: Hands
    plain: PlainHands
    wrong: Counter

    def truths(self) -> dict[int, np.ndarray]:
        instances = self.sample.instances
        return {int(i): instances == i for i in self.sample.instance_ids}

    def cells(self) -> dict[int, StoredCell]:
        ids, _ = self.case.cell_boxes()
        return {int(i): self.case.cell(int(i)) for i in ids}

    def mask(self, cell: StoredCell) -> np.ndarray:
        whole = np.zeros(self.case.shape, bool)
        whole[cell.region.slices] = cell.mask
        return whole

    def note(self, kind: str) -> None:
        self.wrong[kind] += 1


def iou(first: np.ndarray, second: np.ndarray) -> float:
    return float((first & second).sum() / max(1, (first | second).sum()))


def deepest(mask: np.ndarray) -> tuple[float, float]:
    """Pixel deepest in the largest piece of a mask."""
    pieces, _ = ndimage.label(mask)
    areas = np.bincount(pieces.ravel())
    areas[0] = 0
    depth = ndimage.distance_transform_edt(np.pad(pieces == areas.argmax(), 1))
    row, column = np.unravel_index(depth[1:-1, 1:-1].argmax(), mask.shape)
    return float(row), float(column)


def n_pieces(mask: np.ndarray) -> int:
    return int(ndimage.label(mask)[1])


def remove_false(bench: Bench) -> None:
    """Delete what is no cell."""
    truths = bench.truths().values()
    for cell_id, cell in bench.cells().items():
        mask = bench.mask(cell)
        if all((mask & truth).sum() < MET * mask.sum() for truth in truths):
            bench.note("false")
            bench.ours.do("false", 2)  # click, Delete
            bench.plain.remove("false", n_pieces(cell.nucleus))
            bench.history.apply(DeleteCells((cell_id,)))


def split_merged(bench: Bench) -> None:
    """Split what is several cells."""
    truths = bench.truths()
    for cell_id, cell in bench.cells().items():
        mask = bench.mask(cell)
        held = [t for t in truths.values() if (t & mask).sum() > MOSTLY * t.sum()]
        if len(held) < 2:
            continue
        bench.note("merged")
        bench.ours.take("merged", "split")
        bench.ours.do("merged", len(held) - 1)  # a line for each
        for _ in held[1:]:
            bench.plain.encircle("merged", {"nucleus": NEW, "cytoplasm": GIVEN})
        seeds = tuple(deepest(t & mask) for t in held)
        bench.history.apply(SplitByWatershed(cell_id, seeds=seeds))


def merge_split(bench: Bench) -> None:
    """Merge what is one cell."""
    for truth in bench.truths().values():
        parts = [
            cell_id
            for cell_id, cell in bench.cells().items()
            if (bench.mask(cell) & truth).sum() > MOSTLY * cell.mask.sum()
        ]
        if len(parts) < 2:
            continue
        bench.note("split")
        bench.ours.do("split", len(parts) + 1)  # clicks, a key
        for layer in ("nucleus", "cytoplasm"):
            bench.plain.use("split", layer, "fill", GIVEN)
            bench.plain.do("split", len(parts) - 1)
        bench.history.apply(MergeCells(tuple(parts)))


def fit_outlines(bench: Bench) -> None:
    """Add cells that are missing, and correct outlines that are wrong."""
    for number, truth in bench.truths().items():
        overlaps = {i: iou(bench.mask(c), truth) for i, c in bench.cells().items()}
        cell_id = max(overlaps, key=lambda i: overlaps[i], default=None)
        if cell_id is None or overlaps[cell_id] < MET:
            bench.note("missing")
            bench.plain.encircle(
                "missing",
                {
                    "nucleus": NEW,
                    "cytoplasm": GIVEN,
                    "class": bench.sample.cell_classes.get(number, GIVEN),
                },
            )
            click(bench, truth, None, "missing")
        elif overlaps[cell_id] < GOOD_IOU:
            bench.note("outline")
            mask = bench.mask(bench.case.cell(cell_id))
            bench.plain.correct("outline", mask, truth)
            bench.ours.do("outline")  # selects it
            click(bench, truth, cell_id, "outline")


def click(bench: Bench, truth: np.ndarray, cell_id: int | None, kind: str) -> None:
    """Click until the outline is good, else draw it."""
    bench.ours.take(kind, "click")
    positive, negative = [], []
    for _ in range(MAX_CLICKS[kind]):
        previous = None if cell_id is None else bench.case.cell(cell_id)
        mask = np.zeros_like(truth) if previous is None else bench.mask(previous)
        if iou(mask, truth) >= GOOD_IOU:
            return
        lacks, exceeds = truth & ~mask, mask & ~truth
        is_inside = lacks.sum() >= exceeds.sum()
        (positive if is_inside else negative).append(
            deepest(lacks if is_inside else exceeds)
        )
        bench.ours.do(kind, 1 if previous is None else 2)  # a key held
        prompt = Prompt(tuple(positive), tuple(negative))
        try:
            cell = bench.clicker.segment(bench.slide, prompt, previous=previous)
        except NoCellError:
            break
        masks = (cell.region, cell.nucleus, cell.cytoplasm)
        if cell_id is None:
            added = bench.history.apply(AddCell(*masks)).added_ids
            cell_id = added[0]
        else:
            bench.history.apply(ReplaceMasks(cell_id, *masks))
    if cell_id is None or iou(bench.mask(bench.case.cell(cell_id)), truth) < GOOD_IOU:
        bench.ours.take(kind, "draw")
        bench.ours.draw(kind)
        whole = Region.of_shape(truth.shape)
        nucleus = np.zeros_like(truth)
        edit = (
            AddCell(whole, nucleus, truth, overwrite=True)
            if cell_id is None
            else ReplaceMasks(cell_id, whole, nucleus, truth, overwrite=True)
        )
        bench.history.apply(edit)


def name_classes(bench: Bench) -> None:
    """Give cells the class that the expert gave them."""
    truths, table = bench.truths(), bench.case.table().set_index("cell_id")
    for cell_id, cell in bench.cells().items():
        mask = bench.mask(cell)
        number = max(truths, key=lambda n: iou(truths[n], mask))
        wanted = bench.sample.cell_classes.get(number)
        if wanted is None or wanted == table.loc[cell_id, "class_id"]:
            continue
        bench.note("class")
        bench.ours.do("class", 2)  # click, key
        bench.plain.use("class", "class", "fill", wanted)
        bench.plain.do("class")
        bench.history.apply(AssignClass((cell_id,), wanted))


def main(root: Path, out: Path, model: str, click_model: Path | None) -> None:
    samples = load_dataset("bccd", root / "bccd")
    test = (
        samples
        if click_model
        else split_by_group(samples, SplitSettings(validation=0.05)).test
    )
    segmenter, clicker = load_segmenter(model, "cpu"), load_clicker(click_model, "cpu")
    ours, plain, wrong, n_cells = Hands(), PlainHands(), Counter(), 0
    for sample in test:
        picture = root / "bccd" / "images" / f"{sample.name}.jpg"
        with (
            tempfile.TemporaryDirectory() as folder,
            open_slide(picture) as slide,
            Case.create(case_path(Path(folder), sample.name), slide) as case,
        ):
            for _ in segment_slide(slide, segmenter, case, SegmentSettings()):
                pass
            history = History(case, slide)
            bench = Bench(case, history, slide, sample, clicker, ours, plain, wrong)
            for correct in (
                remove_false,
                split_merged,
                merge_split,
                fit_outlines,
                name_classes,
            ):
                correct(bench)
        ours.tool = ""  # put down with the picture
        n_cells += len(sample.instance_ids)
    n_wrong = wrong.total()
    figures = {
        "protocol": PROTOCOL,
        "part": "all, by models that never saw it" if click_model else "test",
        "pictures": len(test),
        "cells": n_cells,
        "wrong": dict(wrong),
        "leukoseg": summary(ours, n_wrong),
        "napari": summary(plain, n_wrong),
    }
    out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))


def summary(hands: Hands, n_wrong: int) -> dict:
    """Figures of one way of working."""
    total = hands.actions.total()
    return {
        "actions": dict(hands.actions),
        "actions_per_error": round(total / max(1, n_wrong), 2),
        "outlines_drawn": hands.outlines,
    }


if __name__ == "__main__":
    root, out, *models = sys.argv[1:]
    main(
        Path(root),
        Path(out),
        models[0] if models else "default",
        Path(models[1]) if models else None,
    )

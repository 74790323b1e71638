"""Judge a network for clicks on the cells of data sets, as a person would use it.

`python evaluate_click.py MODEL SEGMENTER ROOT OUT.json KIND=FOLDER[:test] ...`: model
folder, model that gives the second opinion (or `none`), data root, file to write, and
data sets below the root; `:test` takes only the pictures kept back from training.
Prints a table.
"""

import json
import platform
import sys
from pathlib import Path

import numpy as np
import torch

from napari_leukoseg.correct.click_network import load_clicker
from napari_leukoseg.segment.model import read_card
from napari_leukoseg.training.click_evaluation import click_targets, click_through
from napari_leukoseg.training.datasets import load_dataset
from napari_leukoseg.training.splits import SplitSettings, split_by_group

PROTOCOL = (
    "Each outlined cell of each picture is clicked on: first at the pixel deepest in "
    "it, then, up to ten times, at that of the largest connected error. The usual size "
    "of cells is the median of the set, as a case with cells tells it; `no size`: none "
    "is told, as in an empty case. `drawn`: one click at a drawn pixel at least 0.3 as "
    "deep (seed 0). IoU counts pixels of which the label is certain; clicks to IoU "
    "0.90 count 11 where ten do not reach it. Milliseconds are those of one answer, "
    "search for the size included."
)
N_CLICKS = {"deepest": 10, "no size": 10, "drawn": 1}
"""Most clicks on a cell, by where they are and what is told."""


def summary(answers: list) -> dict:
    """Figures of a set."""
    ious = np.array([answer.ious for answer in answers])
    nuclei = np.array([answer.nucleus_iou for answer in answers])
    ms = 1000 * np.concatenate([answer.seconds for answer in answers])
    clicks = np.array([answer.clicks_to(0.9) for answer in answers])
    return {
        "cells": len(answers),
        "iou_after_clicks": [round(float(v), 4) for v in ious.mean(axis=0)],
        "share_above_0.85_after_one": round(float((ious[:, 0] >= 0.85).mean()), 4),
        "nucleus_iou_after_one": (
            round(float(np.nanmean(nuclei)), 4) if np.isfinite(nuclei).any() else None
        ),
        "clicks_to_0.90": round(float(clicks.mean()), 3),
        "never_0.90": int((clicks > len(ious[0])).sum()),
        "ms_median": round(float(np.median(ms)), 1),
        "ms_95": round(float(np.quantile(ms, 0.95)), 1),
    }


def main(
    model: Path, segmenter: str | None, root: Path, out: Path, sets: list[str]
) -> None:
    clicker = load_clicker(model, "cpu", segmenter=segmenter, threads=2)
    second = clicker.segmenter
    card = read_card(model)
    found = {}
    for text in sets:
        kind, folder = text.split("=")
        folder, _, part = folder.partition(":")
        samples = load_dataset(kind, root / folder)
        if part == "test":
            samples = split_by_group(samples, SplitSettings(validation=0.05)).test
        targets = [target for s in samples for target in click_targets(s)]
        areas = [target.cell.sum() for target in targets]
        usual_px = float(np.sqrt(4 / np.pi * np.median(areas)))
        rows = {}
        for name, n_clicks in N_CLICKS.items():
            rng = np.random.default_rng(0) if name == "drawn" else None
            answers = [
                click_through(
                    clicker,
                    target,
                    n_clicks=n_clicks,
                    cell_diameter_px=None if name == "no size" else usual_px,
                    rng=rng,
                )
                for target in targets
            ]
            rows[name] = summary(answers)
            print(text, name, rows[name], flush=True)
        found[text] = rows
    figures = {
        "model": card.name,
        "weights_sha256": card.weights_sha256,
        "segmenter_sha256": None if second is None else second.card.weights_sha256,
        "protocol": PROTOCOL,
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        "sets": found,
    }
    out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    model, segmenter, root, out, *sets = sys.argv[1:]
    second = None if segmenter == "none" else segmenter
    main(Path(model), second, Path(root), Path(out), sets)

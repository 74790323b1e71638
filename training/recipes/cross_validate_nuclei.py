"""Cross-validate the network of nuclei on a set of stained tissue.

`python cross_validate_nuclei.py KIND FOLDER OUT [FOLDS]`: `monuseg` or `dsb2018`, its
folder, folder of the runs (a fold that is finished is not trained again), and the
number of folds (5). Folds are made of whole pictures. Each is tested at the typical
size of the nuclei of the others. Prints and writes, over all pictures: Dice of nuclei
(mean over pictures), AJI, AJI+ and PQ with 95 % bootstrap intervals over pictures.
"""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from napari_leukoseg.evaluate import predict_picture
from napari_leukoseg.pipeline import SegmentSettings
from napari_leukoseg.segment import load_segmenter
from napari_leukoseg.training.config import load_config
from napari_leukoseg.training.datasets import load_dataset
from napari_leukoseg.training.evaluation import score_picture
from napari_leukoseg.training.loop import fit
from napari_leukoseg.training.splits import group_folds
from napari_leukoseg.training.summary import summarize

CONFIG = Path(__file__).parents[1] / "configs" / "folds" / "mtl-nucleus.yaml"
FIGURES = ("nucleus_dice_per_picture", "aji", "aji_plus", "pq")


def scores_of_fold(config, split, out: Path) -> list:
    """Train on a fold's training part, if need be, and score its test part."""
    if not (out / "record.json").exists():
        for report in fit(config, split, out, device=torch.device("cpu"), resume=True):
            print(out.name, report, flush=True)
    segmenter = load_segmenter(out / "model", "cpu")
    diameter = float(np.median([s.cell_diameter_px for s in split.train]))
    settings = SegmentSettings(cell_diameter_px=diameter)
    return [
        score_picture(sample, predict_picture(sample.image, segmenter, settings))
        for sample in split.test
    ]


def main(kind: str, folder: str, out: str, n_folds: str = "5") -> None:
    config = load_config(CONFIG)
    source = replace(config.data[0], kind=kind, folder=kind)
    config = replace(config, data=(source,))
    samples = list(load_dataset(kind, Path(folder)))
    splits = group_folds(samples, int(n_folds), config.seed)
    scores = [
        score
        for number, split in enumerate(splits)
        for score in scores_of_fold(config, split, Path(out) / f"{kind}-{number}")
    ]
    figures = summarize(scores, ()).figures
    found = {name: asdict(figures[name]) for name in FIGURES}
    path = Path(out) / f"{kind}.json"
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    for name, figure in figures.items():
        print(
            f"{kind} {name}: {figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])

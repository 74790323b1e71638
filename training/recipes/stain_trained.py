"""Say what it brings to train behind stain standardization, too.

`python stain_trained.py ROOT OUT`: data root and folder of the runs; a run that is
finished is not trained again. Trains `configs/ablation.yaml` without each pair of sets,
on pictures as they are and behind the two methods that do best when they are only
used after training (`stain_unseen.py`), equal in steps and seed. Each network is tested
on up to 60 pictures of each set that it was trained without; what was trained on
pictures as they are is tested behind both methods as well. Prints a Markdown table, and
writes `OUT/stain-trained.json` with 95 % bootstrap intervals over source groups.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
from stain_unseen import evaluated

from napari_leukoseg.segment import load_segmenter
from napari_leukoseg.stain import StainChoice, StainDefault
from napari_leukoseg.training.config import load_config
from napari_leukoseg.training.loop import fit
from napari_leukoseg.training.selection import DataFolder
from napari_leukoseg.training.sources import load_split

CONFIG = Path(__file__).parents[1] / "configs" / "ablation.yaml"
PAIRS = (("bccd", "cellavision"), ("jtsc", "bcisc"))
METHODS = ("reinhard", "learned")
LIMIT = 60

FIGURES = ("cell_dice_per_picture", "nucleus_dice_per_picture", "balanced_accuracy")


def trained(pair: tuple[str, str], stain: str, root: Path, out: Path) -> Path:
    """Train a network without two sets, if need be; folder of its model."""
    config = replace(load_config(CONFIG), leave_out=pair, stain=stain)
    split = load_split(config, root)
    for report in fit(config, split, out, device=torch.device("cpu"), resume=True):
        print(f"\r{out.name} {report}", end="", file=sys.stderr, flush=True)
    return out / "model"


def rows(root: Path, out: Path) -> Iterator[tuple[str, str, dict]]:
    """Give what was trained and tested, the set, and the figures."""
    for pair in PAIRS:
        left = "-".join(pair)
        for stain in ("", *METHODS):
            folder = out / f"{left}-{stain or 'none'}"
            segmenter = load_segmenter(trained(pair, stain, root, folder), "cpu")
            steps = {stain or "none": StainDefault.MODEL}
            for method in () if stain else METHODS:
                steps[f"none, then {method}"] = StainChoice.parse(method).prepared()
            for text, step in steps.items():
                for name in pair:
                    data = DataFolder(name, root / name)
                    yield text, name, evaluated(segmenter, data, step, LIMIT, FIGURES)


def main(root: Path, out: Path) -> None:
    sets = [name for pair in PAIRS for name in pair]
    found: dict[str, dict] = {}
    path = out / "stain-trained.json"
    for text, name, figures in rows(root, out):
        found.setdefault(text, {})[name] = figures
        path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"| trained behind | {' | '.join(sets)} |\n|{' --- |' * (len(sets) + 1)}")
    for text, tested in found.items():
        words = (
            " / ".join(f"{tested[name][key]['value']:.3f}" for key in tested[name])
            for name in sets
        )
        print(f"| {text} | {' | '.join(words)} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

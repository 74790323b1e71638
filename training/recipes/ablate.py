"""Ask what makes the default model carry over to laboratories that it never saw.

`python ablate.py ROOT OUT`: data root and folder of the runs; a run that is finished is
not trained again. Trains `configs/ablation.yaml`, then the same with one thing changed
at a time, equal in steps and seed, and tests each on up to 60 pictures of either set
left out, without a scale. The model as it is serves four more rows: without the close
look, without the scale estimate (cells taken to have the working diameter), told the
usual size of cells of the set instead, and without the classifier of cells. Prints a
table, and writes `OUT/ablation.json` with 95 % bootstrap intervals over source groups.
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from napari_leukoseg.evaluate import EvaluateSettings, evaluate_model
from napari_leukoseg.pipeline import SegmentSettings
from napari_leukoseg.segment import Segmenter, load_segmenter
from napari_leukoseg.segment.close_look import CloseLook
from napari_leukoseg.segment.networks import residual_unet
from napari_leukoseg.steps import run_steps
from napari_leukoseg.training.appearance import AppearanceSettings
from napari_leukoseg.training.config import TrainingConfig, load_config
from napari_leukoseg.training.datasets import load_dataset
from napari_leukoseg.training.loop import fit
from napari_leukoseg.training.selection import DataFolder
from napari_leukoseg.training.sources import load_split

CONFIG = Path(__file__).parents[1] / "configs" / "ablation.yaml"
SETS = ("bccd", "cellavision")
LIMIT = 60
CLOSE_LOOK = CloseLook()

PARTIAL = ("bcisc", "bcisc-fields", "dsb2018")
"""Kinds that outline whole cells only, or nuclei only."""

FIGURES = {
    "cell_dice_per_picture": "cell",
    "nucleus_dice_per_picture": "nucleus",
    "cytoplasm_dice_per_picture": "cytoplasm",
    "recall": "recall",
    "precision": "precision",
    "balanced_accuracy": "classes",
}


@dataclass(frozen=True)
class Variant:
    """A training with one thing changed.

    Parameters
    ----------
    text : str
        What is changed.
    change : callable, optional
        Changes the configuration.
    norm : type of Module, optional
        Normalization layer of the network.
    """

    text: str
    change: Callable[[TrainingConfig], TrainingConfig] = lambda config: config
    norm: type[nn.Module] = residual_unet.ChannelNorm


def without_color_changes(config: TrainingConfig) -> TrainingConfig:
    """Show the colors, light and focus of each picture as they are."""
    none = AppearanceSettings(**dict.fromkeys(asdict(config.crops.appearance), 0.0))
    return replace(config, crops=replace(config.crops, appearance=none))


def without_warps(config: TrainingConfig) -> TrainingConfig:
    """Show one scale only, no mosaics and no pasted cells."""
    crops = replace(
        config.crops, scale_range=(1.0, 1.0), mosaic=0.0, paste=0.0, off_scale=0.0
    )
    return replace(config, crops=crops)


def without_partial_masks(config: TrainingConfig) -> TrainingConfig:
    """Train only on pictures with both nucleus and cytoplasm."""
    data = tuple(source for source in config.data if source.kind not in PARTIAL)
    return replace(config, data=data)


VARIANTS = {
    "whole": Variant("as it is"),
    "plain-colors": Variant(
        "no changes of color, light and focus", without_color_changes
    ),
    "plain-crops": Variant(
        "no changes of scale, mosaics and pasted cells", without_warps
    ),
    "full-masks": Variant("no partial masks", without_partial_masks),
    "batch-norm": Variant("batch normalization", norm=nn.BatchNorm2d),
}


def trained(name: str, variant: Variant, root: Path, out: Path) -> Path:
    """Train a variant, if need be; folder of its model."""
    config = variant.change(load_config(CONFIG))
    if name != "whole":
        config = replace(config, classifier=None)
    split = load_split(config, root)
    for report in fit(config, split, out, device=torch.device("cpu"), resume=True):
        print(f"\r{name} {report}", end="", file=sys.stderr, flush=True)
    return out / "model"


def usual_diameter(kind: str, root: Path) -> float:
    """Median diameter of the labeled cells of a set, in pixels."""
    samples = load_dataset(kind, root / kind)
    return float(np.median([sample.cell_diameter_px for sample in samples]))


def scored(
    segmenter: Segmenter,
    root: Path,
    diameters: dict[str, float | None],
    close_look: CloseLook | None = CLOSE_LOOK,
) -> dict:
    """Figures of each set, at the diameter given for it or at the estimated one."""
    found = {}
    for kind, diameter in diameters.items():
        settings = EvaluateSettings(
            part="all",
            limit=LIMIT,
            segment=SegmentSettings(diameter, close_look=close_look),
        )
        steps = evaluate_model(segmenter, [DataFolder(kind, root / kind)], settings)
        figures = run_steps(steps, lambda _: None).sets[kind].figures
        found[kind] = {n: asdict(figures[n]) for n in FIGURES if n in figures}
    return found


def rows(root: Path, out: Path) -> Iterator[tuple[str, dict]]:
    """Say what was changed, and give the figures."""
    estimated = dict.fromkeys(SETS)
    for name, variant in VARIANTS.items():
        # Networks look the layer up when they are built, so this reaches all of it.
        layer = residual_unet.ChannelNorm
        residual_unet.ChannelNorm = variant.norm
        try:
            segmenter = load_segmenter(trained(name, variant, root, out / name), "cpu")
        finally:
            residual_unet.ChannelNorm = layer
        if name == "whole":
            yield variant.text, scored(segmenter, root, estimated)
            yield "no close look", scored(segmenter, root, estimated, None)
            working = segmenter.card.cell_diameter_px
            yield (
                "no scale estimate",
                scored(segmenter, root, dict.fromkeys(SETS, working)),
            )
            told = {kind: usual_diameter(kind, root) for kind in SETS}
            yield "told the usual size of cells", scored(segmenter, root, told)
            segmenter.model = replace(segmenter.model, classifier=None)
            yield "classes by the network alone", scored(segmenter, root, estimated)
        else:
            yield f"{variant.text}, network alone", scored(segmenter, root, estimated)


def main(root: Path, out: Path) -> None:
    columns = [f"{kind}, {text}" for kind in SETS for text in FIGURES.values()]
    print(f"| | {' | '.join(columns)} |")
    print("| --- |" + " --- |" * len(columns))
    found = {}
    for text, sets in rows(root, out):
        found[text] = sets
        values = (sets[kind].get(name) for kind in SETS for name in FIGURES)
        cells = (f"{value['value']:.3f}" if value else "" for value in values)
        print(f"| {text} | {' | '.join(cells)} |", flush=True)
    path = out / "ablation.json"
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

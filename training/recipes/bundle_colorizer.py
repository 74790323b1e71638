"""Put a trained colorizer into the package, with a card that says what it is.

`python bundle_colorizer.py ROOT RUN OUT [CONFIG]`: data root, run folder, and the
folder of the bundled colorizer. Judges it on the pictures that were kept back, and
writes a record of the run beside the configurations.
"""

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from bundle_model import TRAINING, training_facts

from napari_leukoseg.evaluate import describe_versions
from napari_leukoseg.stain.colorizer import load_colorizer, save_colorizer
from napari_leukoseg.stain.colorizer_base import paint
from napari_leukoseg.training.colorizing import STAINED
from napari_leukoseg.training.colorizing_config import load_any_config
from napari_leukoseg.training.colorizing_crops import ColorCropDataset
from napari_leukoseg.training.sources import load_split

CONFIG = TRAINING / "configs" / "colorizer.yaml"

N_CROPS = 60
"""Crops of each set by which a colorizer is judged."""

PROTOCOL = (
    "Pictures kept back by source field (20 % of each set); the light as it is. Mean "
    "distance of the predicted a*, b* from those of the same pixel after Reinhard's "
    "method (smear) to the same look, over stained pixels; `constant` is that of "
    "the one color that is best for all."
)


def judge(network, samples: list, config, spread) -> dict:
    """Error of color on crops of some pictures."""
    settings = config.crops.unchanged
    crops = ColorCropDataset(samples, settings, np.array(spread), N_CROPS, seed=0)
    errors, colors = [], []
    for crop in (crops[index] for index in range(N_CROPS)):
        with torch.inference_mode():
            painted = paint(crop.darkness[None], network(crop.darkness[None]))[0]
        is_stained = crop.darkness[0] > STAINED
        errors.append((painted - crop.chroma).norm(dim=0)[is_stained])
        colors.append(crop.chroma[:, is_stained])
    every = torch.cat(colors, dim=1)
    constant = (every - every.median(dim=1, keepdim=True).values).norm(dim=0).mean()
    return {
        "pictures": len(crops.canvases),
        "color_error": round(float(torch.cat(errors).mean()), 2),
        "constant": round(float(constant), 2),
    }


def main(root: Path, run: Path, out: Path, config_path: Path = CONFIG) -> None:
    config = load_any_config(config_path)
    colorizer = load_colorizer(run / "model")
    with (run / "log.csv").open(newline="") as file:
        epochs = list(csv.DictReader(file))
    sets: dict[str, list] = {}
    for sample in load_split(config, root).test:
        sets.setdefault(sample.dataset, []).append(sample)
    spread = colorizer.card.spread
    figures = {
        name: judge(colorizer.network, samples, config, spread)
        for name, samples in sets.items()
    }
    training = training_facts(config, root, epochs)
    card = replace(
        colorizer.card,
        name=out.name,
        description=config.description.strip(),
        training=training,
        metrics={"protocol": PROTOCOL, **figures},
    )
    saved = save_colorizer(out, colorizer.network, card)
    record = {
        "config": config_path.name,
        "config_text": config_path.read_text(),
        "training": training,
        "protocol": PROTOCOL,
        "sets": figures,
        "weights_sha256": saved.weights_sha256,
        "versions": describe_versions(),
        "epochs": epochs,
    }
    path = TRAINING / "records" / f"{out.name}.json"
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))

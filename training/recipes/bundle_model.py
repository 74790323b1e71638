"""Put a trained model into the package, with a card that says what it is.

`python bundle_model.py ROOT RUN FIGURES OUT [CONFIG]`: data root, run folder,
file that `leukoseg evaluate --json` wrote for its model, and the folder of the
bundled model. Also writes a record of the run beside the configurations, and prints
the rows of README's table. Where FIGURES is `none`, the card has the figures of the
crops that the last epoch was judged by, and says so.
"""

import csv
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

from napari_leukoseg.errors import DataError
from napari_leukoseg.evaluate import describe_versions
from napari_leukoseg.segment.model import load_model, save_model
from napari_leukoseg.training.config import load_config
from napari_leukoseg.training.sources import digest_data

TRAINING = Path(__file__).parents[1]
CONFIG = TRAINING / "configs" / "default.yaml"

NO_FIGURES = Path("none")

LICENSES = {
    "jtsc": "GPL-3.0 repository; cite Zheng et al., Micron 107, 2018",
    "cellavision": "GPL-3.0 repository; pictures from the CellaVision blog",
    "bcisc": "Apache-2.0; cite Fan et al., J. Biophotonics, 2019",
    "bccd": "MIT",
    "dsb2018": "CC0",
    "labels": "drawn by this package",
}
"""By family of kinds."""

CARD_FIGURES = (
    "cell_dice_per_picture",
    "nucleus_dice_per_picture",
    "cytoplasm_dice_per_picture",
    "cell_dice",
    "nucleus_dice",
    "cytoplasm_dice",
    "recall",
    "precision",
    "class_accuracy",
    "balanced_accuracy",
    "ece",
    "aji",
    "pq",
)
"""Figures that a card repeats; the record has all, with their intervals."""

ROW_FIGURES = (
    "cell_dice_per_picture",
    "nucleus_dice_per_picture",
    "cytoplasm_dice_per_picture",
    "recall",
    "precision",
    "balanced_accuracy",
)
"""Columns of README's table."""


def card_metrics(evaluation: dict) -> dict:
    """Protocol and main figures to four places, without those a set cannot give."""
    metrics = {
        "protocol": " ".join(evaluation["protocol"]["text"]),
        "part": evaluation["protocol"]["part"],
    }
    for name, found in evaluation["sets"].items():
        figures = found["figures"]
        metrics[name] = {
            "pictures": found["n_pictures"],
            "cells": found["n_cells"],
            **{n: round(figures[n]["value"], 4) for n in CARD_FIGURES if n in figures},
        }
    return metrics


def crop_metrics(epoch: dict) -> dict:
    """Figures of the last epoch, for a model that no test part was spent on."""
    names = ("cell_dice", "nucleus_dice", "class_accuracy")
    return {
        "protocol": "Crops of the validation part at the working scale, pixel by pixel "
        "and cell by cell; not the whole pipeline.",
        "part": "validation",
        "crops": {n: round(float(epoch[n]), 4) for n in names if epoch[n] != "nan"},
    }


def read_figures(path: Path, model) -> dict:
    """What `leukoseg evaluate` found for a model."""
    evaluation = json.loads(path.read_text(encoding="utf-8"))
    if evaluation["model"]["weights_sha256"] != model.card.weights_sha256:
        raise DataError(f"{path} tells of another model than {model.card.name}.")
    return evaluation


def training_facts(config, root: Path, epochs: list) -> dict:
    """What a card tells of a run: data with digests and licenses, split, length."""
    return {
        "data": {
            kind: {"sha256": digest, "license": LICENSES[kind.split("-")[0]]}
            for kind, digest in digest_data(config, root).items()
        },
        "split": asdict(config.split),
        "seed": config.seed,
        "epochs": len(epochs),
        "steps": len(epochs) * config.steps_per_epoch,
        "batch_size": config.batch_size,
        "hours": round(sum(float(row["seconds"]) for row in epochs) / 3600, 2),
    }


def readme_row(name: str, found: dict) -> str:
    """One line of README's table."""
    figures = found["figures"]
    values = [f"{figures[n]['value']:.3f}" if n in figures else "" for n in ROW_FIGURES]
    return f"| {' | '.join([name, str(found['n_cells']), *values])} |"


def main(
    root: Path, run: Path, figures_path: Path, out: Path, config_path: Path = CONFIG
) -> None:
    config = load_config(config_path)
    with (run / "log.csv").open(newline="") as file:
        epochs = list(csv.DictReader(file))
    model = load_model(run / "model")
    is_measured = figures_path != NO_FIGURES
    evaluation = read_figures(figures_path, model) if is_measured else {}
    training = training_facts(config, root, epochs)
    if model.classifier is not None:
        training["classifier"] = {"examples": len(model.classifier.examples)}
    card = replace(
        model.card,
        name=out.name,
        description=config.description.strip(),
        training=training,
        metrics=card_metrics(evaluation) if evaluation else crop_metrics(epochs[-1]),
    )
    saved = save_model(out, model.network, card, model.classifier)
    record = {
        "config": config_path.name,
        "config_text": config_path.read_text(),
        "training": training,
        "protocol": evaluation.get("protocol"),
        "sets": evaluation.get("sets", {}),
        "weights_sha256": saved.card.weights_sha256,
        "versions": describe_versions(),
        "epochs": epochs,
    }
    path = TRAINING / "records" / f"{out.name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    for name, found in record["sets"].items():
        print(readme_row(name, found))


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))

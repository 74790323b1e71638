"""Put a trained model into the package, with a card that says what it is.

`python bundle_model.py ROOT RUN FIGURES OUT`: data root, run folder of
`train_default.py`, `figures.json` of `evaluate_default.py`, and the folder of
the bundled model. Also writes a record of the run beside the configurations.
"""

import csv
import hashlib
import json
import math
import platform
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from napari_leukoseg.segment.model import load_model, save_model
from napari_leukoseg.training.config import load_config

TRAINING = Path(__file__).parents[1]

LICENSES = {
    "jtsc": "GPL-3.0 repository; cite Zheng et al., Micron 107, 2018",
    "cellavision": "GPL-3.0 repository; pictures from the CellaVision blog",
    "bcisc": "Apache-2.0; cite Fan et al., J. Biophotonics, 2019",
    "bccd": "MIT",
    "dsb2018": "CC0",
}

PROTOCOL = (
    "Kept-back part of the sets trained on, split by source group (20 %, stratified "
    "by class, seed 0), through the whole pipeline, without giving a scale. Dice is "
    "the mean over labeled cells against the predicted cell of largest overlap; "
    "picture_* is the mean over pictures of all cells together; recall and precision "
    "are at IoU 0.5. Laboratories other than these were not tested."
)


def digest_folder(folder: Path) -> str:
    """SHA-256 over the names and contents of all files, in order."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        total.update(path.relative_to(folder).as_posix().encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def rounded(figures: dict) -> dict:
    """Figures to four places, without those that a set cannot give."""
    return {
        name: round(value, 4) if isinstance(value, float) else value
        for name, value in figures.items()
        if not (isinstance(value, float) and math.isnan(value))
    }


def main(root: Path, run: Path, figures_path: Path, out: Path) -> None:
    config_path = TRAINING / "configs" / "default.yaml"
    config = load_config(config_path)
    with (run / "log.csv").open(newline="") as file:
        epochs = list(csv.DictReader(file))
    folders = sorted({source.folder for source in config.data})
    figures = json.loads(figures_path.read_text())
    training = {
        "data": {
            name: {"sha256": digest_folder(root / name), "license": LICENSES[name]}
            for name in folders
        },
        "seed": config.seed,
        "epochs": len(epochs),
        "steps": len(epochs) * config.steps_per_epoch,
        "batch_size": config.batch_size,
        "hours": round(sum(float(row["seconds"]) for row in epochs) / 3600, 2),
    }
    metrics = {
        "protocol": PROTOCOL,
        "part": figures["part"],
        **{name: rounded(values) for name, values in figures["summary"].items()},
    }
    model = load_model(run / "model")
    card = replace(
        model.card,
        name=out.name,
        description=config.description.strip(),
        training=training,
        metrics=metrics,
    )
    saved = save_model(out, model.network, card)
    record = {
        "config": config_path.name,
        "config_text": config_path.read_text(),
        "training": training,
        "metrics": metrics,
        "weights_sha256": saved.card.weights_sha256,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("napari-leukoseg", "torch", "numpy")},
        },
        "epochs": epochs,
    }
    path = TRAINING / "records" / f"{out.name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))

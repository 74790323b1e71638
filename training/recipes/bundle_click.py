"""Put a trained network for clicks into the package, with card and record.

`python bundle_click.py ROOT RUN OUT BASE FIGURES LEFT_OUT...`: data root, run folder,
folder of the bundled model, configuration of the run whose weights it started from,
what evaluate_click.py wrote for it, and for each network that never saw a data set.
"""

import json
import platform
import sys
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

from bundle_model import LICENSES

from napari_leukoseg.errors import DataError
from napari_leukoseg.segment.model import load_model, save_model
from napari_leukoseg.training.config import load_config
from napari_leukoseg.training.reports import read_log
from napari_leukoseg.training.sources import digest_data

TRAINING = Path(__file__).parents[1]
CONFIG = TRAINING / "configs" / "click.yaml"


def read_figures(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def card_sets(figures: dict) -> dict:
    """Figures of each set that a card repeats, with the first click in the middle."""
    return {name: rows["deepest"] for name, rows in figures["sets"].items()}


def main(
    root: Path, run: Path, out: Path, base_path: Path, own: Path, *left_out: Path
) -> None:
    config, base = load_config(CONFIG), load_config(base_path)
    model, figures = load_model(run / "model"), read_figures(own)
    if figures["weights_sha256"] != model.card.weights_sha256:
        raise DataError(f"{own} tells of another model than {run / 'model'}.")
    epochs = read_log(run / "log.csv")
    digests = digest_data(base, root) | digest_data(config, root)
    training = {
        "data": {
            kind: {"sha256": digest, "license": LICENSES[kind.split("-")[0]]}
            for kind, digest in digests.items()
        },
        "split": asdict(config.split),
        "seed": config.seed,
        "initial": f"weights of {base_path.relative_to(TRAINING.parent).as_posix()}",
        "epochs": len(epochs),
        "steps": len(epochs) * config.steps_per_epoch,
        "batch_size": config.batch_size,
        "hours": round(sum(report.seconds for report in epochs) / 3600, 2),
    }
    others = [read_figures(path) for path in left_out]
    card = replace(
        model.card,
        name=out.name,
        description=config.description.strip(),
        training=training,
        metrics={
            "protocol": figures["protocol"],
            "part": "test",
            **card_sets(figures),
            "left out, by networks trained likewise without the set": {
                name: rows
                for other in others
                for name, rows in card_sets(other).items()
            },
        },
    )
    saved = save_model(out, model.network, card)
    record = {
        "config": CONFIG.name,
        "config_text": CONFIG.read_text(encoding="utf-8"),
        "training": training,
        "figures": figures,
        "left_out": others,
        "weights_sha256": saved.card.weights_sha256,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("napari-leukoseg", "torch", "numpy")},
        },
        "epochs": [asdict(report) for report in epochs],
    }
    path = TRAINING / "records" / f"{out.name}.json"
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    root, run, out, base, *figures = (Path(argument) for argument in sys.argv[1:])
    main(root, run, out, base.resolve(), *figures)

"""Train the bundled default model: `python train_default.py ROOT OUT [CONFIG]`."""

import logging
import sys
from pathlib import Path

from napari_leukoseg.segment.device import resolve_device
from napari_leukoseg.training.config import load_config
from napari_leukoseg.training.datasets import load_dataset
from napari_leukoseg.training.loop import fit
from napari_leukoseg.training.splits import split_by_group

CONFIG = Path(__file__).parents[1] / "configs" / "default.yaml"


def main(root: Path, out: Path, config_path: Path = CONFIG) -> None:
    config = load_config(config_path)
    samples = [
        sample
        for source in config.data
        for sample in load_dataset(source.kind, root / source.folder)
    ]
    split = split_by_group(samples, config.split)
    device = resolve_device("auto")
    for report in fit(config, split, out, device=device, resume=True):
        logging.info("%s", report)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    main(*(Path(argument) for argument in sys.argv[1:]))

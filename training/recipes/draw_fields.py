"""Draw the fields that the default model also learns from: `draw_fields.py OUT`."""

import sys
from pathlib import Path

import numpy as np

from napari_leukoseg.errors import DataError
from napari_leukoseg.synthetic import LOOKS, Illumination, SmearSettings, write_field

FIELDS = 60
SHAPE = (512, 512)
SEED = 20_000
"""Far from the seeds of tests and of `sample_data`."""


def main(out: Path) -> None:
    if out.exists() and any(out.iterdir()):
        raise DataError(f"{out} is not empty.")
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    for number in range(FIELDS):
        settings = SmearSettings(
            SHAPE,
            seed=SEED + number,
            cell_diameter_px=float(rng.uniform(60, 96)),
            look=list(LOOKS)[number % len(LOOKS)],
            white_cell_fraction=float(rng.uniform(0.02, 0.08)),
            red_cell_fraction=float(rng.uniform(0.15, 0.55)),
            class_weights=(1, 1, 1, 1, 1),
            illumination=list(Illumination)[number % len(Illumination)],
            defocus_um=float(rng.uniform(0, 0.25)),
        )
        for _ in write_field(out / f"{number:03}.png", settings, with_labels=True):
            pass


if __name__ == "__main__":
    main(Path(sys.argv[1]))

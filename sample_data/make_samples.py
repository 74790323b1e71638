"""Draws the sample fields of this folder again, labels included.

Run from anywhere: ``python sample_data/make_samples.py [FOLDER]``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from napari_leukoseg.synthetic import Illumination, SmearSettings, write_field

EVERY_TYPE = (1.0, 1.0, 1.0, 1.0, 1.0)

SAMPLES = {
    "wright-giemsa": SmearSettings(
        shape=(400, 560),
        seed=370,
        cell_diameter_px=90.0,
        look="wright-giemsa",
        white_cell_fraction=0.18,
        class_weights=EVERY_TYPE,
        illumination=Illumination.FALL_OFF,
        noise=1.0,
    ),
    "may-grunwald-giemsa": SmearSettings(
        shape=(480, 640),
        seed=221,
        cell_diameter_px=130.0,
        look="may-grunwald-giemsa",
        white_cell_fraction=0.1,
        illumination=Illumination.FALL_OFF,
        noise=0.8,
    ),
    "rapid": SmearSettings(
        shape=(400, 560),
        seed=128,
        cell_diameter_px=80.0,
        look="rapid",
        white_cell_fraction=0.1,
        class_weights=EVERY_TYPE,
        noise=1.0,
    ),
    "lamp-spot-crowded": SmearSettings(
        shape=(480, 640),
        seed=201,
        cell_diameter_px=60.0,
        look="dim",
        white_cell_fraction=0.2,
        touching_share=0.7,
        illumination=Illumination.SPOT,
        noise=0.8,
    ),
}


def make_samples(folder: Path) -> None:
    """Write every sample field and its labels."""
    for name, settings in SAMPLES.items():
        for _ in write_field(folder / f"{name}.png", settings, with_labels=True):
            pass


if __name__ == "__main__":
    make_samples(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)

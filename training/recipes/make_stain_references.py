"""Measure the stain references that ship with the package.

`python make_stain_references.py ROOT OUT`: data root, and the folder of the
references. Each is a file of statistics; no picture or part of one is kept.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from napari_leukoseg.stain import ColorCounts, StainReference
from napari_leukoseg.synthetic import Illumination, Smear, SmearSettings

N_PICTURES = 40
"""Pictures measured of each set, evenly spaced by name; medians hardly move after."""

DRAWN_LOOK, DRAWN_SHAPE, N_DRAWN = "wright-giemsa", (600, 800), 8

SETS = {
    "jtsc": (
        "Dataset */*.bmp",
        "Crops of rapidly stained smears of the Jiangxi Tecom Science Corporation, "
        "yellow ground.",
        "GPL-3.0 repository; cite Zheng et al., Micron 107, 2018",
    ),
    "cellavision": (
        "Dataset */*.bmp",
        "Crops of purple smears of the CellaVision blog.",
        "GPL-3.0 repository, rights of the pictures unclear; cite Zheng et al., "
        "Micron 107, 2018",
    ),
    "bcisc": (
        "sub-images/images/*.jpg",
        "Crops of dimly lit smears of BCISC.",
        "Apache-2.0; cite Fan et al., J. Biophotonics, 2019",
    ),
    "bccd": ("images/*.jpg", "Fields of pale smears of BCCD.", "MIT"),
}
"""Pictures, description and license of each open set."""


def read_colors(path: Path) -> ColorCounts:
    with Image.open(path) as picture:
        return ColorCounts.of_image(np.asarray(picture.convert("RGB")))


def measure_set(root: Path, name: str) -> StainReference:
    pattern, description, license_ = SETS[name]
    paths = sorted((root / name).glob(pattern))
    chosen = np.linspace(0, len(paths) - 1, min(N_PICTURES, len(paths)))
    return StainReference.measure(
        name,
        (read_colors(paths[index]) for index in chosen.round().astype(int)),
        description=f"{description} Medians over {len(chosen)} of {len(paths)} "
        "pictures.",
        license=license_,
    )


def measure_look() -> StainReference:
    fields = (
        replace(
            SmearSettings.for_field(DRAWN_SHAPE, seed),
            look=DRAWN_LOOK,
            illumination=Illumination.FLAT,
        )
        for seed in range(N_DRAWN)
    )
    return StainReference.measure(
        DRAWN_LOOK,
        (ColorCounts.of_image(Smear(field).draw().image) for field in fields),
        description="Drawn smears with the colors of a well stained Wright-Giemsa "
        f"smear. Medians over {N_DRAWN} fields.",
        license="BSD-3-Clause",
    )


def main(root: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for reference in (measure_look(), *(measure_set(root, name) for name in SETS)):
        path = out / f"{reference.name}.json"
        reference.save(path)
        print(path, len(reference.statistics), "statistics", flush=True)


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))

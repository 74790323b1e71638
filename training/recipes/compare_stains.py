"""Show what stain standardization does to the open data.

`python compare_stains.py ROOT OUT [N] [REFERENCE...]`: data root, folder of the
results, pictures of each set (evenly spaced by name; 0 for all), and names of
stain references (all that are bundled if none). Writes `stains.json` and
`stains.md`. Only pictures that were kept back from training count, since one
method is learned.

Spread is the mean distance between the sets' mean a*, b*, in CIELAB units: of
nucleus, of cytoplasm and of what lies outside white cells (`surround`), by the
experts' masks, and of the ground, which is the brightest fifth of the surround
before anything is done. BCISC does not tell nucleus from cytoplasm and counts
for surround and ground alone. SSIM is that of L* before and after, over all
sets; `relative` with L* as a share of the ground's in both, so that a change of
exposure is no loss of structure. `contrast` is the mean distance between the
mean a*, b* of nucleus and cytoplasm within a set: a method that paints all alike
has no spread, and no contrast either. `ground_delta_e` is the mean difference
(CIEDE2000) of the ground from the reference's.
"""

import json
import sys
from collections import defaultdict
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import structural_similarity

from napari_leukoseg.stain import (
    Method,
    StainEstimationError,
    StainReference,
    Variant,
    bundled_references,
    make_normalizer,
)
from napari_leukoseg.training.colorizing_config import load_any_config
from napari_leukoseg.training.sources import load_split

CONFIGS = Path(__file__).parents[1] / "configs"

THRESHOLDS = {"jtsc": (80, 208), "cellavision": (80, 208), "bccd": (80, 208)}
"""Gray levels of a mask between surround, cytoplasm and nucleus."""

PATTERNS = {
    "jtsc": "Dataset */*.bmp",
    "cellavision": "Dataset */*.bmp",
    "bcisc": "sub-images/images/*.jpg",
    "bccd": "images/*.jpg",
}

LEARNED = [(Method.LEARNED, variant) for variant in Variant]
"""Takes the statistics of another method."""

PARTS = ("surround", "cytoplasm", "nucleus")
GROUND_SHARE = 0.2


def read(path: Path, mode: str):
    with Image.open(path) as picture:
        return np.asarray(picture.convert(mode))


def read_parts(root: Path, name: str, path: Path) -> dict:
    """Mask of each structure that the experts marked."""
    if name == "bcisc":
        mask = root / name / "sub-images" / "masks" / f"{path.stem}.png"
        return {"surround": read(mask, "L") <= 127}
    mask = path.with_suffix(".png")
    if name == "bccd":
        number = int(path.stem.rsplit("_", 1)[1])
        mask = root / name / "masks" / f"BloodImage_Mask_{number:05d}.png"
    kinds = np.digitize(read(mask, "L"), THRESHOLDS[name])
    return {part: kinds == index for index, part in enumerate(PARTS)}


def kept_back(root: Path) -> set[tuple[str, str]]:
    """Set and name of the pictures that the bundled colorizer never saw."""
    config = load_any_config(CONFIGS / "colorizer.yaml")
    return {(sample.dataset, sample.name) for sample in load_split(config, root).test}


def load(root: Path, n_pictures: int) -> list:
    """Set, picture and parts of an even choice from each set."""
    loaded, unseen = [], kept_back(root)
    for name, pattern in PATTERNS.items():
        paths = sorted((root / name).glob(pattern))
        paths = [path for path in paths if (name, path.stem) in unseen]
        count = min(n_pictures or len(paths), len(paths))
        for index in np.linspace(0, len(paths) - 1, count).round().astype(int):
            path = paths[index]
            image, parts = read(path, "RGB"), read_parts(root, name, path)
            light = rgb2lab(image)[..., 0]
            bright = np.quantile(light[parts["surround"]], 1 - GROUND_SHARE)
            parts["ground"] = parts["surround"] & (light >= bright)
            loaded.append((name, image, parts))
    return loaded


def spread(means: dict) -> float:
    """Mean distance between the sets' mean a*, b*."""
    centers = [np.mean(values, axis=0) for values in means.values()]
    return float(np.mean([np.linalg.norm(a - b) for a, b in combinations(centers, 2)]))


def contrast(colors: dict) -> float:
    """Mean distance of nucleus and cytoplasm within each set, in a*, b*."""
    parts = colors["nucleus"], colors["cytoplasm"]
    names = parts[0].keys() & parts[1].keys()
    centers = [[np.mean(part[name], axis=0) for part in parts] for name in names]
    return float(np.mean([np.linalg.norm(a - b) for a, b in centers]))


def similarity(before, after) -> float:
    return float(structural_similarity(before, after, data_range=100.0))


def evaluate(pictures: list, transform, ground) -> dict:
    """Figures of one way to transform; what cannot be transformed stays as it is."""
    colors = defaultdict(lambda: defaultdict(list))
    ssim, relative, delta_e, n_failed = [], [], [], 0
    for name, image, parts in pictures:
        try:
            lab = rgb2lab(transform(image))
        except StainEstimationError:
            n_failed += 1
            lab = rgb2lab(image)
        for part, mask in parts.items():
            if mask.any():
                colors[part][name].append(lab[mask].mean(axis=0)[1:])
        old = rgb2lab(image)[..., 0]
        new_ground = np.median(lab[parts["ground"]], axis=0)
        old_light = np.median(old[parts["ground"]])
        ssim.append(similarity(old, lab[..., 0]))
        relative.append(
            similarity(100 * old / old_light, 100 * lab[..., 0] / new_ground[0])
        )
        if ground is not None:
            delta_e.append(float(deltaE_ciede2000(new_ground, ground)))
    return {
        **{f"spread_{part}": spread(means) for part, means in colors.items()},
        "contrast": contrast(colors),
        "ssim": float(np.mean(ssim)),
        "ssim_relative": float(np.mean(relative)),
        "ground_delta_e": float(np.mean(delta_e)) if delta_e else None,
        "n_failed": n_failed,
        "n_pictures": len(pictures),
    }


def reference_ground(reference: StainReference):
    """CIELAB color of the reference's ground."""
    ground = reference.statistics[Method.REINHARD, Variant.SMEAR].ground
    return rgb2lab(ground[None, None] / 255.0)[0, 0]


def table(rows: list) -> str:
    columns = list(rows[0])
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    for row in rows:
        cells = [
            f"{value:.3f}"
            if isinstance(value, float) and "ssim" in name
            else f"{value:.1f}"
            if isinstance(value, float)
            else ""
            if value is None
            else str(value)
            for name, value in row.items()
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main(root: Path, out: Path, n_pictures: int, names: list[str]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    pictures = load(root, n_pictures)
    before = {"reference": "", "method": "none", "variant": ""}
    rows = [before | evaluate(pictures, lambda image: image, None)]
    for name in names or bundled_references():
        reference = StainReference.load(bundled_references()[name])
        ground = reference_ground(reference)
        for method, variant in [*reference.statistics, *LEARNED]:
            normalizer = reference.normalizer(method, variant)
            key = {"reference": name, "method": str(method), "variant": str(variant)}
            rows.append(key | evaluate(pictures, normalizer.transform, ground))
            print(rows[-1], flush=True)
    retinex = make_normalizer(Method.RETINEX, Variant.PUBLISHED)
    key = {"reference": "", "method": "retinex", "variant": ""}
    rows.append(key | evaluate(pictures, retinex.transform, None))
    (out / "stains.json").write_text(json.dumps(rows, indent=2) + "\n")
    (out / "stains.md").write_text(table(rows))
    print(table(rows))


if __name__ == "__main__":
    root, out, *more = sys.argv[1:]
    count = int(more[0]) if more else 0
    main(Path(root), Path(out), count, more[1:])

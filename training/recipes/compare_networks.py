"""Compare the bundled networks on one split, and with a laboratory left out.

`python compare_networks.py ROOT OUT [PAGE]`: data root, folder of results (a network
whose result is there is not run again), and the Markdown page of which the part
between the two marks is written anew.

Each network segments the test part of each set of `SETS` (whole pipeline, one look, no
scale given). A figure of the table is over all these pictures together, those that
cannot give it left out, with a 95 % bootstrap interval over source groups. The
columns of the laboratory left out are of a network trained without it
(`training/records/lodo`), on the same pictures of that laboratory. The last columns are
of systems with a stain step, without it.
"""

import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from rich.progress import track

from napari_leukoseg.evaluate import EvaluateSettings, evaluate_model, given_classes
from napari_leukoseg.geometry import Region
from napari_leukoseg.pipeline import SegmentSettings
from napari_leukoseg.segment import Segmenter, load_segmenter
from napari_leukoseg.segment.model import bundled_models
from napari_leukoseg.segment.tiling import plan_tiles
from napari_leukoseg.stain import StainDefault
from napari_leukoseg.steps import run_steps
from napari_leukoseg.training.bootstrap import Figure
from napari_leukoseg.training.selection import DataFolder
from napari_leukoseg.training.summary import summarize

NETWORKS = {
    "default": "ours",
    "stain-standardized": "system",
    "flexunet": "system",
    "cbam-unet": "system",
    "mtl-nucleus": "system",
    "hematology-mil": "system",
    "unet": "baseline",
    "deeplabv3plus": "baseline",
    "pspnet": "baseline",
    "fcn": "baseline",
}
"""What each bundled network is."""

SETS = ("jtsc", "cellavision", "bcisc", "bccd")
NUCLEUS_SETS = ("jtsc", "cellavision", "bccd")
"""Those that outline nuclei."""

ONE_LOOK = SegmentSettings(close_look=None)
"""The published networks look once, so all do."""

NO_STEP = replace(ONE_LOOK, stain=StainDefault.NONE)
"""The same, and pictures stay as they are."""

LEFT_OUT = "bccd"
LODO = Path(__file__).parents[1] / "records" / "lodo" / f"without-{LEFT_OUT}"
"""Models trained without that set, by the name of the network."""

FIGURES = {
    "cell_dice_per_picture": "cell",
    "nucleus_dice_per_picture": "nucleus",
    "cytoplasm_dice_per_picture": "cytoplasm",
    "balanced_accuracy": "classes",
}

FIELD_PX = (1536, 2048)
FIELD_CELL_PX = 60.0
"""A camera field as a 40x objective shows it."""

REPEATS = 3
MARKS = ("<!-- table: begin -->", "<!-- table: end -->")


def evaluated(
    name: str,
    segmenter: Segmenter,
    sets: tuple,
    root: Path,
    segment: SegmentSettings = ONE_LOOK,
) -> dict:
    """Figures over all pictures of some sets, and over those of each."""
    kinds = SETS if segmenter.model.network.has_cytoplasm else NUCLEUS_SETS
    data = [DataFolder(kind, root / kind) for kind in sets if kind in kinds]
    found = run_steps(
        evaluate_model(segmenter, data, EvaluateSettings(segment=segment)),
        lambda step: print(
            f"\r{name} {step.done}/{step.total}", end="", file=sys.stderr
        ),
    )
    pictures = [
        replace(p, source_group=f"{p.dataset}/{p.source_group}") for p in found.pictures
    ]
    together = summarize(pictures, given_classes(segmenter.card, found.pictures))
    return {
        "together": {n: asdict(f) for n, f in together.figures.items()},
        "sets": {
            set_name: {n: asdict(f) for n, f in summary.figures.items()}
            for set_name, summary in found.sets.items()
        },
        "protocol": found.protocol.sentences(),
    }


def seconds_per_field(segmenter: Segmenter) -> float:
    """Shortest time of the network on a field of 2048x1536 pixels."""
    plan = plan_tiles(
        FIELD_PX,
        Region.of_shape(FIELD_PX),
        cell_diameter_px=FIELD_CELL_PX,
        working_diameter_px=segmenter.card.cell_diameter_px,
        window_px=segmenter.window_px,
        batch_size=segmenter.batch_size,
    )
    window = np.full((segmenter.window_px, segmenter.window_px, 3), 200, np.uint8)
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        for _ in plan.tiles:
            segmenter.predict([window])
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def described(segmenter: Segmenter) -> dict:
    """What a network is and what its training took."""
    card = segmenter.card
    weights = segmenter.model.network.parameters()
    return {
        "parameters": sum(p.numel() for p in weights),
        "minutes": 60 * card.training.get("hours", float("nan")),
        "is_narrow": "Narrow" in card.description,
        "seconds_per_field": seconds_per_field(segmenter),
    }


def result_of(name: str, root: Path, out: Path) -> dict:
    """Run a network, or take what an earlier call found."""
    path = out / f"{name}.json"
    segmenter = load_segmenter(name, "auto")
    result = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if not result:
        result = described(segmenter)
        result["known"] = evaluated(name, segmenter, SETS, root)
        model = LODO / name
        if model.exists():
            without = load_segmenter(model, "auto")
            result["unknown"] = evaluated(name, without, (LEFT_OUT,), root)
    if segmenter.card.stain and "no_step" not in result:
        result["no_step"] = evaluated(name, segmenter, SETS, root, NO_STEP)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return result


def cell(figures: dict, name: str) -> str:
    """A figure and its interval, empty where there is none."""
    if name not in figures:
        return ""
    figure = Figure(**figures[name])
    return f"{figure.value:.3f} ({figure.low:.3f}–{figure.high:.3f})"


def row(name: str, result: dict) -> str:
    """One line of the table."""
    known = result["known"]["together"]
    at_home = result["known"]["sets"].get(LEFT_OUT, {})
    unknown = result.get("unknown", {}).get("together", {})
    no_step = result.get("no_step", {}).get("together", {})
    return (
        " | ".join(
            [
                f"| `{name}`{' (narrow)' if result['is_narrow'] else ''}",
                NETWORKS[name],
                f"{result['parameters'] / 1e6:.2f}",
                f"{result['minutes']:.0f}",
                f"{result['seconds_per_field']:.1f}",
                *(cell(known, figure) for figure in FIGURES),
                *(cell(at_home, figure) for figure in FIGURES),
                *(cell(unknown, figure) for figure in FIGURES),
                *(cell(no_step, figure) for figure in FIGURES),
            ]
        )
        + " |"
    )


def table(results: dict) -> str:
    """All lines, the header first."""
    titles = [
        "network",
        "",
        "million parameters",
        "training, min",
        "s per field",
        *(f"{title}" for title in FIGURES.values()),
        *(f"{LEFT_OUT}, {title}" for title in FIGURES.values()),
        *(f"{LEFT_OUT} never seen, {title}" for title in FIGURES.values()),
        *(f"no stain step, {title}" for title in FIGURES.values()),
    ]
    lines = [f"| {' | '.join(titles)} |", "|" + " --- |" * len(titles)]
    return "\n".join([*lines, *(row(name, r) for name, r in results.items())])


def main(root: Path, out: Path, page: Path | None = None) -> None:
    out.mkdir(parents=True, exist_ok=True)
    names = [name for name in NETWORKS if name in bundled_models()]
    results = {name: result_of(name, root, out) for name in track(names)}
    lines = table(results)
    print(lines)
    if page is not None:
        before, rest = page.read_text(encoding="utf-8").split(MARKS[0])
        after = rest.split(MARKS[1])[1]
        text = f"{before}{MARKS[0]}\n{lines}\n{MARKS[1]}{after}"
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))

"""Say what stain standardization brings on laboratories that a network never saw.

`python stain_unseen.py ROOT OUT [N]`: data root, file of the results, and the most
pictures of each set (all of them if absent). The networks are those of
`training/records/lodo`, each on the set that it was trained without, as it is and
after each method (to the Wright-Giemsa reference, estimated from each picture alone).
Prints a Markdown table.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from napari_leukoseg.evaluate import EvaluateSettings, evaluate_model
from napari_leukoseg.pipeline import SegmentSettings
from napari_leukoseg.segment import load_segmenter
from napari_leukoseg.stain import Method, StainChoice, StainDefault
from napari_leukoseg.steps import run_steps
from napari_leukoseg.training.selection import DataFolder

LODO = Path(__file__).parents[1] / "records" / "lodo"
SETS = tuple(
    name
    for name in ("jtsc", "cellavision", "bcisc", "bccd")
    if (LODO / f"without-{name}").is_dir()
)
FIGURES = {
    "cell_dice_per_picture": "cell",
    "nucleus_dice_per_picture": "nucleus",
    "class_accuracy": "class",
}


def evaluated(
    segmenter, data: DataFolder, stain, limit: int | None, names=tuple(FIGURES)
) -> dict:
    """Figures of a network on a set, after a stain step."""
    segment = SegmentSettings(stain=stain, close_look=None)
    settings = EvaluateSettings("all", limit=limit, segment=segment)
    found = run_steps(evaluate_model(segmenter, [data], settings), lambda _: None)
    (summary,) = found.sets.values()
    return {
        name: asdict(summary.figures[name]) for name in names if name in summary.figures
    }


def words(figures: dict) -> str:
    """Main figures of one set in one cell of the table."""
    return " / ".join(f"{figures[n]['value']:.3f}" for n in FIGURES if n in figures)


def main(root: Path, out: Path, limit: int | None = None) -> None:
    steps = {"none": StainDefault.NONE}
    steps |= {method.value: StainChoice(method).prepared() for method in Method}
    results = json.loads(out.read_text()) if out.exists() else {}
    for name in SETS:
        segmenter = load_segmenter(LODO / f"without-{name}" / "default", "auto")
        for step, stain in steps.items():
            found = results.setdefault(step, {})
            if name not in found:
                data = DataFolder(name, root / name)
                found[name] = evaluated(segmenter, data, stain, limit)
                out.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
                print(step, name, words(found[name]), flush=True)
    print(f"| stain step | {' | '.join(SETS)} |\n|{' --- |' * (len(SETS) + 1)}")
    for step, found in results.items():
        print(f"| {step} | {' | '.join(words(found[name]) for name in SETS)} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *(int(n) for n in sys.argv[3:]))

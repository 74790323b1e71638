"""Show what fine-tuning on a few corrected cells of an unknown laboratory does.

`python finetune_curves.py SET ROOT BASE OUT [CELLS...] [--test N] [--old N]
[--preset P] [--new-class ID] [--seed S]`: data set that BASE, a model folder, was
trained without (`training/records/lodo/without-SET/default`); data root; folder of the
results; and how many cells are corrected.

Corrections are simulated through real cases: BASE segments pictures of SET, whatever
differs from the expert's masks is edited as a person would (class, outline, missing
and false cells), and all cells are marked reviewed. `leukoseg finetune` then works on
these cases as it does for a user, and keeps aside a part of them. The smaller choices
of pictures are parts of the larger ones. Base and new models are tested on `--test`
pictures of SET of which none was corrected, and on `--old` pictures of each other set
that BASE was not trained on, through the whole pipeline, no scale given.

With `--new-class ID`, BASE is first made to know nothing of that class: its outputs
for it are removed, and the class gets an id of a laboratory's own; tests take it for
that; CELLS are then those of the new class. Writes `curves-SET-SEED.json`, and prints
the figures with their differences from those of the base.
"""

import argparse
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from napari_leukoseg.case import Case
from napari_leukoseg.classes import UNCLASSIFIED, CellClass
from napari_leukoseg.correct import (
    AddCell,
    AssignClass,
    DeleteCells,
    MarkAreaReviewed,
    MarkReviewed,
    ReplaceMasks,
    change_scheme,
)
from napari_leukoseg.evaluate import predict_picture
from napari_leukoseg.geometry import Region
from napari_leukoseg.pipeline import SegmentSettings, segment_slide
from napari_leukoseg.segment import load_segmenter
from napari_leukoseg.segment.model import load_model, save_model
from napari_leukoseg.segment.networks import build_network
from napari_leukoseg.slide import open_slide
from napari_leukoseg.steps import run_steps
from napari_leukoseg.training.bootstrap import GroupResampling
from napari_leukoseg.training.class_figures import CellTable, count_confusion
from napari_leukoseg.training.classifier_fit import FitSettings, fit_classifier
from napari_leukoseg.training.datasets import load_dataset
from napari_leukoseg.training.evaluation import score_picture
from napari_leukoseg.training.finetuning import (
    COMPARED,
    FinetuneProgress,
    FinetuneSettings,
    Preset,
    finetune,
    survey_sources,
)
from napari_leukoseg.training.finetuning.judging import (
    GOOD_DICE,
    interval,
    sample_figures,
)
from napari_leukoseg.training.sample import IS_BACKGROUND, IS_CELL, IS_NUCLEUS
from napari_leukoseg.training.selection import recorded_split
from napari_leukoseg.training.splits import split_by_group

ONE_LOOK = SegmentSettings(close_look=None)
"""How pictures are segmented: outlines gain by a close look what fine-tuning would."""

OLD = {"jtsc": "jtsc", "cellavision": "cellavision", "bcisc": "bcisc", "bccd": "bccd"}
"""Sets with a class for nearly every picture; folder of each."""

NEW_CLASS = CellClass(7, "new class", "7", "#ff00ff")

N_RESAMPLES = 2000


def counted(sample, new_class: int | None) -> int:
    """Cells of a picture that count: all, or those of the new class."""
    if new_class is None:
        return len(sample.instance_ids)
    return sum(c == NEW_CLASS.id for c in sample.cell_classes.values())


def choose(samples: list, n_cells: int, new_class, rng: np.random.Generator) -> list:
    """Draw pictures, group by group, until they have so many cells that count."""
    groups = sorted({sample.source_group for sample in samples})
    order = [groups[i] for i in rng.permutation(len(groups))]
    chosen, n_found = [], 0
    for group in order:
        for sample in samples:
            if sample.source_group == group and n_found < n_cells:
                chosen.append(sample)
                n_found += counted(sample, new_class)
    return chosen


def correct(case: Case, sample) -> int:
    """Edit a case until it says what the expert says; return the number of edits."""
    whole, n_edits = Region.of_shape(case.shape), 0
    nucleus = sample.allowed == IS_NUCLEUS
    has_nucleus = bool(nucleus.any())
    kept = set()
    for cell_id in sample.instance_ids.tolist():
        truth = sample.instances == cell_id
        ids = case.read_ids(whole)
        found, counts = np.unique(ids[truth & (ids > 0)], return_counts=True)
        class_id = sample.cell_classes.get(cell_id, UNCLASSIFIED)
        best = int(found[counts.argmax()]) if found.size else 0
        is_free = best and best not in kept
        own = ids == best if is_free else np.zeros_like(truth)
        dice = 2 * (own & truth).sum() / (own.sum() + truth.sum())
        inner = nucleus & truth
        if not has_nucleus and is_free:
            inner = (case.read_labels("nucleus", whole) == best) & truth
        n_edits += int(not is_free or dice < GOOD_DICE)
        if dice <= 0.5:
            edit = AddCell(whole, inner, truth & ~inner, class_id, overwrite=True)
            edit.apply(case)
            kept.add(int(case.read_ids(whole)[truth].max()))
            continue
        ReplaceMasks(best, whole, inner, truth & ~inner, overwrite=True).apply(case)
        if case.cell_row(best)["class_id"] != class_id and class_id != UNCLASSIFIED:
            n_edits += int(dice >= GOOD_DICE)
            AssignClass((best,), class_id).apply(case)
        kept.add(best)
    return n_edits + remove_false(case, sample, kept)


def remove_false(case: Case, sample, kept: set) -> int:
    """Delete cells where the expert says that none is; mark the others as reviewed."""
    ids = case.read_ids(Region.of_shape(case.shape))
    is_ground = sample.allowed == IS_BACKGROUND
    others = set(np.unique(ids).tolist()) - kept - {0}
    false = [i for i in others if is_ground[ids == i].mean() > 0.5]
    if false:
        DeleteCells(tuple(false)).apply(case)
    MarkReviewed(tuple(sorted(kept))).apply(case)
    is_known = bool(((sample.allowed & IS_CELL > 0) == (sample.instances != 0)).all())
    if is_known and not others - set(false):
        MarkAreaReviewed().apply(case)
    return len(false)


def make_cases(samples: list, segmenter, folder: Path, scheme) -> list:
    """Segment and correct pictures; one row of cells and edits for each case."""
    rows = []
    for number, sample in enumerate(samples):
        path = folder / f"{number:03}.png"
        Image.fromarray(sample.image).save(path, compress_level=1)
        with (
            open_slide(path) as slide,
            Case.create(folder / f"{number:03}.leukoseg.zarr", slide) as case,
        ):
            for _ in segment_slide(slide, segmenter, case, ONE_LOOK):
                pass
            if scheme is not None:
                change_scheme(case, scheme)
            rows.append((len(sample.instance_ids), correct(case, sample)))
    return rows


def test(segmenter, sets: dict) -> dict:
    """Figures of a model on each set, and the scores that they are of."""
    found = {}
    for name, samples in sets.items():
        scores = [
            score_picture(s, predict_picture(s.image, segmenter, ONE_LOOK))
            for s in samples
        ]
        resampling = GroupResampling([s.source_group for s in samples], N_RESAMPLES, 0)
        figures = sample_figures(scores, resampling)
        ids = set(segmenter.card.class_ids)
        confusion = count_confusion(CellTable.of(scores, ids))
        found[name] = (figures, resampling, confusion)
    return found


def table_row(base: dict, new: dict) -> dict:
    """Plain figures of one model on all sets, with differences from the base."""
    return {
        name: {
            "figures": {n: vars(interval(resampling, figures[n])) for n in COMPARED},
            "differences": {
                n: vars(interval(resampling, figures[n] - base[name][0][n]))
                for n in COMPARED
            },
            "confusion": vars(confusion),
        }
        for name, (figures, resampling, confusion) in new.items()
    }


def forget_class(base: Path, class_id: int, out: Path) -> Path:
    """Copy a model without its last outputs for a class, and examples of it."""
    model = load_model(base)
    ids = tuple(i for i in model.card.class_ids if i != class_id)
    settings = {**model.card.settings, "n_classes": len(ids)}
    network = build_network(model.card.architecture, settings)
    keep = torch.tensor([model.card.class_ids.index(i) for i in ids])
    weights = model.network.state_dict()
    for name, wanted in network.state_dict().items():
        if weights[name].shape != wanted.shape:
            weights[name] = weights[name][keep]
    network.load_state_dict(weights)
    classifier = model.classifier
    if classifier is not None:
        examples = classifier.examples.of_classes(ids)
        classifier = fit_classifier(
            examples,
            FitSettings(),
            class_ids=ids,
            trust=float(classifier.trust),
            kept=examples,
            seed=0,
        )
    card = replace(model.card, settings=settings, class_ids=ids)
    save_model(out, network, card, classifier)
    return out


def renamed(samples: list, class_id: int) -> list:
    """Give the cells of a class the id of a laboratory's own."""
    return [
        replace(
            s,
            cell_classes={
                i: NEW_CLASS.id if c == class_id else c
                for i, c in s.cell_classes.items()
            },
        )
        for s in samples
    ]


def print_row(title: str, row: dict) -> None:
    for name, found in row.items():
        values = " ".join(
            f"{n} {v['value']:.3f} ({found['differences'][n]['value']:+.3f})"
            for n, v in found["figures"].items()
            if v["value"] is not None
        )
        print(f"{title:12} {name:12} {values}", flush=True)


def print_epoch(step: FinetuneProgress) -> None:
    """Tell how good the model is after an epoch; other steps tell nothing."""
    if step.figures:
        print(f"  {step.message} {dict(step.figures)}", flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("set")
    for name in ("root", "base", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("cells", type=int, nargs="*", default=[10, 20, 50, 100])
    parser.add_argument("--test", type=int, default=100)
    parser.add_argument("--old", type=int, default=25)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--new-class", type=int)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main(options: argparse.Namespace) -> None:
    name, rng = options.set, np.random.default_rng(options.seed)
    work = options.out / f"work-{name}-{options.seed}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    base, scheme = options.base, None
    samples = load_dataset(OLD[name], options.root / name)
    samples = [sample for sample in samples if sample.instance_ids.size]
    split, _ = recorded_split(load_model(base).card)
    sets = {
        other: list(
            split_by_group(load_dataset(other, options.root / other), split).test
        )
        for other in OLD
        if other != name
    }
    sets = {other: part[: options.old] for other, part in sets.items()}
    if options.new_class:
        base = forget_class(base, options.new_class, work / "base")
        scheme = load_model(base).card.scheme.added(NEW_CLASS)
        samples = renamed(samples, options.new_class)
        sets = {other: renamed(part, options.new_class) for other, part in sets.items()}
    pool = choose(samples, max(options.cells), options.new_class, rng)
    used = {sample.source_group for sample in pool}
    rest = [s for s in samples if s.source_group not in used]
    order = rng.permutation(len(rest))[: options.test]
    sets = {name: [rest[i] for i in sorted(order)], **sets}
    segmenter = load_segmenter(base, "cpu")
    (work / "cases").mkdir()
    suffix = f"-new-{options.new_class}" if options.new_class else ""
    rows = make_cases(pool, segmenter, work / "cases", scheme)
    before = test(segmenter, sets)
    results = {"set": name, "seed": options.seed, "preset": options.preset}
    results["n_test"] = {other: len(part) for other, part in sets.items()}
    results["corrected"] = {
        "cells": sum(r[0] for r in rows),
        "edits": sum(r[1] for r in rows),
    }
    results["base"] = table_row(before, before)
    print_row("base", results["base"])
    paths = sorted((work / "cases").glob("*.leukoseg.zarr"))
    for n_cells in options.cells:
        cells = np.cumsum([counted(sample, options.new_class) for sample in pool])
        enough = int(np.searchsorted(cells, n_cells)) + 1
        survey = survey_sources(paths[:enough], seed=options.seed, min_cells=1)
        print(survey.cells, survey.problems, len(survey.kept_aside), "fields aside")
        settings = FinetuneSettings(
            str(base),
            Preset(options.preset),
            name=f"{name}-{n_cells}",
            seed=options.seed,
        )
        result = run_steps(
            finetune(survey, settings, work / f"tuned-{n_cells}"), print_epoch
        )
        new = test(load_segmenter(result.model, "cpu"), sets)
        results[str(n_cells)] = {
            "tested": table_row(before, new),
            "result": result.to_dict() | {"model": ""},
        }
        print_row(str(n_cells), results[str(n_cells)]["tested"])
        print(
            f"  {result.seconds:.0f} s, {result.peak_memory_mb:.0f} MB, "
            f"epoch {result.best_epoch}: {result.reason}",
            flush=True,
        )
        path = options.out / f"curves-{name}-{options.seed}{suffix}.json"
        path.write_text(json.dumps(results, indent=2) + "\n")
    shutil.rmtree(work)


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    main(parse())

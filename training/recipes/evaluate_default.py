"""Judge a model on the untouched test part of the open data.

`python evaluate_default.py ROOT MODEL OUT [validation|test]` writes
`OUT/figures.json` and `OUT/worst.png`, the twenty worst overlays.
"""

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.segmentation import find_boundaries

from napari_leukoseg.case import Case
from napari_leukoseg.geometry import Region
from napari_leukoseg.pipeline import SegmentSettings, segment_slide
from napari_leukoseg.segment import load_segmenter
from napari_leukoseg.slide import open_slide
from napari_leukoseg.training.config import load_config
from napari_leukoseg.training.datasets import load_dataset
from napari_leukoseg.training.evaluation import (
    PredictedLabels,
    score_picture,
    summarize,
)
from napari_leukoseg.training.splits import split_by_group

CONFIG = Path(__file__).parents[1] / "configs" / "default.yaml"
THUMBNAIL_PX = 300


def predict_picture(image, segmenter) -> PredictedLabels:
    """Run a picture through the pipeline, as a file, without giving its scale."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        Image.fromarray(image).save(path, compress_level=1)
        with (
            open_slide(path) as slide,
            Case.create(Path(folder) / "picture.leukoseg.zarr", slide) as case,
        ):
            for _ in segment_slide(slide, segmenter, case, SegmentSettings()):
                pass
            whole = Region.of_shape(slide.shape)
            table = case.table()
            ids = table["cell_id"].astype(int).tolist()
            return PredictedLabels(
                case.read_labels("nucleus", whole),
                case.read_labels("cytoplasm", whole),
                dict(zip(ids, table["class_id"].astype(int), strict=True)),
                dict(zip(ids, table["confidence"].astype(float), strict=True)),
            )


def overlay(sample, predicted):
    """Truth in green, predicted cell in red, predicted nucleus in yellow."""
    image = sample.image.copy()
    image[find_boundaries(np.maximum(sample.instances, 0))] = (0, 255, 0)
    image[find_boundaries(predicted.cells)] = (255, 0, 0)
    image[find_boundaries(predicted.nucleus.astype(int))] = (255, 255, 0)
    thumbnail = Image.fromarray(image)
    thumbnail.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    canvas = Image.new("RGB", (THUMBNAIL_PX, THUMBNAIL_PX))
    canvas.paste(thumbnail)
    return np.asarray(canvas)


def main(root: Path, model: str, out: Path, part: str = "test") -> None:
    out.mkdir(parents=True, exist_ok=True)
    config = load_config(CONFIG)
    samples = [
        sample
        for source in config.data
        if source.kind != "dsb2018"  # tissue: no white cells to find
        for sample in load_dataset(source.kind, root / source.folder)
    ]
    chosen = getattr(split_by_group(samples, config.split), part)
    segmenter = load_segmenter(model)
    scores, pictures = [], []
    for sample in chosen:
        predicted = predict_picture(sample.image, segmenter)
        score = score_picture(sample, predicted)
        scores.append(score)
        worst = min((cell.cell_dice for cell in score.cells), default=1.0)
        pictures.append((worst, len(pictures), overlay(sample, predicted)))
        print(score.dataset, score.name, round(worst, 3), score.n_false, flush=True)
    pictures.sort(key=lambda entry: entry[:2])
    tiles = [picture for _, _, picture in pictures[:20]]
    rows = [np.concatenate(tiles[i : i + 5], axis=1) for i in range(0, 20, 5)]
    Image.fromarray(np.concatenate(rows)).save(out / "worst.png")
    figures = {"part": part, "summary": summarize(scores)}
    print(json.dumps(figures, indent=2))
    figures["pictures"] = [asdict(score) for score in scores]
    (out / "figures.json").write_text(json.dumps(figures, indent=2))


if __name__ == "__main__":
    root, model, out, *part = sys.argv[1:]
    main(Path(root), model, Path(out), *part)

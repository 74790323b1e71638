"""Pictures of predictions show what was predicted."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from napari_leukoseg.segment.networks import NetworkOutput
from napari_leukoseg.training.crop_settings import CropSettings
from napari_leukoseg.training.crops import Crop, CropDataset
from napari_leukoseg.training.previews import GAP_PX, write_preview
from napari_leukoseg.training.sample import Sample

IDS = (1, 2, 3, 4, 5)


@pytest.fixture
def crop(samples: list[Sample]) -> Crop:
    """Return two crops from the middle of pictures, of which all is marked."""
    settings = CropSettings(64, 40.0, (1.0, 1.0), 0.0, 0.0, 0.0, 0.0, appearance=None)
    dataset = CropDataset(samples, settings, 100, seed=0)
    whole = [c for c in map(dataset.__getitem__, range(100)) if (c.allowed < 7).all()]
    classed = [c for c in whole if (c.classes >= 0).any()]
    return Crop(*(torch.stack(parts) for parts in zip(*classed[:2], strict=True)))


def truth(crop: Crop) -> NetworkOutput:
    """Say of each pixel what the expert says."""
    part = torch.log2(crop.allowed.float()).long()
    semantic = 9 * functional.one_hot(part, 3).permute(0, 3, 1, 2).float()
    index = torch.cat([torch.full((len(part), 1), 5), crop.classes], dim=1)
    known = index.gather(1, crop.instances.flatten(1)).reshape(part.shape)
    evidence = functional.one_hot(known, 6).permute(0, 3, 1, 2)[:, :5].float()
    return NetworkOutput(semantic, None, evidence)


def rows_of(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with Image.open(path) as picture:
        pixels = np.asarray(picture)
    upper, lower = np.split(pixels, 2)
    return upper[:-GAP_PX], lower[:-GAP_PX]


def test_true_prediction_looks_as_marked(crop: Crop, tmp_path: Path) -> None:
    write_preview(tmp_path / "e" / "epoch-001.png", crop, truth(crop), IDS)
    marked, predicted = rows_of(tmp_path / "e" / "epoch-001.png")
    assert marked.shape == (256, 2 * (256 + GAP_PX), 3)
    np.testing.assert_array_equal(marked, predicted)


def test_empty_prediction_shows_the_picture(crop: Crop, tmp_path: Path) -> None:
    nothing = torch.zeros(2, 3, 64, 64)
    write_preview(tmp_path / "p.png", crop, NetworkOutput(nothing, None, None), IDS)
    marked, predicted = rows_of(tmp_path / "p.png")
    assert (marked != predicted).any()
    image = crop.image[0].numpy().transpose(1, 2, 0)
    np.testing.assert_array_equal(predicted[:256:4, :256:4], image)


def test_class_colors_the_outline(crop: Crop, tmp_path: Path) -> None:
    output = truth(crop)
    pictures = []
    for name, evidence in (("none", None), ("green", torch.zeros(2, 5, 16, 16))):
        if evidence is not None:
            evidence[:, 3] = 1  # eosinophil
        path = tmp_path / f"{name}.png"
        write_preview(path, crop, output._replace(evidence=evidence), IDS)
        pictures.append(rows_of(path)[1])
    changed = (pictures[0] != pictures[1]).any(axis=-1)
    assert changed.any()
    assert (pictures[1][changed] == (0, 255, 0)).all()

"""Drawn fields, and cases of them in which cells are reviewed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_leukoseg.case import Case
from napari_leukoseg.correct import AddCell, MarkReviewed
from napari_leukoseg.geometry import Region
from napari_leukoseg.slide import open_slide
from napari_leukoseg.synthetic import Smear, SmearSettings, write_field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

N_FIELDS = 4


def settings_of(number: int) -> SmearSettings:
    return SmearSettings(
        (160, 200),
        seed=number,
        cell_diameter_px=40.0,
        white_cell_fraction=0.25,
        class_weights=(1, 1, 0, 0, 0),
    )


@pytest.fixture(scope="session")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of four drawn pictures with label files beside them."""
    folder = tmp_path_factory.mktemp("fields")
    for number in range(N_FIELDS):
        for _ in write_field(
            folder / f"{number}.png", settings_of(number), with_labels=True
        ):
            pass
    return folder


@pytest.fixture
def make_case(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that makes a case of a drawn field, as drawn."""

    def make(number: int = 0, n_reviewed: int | None = None) -> Path:
        picture = tmp_path / f"field{number}.png"
        for _ in write_field(picture, settings_of(number)):
            pass
        drawn = Smear(settings_of(number)).draw()
        whole = Region.of_shape(drawn.nucleus.shape)
        path = tmp_path / f"field{number}.leukoseg.zarr"
        with open_slide(picture) as slide, Case.create(path, slide) as case:
            for drawn_id in np.unique(drawn.nucleus[drawn.nucleus > 0]).tolist():
                nucleus = drawn.nucleus == drawn_id
                class_id = int(drawn.classes[nucleus].max())
                cytoplasm = drawn.cytoplasm == drawn_id
                AddCell(whole, nucleus, cytoplasm, class_id).apply(case)
            ids = case.table()["cell_id"].tolist()
            if n_reviewed is not None:
                MarkReviewed(tuple(ids[n_reviewed:]), reviewed=False).apply(case)
        return path

    return make


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Round alike in all runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

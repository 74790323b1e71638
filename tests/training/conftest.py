"""Small samples cut from drawn fields, and where the real data are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_leukoseg.training.sample import (
    IS_BACKGROUND,
    IS_CYTOPLASM,
    IS_NUCLEUS,
    Sample,
)

if TYPE_CHECKING:
    from napari_leukoseg.synthetic import DrawnRegion


@pytest.fixture(scope="session")
def samples(drawn_field: DrawnRegion) -> list[Sample]:
    """Four samples of one drawn field, in two groups."""
    kinds = np.where(drawn_field.nucleus > 0, 2, drawn_field.cytoplasm > 0)
    allowed = np.array([IS_BACKGROUND, IS_CYTOPLASM, IS_NUCLEUS], np.uint8)[kinds]
    cells = np.maximum(drawn_field.nucleus, drawn_field.cytoplasm).astype(np.int32)
    found = []
    for number in range(4):
        part = np.s_[:, 50 * number : 50 * number + 200]
        ids = [int(i) for i in np.unique(cells[part]) if i]
        classes = {i: int(drawn_field.classes[cells == i].max()) for i in ids}
        found.append(
            Sample(
                "drawn",
                str(number),
                str(number // 2),
                np.ascontiguousarray(drawn_field.image[part]),
                allowed[part],
                cells[part],
                classes,
                60.0,
            )
        )
    return found


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the open data; skips where it is not given."""
    root = os.environ.get("LEUKOSEG_DATA")
    if not root:
        pytest.skip("LEUKOSEG_DATA names no folder")
    return Path(root)

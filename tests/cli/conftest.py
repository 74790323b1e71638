"""Runs `leukoseg segment` on the drawn field's model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def segment(
    leukoseg: Callable[..., Any], color_model: Path, tmp_path: Path
) -> Callable[..., Any]:
    """Return a function that runs `leukoseg segment` into the folder ``out``."""

    def run(*arguments: object) -> Any:
        fixed = ("--out", tmp_path / "out", "--model", color_model, "--device", "cpu")
        return leukoseg("segment", *fixed, *arguments)

    return run

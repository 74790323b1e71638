"""Fixtures of the case tests; whole cases are copied, which is quicker."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from napari_leukoseg.case import Case, case_path

from .drawn_tiles import N_TILES, DrawnSlide, commit_missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def slide() -> DrawnSlide:
    return DrawnSlide()


@pytest.fixture(scope="session")
def empty_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = case_path(tmp_path_factory.mktemp("empty"), "smear")
    Case.create(path, DrawnSlide())
    return path


@pytest.fixture(scope="session")
def segmented_template(
    tmp_path_factory: pytest.TempPathFactory, empty_template: Path
) -> Path:
    path = case_path(tmp_path_factory.mktemp("segmented"), "smear")
    shutil.copytree(empty_template, path)
    with Case.open(path) as case:
        run = case.begin_run({"model": "a"}, N_TILES)
        commit_missing(run)
        run.finish({"seconds": 1.5})
    return path


@pytest.fixture
def case(tmp_path: Path, empty_template: Path) -> Iterator[Case]:
    """Empty case of a drawn slide."""
    path = shutil.copytree(empty_template, case_path(tmp_path, "smear"))
    with Case.open(path) as case:
        yield case


@pytest.fixture
def segmented(tmp_path: Path, segmented_template: Path) -> Iterator[Case]:
    """Case with one finished run."""
    path = shutil.copytree(segmented_template, case_path(tmp_path, "segmented"))
    with Case.open(path) as case:
        yield case

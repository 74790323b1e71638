"""Data of a configuration are read, left out and digested."""

from pathlib import Path

import pytest

from napari_leukoseg.errors import DataError
from napari_leukoseg.synthetic import SmearSettings, write_field
from napari_leukoseg.training.config import DataSource, TrainingConfig
from napari_leukoseg.training.datasets import digest_of
from napari_leukoseg.training.sources import digest_data, load_split
from napari_leukoseg.training.splits import SplitSettings

ALL = SplitSettings(validation=0, test=0)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two folders of one drawn picture each."""
    root = tmp_path_factory.mktemp("root")
    for seed, name in enumerate(("a", "b")):
        settings = SmearSettings(
            (96, 128), seed=seed, cell_diameter_px=40.0, white_cell_fraction=0.2
        )
        for _ in write_field(root / name / f"{name}.png", settings, with_labels=True):
            pass
    return root


def test_all_data_are_read_and_digested(root: Path) -> None:
    sources = (DataSource("labels", "a"), DataSource("labels", "b"))
    config = TrainingConfig("x", sources, split=ALL)
    split = load_split(config, root)
    assert {sample.name for sample in split.train} == {"a", "b"}
    assert digest_data(config, root) == {
        "labels": digest_of("labels", root / "a"),
        "labels b": digest_of("labels", root / "b"),
    }


def test_data_that_are_left_out_are_not_even_read(root: Path) -> None:
    sources = (DataSource("labels", "a"), DataSource("bccd", "absent"))
    config = TrainingConfig("x", sources, split=ALL, leave_out=("bccd",))
    assert [sample.name for sample in load_split(config, root).train] == ["a"]
    assert list(digest_data(config, root)) == ["labels"]


def test_absent_data_are_named(root: Path) -> None:
    config = TrainingConfig("x", (DataSource("bccd", "absent"),))
    with pytest.raises(DataError, match="absent"):
        load_split(config, root)

"""Logs are read back as they were written, and the best epoch is found."""

import math
from dataclasses import astuple
from pathlib import Path

import pytest

from napari_leukoseg.errors import DataError
from napari_leukoseg.training.reports import (
    EpochReport,
    best_report,
    read_log,
    write_log,
)


def report(epoch: int, loss: float, cell: float, nucleus: float) -> EpochReport:
    return EpochReport(
        epoch, 1.5, 1e-3, 2.0, 1.0, 0.5, 0.25, 0.25, loss, cell, nucleus, math.nan
    )


REPORTS = [
    report(1, 0.9, 0.8, math.nan),
    report(2, 0.7, 0.9, 0.6),
    report(3, 0.7, 0.7, 0.7),
]


def test_log_comes_back(tmp_path: Path) -> None:
    write_log(tmp_path / "log.csv", REPORTS)
    found = read_log(tmp_path / "log.csv")
    # As text, in which not-a-number equals itself.
    assert [str(astuple(r)) for r in found] == [str(astuple(r)) for r in REPORTS]
    assert (tmp_path / "log.csv").read_text().startswith("epoch,seconds,")


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"log\.csv is not a training log"):
        read_log(tmp_path / "log.csv")


@pytest.mark.parametrize(
    ("keep", "epoch"), [("last", 3), ("best-loss", 2), ("best-dice", 1)]
)
def test_best_epoch(keep: str, epoch: int) -> None:
    assert best_report(REPORTS, keep).epoch == epoch


def test_without_figures_the_last_epoch_is_the_best() -> None:
    nothing = [report(epoch, math.nan, math.nan, math.nan) for epoch in (1, 2)]
    assert best_report(nothing, "best-dice").epoch == 2

"""`leukoseg differential`: the differential count of a case."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_leukoseg.cli.terminal import say, say_facts
from napari_leukoseg.errors import SettingsError

if TYPE_CHECKING:
    from napari_leukoseg.cells import Agreement, ClassCount, Differential

__all__ = ["CountOrder", "OrderOption", "SeedOption", "WbcOption", "differential"]


class CountOrder(StrEnum):
    """What `--order` may name; `Order`, which takes a second to import."""

    SCAN = "scan"
    RANDOM = "random"


OrderOption = Annotated[
    CountOrder,
    typer.Option(
        help="Which cells a count takes: the first of a meander over the smear, "
        "or a random draw."
    ),
]
SeedOption = Annotated[int, typer.Option(metavar="N", help="Of the random draw.")]
WbcOption = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="White cells in 10⁹ per liter of blood, for absolute counts.",
    ),
]


def differential(
    case: Annotated[
        Path, typer.Argument(metavar="CASE", help="Case.", show_default=False)
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, for programs.")
    ] = False,
    count: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="White cells to count: 100, 200, 500; all if absent."
        ),
    ] = None,
    order: OrderOption = CountOrder.SCAN,
    seed: SeedOption = 0,
    wbc: WbcOption = None,
) -> None:
    """Count the cells of a case by class, with exact 95 % intervals."""
    from napari_leukoseg.case import Case
    from napari_leukoseg.cells import (
        CountSettings,
        Order,
        compare_with_model,
    )
    from napari_leukoseg.cells import (
        differential as count_cells,
    )

    try:
        settings = CountSettings(count, Order(order.value), seed, wbc)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from error
    with Case.open(case) as opened:
        table = opened.table()
        counts = count_cells(table, opened.scheme, settings, mpp=opened.mpp)
        agreement = compare_with_model(table, opened.scheme)
        signed_off = opened.signed_off
    if as_json:
        facts = {
            **counts.to_dict(),
            "agreement": agreement.to_dict(),
            "reminders": list(counts.reminders),
            "signed_off": signed_off,
        }
        say(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    say(case.name)
    say_facts(_lines(counts, agreement, signed_off))
    for reminder in counts.reminders:
        say(f"Note: {reminder}")


def _lines(
    counts: Differential, agreement: Agreement, signed_off: dict[str, Any] | None
) -> dict[str, str]:
    """Return the count for people."""
    lines = {"white cells": _scope(counts)}
    for entry in counts.classes:
        if entry.count:
            lines[f"  {entry.name}"] = _describe(entry)
    if agreement.observed is not None:
        kappa = "" if agreement.kappa is None else f", kappa {agreement.kappa:.2f}"
        lines["model"] = (
            f"agrees on {100 * agreement.observed:.0f} % of {agreement.n_cells} "
            f"reviewed cells{kappa}"
        )
    lines["signed off"] = (
        f"by {signed_off['name']}, {signed_off['time']}" if signed_off else "no"
    )
    return lines


def _scope(counts: Differential) -> str:
    """Tell which cells were counted."""
    settings = counts.settings
    if settings.count is None:
        return f"{counts.total}, all"
    how = "in scan order" if settings.order == "scan" else f"at random, {settings.seed}"
    return f"{counts.total} of {counts.n_available}, {how}"


def _describe(entry: ClassCount) -> str:
    """Return count, share and interval of a class."""
    if entry.per_100 is None:
        return f"{entry.count}, not counted among the white cells"
    unit = " %" if entry.fraction is not None else " per 100 white cells"
    text = (
        f"{entry.count}, {entry.per_100:.1f}{unit} ({entry.per_100_low:.1f} to "
        f"{entry.per_100_high:.1f})"
    )
    if entry.absolute is None:
        return text
    return (
        f"{text}, {entry.absolute:.2f} ({entry.absolute_low:.2f} to "
        f"{entry.absolute_high:.2f}) 10⁹/L"
    )

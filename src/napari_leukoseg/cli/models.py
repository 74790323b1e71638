"""`leukoseg models`: the models that ship with the package."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_leukoseg.cli.terminal import complain, say, say_facts
from napari_leukoseg.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["models"]

SHOWN = {
    "cell_dice_per_picture": "cell Dice",
    "nucleus_dice_per_picture": "nucleus Dice",
    "recall": "recall",
    "precision": "precision",
    "class_accuracy": "class accuracy",
}
"""Figures of a card that people are shown; `--json` has all, and their protocol."""

models = typer.Typer(
    name="models",
    help="List the models that ship with leukoseg, and check their files.",
    no_args_is_help=True,
)


@models.command("list")
def list_models(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, for programs.")
    ] = False,
) -> None:
    """Show each model, what it was trained on, and how good it was found."""
    cards = [describe_model(name, folder) for name, folder in _bundled().items()]
    if as_json:
        say(json.dumps(cards, indent=2, ensure_ascii=False))
        return
    for card in cards:
        say(card["name"])
        say_facts(_lines(card))


@models.command()
def verify() -> None:
    """Check that the weights of each model are those that its card names."""
    from napari_leukoseg.segment.model import load_model

    is_sound = True
    for name, folder in _bundled().items():
        try:
            card = load_model(folder).card
        except ModelError as error:
            complain(str(error))
            is_sound = False
        else:
            say(f"{name}: sound (SHA-256 {card.weights_sha256})")
    if not is_sound:
        raise typer.Exit(1)


def describe_model(name: str, folder: Path) -> dict[str, Any]:
    """Return the facts of a bundled model as plain data.

    Raises
    ------
    ModelError
        If its card cannot be read.
    """
    from napari_leukoseg.classes import DEFAULT_SCHEME
    from napari_leukoseg.segment.model import WEIGHTS_NAME, read_card

    card = read_card(folder)
    weights = folder / WEIGHTS_NAME
    return {
        "name": name,
        "description": card.description,
        "architecture": card.architecture,
        "classes": [DEFAULT_SCHEME[class_id].name for class_id in card.class_ids],
        "cell_diameter_px": card.cell_diameter_px,
        "bytes": weights.stat().st_size if weights.is_file() else None,
        "weights_sha256": card.weights_sha256,
        "training": dict(card.training),
        "metrics": dict(card.metrics),
    }


def _bundled() -> dict[str, Path]:
    """Return the folders of the bundled models by name."""
    from napari_leukoseg.segment.model import bundled_models

    found = bundled_models()
    if not found:
        raise ModelError(
            "This installation has no model, though leukoseg ships with one; "
            "install it again."
        )
    return found


def _lines(card: dict[str, Any]) -> dict[str, str]:
    """Return the facts of a model for people."""
    size = card["bytes"]
    return {
        "what it is": card["description"] or "not described",
        "architecture": card["architecture"],
        "classes": ", ".join(card["classes"]),
        "weights": "missing" if size is None else f"{size / 1e6:.1f} MB",
        **_figures(card["metrics"]),
    }


def _figures(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Return the main figures of each data set, a line a set."""
    return {
        f"on {name}": ", ".join(
            f"{title} {found[key]:.3f}" for key, title in SHOWN.items() if key in found
        )
        for name, found in metrics.items()
        if isinstance(found, dict)
    }

"""`leukoseg models`: the models that ship with the package, and the user's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_leukoseg.cli.terminal import complain, say, say_facts
from napari_leukoseg.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    help="List models, check their files, and keep those of your own.",
    no_args_is_help=True,
)


@models.command("list")
def list_models(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, for programs.")
    ] = False,
) -> None:
    """Show each model, what it was trained on, and how good it was found."""
    cards = [describe_model(name, folder) for name, folder in _available().items()]
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
    for name, folder in _available().items():
        try:
            card = load_model(folder).card
        except ModelError as error:
            complain(str(error))
            is_sound = False
        else:
            say(f"{name}: sound (SHA-256 {card.weights_sha256})")
    if not is_sound:
        raise typer.Exit(1)


Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]


@models.command()
def info(
    name: Name,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, for programs.")
    ] = False,
) -> None:
    """Show what a model is, where it comes from, and how good it was found."""
    from napari_leukoseg.segment.library import resolve_model

    card = describe_model(name, resolve_model(name))
    if as_json:
        say(json.dumps(card, indent=2, ensure_ascii=False))
        return
    say(card["name"])
    say_facts(_lines(card) | _lineage(card["training"]))


@models.command("import")
def import_model(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="What leukoseg models export wrote, or a model folder.",
            show_default=False,
        ),
    ],
    name: Annotated[
        str, typer.Option(metavar="NAME", help="Name to keep it by; its own if absent.")
    ] = "",
) -> None:
    """Keep a model by name, for --model and the viewer."""
    from napari_leukoseg.segment.card import read_card
    from napari_leukoseg.segment.library import ModelLibrary
    from napari_leukoseg.segment.model import load_model

    library = ModelLibrary()
    if file.is_dir():
        name = name or read_card(file).name
        library.add(file, name)
    else:
        name = library.import_(file, name)
    try:
        load_model(library.path(name))
    except ModelError:
        library.remove(name)
        raise
    say(f"{name} is kept in {library.path(name)}")


@models.command("export")
def export_model(
    name: Name,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="File to write.")
    ],
) -> None:
    """Write a model as one file, to give away."""
    from napari_leukoseg.segment.library import ModelLibrary

    say(f"{ModelLibrary().export(name, out)}")


@models.command("remove")
def remove_model(name: Name) -> None:
    """Delete a model of your own for good."""
    from napari_leukoseg.segment.library import ModelLibrary

    ModelLibrary().remove(name)
    say(f"{name} is removed")


def describe_model(name: str, folder: Path) -> dict[str, Any]:
    """Return the facts of a model as plain data.

    Raises
    ------
    ModelError
        If its card cannot be read.
    """
    from napari_leukoseg.segment.card import WEIGHTS_NAME, read_card
    from napari_leukoseg.segment.systems import is_narrow

    card = read_card(folder)
    weights = folder / WEIGHTS_NAME
    return {
        "name": name,
        "description": card.description,
        "architecture": card.architecture,
        "is_narrow": is_narrow(card),
        "stain": card.stain,
        "classes": [card.scheme[class_id].name for class_id in card.class_ids],
        "cell_diameter_px": card.cell_diameter_px,
        "bytes": weights.stat().st_size if weights.is_file() else None,
        "weights_sha256": card.weights_sha256,
        "training": dict(card.training),
        "metrics": dict(card.metrics),
    }


def _available() -> dict[str, Path]:
    """Return the folders of all models by name."""
    from napari_leukoseg.segment.card import bundled_models
    from napari_leukoseg.segment.library import available_models

    if not bundled_models():
        raise ModelError(
            "This installation has no model, though leukoseg ships with one; "
            "install it again."
        )
    return available_models()


def _lines(card: dict[str, Any]) -> dict[str, str]:
    """Return the facts of a model for people."""
    size = card["bytes"]
    return {
        "what it is": card["description"] or "not described",
        "architecture": card["architecture"]
        + (", narrow: fewer channels than published" if card["is_narrow"] else ""),
        "stain": card["stain"] or "as it is",
        "classes": ", ".join(card["classes"]),
        "weights": "missing" if size is None else f"{size / 1e6:.1f} MB",
        **_figures(card["metrics"]),
    }


def _lineage(training: Mapping[str, Any]) -> dict[str, str]:
    """Return which models a tuned model comes from, and on what it was tuned."""
    tuning = training.get("finetuning")
    if not tuning:
        return {}
    models = " → ".join(
        f"{parent['name']} ({parent['weights_sha256'][:12]}…)"
        for parent in tuning["lineage"]
    )
    cells = sum(tuning["cells"].values())
    aside = f"{tuning['fields_kept_aside']} of {tuning['fields']} fields kept aside"
    return {"tuned from": models, "tuned on": f"{cells} reviewed cells, {aside}"}


def _figures(metrics: Mapping[str, Any]) -> dict[str, str]:
    """Return the main figures of each data set, a line a set."""
    tuned = metrics.get("finetuning", {})
    verdict = {"verdict": tuned["reason"]} if "reason" in tuned else {}
    return verdict | {
        f"on {name}": ", ".join(
            f"{title} {found[key]:.3f}" for key, title in SHOWN.items() if key in found
        )
        for name, found in metrics.items()
        if isinstance(found, dict) and name != "finetuning"
    }

"""The `leukoseg` command: one subcommand per stage."""

from napari_leukoseg.cli.app import app, main

__all__ = ["app", "main"]

"""Folders of the user that the plugin writes to; never next to a source unasked."""

from __future__ import annotations

from pathlib import Path

import platformdirs

__all__ = ["cache_folder", "cases_folder", "preferences_file", "trainings_folder"]

_APPLICATION = "napari-leukoseg"


def cases_folder() -> Path:
    """Folder of cases, unless the user chose another."""
    return Path(platformdirs.user_data_dir(_APPLICATION, appauthor=False)) / "cases"


def trainings_folder() -> Path:
    """Folder of fine-tuned models that the user has not decided about yet."""
    return Path(platformdirs.user_data_dir(_APPLICATION, appauthor=False)) / "trainings"


def cache_folder() -> Path:
    """Folder of files that can be made again."""
    return Path(platformdirs.user_cache_dir(_APPLICATION, appauthor=False))


def preferences_file() -> Path:
    """File that holds what the user chose last."""
    folder = platformdirs.user_config_dir(_APPLICATION, appauthor=False)
    return Path(folder) / "preferences.json"

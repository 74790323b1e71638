"""Data and times as journal records hold them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from napari_leukoseg.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["plain_data", "time_now"]


def plain_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return data as JSON gives it back, so that equal settings compare equal.

    Raises
    ------
    SettingsError
        If it is not plain.
    """
    try:
        plain: dict[str, Any] = json.loads(json.dumps(data, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"{data!r} is not plain data ({error}); give numbers, texts, lists and "
            "dictionaries."
        ) from error
    return plain


def time_now() -> str:
    """Return the time in ISO format, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")

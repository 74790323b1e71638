"""Names of devices, as options take them."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Device"]


class Device(StrEnum):
    """Where networks and colors may be computed."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"

"""Chooses where networks run, and in which precision."""

from __future__ import annotations

import platform
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch

from napari_leukoseg.errors import DeviceError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

__all__ = ["DEVICES", "autocast", "autocast_dtype", "device_name", "resolve_device"]

DEVICES = ("auto", "cpu", "cuda", "mps")
"""Names that a user may give."""


def available_devices() -> list[str]:
    """Return the kinds of device here, the fastest first."""
    found = []
    if torch.cuda.is_available():
        found.append("cuda")
    if torch.backends.mps.is_available():
        found.append("mps")
    return [*found, "cpu"]


def resolve_device(name: str) -> torch.device:
    """Turn a user's choice into a device.

    Parameters
    ----------
    name : {'auto', 'cpu', 'cuda', 'mps'}
        `auto` takes CUDA, then MPS, then the CPU.

    Raises
    ------
    DeviceError
        If the name is unknown or the device is absent.
    """
    if name not in DEVICES:
        raise DeviceError(f"Device {name!r} is unknown; give {', '.join(DEVICES)}.")
    found = available_devices()
    if name == "auto":
        return torch.device(found[0])
    if name not in found:
        raise DeviceError(
            f"Device {name!r} is not available here; give 'auto' or "
            f"{' or '.join(repr(f) for f in found)}."
        )
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """Name of the device for people."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU (Metal)"
    threads = torch.get_num_threads()
    return f"CPU ({platform.machine()}, {threads} thread{'s' * (threads != 1)})"


def short_device_name(device: torch.device) -> str:
    """Name of the device for narrow places: without what all of them have."""
    if device.type == "cpu":
        return "CPU"
    return device_name(device).removeprefix("NVIDIA ").removesuffix(" (Metal)")


def autocast_dtype(device: torch.device) -> torch.dtype | None:
    """Reduced precision that is fast and safe on the device, or none.

    Half precision on GPUs; bfloat16 on CPUs with instructions for it, since
    it is emulated and slow on others.
    """
    if device.type in ("cuda", "mps"):
        return torch.float16
    capabilities = torch.cpu.get_capabilities()
    if capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"):
        return torch.bfloat16
    return None


def autocast(
    device: torch.device, dtype: torch.dtype | None
) -> AbstractContextManager[object]:
    """Return a context in which networks run in `dtype`, or as they are."""
    if dtype is None:
        return nullcontext()
    return torch.autocast(device.type, dtype=dtype)

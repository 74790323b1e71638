"""Digests that tell one slide from another, whatever its name and date.

Files up to `WHOLE_BYTES` are hashed whole. Of larger ones the size and blocks
spread evenly from the first byte to the last are hashed, so a slide of many
gigabytes takes milliseconds. Any change of metadata, a dpi tag for instance,
may change the digest: it stands for the file, not for its pixels.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["WHOLE_BYTES", "fingerprint_file", "fingerprint_files", "fingerprint_text"]

WHOLE_BYTES = 16 << 20
"""Files up to this size are hashed from end to end."""

_BLOCKS = 17
_BLOCK_BYTES = 256 << 10
_SAMPLED_FILES = 64


def fingerprint_file(path: Path) -> str:
    """Hash size and content of one file.

    Returns
    -------
    fingerprint : str
        64 hexadecimal digits (SHA-256).
    """
    size = path.stat().st_size
    digest = hashlib.sha256(f"{size}\n".encode())
    with path.open("rb") as file:
        if size <= WHOLE_BYTES:
            digest.update(file.read())
        else:
            for index in range(_BLOCKS):
                file.seek(index * (size - _BLOCK_BYTES) // (_BLOCKS - 1))
                digest.update(file.read(_BLOCK_BYTES))
    return digest.hexdigest()


def fingerprint_files(root: Path, files: Iterable[Path], metadata: str) -> str:
    """Hash metadata, names and sizes of many files, and parts of some.

    Sizes alone would not tell two uncompressed pictures apart, so the first
    bytes of files spread evenly over the sorted list are hashed as well.

    Parameters
    ----------
    root : Path
        Folder that the names are taken relative to.
    files : iterable of Path
        Files under `root`, in any order.
    metadata : str
        Text that belongs to the slide.
    """
    ordered = sorted(files, key=lambda file: file.relative_to(root).as_posix())
    digest = hashlib.sha256(metadata.encode())
    for file in ordered:
        name = file.relative_to(root).as_posix()
        digest.update(f"{name} {file.stat().st_size}\n".encode())
    step = max(1, len(ordered) // _SAMPLED_FILES)
    for file in ordered[::step]:
        with file.open("rb") as opened:
            digest.update(opened.read(_BLOCK_BYTES))
    return digest.hexdigest()


def fingerprint_text(*parts: object) -> str:
    """Hash the printed form of a few values."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()

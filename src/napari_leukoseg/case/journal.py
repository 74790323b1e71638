"""Append-only journal: one durable JSON line for each run, tile and edit."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from napari_leukoseg.errors import CaseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

__all__ = ["TAIL_BYTES", "Journal"]

TAIL_BYTES = 64
"""Bytes before an offset that identify a journal up to there."""


class Journal:
    """JSON lines on disk.

    A last line that is not complete is what a killed writer left: readers
    ignore it, the next writer removes it.

    Parameters
    ----------
    path : Path
        Existing file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None

    @property
    def size(self) -> int:
        """Bytes in the file, an incomplete last line included."""
        return self._path.stat().st_size

    def read(self, offset: int = 0) -> Iterator[tuple[dict[str, Any], int]]:
        """Yield the complete records from `offset` on.

        Parameters
        ----------
        offset : int, optional
            Byte at which a record begins.

        Yields
        ------
        record : dict
            What was appended.
        end : int
            Byte after the record.

        Raises
        ------
        CaseError
            If a line other than the last is damaged.
        """
        with self._path.open("rb") as file:
            file.seek(offset)
            for line in file:
                record = _parse(line)
                if record is None:
                    if file.read(1):
                        raise CaseError(
                            f"The journal {self._path} is damaged at byte {offset}; "
                            "restore the case from a copy, or make it anew."
                        )
                    return
                offset += len(line)
                yield record, offset

    def tail(self, offset: int) -> str:
        """Return the bytes before `offset` as text in hexadecimal."""
        start = max(0, offset - TAIL_BYTES)
        with self._path.open("rb") as file:
            file.seek(start)
            return file.read(offset - start).hex()

    def open(self, end: int) -> None:
        """Begin to write after byte `end`, dropping what lies behind it."""
        self.close()
        # Unbuffered: bytes that a full disk refused must not come out later.
        self._file = self._path.open("r+b", buffering=0)
        self._cut(end)

    def append(self, record: dict[str, Any]) -> int:
        """Add a record and return the byte after it; durable on return.

        Raises
        ------
        OSError
            If it cannot be written; the journal is then as before.
        ValueError, TypeError
            If it is not plain JSON.
        """
        line = json.dumps(record, allow_nan=False, separators=(",", ":"))
        data = memoryview(line.encode() + b"\n")
        file = self._writable()
        start = file.tell()
        try:
            while data:
                data = data[file.write(data) :]
            os.fsync(file.fileno())
        except BaseException:
            self._cut(start)
            raise
        return file.tell()

    def close(self) -> None:
        """Stop writing."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _cut(self, end: int) -> None:
        """Drop everything from byte `end` on."""
        file = self._writable()
        file.seek(end)
        file.truncate()

    def _writable(self) -> FileIO:
        """Return the file, which `open` has opened."""
        if self._file is None:
            raise ValueError(f"{self._path} is not open for writing")
        return self._file


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return the record of a line, or none where the line is not complete."""
    if not line.endswith(b"\n"):
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None

"""One writer a case: a lock that dies with its process and names it."""

from __future__ import annotations

import json
import os
import platform
import sys
from typing import TYPE_CHECKING, Any

from napari_leukoseg.errors import CaseError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["WriterLock"]

# Windows locks bytes against reading too, so the locked one lies past the text.
_LOCKED_BYTE = 1 << 30


class WriterLock:
    """Lock file of a case.

    The lock is the operating system's, so that of a dead process is free at
    once; the file's text tells which process holds it.

    Parameters
    ----------
    path : Path
        Lock file; made when first needed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    @property
    def is_held(self) -> bool:
        """Whether this object holds the lock."""
        return self._file is not None

    def acquire(self, case: Path) -> None:
        """Take the lock; does nothing where it is held already.

        Parameters
        ----------
        case : Path
            Case that the message names.

        Raises
        ------
        CaseError
            If another process, or another `Case` of this one, holds it.
        OSError
            If the lock file cannot be written.
        """
        if self._file is not None:
            return
        file = self._path.open("a+b")
        try:
            _lock(file)
        except (BlockingIOError, PermissionError) as error:
            holder = _describe(file)
            file.close()
            raise CaseError(
                f"{case} is being written by {holder}; wait until it is done, or "
                "close the case there."
            ) from error
        except OSError:
            file.close()
            raise
        self._file = file
        _write_owner(file)

    def release(self) -> None:
        """Give the lock back; does nothing where it is not held."""
        if self._file is None:
            return
        file, self._file = self._file, None
        with file:
            _unlock(file)


def _write_owner(file: BinaryIO) -> None:
    """Tell other processes who holds the lock."""
    owner = {"pid": os.getpid(), "host": platform.node()}
    file.truncate(0)
    file.write(json.dumps(owner).encode())
    file.flush()


def _describe(file: BinaryIO) -> str:
    """Return who holds a lock, as far as its file tells."""
    file.seek(0)
    try:
        owner: dict[str, Any] = json.loads(file.read())
        return f"process {owner['pid']} on {owner['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


if sys.platform == "win32":

    def _lock(file: BinaryIO) -> None:
        """Lock without waiting."""
        file.seek(_LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

    def _unlock(file: BinaryIO) -> None:
        """Release the lock."""
        file.seek(_LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:

    def _lock(file: BinaryIO) -> None:
        """Lock without waiting."""
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: BinaryIO) -> None:
        """Release the lock; also for children that inherited the file."""
        fcntl.flock(file.fileno(), fcntl.LOCK_UN)

import os
import subprocess
import sys

import pytest

from napari_leukoseg.case.lock import WriterLock
from napari_leukoseg.errors import CaseError

HOLD = """
import sys
from pathlib import Path
from napari_leukoseg.case.lock import WriterLock
lock = WriterLock(Path(sys.argv[1]))
lock.acquire(Path("case"))
print("held", flush=True)
sys.stdin.read()
"""


def test_second_writer_is_told_who_holds_the_lock(tmp_path):
    first, second = (WriterLock(tmp_path / "lock") for _ in range(2))
    first.acquire(tmp_path)
    first.acquire(tmp_path)
    assert first.is_held
    with pytest.raises(CaseError, match=f"written by process {os.getpid()} on"):
        second.acquire(tmp_path)
    assert not second.is_held
    first.release()
    first.release()
    second.acquire(tmp_path)
    second.release()


def test_lock_of_a_killed_process_is_free(tmp_path):
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout.readline().strip() == b"held"
        with pytest.raises(CaseError, match=f"process {holder.pid} "):
            WriterLock(path).acquire(tmp_path)
        holder.kill()
    lock = WriterLock(path)
    lock.acquire(tmp_path)
    lock.release()


def test_holder_that_cannot_be_read_is_another_process(tmp_path):
    path = tmp_path / "lock"
    first = WriterLock(path)
    first.acquire(tmp_path)
    path.write_text("{")
    with pytest.raises(CaseError, match="written by another process"):
        WriterLock(path).acquire(tmp_path)
    first.release()

"""Fingerprints follow the content and nothing else."""

from __future__ import annotations

import os

import pytest

from napari_leukoseg.slide.fingerprint import (
    WHOLE_BYTES,
    fingerprint_file,
    fingerprint_files,
)


def test_name_and_date_do_not_count(tmp_path) -> None:
    one, other = tmp_path / "one.svs", tmp_path / "other.tif"
    for path in (one, other):
        path.write_bytes(b"slide" * 1000)
    os.utime(other, (0, 0))
    assert fingerprint_file(one) == fingerprint_file(other)


def write_sparse(path, n_bytes: int, changed: int) -> None:
    with path.open("wb") as file:
        file.truncate(n_bytes)
        file.seek(changed)
        file.write(b"\x01")


@pytest.mark.parametrize("position", [0, 1, 100, -1])
def test_ends_of_large_files_count(tmp_path, position) -> None:
    n_bytes = WHOLE_BYTES * 4
    plain, changed = tmp_path / "plain", tmp_path / "changed"
    write_sparse(plain, n_bytes, n_bytes // 7)
    write_sparse(changed, n_bytes, position % n_bytes)
    assert fingerprint_file(plain) != fingerprint_file(changed)


def test_every_byte_of_small_files_counts(tmp_path) -> None:
    path = tmp_path / "small"
    found = set()
    for position in range(0, 5000, 500):
        write_sparse(path, 5000, position)
        found.add(fingerprint_file(path))
    assert len(found) == 10


def test_length_counts(tmp_path) -> None:
    path = tmp_path / "zeros"
    found = set()
    for n_bytes in (WHOLE_BYTES + 1, WHOLE_BYTES * 2, WHOLE_BYTES * 3):
        write_sparse(path, n_bytes, 0)
        found.add(fingerprint_file(path))
    assert len(found) == 3


def test_folders_by_names_sizes_and_content(tmp_path) -> None:
    def fingerprint(metadata: str = "{}") -> str:
        files = [file for file in tmp_path.rglob("*") if file.is_file()]
        return fingerprint_files(tmp_path, files[::-1], metadata)

    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "a").write_bytes(b"12345")
    (tmp_path / "0" / "b").write_bytes(b"67890")
    first = fingerprint()
    assert first == fingerprint()
    assert first != fingerprint("{1}")
    (tmp_path / "0" / "b").write_bytes(b"67891")
    second = fingerprint()
    (tmp_path / "0" / "b").rename(tmp_path / "0" / "c")
    assert len({first, second, fingerprint()}) == 3

import os

import pytest

from napari_leukoseg.case.journal import Journal
from napari_leukoseg.errors import CaseError

RECORDS = [{"kind": "a", "x": [1, 2.5]}, {"kind": "b", "text": "µm\n"}, {"kind": "c"}]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.touch()
    return path


def write(path, records, end=0):
    journal = Journal(path)
    journal.open(end)
    ends = [journal.append(record) for record in records]
    journal.close()
    return ends


def records_of(path, offset=0):
    return [record for record, _ in Journal(path).read(offset)]


def test_round_trip_from_any_record(path):
    ends = write(path, RECORDS)
    assert [end for _, end in Journal(path).read()] == ends
    for index, start in enumerate([0, *ends]):
        assert records_of(path, start) == RECORDS[index:]


@pytest.mark.parametrize("cut", [1, 5, 12])
def test_torn_last_line_is_ignored_and_then_overwritten(path, cut):
    ends = write(path, RECORDS)
    os.truncate(path, ends[-1] - cut)
    assert records_of(path) == RECORDS[:2]
    write(path, [{"kind": "d"}], end=ends[1])
    assert records_of(path) == [*RECORDS[:2], {"kind": "d"}]


@pytest.mark.parametrize("rubbish", [b"\0\0\0", b"{\n", b"[1]\n", b'{"kind": "x"'])
def test_rubbish_at_the_end_is_ignored(path, rubbish):
    write(path, RECORDS)
    with path.open("ab") as file:
        file.write(rubbish)
    assert records_of(path) == RECORDS


def test_damage_in_the_middle_is_an_error(path):
    ends = write(path, RECORDS)
    data = bytearray(path.read_bytes())
    data[ends[0] + 1] = 0
    path.write_bytes(data)
    with pytest.raises(CaseError, match=f"damaged at byte {ends[0]}"):
        records_of(path)


def test_record_that_is_not_written_leaves_the_journal_as_it_was(path, monkeypatch):
    journal = Journal(path)
    journal.open(0)
    journal.append(RECORDS[0])

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            journal.append(RECORDS[1])
    with pytest.raises(ValueError, match="JSON"):
        journal.append({"x": float("nan")})
    journal.append(RECORDS[2])
    journal.close()
    assert records_of(path) == [RECORDS[0], RECORDS[2]]


def test_tail_identifies_the_end(path):
    ends = write(path, RECORDS)
    assert bytes.fromhex(Journal(path).tail(ends[-1])).endswith(b'"c"}\n')
    assert Journal(path).tail(0) == ""

"""What an accident leaves of a spool: everything before the torn record is recovered, and nothing is invented."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.records import LogEntry
from media_server.spool_errors import SpoolError
from media_server.spool_file import FILE_NAME, Refusal, SpoolFile
from media_server.spool_format import FIELDS, row_of
from media_server.spool_lock import LOCK_NAME
from media_server.spool_opening import MENDED_NAME, PAGE_BYTES
from tests.chaos import often
from tests.log_entries import entry

MAX_BYTES = 1 << 20
WAL_NAME = f"{FILE_NAME}-wal"
WRITTEN = [entry(seq, text=f'{{"text": "sentence {seq}"}}') for seq in range(1, 11)]
STRIDE = often(ci=31, chaos=1)
"""Every byte in `make chaos`."""

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(often(ci=120, chaos=600))]


@dataclass(frozen=True, slots=True)
class Remains:
    """The two files of a spool, as its node left them."""

    db: bytes
    wal: bytes = b""


def opened(folder: Path) -> SpoolFile:
    return SpoolFile(folder, max_bytes=MAX_BYTES, lock_wait_s=0)


def wrote(folder: Path) -> Iterator[int]:
    """Write the ten entries, one in each commit; the length of the WAL after each."""
    file = opened(folder)
    for one in WRITTEN:
        with file.transaction():
            file.insert(one)
        yield (folder / WAL_NAME).stat().st_size
    file.close()


@pytest.fixture
def killed(tmp_path: Path) -> tuple[Remains, int]:
    """What `kill -9` leaves, and where in the WAL the last commit begins."""
    writing = wrote(tmp_path / "killed")
    *_, before, _ = itertools.islice(writing, len(WRITTEN))
    remains = Remains(*((tmp_path / "killed" / name).read_bytes() for name in (FILE_NAME, WAL_NAME)))
    list(writing)
    return remains, before


@pytest.fixture
def closed(tmp_path: Path) -> Remains:
    """What an orderly end leaves: everything is in the file."""
    list(wrote(tmp_path / "closed"))
    return Remains((tmp_path / "closed" / FILE_NAME).read_bytes())


@pytest.fixture
def recovered() -> Iterator[Recover]:
    # In memory where there is some: thousands of spools are opened, and each waits for its disk.
    memory = Path("/dev/shm")  # noqa: S108  a folder of our own is made in it
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Recover(Path(folder) / "recovered")


class Recover:
    """Opens what is left, and reads the entries."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, remains: Remains) -> list[LogEntry]:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        (self.folder / FILE_NAME).write_bytes(remains.db)
        if remains.wal:
            (self.folder / WAL_NAME).write_bytes(remains.wal)
        file = opened(self.folder)
        try:
            entries = [stored for _, stored in file.oldest(1000)]
            with file.transaction():  # it goes on
                file.insert(entry(99))
            assert [stored.seq for _, stored in file.oldest(1000)][-1] == 99
        finally:
            file.close()
        return entries


def flipped(raw: bytes, offset: int, mask: int = 0xFF) -> bytes:
    return raw[:offset] + bytes([raw[offset] ^ mask]) + raw[offset + 1 :]


def last_cell(db: bytes) -> range:
    """Where the last entry lies: of a leaf page SQLite fills the end first, and the newest cell comes lowest."""
    payload = WRITTEN[-1].payload
    page = db.index(payload) // PAGE_BYTES * PAGE_BYTES
    start = page + int.from_bytes(db[page + 5 : page + 7], "big")
    end = db.index(payload) + len(payload) + 4  # the checksum
    assert start < db.index(WRITTEN[-1].session_id.bytes, start) < end
    return range(start, end)


def test_a_wal_torn_at_any_byte_of_the_last_commit_keeps_the_others(
    killed: tuple[Remains, int], recovered: Recover
) -> None:
    remains, before = killed
    for length in (*range(before, len(remains.wal), STRIDE), len(remains.wal) - 1):
        assert recovered(replace(remains, wal=remains.wal[:length])) == WRITTEN[:-1], length
    assert recovered(remains) == WRITTEN


def test_a_wal_flipped_at_any_byte_of_the_last_commit_keeps_the_others(
    killed: tuple[Remains, int], recovered: Recover
) -> None:
    remains, before = killed
    for offset in range(before, len(remains.wal), STRIDE):
        assert recovered(replace(remains, wal=flipped(remains.wal, offset))) == WRITTEN[:-1], offset


def test_a_file_flipped_at_any_byte_of_the_last_entry_keeps_the_others(closed: Remains, recovered: Recover) -> None:
    for offset, mask in itertools.product(last_cell(closed.db), range(1, 256, often(ci=127, chaos=9))):
        found = recovered(replace(closed, db=flipped(closed.db, offset, mask)))
        # The last one itself stays when the flip hit its position, which is no part of the entry.
        assert sorted(found, key=lambda one: one.seq) in (WRITTEN[:-1], WRITTEN), (offset, mask)


def test_a_file_cut_at_any_byte_of_its_last_entry_opens(closed: Remains, recovered: Recover) -> None:
    """SQLite fills a page from its end: with the newest entry a cut takes older ones of its page, and invents none."""
    cell = last_cell(closed.db)
    for length in range(cell.start, cell.stop, often(ci=5, chaos=1)):
        found = recovered(replace(closed, db=closed.db[:length]))
        assert all(one in WRITTEN for one in found), length


@settings(max_examples=often(ci=100, chaos=3_000), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_happens_to_the_bytes_nothing_is_invented(
    data: st.DataObject, killed: tuple[Remains, int], closed: Remains, recovered: Recover
) -> None:
    remains = data.draw(st.sampled_from([killed[0], closed]))
    for _ in range(data.draw(st.integers(1, 8))):
        part = data.draw(st.sampled_from(["db", "wal"] if remains.wal else ["db"]))
        raw = getattr(remains, part)
        place = data.draw(st.integers(0, max(0, len(raw) - 1)))
        change = data.draw(st.sampled_from(["flip", "cut", "zero"]))
        if change == "flip" and raw:
            raw = flipped(raw, place, data.draw(st.integers(1, 255)))
        elif change == "zero":
            raw = raw[:place] + bytes(min(512, len(raw) - place)) + raw[place + 512 :]
        else:
            raw = raw[:place]
        remains = replace(remains, **{part: raw})
    try:
        found = recovered(remains)
    except SpoolError:
        return
    assert all(one in WRITTEN for one in found)


def test_a_damaged_file_is_kept_and_its_other_entries_go_on(closed: Remains, recovered: Recover) -> None:
    damaged = flipped(closed.db, closed.db.index(b"sentence 4"))
    assert recovered(Remains(damaged)) == [one for one in WRITTEN if one.seq != 4]
    [kept] = recovered.folder.glob(f"{FILE_NAME}.broken-*")
    assert kept.read_bytes() == damaged


def test_a_damaged_file_is_announced(closed: Remains, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name, raw in (("sound", closed.db), ("damaged", flipped(closed.db, closed.db.index(b"sentence 4")))):
        (tmp_path / name).mkdir()
        (tmp_path / name / FILE_NAME).write_bytes(raw)
        file = opened(tmp_path / name)
        assert file.was_damaged == (name == "damaged")
        file.close()
    assert "was set aside" in caplog.text
    assert "sentence" not in caplog.text


def test_what_postgres_refused_is_saved_from_a_damaged_file_too(tmp_path: Path) -> None:
    file = opened(tmp_path / "n")
    with file.transaction():
        for one in WRITTEN[:3]:
            file.insert(one)
        file.trim(2, [Refusal(2, "poison"), Refusal(1, "session_erased", is_final=True)])
    file.close()
    path = tmp_path / "n" / FILE_NAME
    path.write_bytes(flipped(path.read_bytes(), path.read_bytes().index(b"sentence 3")))
    file = opened(tmp_path / "n")
    assert [stored for _, stored in file.oldest(10)] == [WRITTEN[1]]
    assert [(stored.seq, stored.payload, reason) for stored, reason in file.refused()] == [(1, b"", "session_erased")]
    file.close()


def test_a_node_killed_while_it_mends_finds_what_it_saved(closed: Remains, tmp_path: Path) -> None:
    folder = tmp_path / "n"
    folder.mkdir()
    (folder / f"{FILE_NAME}.broken-1").write_bytes(b"rubbish")
    (folder / MENDED_NAME).write_bytes(closed.db)
    file = opened(folder)
    assert [stored for _, stored in file.oldest(100)] == WRITTEN
    file.close()
    assert sorted(path.name for path in folder.iterdir()) == ["ballast", LOCK_NAME, FILE_NAME, f"{FILE_NAME}.broken-1"]


def test_a_spool_of_the_release_before_is_taken_over(tmp_path: Path) -> None:
    """Its rows had no checksum."""
    folder = tmp_path / "n"
    folder.mkdir()
    with sqlite3.connect(folder / FILE_NAME, isolation_level=None) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"CREATE TABLE entries (position INTEGER PRIMARY KEY AUTOINCREMENT, {FIELDS})")
        db.execute(f"CREATE TABLE refused (position INTEGER PRIMARY KEY, {FIELDS}, reason)")
        for position, seq in ((70, 7), (80, 8)):
            values = (position, *row_of(entry(seq))[:-1])
            db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        values = (1, *row_of(entry(3))[:-1], "poison")
        db.execute("INSERT INTO refused VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    db.close()
    file = opened(folder)
    assert [(position, stored) for position, stored in file.oldest(10)] == [
        (70, entry(7)),
        (80, entry(8)),
        (81, entry(3)),
    ]
    assert not file.was_damaged
    file.close()

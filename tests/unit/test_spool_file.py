"""The spool's file after an accident: torn, damaged, or in somebody else's hands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from media_server.spool_errors import SpoolFullError, SpoolLockedError
from media_server.spool_file import FILE_NAME, SpoolFile
from tests.log_entries import entry

MAX_BYTES = 1 << 24
WAL_HEADER_BYTES = 32


def opened(folder: Path) -> SpoolFile:
    return SpoolFile(folder, max_bytes=MAX_BYTES, lock_wait_s=0)


def seqs(folder: Path) -> list[int]:
    file = opened(folder)
    try:
        return [stored.seq for _, stored in file.oldest(10_000)]
    finally:
        file.close()


@pytest.fixture
def crashed(tmp_path: Path) -> tuple[Path, list[int]]:
    """A spool as `kill -9` leaves it, and the length of its WAL after each of its ten commits."""
    file = opened(tmp_path / "alive")
    wal = tmp_path / "alive" / f"{FILE_NAME}-wal"
    ends = []
    for seq in range(10):
        with file.transaction():
            file.insert(entry(seq))
        ends.append(wal.stat().st_size)
    shutil.copytree(tmp_path / "alive", tmp_path / "dead")
    file.close()
    return tmp_path / "dead", ends


def copies(folder: Path, name: str) -> Path:
    copy = folder.with_name(name)
    shutil.copytree(folder, copy)
    return copy


def test_a_killed_node_leaves_every_committed_entry(crashed: tuple[Path, list[int]]) -> None:
    folder, _ = crashed
    assert seqs(folder) == list(range(10))


def test_a_wal_torn_anywhere_keeps_every_commit_before_the_tear(crashed: tuple[Path, list[int]]) -> None:
    folder, ends = crashed
    for length in {*range(0, ends[-1], 997), *ends, *(end - 1 for end in ends), *(end + 1 for end in ends[:-1])}:
        torn = copies(folder, f"torn-{length}")
        with (torn / f"{FILE_NAME}-wal").open("r+b") as wal:
            wal.truncate(length)
        committed = sum(end <= length for end in ends)
        assert seqs(torn)[:committed] == list(range(committed)), length


def test_a_flipped_byte_in_the_last_commit_costs_at_most_that_commit(crashed: tuple[Path, list[int]]) -> None:
    folder, ends = crashed
    for offset in range(ends[-2], ends[-1], 401):
        flipped = copies(folder, f"flipped-{offset}")
        path = flipped / f"{FILE_NAME}-wal"
        raw = bytearray(path.read_bytes())
        raw[offset] ^= 0xFF
        path.write_bytes(raw)
        assert seqs(flipped)[:9] == list(range(9)), offset


def test_a_damaged_file_is_set_aside_and_a_new_one_begins(tmp_path: Path) -> None:
    folder = tmp_path / "n"
    folder.mkdir()
    (folder / FILE_NAME).write_bytes(b"this is no database" * 1000)
    assert seqs(folder) == []
    [kept] = folder.glob(f"{FILE_NAME}.broken-*")
    assert kept.read_bytes().startswith(b"this is no database")


def test_two_programs_cannot_own_one_spool(tmp_path: Path) -> None:
    file = opened(tmp_path / "n")
    with pytest.raises(SpoolLockedError):
        opened(tmp_path / "n")
    file.close()


def test_a_closed_spool_can_be_opened_by_another(tmp_path: Path) -> None:
    opened(tmp_path / "n").close()
    opened(tmp_path / "n").close()


def test_a_removed_spool_leaves_nothing(tmp_path: Path) -> None:
    file = opened(tmp_path / "n")
    with file.transaction():
        file.insert(entry(1))
    file.remove()
    assert list(tmp_path.iterdir()) == []


def test_without_ballast_entries_only_leave(tmp_path: Path) -> None:
    file = opened(tmp_path / "n")
    with file.transaction():
        file.insert(entry(1))
    assert file.make_room()
    with pytest.raises(SpoolFullError), file.transaction():
        file.insert(entry(2))
    with file.transaction():
        file.trim(1)
    assert file.size == 0
    file.close()


def test_ballast_is_given_up_only_once(tmp_path: Path) -> None:
    file = opened(tmp_path / "n")
    assert [file.make_room(), file.make_room()] == [True, False]
    file.close()

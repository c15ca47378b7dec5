"""The spool's file: damaged, full, removed, or in somebody else's hands."""

from __future__ import annotations

from pathlib import Path

import pytest

from media_server.spool_errors import SpoolFullError, SpoolLockedError
from media_server.spool_file import FILE_NAME, SpoolFile
from tests.log_entries import entry

MAX_BYTES = 1 << 24


def opened(folder: Path) -> SpoolFile:
    return SpoolFile(folder, max_bytes=MAX_BYTES, lock_wait_s=0)


def seqs(folder: Path) -> list[int]:
    file = opened(folder)
    try:
        return [stored.seq for _, stored in file.oldest(10_000)]
    finally:
        file.close()


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

"""Orphan spools: nothing of a node that is gone stays behind, and nothing of one that lives is touched."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from media_server import spool_adoption
from media_server.spool import Spool
from media_server.spool_adoption import adopt_orphans
from media_server.spool_file import BALLAST_NAME, FILE_NAME, PAGE_BYTES, Refusal, SpoolFile
from media_server.spool_format import FORMAT
from media_server.spool_lock import LOCK_NAME
from media_server.spool_opening import MENDED_NAME
from tests.log_entries import entry

WAL_NAME = f"{FILE_NAME}-wal"


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    spool = Spool(tmp_path / "alive")
    await spool.open()
    yield spool
    await spool.aclose()


def leave(folder: Path, *seqs: int) -> SpoolFile:
    """A spool with these entries; its node lives until the result is closed."""
    file = SpoolFile(folder, max_bytes=1 << 24)
    with file.transaction():
        for seq in seqs:
            file.insert(entry(seq))
    return file


def from_the_future(folder: Path, version: int = FORMAT + 1) -> None:
    with sqlite3.connect(folder / FILE_NAME) as db:
        db.execute(f"PRAGMA user_version = {version}")
    db.close()


async def seqs(spool: Spool) -> list[int]:
    return [stored.seq for _, stored in await spool.oldest(5000)]


async def test_entries_of_a_dead_node_come_over(tmp_path: Path, spool: Spool) -> None:
    leave(tmp_path / "dead", 1, 2, 3).close()
    assert await adopt_orphans(spool)
    assert await seqs(spool) == [1, 2, 3]


async def test_more_entries_than_one_portion_come_over_in_order(tmp_path: Path, spool: Spool) -> None:
    leave(tmp_path / "dead", *range(1200)).close()
    await adopt_orphans(spool)
    assert await seqs(spool) == list(range(1200))


async def test_an_adopted_spool_is_deleted(tmp_path: Path, spool: Spool) -> None:
    leave(tmp_path / "dead", 1).close()
    await adopt_orphans(spool)
    assert [path.name for path in tmp_path.iterdir()] == ["alive"]


async def test_a_spool_whose_node_lives_is_left_alone(tmp_path: Path, spool: Spool) -> None:
    other = leave(tmp_path / "other", 1)
    assert await adopt_orphans(spool)
    assert other.size == 1
    other.close()


async def test_what_postgres_refused_comes_over_too(tmp_path: Path, spool: Spool) -> None:
    orphan = leave(tmp_path / "dead", 9)
    with orphan.transaction():
        orphan.trim(1, [Refusal(1, "poison")])
    orphan.close()
    await adopt_orphans(spool)
    assert await seqs(spool) == [9]


async def test_what_does_not_fit_beside_live_calls_is_left_for_later(tmp_path: Path) -> None:
    leave(tmp_path / "dead", *range(3000)).close()
    small = Spool(tmp_path / "small", max_bytes=128 * PAGE_BYTES)
    await small.open()
    came = []
    while not await adopt_orphans(small):
        assert small.used_share < 0.9
        came += await seqs(small)
        await small.trim((await small.oldest(5000))[-1][0])
    came += await seqs(small)
    await small.aclose()
    assert came == list(range(3000))
    assert not (tmp_path / "dead").exists()


async def test_a_large_spool_is_given_back_after_a_moment(
    tmp_path: Path, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its node may be waiting for it at this very moment."""
    monkeypatch.setattr(spool_adoption, "MOMENT_S", 0.0)
    leave(tmp_path / "dead", *range(600)).close()
    assert not await adopt_orphans(spool)
    leave(tmp_path / "dead").close()
    monkeypatch.undo()
    assert await adopt_orphans(spool)
    assert await seqs(spool) == list(range(600))


async def test_of_two_nodes_that_start_at_once_one_takes_over(tmp_path: Path, spool: Spool) -> None:
    for name in ("dead-0", "dead-1", "dead-2"):
        leave(tmp_path / name, 1, 2).close()
    other = Spool(tmp_path / "other")
    await other.open()
    await asyncio.gather(adopt_orphans(spool), adopt_orphans(other))
    assert spool.size + other.size == 6
    await other.aclose()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alive", "other"]


@pytest.mark.parametrize(
    "left_over",
    [
        set(),
        {LOCK_NAME},
        {BALLAST_NAME},
        {LOCK_NAME, BALLAST_NAME},
        {LOCK_NAME, FILE_NAME},
        {MENDED_NAME},
        {FILE_NAME, WAL_NAME},
    ],
    ids=lambda names: "+".join(sorted(names)),
)
async def test_a_deletion_or_a_beginning_that_was_cut_short_is_cleared_away(
    tmp_path: Path, spool: Spool, left_over: set[str]
) -> None:
    (tmp_path / "dead").mkdir()
    for name in left_over:
        (tmp_path / "dead" / name).touch()
    assert await adopt_orphans(spool)
    assert not (tmp_path / "dead").exists()


async def test_what_is_no_spool_is_left_alone(tmp_path: Path, spool: Spool) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "read.me").touch()
    (tmp_path / "lock").touch()
    await adopt_orphans(spool)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alive", "lock", "notes"]


async def test_a_spool_of_a_newer_program_waits_for_one(tmp_path: Path, spool: Spool) -> None:
    leave(tmp_path / "dead", 1).close()
    from_the_future(tmp_path / "dead")
    before = (tmp_path / "dead" / FILE_NAME).read_bytes()
    assert await adopt_orphans(spool)
    assert spool.size == 0
    assert (tmp_path / "dead" / FILE_NAME).read_bytes() == before


async def test_a_node_whose_spool_a_newer_program_wrote_starts_with_another(tmp_path: Path, spool: Spool) -> None:
    leave(tmp_path / "older", 1).close()
    from_the_future(tmp_path / "older")
    older = Spool(tmp_path / "older")
    await older.open()
    assert older.size == 0
    await older.aclose()
    [apart] = tmp_path.glob("older.newer-*")
    from_the_future(apart, FORMAT)  # the program is brought up to date
    await adopt_orphans(spool)
    assert await seqs(spool) == [1]
    assert not apart.exists()


async def test_a_damaged_orphan_is_kept_for_a_person(tmp_path: Path, spool: Spool) -> None:
    (tmp_path / "dead").mkdir()
    (tmp_path / "dead" / FILE_NAME).write_bytes(b"this is no database" * 1000)
    await adopt_orphans(spool)
    [kept] = (tmp_path / "dead").iterdir()
    assert kept.read_bytes().startswith(b"this is no database")

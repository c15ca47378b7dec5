"""Orphan spools: nothing of a node that is gone stays behind, and nothing of one that lives is touched."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from media_server.spool import Spool
from media_server.spool_adoption import adopt_orphans
from media_server.spool_file import FILE_NAME, PAGE_BYTES, Refusal, SpoolFile
from tests.log_entries import entry


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


async def seqs(spool: Spool) -> list[int]:
    return [stored.seq for _, stored in await spool.oldest(2000)]


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


async def test_a_spool_that_does_not_fit_is_left_for_later(tmp_path: Path) -> None:
    leave(tmp_path / "dead", *range(2000)).close()
    small = Spool(tmp_path / "small", max_bytes=16 * PAGE_BYTES)
    await small.open()
    await adopt_orphans(small)
    await small.aclose()
    left = SpoolFile(tmp_path / "dead", max_bytes=1 << 24)
    assert left.size > 0
    left.close()


async def test_a_damaged_orphan_is_kept_for_a_person(tmp_path: Path, spool: Spool) -> None:
    (tmp_path / "dead").mkdir()
    (tmp_path / "dead" / FILE_NAME).write_bytes(b"this is no database" * 1000)
    await adopt_orphans(spool)
    [kept] = (tmp_path / "dead").iterdir()
    assert kept.read_bytes().startswith(b"this is no database")

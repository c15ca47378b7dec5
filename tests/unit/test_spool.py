"""The spool: what was acknowledged is there, in order, whatever happened to the program."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from blockbuster import BlockBuster, blockbuster_ctx

from db.records import LogEntry
from media_server.spool import Spool
from media_server.spool_errors import SpoolDamagedError, SpoolEntryError, SpoolError, SpoolFullError
from media_server.spool_file import PAGE_BYTES, Refusal, SpoolFile
from tests.log_entries import entry


@pytest.fixture(autouse=True)
def loop_never_blocks() -> Iterator[BlockBuster]:
    with blockbuster_ctx() as blockbuster:
        yield blockbuster


@asynccontextmanager
async def opened(folder: Path, **limits: int) -> AsyncIterator[Spool]:
    spool = Spool(folder, **limits)
    await spool.open()
    try:
        yield spool
    finally:
        await spool.aclose()


async def seqs(spool: Spool, limit: int = 100) -> list[int]:
    return [stored.seq for _, stored in await spool.oldest(limit)]


async def fill(spool: Spool) -> int:
    """Append until there is no room; the number of entries that were taken."""
    for number in range(100_000):
        try:
            await spool.append(entry(number, text="x" * 500))
        except SpoolFullError:
            return number
    raise AssertionError("the spool never became full")


async def test_an_entry_comes_back_as_it_was(tmp_path: Path) -> None:
    async with opened(tmp_path / "n") as spool:
        await spool.append(entry(7))
        assert [stored for _, stored in await spool.oldest()] == [entry(7)]


async def test_entries_come_back_oldest_first(tmp_path: Path) -> None:
    async with opened(tmp_path / "n") as spool:
        await asyncio.gather(*(spool.append(entry(seq)) for seq in range(300)))
        assert await seqs(spool, 200) == list(range(200))


async def test_entries_outlive_the_program(tmp_path: Path) -> None:
    async with opened(tmp_path / "n") as spool:
        await spool.append(entry(1))
    async with opened(tmp_path / "n") as spool:
        assert await seqs(spool) == [1]


async def test_entries_left_behind_are_counted_at_start(tmp_path: Path) -> None:
    async with opened(tmp_path / "n") as spool:
        await asyncio.gather(*(spool.append(entry(seq)) for seq in range(3)))
    async with opened(tmp_path / "n") as spool:
        assert spool.size == 3


async def test_trimmed_entries_are_gone(tmp_path: Path) -> None:
    async with opened(tmp_path / "n") as spool:
        await asyncio.gather(*(spool.append(entry(seq)) for seq in range(5)))
        positions = [position for position, _ in await spool.oldest()]
        await spool.trim(positions[2])
        assert await seqs(spool) == [3, 4]
        assert spool.size == 2


async def test_a_late_trim_spares_what_came_after_it(tmp_path: Path) -> None:
    async with opened(tmp_path / "n") as spool:
        await spool.append(entry(1))
        [(position, _)] = await spool.oldest()
        await spool.trim(position)
        await spool.append(entry(2))
        await spool.trim(position)
        assert await seqs(spool) == [2]


async def test_refused_entries_are_set_aside_with_their_reason(tmp_path: Path) -> None:
    async with opened(tmp_path / "n") as spool:
        await asyncio.gather(*(spool.append(entry(seq)) for seq in range(3)))
        positions = [position for position, _ in await spool.oldest()]
        await spool.trim(positions[2], [Refusal(positions[1], "session_unknown")])
        assert await spool.refused() == [(entry(1), "session_unknown")]


async def test_refused_entries_get_another_chance_at_the_next_start(tmp_path: Path) -> None:
    async with opened(tmp_path / "n") as spool:
        await spool.append(entry(1))
        [(position, _)] = await spool.oldest()
        await spool.trim(position, [Refusal(position, "session_unknown")])
    async with opened(tmp_path / "n") as spool:
        assert await seqs(spool) == [1]
        assert await spool.refused() == []


async def test_waiting_for_entries_ends_with_the_first(tmp_path: Path) -> None:
    async with opened(tmp_path / "n") as spool:
        waiting = asyncio.ensure_future(spool.wait_filled())
        await spool.append(entry(1))
        async with asyncio.timeout(10):
            await waiting


async def test_waiting_for_an_empty_spool_ends_with_the_last_trim(tmp_path: Path) -> None:
    async with opened(tmp_path / "n") as spool:
        await spool.append(entry(1))
        waiting = asyncio.ensure_future(spool.wait_emptied())
        await spool.trim((await spool.oldest())[0][0])
        async with asyncio.timeout(10):
            await waiting


async def test_a_full_spool_refuses_with_a_code(tmp_path: Path) -> None:
    async with opened(tmp_path / "n", max_bytes=32 * PAGE_BYTES) as spool:
        taken = await fill(spool)
        assert await seqs(spool, 1000) == list(range(taken))


async def test_a_full_spool_takes_entries_again_once_trimmed(tmp_path: Path) -> None:
    async with opened(tmp_path / "n", max_bytes=32 * PAGE_BYTES) as spool:
        await fill(spool)
        positions = [position for position, _ in await spool.oldest(1000)]
        await spool.trim(positions[-1], [Refusal(positions[0], "poison")])
        await spool.append(entry(4242))
        assert await seqs(spool) == [4242]


async def test_a_full_spool_of_entries_that_postgres_refuses_is_emptied_all_the_same(tmp_path: Path) -> None:
    async with opened(tmp_path / "n", max_bytes=32 * PAGE_BYTES) as spool:
        taken = await fill(spool)
        while spool.size:
            entries = await spool.oldest(10)
            await spool.trim(entries[-1][0], [Refusal(position, "session_unknown") for position, _ in entries])
        assert len(await spool.refused()) == taken


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_full_spool_is_in_trouble_until_it_has_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media_server.spool_health.HOLD_S", 0.0)
    monkeypatch.setattr("media_server.spool.RECHECK_S", 0.01)
    async with opened(tmp_path / "n", max_bytes=64 * PAGE_BYTES) as spool:
        assert spool.trouble is None
        await fill(spool)
        assert spool.trouble == "spool_full"
        await spool.trim((await spool.oldest(1000))[-1][0])
        await until(lambda: spool.trouble is None)


async def test_trouble_does_not_flicker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media_server.spool_health.HOLD_S", 1000.0)
    async with opened(tmp_path / "n", max_bytes=64 * PAGE_BYTES) as spool:
        await fill(spool)
        await spool.trim((await spool.oldest(1000))[-1][0])
        await spool.append(entry(1))
        assert spool.trouble == "spool_full"


async def test_an_entry_that_cannot_be_written_is_no_trouble_of_the_spool(tmp_path: Path) -> None:
    async with opened(tmp_path / "n") as spool:
        with pytest.raises(SpoolEntryError):
            await spool.append(entry(2**70))
        assert spool.trouble is None


async def test_a_disk_that_does_not_answer_is_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media_server.spool.STALLED_S", 0.0)
    answer, insert = threading.Event(), SpoolFile.insert

    def slow(file: SpoolFile, one: LogEntry) -> None:
        answer.wait(10)
        insert(file, one)

    monkeypatch.setattr(SpoolFile, "insert", slow)
    async with opened(tmp_path / "n") as spool:
        appended = spool.append(entry(1))
        await until(lambda: spool.trouble == "spool_stalled")
        answer.set()
        await appended
        assert spool.trouble is None


async def test_an_entry_that_the_disk_altered_is_trouble_and_is_not_read(tmp_path: Path) -> None:
    async with opened(tmp_path / "n") as spool:
        await spool.append(entry(1))
        await spool._submit(lambda file: file._db.execute("UPDATE entries SET payload = x'00'"))
        with pytest.raises(SpoolDamagedError):
            await spool.oldest()
        assert spool.trouble == "spool_damaged"


async def test_one_refused_entry_does_not_harm_those_beside_it(tmp_path: Path) -> None:
    async with opened(tmp_path / "n") as spool:
        results = await asyncio.gather(
            *(spool.append(entry(seq)) for seq in (1, 2**70, 3)),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [type(None), SpoolEntryError, type(None)]
        assert await seqs(spool) == [1, 3]


async def test_more_waiting_than_allowed_is_refused_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path / "n", max_waiting=3) as spool:
        accepted = [spool.append(entry(seq)) for seq in range(3)]
        with pytest.raises(SpoolFullError):
            spool.append(entry(3))
        assert spool.trouble == "spool_full"
        await asyncio.gather(*accepted)


async def test_a_cancelled_appender_leaves_its_entry(tmp_path: Path) -> None:
    async with opened(tmp_path / "n") as spool:
        spool.append(entry(1)).cancel()
        await spool.append(entry(2))
        assert await seqs(spool) == [1, 2]


async def test_a_closed_spool_refuses(tmp_path: Path) -> None:
    async with opened(tmp_path / "n") as spool:
        pass
    with pytest.raises(SpoolError):
        spool.append(entry(1))


async def test_closing_finishes_what_was_handed_over(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "n")
    await spool.open()
    appended = [spool.append(entry(seq)) for seq in range(50)]
    await spool.aclose()
    assert all(future.done() and future.exception() is None for future in appended)


async def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "n").touch()
    with pytest.raises(SpoolError):
        await Spool(tmp_path / "n").open()

"""The log of a call: durable before visible, in order, and only under a current lease."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from db.records import LogEntry
from media_server.event_log import DurableLog, EventLog, LeaseLostError, SeqsExhaustedError
from media_server.events import PipelineStatus
from media_server.spool import Spool
from media_server.spool_errors import SpoolFullError
from media_server.spool_file import PAGE_BYTES
from tests.log_entries import ORGANIZATION, SESSION, MemorySpool, final

STATUS = PipelineStatus(lag_ms=1, level="full")


class Lease:
    """A lease that a test takes away."""

    is_current = True

    def __call__(self) -> bool:
        return self.is_current


def log_on(spool: DurableLog, lease: Lease | None = None, *, first_seq: int = 1, last_seq: int = 10_000) -> EventLog:
    return EventLog(
        spool,
        SESSION,
        ORGANIZATION,
        epoch=3,
        first_seq=first_seq,
        last_seq=last_seq,
        is_lease_current=lease or Lease(),
    )


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    spool = Spool(tmp_path / "n")
    await spool.open()
    yield spool
    await spool.aclose()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_an_entry_carries_the_event_and_its_place(spool: Spool) -> None:
    entry = await log_on(spool, first_seq=10_001, last_seq=20_000).append(final(1), at_ms=1800)
    assert (entry.seq, entry.epoch, entry.type, entry.at_ms, entry.audience) == (
        10_001,
        3,
        "transcript.final",
        1800,
        "everyone",
    )
    assert orjson.loads(entry.payload)["text"] == "sentence 1"


async def test_an_entry_may_have_an_audience_of_its_own(spool: Spool) -> None:
    entry = await log_on(spool).append(STATUS, at_ms=0, audience="participant:7")
    assert entry.audience == "participant:7"


async def test_nobody_sees_an_entry_before_it_is_durable() -> None:
    spool, seen = MemorySpool(), list[LogEntry]()
    log = log_on(spool)
    log.subscribe(seen.append)
    appending = asyncio.ensure_future(log.append(STATUS, at_ms=0))
    await settle()
    assert seen == []
    spool.commit()
    await appending
    assert [entry.seq for entry in seen] == [1]


async def test_entries_are_published_in_the_order_of_their_seq(spool: Spool) -> None:
    seen: list[int] = []
    log = log_on(spool)
    log.subscribe(lambda entry: seen.append(entry.seq))
    await asyncio.gather(*(log.append(final(number), at_ms=number) for number in range(500)))
    assert seen == list(range(1, 501))


async def test_a_published_entry_is_in_the_spool(spool: Spool) -> None:
    entry = await log_on(spool).append(final(1), at_ms=0)
    assert [(stored.session_id, stored.seq) for _, stored in await spool.oldest()] == [(SESSION, entry.seq)]


async def test_the_spool_knows_when_an_entry_was_made(spool: Spool) -> None:
    before = datetime.now(UTC)
    await log_on(spool).append(final(1), at_ms=0)
    [(_, stored)] = await spool.oldest()
    assert before <= datetime.fromisoformat(orjson.loads(stored.payload)["row"]["at"]) <= datetime.now(UTC)


async def test_the_row_goes_to_the_spool_and_not_to_the_call(spool: Spool) -> None:
    entry = await log_on(spool).append(final(1), at_ms=0, row={"stt_provider": "whisper"})
    [(_, stored)] = await spool.oldest()
    assert orjson.loads(stored.payload)["row"]["stt_provider"] == "whisper"
    assert b"stt_provider" not in entry.payload


async def test_an_entry_that_is_kept_takes_little_more_than_its_bytes(spool: Spool) -> None:
    """Ten thousand of them are kept for each call."""
    log, count = log_on(spool), 100
    await log.append(STATUS, at_ms=0)
    tracemalloc.start()
    try:
        for _ in range(count):
            await log.append(STATUS, at_ms=0)
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept / count < 1_500


async def test_without_a_lease_nothing_is_stored(spool: Spool) -> None:
    lease = Lease()
    lease.is_current = False
    with pytest.raises(LeaseLostError):
        await log_on(spool, lease).append(STATUS, at_ms=0)
    assert spool.size == 0


async def test_a_lease_lost_while_the_disk_is_busy_stops_publication() -> None:
    spool, lease, seen = MemorySpool(), Lease(), list[LogEntry]()
    log = log_on(spool, lease)
    log.subscribe(seen.append)
    appending = asyncio.ensure_future(log.append(STATUS, at_ms=0))
    await settle()
    lease.is_current = False
    spool.commit()
    with pytest.raises(LeaseLostError):
        await appending
    assert seen == []
    assert log.entries_after(0) == []


async def test_a_full_spool_publishes_nothing(tmp_path: Path) -> None:
    seen: list[LogEntry] = []
    spool = Spool(tmp_path / "small", max_bytes=16 * PAGE_BYTES)
    await spool.open()
    log = log_on(spool)
    log.subscribe(seen.append)
    results = await asyncio.gather(*(log.append(final(n), at_ms=0) for n in range(500)), return_exceptions=True)
    stored = [entry.seq for _, entry in await spool.oldest(500)]
    await spool.aclose()
    assert SpoolFullError in map(type, results)
    assert [entry.seq for entry in seen] == stored


async def test_a_subscriber_that_raises_harms_nobody(spool: Spool) -> None:
    seen: list[int] = []

    def broken(entry: LogEntry) -> None:
        raise ValueError(entry.seq)

    log = log_on(spool)
    log.subscribe(broken)
    log.subscribe(lambda entry: seen.append(entry.seq))
    await log.append(STATUS, at_ms=0)
    await log.append(STATUS, at_ms=0)
    assert seen == [1, 2]


async def test_a_failing_subscriber_puts_no_speech_into_the_logs(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(entry: LogEntry) -> None:
        raise ValueError(entry.payload)

    log = log_on(spool)
    log.subscribe(broken)
    await log.append(final(1), at_ms=0)
    assert "a subscriber of the log failed" in caplog.text
    assert "sentence" not in caplog.text


async def test_an_unsubscribed_callback_hears_no_more(spool: Spool) -> None:
    seen: list[int] = []
    log = log_on(spool)
    unsubscribe = log.subscribe(lambda entry: seen.append(entry.seq))
    await log.append(STATUS, at_ms=0)
    unsubscribe()
    await log.append(STATUS, at_ms=0)
    assert seen == [1]


async def test_who_comes_back_gets_what_was_missed(spool: Spool) -> None:
    log = log_on(spool)
    for number in range(4):
        await log.append(final(number), at_ms=number)
    assert [entry.seq for entry in log.entries_after(2)] == [3, 4]


async def test_memory_says_from_where_on_it_is_complete(spool: Spool) -> None:
    log = log_on(spool, first_seq=5)
    before = log.remembered_from
    await log.append(STATUS, at_ms=0)
    assert (before, log.remembered_from) == (None, 5)


async def test_a_cancelled_caller_does_not_stop_publication(spool: Spool) -> None:
    seen: list[int] = []
    log = log_on(spool)
    log.subscribe(lambda entry: seen.append(entry.seq))
    appending = asyncio.ensure_future(log.append(STATUS, at_ms=0))
    await asyncio.sleep(0)
    appending.cancel()
    await log.append(STATUS, at_ms=0)
    assert seen == [1, 2]


async def test_a_used_up_block_refuses(spool: Spool) -> None:
    log = log_on(spool, first_seq=1, last_seq=1)
    await log.append(STATUS, at_ms=0)
    with pytest.raises(SeqsExhaustedError):
        await log.append(STATUS, at_ms=0)


async def test_a_granted_block_continues_the_numbers(spool: Spool) -> None:
    log = log_on(spool, first_seq=1, last_seq=1)
    await log.append(STATUS, at_ms=0)
    log.grant(10_001)
    assert (await log.append(STATUS, at_ms=0)).seq == 2
    assert log.seqs_left == 9_999

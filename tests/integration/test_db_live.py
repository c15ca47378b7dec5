"""Redis is a hint: quick when it is there, and nothing but slower when it is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from db.live import STREAM_LENGTH, STREAM_START, Live, NodeLoad
from db.records import LogEntry
from deploy.ports import free_port


@pytest.fixture
async def live(valkey: str) -> AsyncIterator[Live]:
    live = Live(valkey)
    yield live
    await live.aclose()


@pytest.fixture
async def lost() -> AsyncIterator[Live]:
    """Nobody listens there."""
    live = Live(f"redis://127.0.0.1:{free_port()}/0")
    yield live
    await live.aclose()


async def test_a_nodes_load_is_what_it_said_last(live: Live) -> None:
    for load in (0.2, 0.7):
        await live.report_load(NodeLoad("host-0", "http://host-0", load))
    assert await live.node_loads() == [NodeLoad("host-0", "http://host-0", 0.7)]


async def test_a_node_that_stopped_has_no_load(live: Live) -> None:
    await live.report_load(NodeLoad("host-0", "http://host-0", 0.2))
    await live.forget_node("host-0")
    assert await live.node_loads() == []


async def test_a_nodes_old_word_is_ignored(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    await live.report_load(NodeLoad("host-0", "http://host-0", 0.2))
    spoken_at = time.time()
    monkeypatch.setattr(time, "time", lambda: spoken_at + 60)
    assert await live.node_loads() == []


async def test_a_wake_ends_a_wait_at_once(live: Live) -> None:
    waiting = asyncio.ensure_future(live.wait_for_wake("host-0", 5.0))
    await asyncio.sleep(0.05)
    await live.wake_node("host-0")
    async with asyncio.timeout(10):
        assert await waiting


async def test_a_wake_before_the_wait_is_not_lost_and_many_are_one(live: Live) -> None:
    await live.wake_node("host-0")
    await live.wake_node("host-0")
    assert await live.wait_for_wake("host-0", 1.0)
    assert not await live.wait_for_wake("host-0", 0.1)


async def test_a_wait_of_seconds_is_no_failure(live: Live) -> None:
    assert not await live.wait_for_wake("host-0", 1.0)
    assert live.failures == 0


async def test_entries_are_published_in_order_and_bounded(live: Live, valkey: str) -> None:
    session_id = uuid4()
    entries = [LogEntry(session_id, uuid4(), n, 1, "x", n, "everyone", b"{}") for n in range(2 * STREAM_LENGTH)]
    await live.publish_entries(entries)
    async with Redis.from_url(valkey) as client:
        found: Any = await client.xrevrange(f"liveconvo:events:{session_id}", count=2)
        length = await client.xlen(f"liveconvo:events:{session_id}")
    assert [fields[b"seq"] for _, fields in found] == [b"1999", b"1998"]
    assert length < 1.2 * STREAM_LENGTH


async def test_entries_are_waited_for_in_many_sessions_at_once(live: Live) -> None:
    one, two = uuid4(), uuid4()
    assert await live.stream_end(one) == STREAM_START
    await live.publish_entries([LogEntry(one, uuid4(), 1, 1, "x", 7, "coached", b'{"a":1}')])
    old = await live.stream_end(one)
    await live.publish_entries([LogEntry(each, uuid4(), seq, 2, "y", 8, "everyone", b"{}") for each in (one, two)
                                for seq in (2, 3)])  # fmt: skip
    found = await live.wait_for_entries({one: old, two: STREAM_START}, 1.0)
    assert found is not None
    assert {each: [entry.seq for entry in entries] for each, entries in found.items()} == {one: [2, 3], two: [2, 3]}
    [first] = (await live.wait_for_entries({one: STREAM_START}, 1.0) or {})[one][:1]
    assert (first.seq, first.epoch, first.type, first.at_ms, first.audience, first.payload) == (
        1, 1, "x", 7, "coached", b'{"a":1}',
    )  # fmt: skip
    assert await live.wait_for_entries({one: await live.stream_end(one)}, 0.1) == {}
    assert live.failures == 0


async def test_knocks_are_counted_in_their_window(live: Live) -> None:
    assert [await live.hit_rate_limit("door", 60) for _ in range(3)] == [1, 2, 3]
    assert await live.hit_rate_limit("other", 60) == 1


async def test_without_redis_everything_answers_nothing_quickly(lost: Live) -> None:
    began = time.monotonic()
    await lost.report_load(NodeLoad("host-0", "http://host-0", 0.2))
    await lost.wake_node("host-0")
    await lost.publish_entries([LogEntry(uuid4(), uuid4(), 1, 1, "x", 0, "everyone", b"{}")])
    assert await lost.node_loads() == []
    assert await lost.stream_end(uuid4()) == STREAM_START
    assert await lost.wait_for_entries({uuid4(): STREAM_START}, 0.05) is None
    assert await lost.hit_rate_limit("door", 60) is None
    assert not await lost.ping()
    assert time.monotonic() - began < 2.0  # each alone would take half a second
    assert lost.failures >= 1


async def test_without_redis_a_wait_takes_its_time(lost: Live) -> None:
    began = time.monotonic()
    assert not await lost.wait_for_wake("host-0", 0.3)
    assert not await lost.wait_for_wake("host-0", 0.3)
    assert 0.55 < time.monotonic() - began < 5.0


async def test_a_redis_that_never_answers_costs_half_a_second_once() -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    live = Live(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
    began = time.monotonic()
    for _ in range(5):
        assert await live.hit_rate_limit("door", 60) is None
    assert time.monotonic() - began < 2.0  # not five times half a second
    await live.aclose()
    server.close()


async def test_an_empty_batch_is_fine(live: Live) -> None:
    await live.publish_entries([])
    assert live.failures == 0

"""Notes on their way to `system_logs`: nobody waits for them, and a Postgres that is away costs none that has room."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from uuid import uuid4

import pytest

from db import log_writer, logs
from db.errors import UnavailableError
from db.log_writer import BATCH, LogWriter
from db.pool import Connection, Pool, transaction
from tests.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")
IN_TIME_S = 30.0


@asynccontextmanager
async def writing(writer: LogWriter) -> AsyncIterator[logging.Logger]:
    """A logger of a server of ours, whose notes it writes."""
    stop = asyncio.Event()
    with writer.attached():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(writer.run(stop))
            try:
                yield logging.getLogger(f"control_api.test_{uuid4().hex}")
            finally:
                stop.set()


def opening(pool: Pool) -> AbstractAsyncContextManager[Connection]:
    return transaction(pool)


async def noted(world: World, logger: logging.Logger, count: int) -> list[tuple[str, str]]:
    """Level and message of what that logger has said, in its order, once there are so many."""
    statement = "SELECT level, message FROM system_logs WHERE logger_name = $1 ORDER BY created_at"
    async with asyncio.timeout(IN_TIME_S):
        while len(rows := await world.owner(statement, logger.name[:100])) < count:
            await asyncio.sleep(0.05)
    return [(row[0], row[1]) for row in rows]


@pytest.mark.parametrize("role", ["api", "media", "jobs"])
async def test_warnings_and_worse_are_noted_by_each_server(world: World, role: str) -> None:
    pool = getattr(world.ground, role)
    async with writing(LogWriter(lambda: opening(pool))) as logger:
        logger.info("served code=%s", "ok")
        logger.warning("waiting code=%s", "away")
        logger.error("call failed session=%s", (await world.session(world.alice)).id)
        said = await noted(world, logger, 2)
    assert [level for level, _ in said] == ["WARNING", "ERROR"]
    assert said[0][1] == "waiting code=away"


async def test_a_session_that_is_not_there_keeps_no_note_back(world: World) -> None:
    nowhere = uuid4()
    async with writing(LogWriter(lambda: opening(world.ground.media))) as logger:
        logger.error("call failed session=%s", nowhere)
        logger.error("another")
        assert {message for _, message in await noted(world, logger, 2)} == {
            f"call failed session={nowhere}",
            "another",
        }


async def test_what_comes_while_postgres_is_away_is_noted_afterwards(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "RETRY_S", (0.05,))
    tries = 0

    @asynccontextmanager
    async def away() -> AsyncIterator[Connection]:
        nonlocal tries
        tries += 1
        if tries <= 3:
            logging.getLogger("db.pool").warning("it is away")  # what writing causes is not written
            raise UnavailableError("database_unavailable")
        async with transaction(world.ground.api) as conn:
            yield conn

    async with writing(LogWriter(away)) as logger:
        for number in range(BATCH + 50):
            logger.warning("waiting attempt=%d", number)
        said = await noted(world, logger, BATCH + 50)
    assert {message for _, message in said} == {f"waiting attempt={number}" for number in range(BATCH + 50)}
    assert await world.value("SELECT count(*) FROM system_logs WHERE logger_name = 'db.pool'") == 0


async def test_what_finds_no_room_is_dropped_and_counted_and_nobody_waits(world: World) -> None:
    dropped = 0
    room = asyncio.Event()

    def count(more: int) -> None:
        nonlocal dropped
        dropped += more

    @asynccontextmanager
    async def later() -> AsyncIterator[Connection]:
        await room.wait()
        async with transaction(world.ground.api) as conn:
            yield conn

    async with writing(LogWriter(later, count, capacity=50)) as logger:
        threads = [threading.Thread(target=lambda: [logger.warning("much") for _ in range(500)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(IN_TIME_S)
        assert not any(thread.is_alive() for thread in threads)
        assert dropped >= 2000 - 50 - BATCH
        room.set()
        said = await noted(world, logger, 2000 - dropped)
    assert len(said) == 2000 - dropped
    left = await world.owner("SELECT message FROM system_logs WHERE logger_name = 'db.log_writer'")
    assert sum(int(message.rpartition("=")[2]) for (message,) in left) == dropped


async def test_what_waits_is_written_when_the_server_stops(world: World) -> None:
    stop = asyncio.Event()
    writer = LogWriter(lambda: opening(world.ground.api))
    logger = logging.getLogger(f"control_api.test_{uuid4().hex}")
    with writer.attached():
        logger.warning("last words")
    stop.set()
    started_s = time.monotonic()
    await writer.run(stop)
    assert time.monotonic() - started_s < IN_TIME_S
    assert await noted(world, logger, 1) == [("WARNING", "last words")]


async def test_many_are_written_in_their_order(world: World) -> None:
    name = f"control_api.{uuid4().hex}"
    async with world.by_jobs() as conn:
        await logs.write_logs(conn, [logs.NewLog("WARNING", str(number), name) for number in range(5)])
    assert await world.value("SELECT count(*) FROM system_logs WHERE logger_name = $1", name) == 5

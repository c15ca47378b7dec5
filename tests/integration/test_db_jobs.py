"""Jobs: in the queue with the transaction that causes them, run once, and again when they fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from db import jobs
from db.pool import Pool, owner_connection, transaction
from tests.conftest import Database
from tests.people import connected, make_people


@asynccontextmanager
async def _worker(url: str, handlers: dict[str, jobs.Handler]) -> AsyncIterator[None]:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(jobs.run_worker(url, handlers, stop))
        yield
        stop.set()


async def _enqueue(pool: Pool, payload: bytes = b"x", dedupe_key: str | None = None) -> bool:
    async with transaction(pool) as conn:
        return await jobs.enqueue(conn, "greet", payload, dedupe_key)


async def _until_empty(owner_url: str) -> None:
    async with asyncio.timeout(10), owner_connection(owner_url) as conn:
        while await conn.fetchval("SELECT count(*) FROM pgqueuer"):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("role", ["api_url", "media_url"])
async def test_a_job_that_a_server_put_in_is_run(database: Database, role: str) -> None:
    got: asyncio.Queue[bytes] = asyncio.Queue()
    async with connected(getattr(database, role)) as pool, _worker(database.jobs_url, {"greet": got.put}):
        await _enqueue(pool, b"hello")
        async with asyncio.timeout(10):
            assert await got.get() == b"hello"
        await _until_empty(database.owner_url)


async def test_a_job_of_a_transaction_that_failed_is_not_there(database: Database) -> None:
    async with connected(database.api_url) as pool:
        with suppress(ZeroDivisionError):
            async with transaction(pool) as conn:
                assert await jobs.enqueue(conn, "greet", b"x")
                raise ZeroDivisionError
    async with owner_connection(database.owner_url) as conn:
        assert await conn.fetchval("SELECT count(*) FROM pgqueuer") == 0


async def test_a_key_is_queued_once_while_it_waits(database: Database) -> None:
    async with connected(database.api_url) as pool:
        assert await _enqueue(pool, dedupe_key="k")
        assert not await _enqueue(pool, dedupe_key="k")


async def test_a_handler_that_fails_is_tried_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_FIRST_RETRY_DELAY_S", 0.01)
    tries = []
    done = asyncio.Event()

    async def fail_twice(payload: bytes) -> None:
        tries.append(payload)
        if len(tries) < 3:
            raise RuntimeError("not yet")
        done.set()

    async with connected(database.api_url) as pool, _worker(database.jobs_url, {"greet": fail_twice}):
        await _enqueue(pool)
        async with asyncio.timeout(10):
            await done.wait()
        await _until_empty(database.owner_url)
    assert len(tries) == 3


async def test_a_worker_comes_back_after_its_connection_was_cut(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "RECONNECT_DELAY_S", 0.05)
    got: asyncio.Queue[bytes] = asyncio.Queue()
    async with connected(database.api_url) as pool, _worker(database.jobs_url, {"greet": got.put}):
        await _enqueue(pool, b"before")
        async with asyncio.timeout(20):
            assert await got.get() == b"before"
            await _until_empty(database.owner_url)
            async with owner_connection(database.owner_url) as conn:
                assert await conn.fetchval(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = $1 AND application_name = 'liveconvo-jobs'",
                    database.name,
                )
            await _enqueue(pool, b"after")
            assert await got.get() == b"after"


async def test_a_worker_stops_when_it_is_told_to(database: Database) -> None:
    await make_people(database.owner_url)
    async with asyncio.timeout(5), _worker(database.jobs_url, {"greet": asyncio.Queue[bytes]().put}):
        await asyncio.sleep(0.2)

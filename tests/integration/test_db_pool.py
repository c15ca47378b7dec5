"""The pool: whole after cancellations, honest about deadlines, one family of errors."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from db.errors import InvalidError, UnavailableError
from db.pool import Connection, Pool, create_pool, owner_connection, transaction
from deploy.ports import free_port
from tests.conftest import Database
from tests.people import connected, make_people


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    async with connected(database.api_url, max_size=2) as pool:
        yield pool


async def _echo(conn: Connection, number: int, pause_s: float) -> int:
    answer: int = await conn.fetchval("SELECT $1::integer FROM pg_sleep($2)", number, pause_s)
    return answer


@pytest.mark.slow
async def test_after_random_cancellations_every_answer_is_to_its_own_question(pool: Pool, database: Database) -> None:
    chance = random.Random(7)
    answers: list[tuple[int, int]] = []

    async def ask(number: int) -> None:
        async with transaction(pool) as conn:
            answers.append((number, await _echo(conn, number, 0.001)))
            answers.append((-number, await _echo(conn, -number, 0.001)))

    async def ask_impatiently(number: int) -> None:
        task = asyncio.ensure_future(ask(number))
        await asyncio.sleep(chance.random() * 0.02)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    for start in range(0, 300, 10):
        await asyncio.gather(*(ask_impatiently(number) for number in range(start, start + 10)))
    await asyncio.gather(*(ask(number) for number in range(1000, 1020)))

    assert all(question == answer for question, answer in answers)
    assert len([question for question, _ in answers if abs(question) >= 1000]) == 40
    async with asyncio.timeout(5), owner_connection(database.owner_url) as conn:
        while await conn.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND state LIKE 'idle in transaction%'",
            database.name,
        ):
            await asyncio.sleep(0.02)


async def test_a_cancelled_transaction_leaves_nothing_behind(pool: Pool, database: Database) -> None:
    people = await make_people(database.owner_url)
    alice = people.alice.user_id

    async def rename() -> None:
        async with transaction(pool, user_id=alice) as conn:
            await conn.execute("UPDATE users SET full_name = 'Mallory' WHERE id = $1", alice)
            await asyncio.sleep(30)

    task = asyncio.ensure_future(rename())
    await asyncio.sleep(0.1)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    async with transaction(pool, user_id=alice) as conn:
        assert await conn.fetchval("SELECT full_name FROM users WHERE id = $1", alice) == "Alice"


async def test_a_deadline_that_passes_is_unavailable(pool: Pool) -> None:
    with pytest.raises(UnavailableError):
        async with transaction(pool, timeout_s=0.1) as conn:
            await _echo(conn, 1, 5.0)
    async with transaction(pool) as conn:
        assert await _echo(conn, 2, 0.0) == 2


async def test_a_server_that_hangs_is_unavailable_at_the_deadline(pool: Pool) -> None:
    async with transaction(pool) as conn:
        pid = await conn.fetchval("SELECT pg_backend_pid()")
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        with pytest.raises(UnavailableError):
            async with transaction(pool, timeout_s=0.2) as conn:
                await _echo(conn, 1, 0.0)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert time.monotonic() - began < 1.0
    async with transaction(pool) as conn:
        assert await _echo(conn, 2, 0.0) == 2


async def test_waiting_for_a_connection_counts_against_the_deadline(pool: Pool) -> None:
    async with transaction(pool), transaction(pool):
        with pytest.raises(UnavailableError):
            async with transaction(pool, timeout_s=0.1):
                pass


async def test_no_postgres_is_unavailable() -> None:
    with pytest.raises(UnavailableError):
        await create_pool(f"postgresql://x:y@127.0.0.1:{free_port()}/z", application_name="liveconvo-test")


async def test_a_connection_that_was_cut_is_unavailable_once(pool: Pool, database: Database) -> None:
    async def be_cut() -> None:
        async with owner_connection(database.owner_url) as owner, transaction(pool) as conn:
            pid = await conn.fetchval("SELECT pg_backend_pid()")
            await owner.execute("SELECT pg_terminate_backend($1)", pid)
            await _echo(conn, 1, 1.0)

    with pytest.raises(UnavailableError):
        await be_cut()
    async with transaction(pool) as conn:
        assert await _echo(conn, 2, 0.0) == 2


async def test_an_argument_of_the_wrong_type_is_invalid(pool: Pool) -> None:
    with pytest.raises(InvalidError):
        async with transaction(pool) as conn:
            await conn.fetchval("SELECT $1::integer", "seven")


async def test_an_error_of_the_caller_passes_as_it_is(pool: Pool) -> None:
    with pytest.raises(KeyError):
        async with transaction(pool):
            raise KeyError("mine")

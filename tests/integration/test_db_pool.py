"""The pool: whole after cancellations, honest about deadlines, one family of errors."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg
import pytest

from db.errors import InvalidError, SpoiltTransactionError, UnavailableError
from db.pool import (
    IDLE_IN_TRANSACTION_TIMEOUT_MS,
    LOCK_TIMEOUT_MS,
    STATEMENT_TIMEOUT_MS,
    TRANSACTION_TIMEOUT_S,
    WAITING_PER_CONNECTION,
    Connection,
    Pool,
    act_as,
    alone,
    connection_settings,
    create_pool,
    owner_connection,
    transaction,
)
from deploy.ports import free_port
from tests.conftest import Database
from tests.people import connected, make_people, make_session
from tests.pools import IN_TIME_S, check_whole


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    async with connected(database.api_url, max_size=2) as pool:
        yield pool


async def _echo(conn: Connection, number: int, pause_s: float) -> int:
    answer: int = await conn.fetchval("SELECT $1::integer FROM pg_sleep($2)", number, pause_s)
    return answer


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
    assert time.monotonic() - began < 3.0
    async with transaction(pool) as conn:
        assert await _echo(conn, 2, 0.0) == 2


async def test_waiting_for_a_connection_counts_against_the_deadline(pool: Pool) -> None:
    async with transaction(pool), transaction(pool):
        with pytest.raises(UnavailableError):
            async with transaction(pool, timeout_s=0.1):
                pass


async def test_every_connection_asks_for_its_limits(pool: Pool) -> None:
    async with transaction(pool) as conn:
        rows = await conn.fetch("SELECT name, setting FROM pg_settings")
    settings = {row["name"].lower(): row["setting"] for row in rows}
    wanted = connection_settings("liveconvo-test")
    assert {name: settings[name] for name in wanted} == wanted
    assert min(STATEMENT_TIMEOUT_MS, IDLE_IN_TRANSACTION_TIMEOUT_MS) > TRANSACTION_TIMEOUT_S * 1000
    assert LOCK_TIMEOUT_MS <= TRANSACTION_TIMEOUT_S * 1000


@pytest.mark.parametrize("limit", ["statement_timeout", "idle_in_transaction_session_timeout"])
@pytest.mark.parametrize(("limit_ms", "outcome"), [(100, "database_unavailable"), (5_000, "answered")])
async def test_a_limit_that_passes_on_the_server_is_unavailable(
    pool: Pool, limit: str, limit_ms: int, outcome: str
) -> None:
    async def wait() -> str:
        try:
            async with transaction(pool) as conn:
                await conn.execute(f"SET LOCAL {limit} = {limit_ms}")
                if limit == "statement_timeout":
                    await _echo(conn, 1, 0.2)
                else:
                    await asyncio.sleep(0.2)  # idle for longer than allowed
                await _echo(conn, 2, 0)
        except UnavailableError as error:
            return error.code
        return "answered"

    assert await wait() == outcome
    await check_whole(pool, 2)


@pytest.mark.parametrize(("is_taken", "outcome"), [(True, "database_unavailable"), (False, "answered")])
async def test_a_lock_that_is_not_had_in_time_is_unavailable(pool: Pool, is_taken: bool, outcome: str) -> None:
    async def lock(number: int) -> str:
        try:
            async with transaction(pool) as conn:
                await conn.execute("SET LOCAL lock_timeout = 100")
                await conn.execute("SELECT pg_advisory_xact_lock($1)", number)
        except UnavailableError as error:
            return error.code
        return "answered"

    async with transaction(pool) as conn:
        await conn.execute("SELECT pg_advisory_xact_lock(1)")
        assert await lock(1 if is_taken else 2) == outcome


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


async def test_a_transaction_whose_failed_statement_was_swallowed_does_not_look_committed(
    pool: Pool, database: Database
) -> None:
    alice = (await make_people(database.owner_url)).alice.user_id

    async def swallow() -> None:
        async with transaction(pool, user_id=alice) as conn:
            await conn.execute("UPDATE users SET full_name = 'Mallory' WHERE id = $1", alice)
            with suppress(asyncpg.DivisionByZeroError):
                await conn.execute("SELECT 1 / 0")

    with pytest.raises(SpoiltTransactionError):
        await swallow()
    async with transaction(pool, user_id=alice) as conn:
        assert await conn.fetchval("SELECT full_name FROM users WHERE id = $1", alice) == "Alice"
    await check_whole(pool, 2)


async def test_a_failed_statement_inside_a_savepoint_spoils_nothing(pool: Pool, database: Database) -> None:
    alice = (await make_people(database.owner_url)).alice.user_id
    async with transaction(pool, user_id=alice) as conn:
        with suppress(asyncpg.DivisionByZeroError):
            async with conn.transaction():
                await conn.execute("SELECT 1 / 0")
        await conn.execute("UPDATE users SET full_name = 'Alicia' WHERE id = $1", alice)
    async with transaction(pool, user_id=alice) as conn:
        assert await conn.fetchval("SELECT full_name FROM users WHERE id = $1", alice) == "Alicia"


async def test_the_user_is_nobody_again_after_the_commit_and_nobody_sees_no_row(database: Database) -> None:
    people = await make_people(database.owner_url)
    async with connected(database.api_url) as pool:
        await make_session(pool, people.alice)
    conn = await asyncpg.connect(database.api_url)  # without a pool that would tidy up
    try:
        async with conn.transaction():
            await act_as(conn, people.alice.user_id)
            assert await conn.fetchval("SELECT count(id) FROM sessions") == 1
        assert await conn.fetchval("SELECT current_setting('app.user_id', true)") == ""
        tables = await conn.fetch(
            """
            SELECT relname
            FROM pg_class
            JOIN pg_attribute ON attrelid = pg_class.oid
            WHERE relnamespace = 'public'::regnamespace
                AND relkind = 'r'
                AND attname = 'organization_id'
                AND has_column_privilege(pg_class.oid, attnum, 'SELECT')
            """
        )
        assert len(tables) > 10
        for (table,) in tables:
            assert await conn.fetchval(f"SELECT count(organization_id) FROM {table}") == 0, table  # noqa: S608
    finally:
        await conn.close()


async def test_as_many_wait_as_may_and_the_next_one_is_refused_at_once(database: Database) -> None:
    done = asyncio.Event()

    async def take() -> None:
        async with transaction(pool):
            await done.wait()

    async with connected(database.api_url, max_size=1) as pool, asyncio.TaskGroup() as tasks:
        async with transaction(pool):
            waiting = [tasks.create_task(take()) for _ in range(WAITING_PER_CONNECTION - 1)]
            await asyncio.sleep(0)
            last = asyncio.ensure_future(take())
            await asyncio.sleep(0)
            async with asyncio.timeout(IN_TIME_S):
                with pytest.raises(UnavailableError) as refusal:
                    async with transaction(pool, timeout_s=60):
                        pass
            assert refusal.value.code == "database_busy"
            assert not any(task.done() for task in (*waiting, last))
        done.set()
        async with asyncio.timeout(IN_TIME_S):
            await last


async def test_a_setting_that_outlives_its_transaction_does_not_reach_the_next_one(database: Database) -> None:
    async with connected(database.api_url, max_size=1) as pool:
        async with transaction(pool) as conn:
            await conn.execute("SET app.user_id = 'somebody'")
        async with transaction(pool) as conn:
            assert not await conn.fetchval("SELECT current_setting('app.user_id', true)")


async def test_one_statement_needs_no_transaction_and_one_that_fails_harms_nobody(database: Database) -> None:
    async with connected(database.api_url, max_size=1) as pool:
        async with alone(pool) as conn:
            assert not conn.is_in_transaction()
            assert await conn.fetchval("SELECT 1") == 1
        with pytest.raises(InvalidError):
            async with alone(pool) as conn:
                await conn.fetchval("SELECT 'x'::text::uuid")
        async with alone(pool) as conn:
            assert await conn.fetchval("SELECT 2") == 2

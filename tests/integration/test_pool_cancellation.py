"""Cancelled waits: no reply goes to another question, no row to another tenant, no connection is lost or left open."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
import uvloop

from db.pool import CLIENT_CHECK_INTERVAL_MS, STATEMENT_TIMEOUT_MS, Pool, transaction
from tests.api import MakeApi
from tests.chaos import figures, often
from tests.conftest import Database, PostgresServer
from tests.people import Person, connected, make_people, make_session
from tests.pools import IN_TIME_S, check_whole, left_open
from tests.tcp_proxy import delaying, proxy_to

SEED = 20261122
PATIENT_S = 60.0

pytestmark = [pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(often(120, 1800))]


async def impatiently(asking: Coroutine[Any, Any, None], patience_s: float) -> bool:
    """Cancel it when it takes longer than that; True when it did."""
    task = asyncio.ensure_future(asking)
    await asyncio.wait([task], timeout=patience_s)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return task.cancelled()


async def in_lanes(lanes: int, count: int, ask: Callable[[int], Coroutine[Any, Any, None]]) -> None:
    """So many ask at the same time."""
    numbers = iter(range(count))

    async def lane() -> None:
        for number in numbers:
            await ask(number)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(lanes):
            tasks.create_task(lane())


async def test_a_tenant_never_sees_a_row_of_the_tenant_before(database: Database) -> None:
    count, chance = often(1_000, 10_000), random.Random(SEED)
    people = await make_people(database.owner_url)
    seen: Counter[str] = Counter()

    async with connected(database.api_url, max_size=1) as pool:
        for person in (people.alice, people.charlie):
            for _ in range(3):
                await make_session(pool, person)

        async def ask(person: Person | None) -> None:
            async with transaction(pool, user_id=person and person.user_id, timeout_s=PATIENT_S) as conn:
                for row in await conn.fetch("SELECT organization_id FROM sessions"):
                    own = person is not None and row["organization_id"] == person.organization_id
                    seen["own" if own else "foreign"] += 1

        async def ask_impatiently(number: int) -> None:
            who = (people.alice, people.charlie, None)[number % 3]
            patience_s = PATIENT_S if chance.random() < 1 / 2 else chance.random() * 0.01
            was_cancelled = await impatiently(ask(who), patience_s)
            seen["cancelled"] += was_cancelled

        await in_lanes(4, count, ask_impatiently)
        await check_whole(pool, 1)
    figures("tenants_on_one_connection", requests=count, **seen)
    assert seen["foreign"] == 0
    assert seen["own"] > count / 4
    assert seen["cancelled"] > count / 50


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_each_reply_is_to_its_own_question(
    postgres_server: PostgresServer, database: Database, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(storm(postgres_server, database))


async def storm(postgres_server: PostgresServer, database: Database) -> None:
    count, size, chance = often(750, 10_000), 4, random.Random(SEED)
    seen: Counter[str] = Counter()
    async with proxy_to(database.media_url) as proxy, connected(proxy.url(database.media_url), max_size=size) as pool:
        proxy.script = delaying(chance, 0.002)

        async def ask(nonce: int) -> None:
            async with transaction(pool, timeout_s=PATIENT_S) as conn:
                for question in (nonce, -nonce):
                    reply = await conn.fetchval("SELECT $1::integer", question)
                    seen["own" if reply == question else "foreign"] += 1

        async def ask_impatiently(number: int) -> None:
            patience_s = PATIENT_S if chance.random() < 1 / 2 else chance.random() * 0.15
            was_cancelled = await impatiently(ask(number + 1), patience_s)
            seen["cancelled"] += was_cancelled

        await in_lanes(24, count, ask_impatiently)
        await check_whole(pool, size)
        states = await left_open(postgres_server, database)
    figures("cancellation_storm", requests=count, **seen, states=dict(states))
    assert seen["foreign"] == 0
    assert min(seen["own"], seen["cancelled"]) > count / 50
    assert set(states) == {"idle"}
    assert states["idle"] <= size


async def test_clients_that_hang_up_on_the_api_mix_no_replies(
    make_api: MakeApi, postgres_server: PostgresServer, database: Database
) -> None:
    count, chance = often(250, 2_000), random.Random(SEED)
    seen: Counter[str] = Counter()
    async with (
        proxy_to(database.api_url) as proxy,
        make_api(database_url=proxy.url(database.api_url), pool_size=4, transaction_timeout_s=PATIENT_S) as api,
    ):
        own = {who: [await api.new_session(who) for _ in range(5)] for who in ("alice", "charlie")}
        proxy.script = delaying(chance, 0.002)

        async def ask(number: int) -> None:
            who = "alice" if number % 2 else "charlie"
            asked = chance.choice(own[who])
            patience_s = PATIENT_S if chance.random() < 1 / 2 else 0.001 + chance.random() * 0.4
            try:
                answer = await api.get(f"/v1/sessions/{asked}", who, timeout=aiohttp.ClientTimeout(patience_s))
            except (TimeoutError, aiohttp.ClientError):
                seen["hung_up"] += 1
            else:
                seen["own" if answer.body["id"] == asked else "foreign"] += 1

        await in_lanes(24, count, ask)
        await check_whole(api.state.pool, 4)
        states = await left_open(postgres_server, database)
    figures("api_clients_that_hang_up", requests=count, **seen, states=dict(states))
    assert seen["foreign"] == 0
    assert min(seen["own"], seen["hung_up"]) > count / 50
    assert set(states) == {"idle"}


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[Pool]:
    async with connected(database.api_url, max_size=2) as pool:
        yield pool


async def test_what_nobody_waits_for_any_more_ends_in_postgres_too(
    pool: Pool, postgres_server: PostgresServer, database: Database
) -> None:
    assert CLIENT_CHECK_INTERVAL_MS / 1000 < IN_TIME_S < STATEMENT_TIMEOUT_MS / 1000

    async def sleep() -> None:
        async with transaction(pool) as conn:
            await conn.execute("SELECT pg_sleep(60)")

    assert await impatiently(sleep(), 0.1)
    assert "active" not in await left_open(postgres_server, database)


async def test_a_cancelled_commit_leaves_no_transaction_open(
    pool: Pool, postgres_server: PostgresServer, database: Database
) -> None:
    async def commit_slowly() -> None:
        async with transaction(pool) as conn:
            # Runs at the COMMIT: the wait is cut off there, and what becomes of it is for Postgres to say.
            await conn.execute("CREATE TEMPORARY TABLE slow (id integer) ON COMMIT DROP")
            await conn.execute(
                """
                CREATE FUNCTION pg_temp.sleep() RETURNS trigger LANGUAGE plpgsql AS
                $$BEGIN PERFORM pg_sleep(60); RETURN NULL; END$$
                """
            )
            await conn.execute(
                """
                CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON slow
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pg_temp.sleep()
                """
            )
            await conn.execute("INSERT INTO slow VALUES (1)")

    assert await impatiently(commit_slowly(), 0.3)
    await check_whole(pool, 2)
    assert set(await left_open(postgres_server, database)) == {"idle"}

"""A Postgres that never answers, or has no connection left: every wait ends in time, and nothing stays stuck."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

import pytest

from db import pool as db_pool
from db.breaker import SILENCES_TO_OPEN
from db.errors import UnavailableError
from db.pool import WAITING_PER_CONNECTION, Pool, transaction
from tests.api import MakeApi
from tests.chaos import figures
from tests.conftest import Database
from tests.loop_stall import watched_loop
from tests.people import connected, make_people
from tests.pools import IN_TIME_S, check_whole
from tests.recording_node import recording_node, talking
from tests.tcp_proxy import Script, Way, black_hole, passing, proxy_to, swallowing

SIZE = 4
DEADLINE_S = 0.1

pytestmark = [pytest.mark.slow, pytest.mark.chaos]


async def ask(pool: Pool, timeout_s: float = DEADLINE_S) -> str:
    """What became of a transaction."""
    try:
        async with transaction(pool, timeout_s=timeout_s) as conn:
            await conn.execute("SELECT 1")
    except UnavailableError as error:
        return error.code
    return "answered"


async def ask_until_answered(pool: Pool) -> None:
    async with asyncio.timeout(IN_TIME_S):
        while await ask(pool) != "answered":
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("is_connected", [True, False], ids=["connected before", "not connected yet"])
@pytest.mark.parametrize(
    "silence",
    [black_hole, swallowing(Way.TO_CLIENT), swallowing(Way.TO_SERVER)],
    ids=["both ways", "no answers", "no questions"],
)
async def test_every_wait_for_silence_ends_at_its_deadline_and_leaves_no_connection_stuck(
    database: Database, silence: Script, is_connected: bool
) -> None:
    url = database.media_url
    async with proxy_to(url) as proxy, connected(proxy.url(url), max_size=SIZE) as pool:
        if is_connected:
            await check_whole(pool, SIZE)
        else:
            proxy.cut()
        proxy.script = silence
        async with asyncio.timeout(IN_TIME_S):
            outcomes = await asyncio.gather(*(ask(pool) for _ in range(SIZE)))
        assert set(outcomes) == {"database_unavailable"}
        proxy.script = passing
        await ask_until_answered(pool)
        await check_whole(pool, SIZE)


async def test_after_some_silences_nobody_waits_until_postgres_answered_again(database: Database) -> None:
    url = database.media_url
    async with proxy_to(url) as proxy, connected(proxy.url(url), max_size=SIZE) as pool:
        proxy.script = black_hole
        for _ in range(SILENCES_TO_OPEN - 1):
            await ask(pool)
        with pytest.raises(TimeoutError):  # it still waits for an answer
            async with asyncio.timeout(DEADLINE_S):
                await ask(pool, timeout_s=60)
        await ask(pool)
        async with asyncio.timeout(IN_TIME_S):
            refused = [await ask(pool, timeout_s=60) for _ in range(20)]
        assert refused == ["database_unavailable"] * 20
        proxy.script = passing
        back_at = time.monotonic()
        await ask_until_answered(pool)
        figures("silent_postgres", silences_to_open=SILENCES_TO_OPEN, back_s=round(time.monotonic() - back_at, 2))
        async with asyncio.timeout(IN_TIME_S):
            assert await asyncio.gather(*(ask(pool, timeout_s=60) for _ in range(20))) == ["answered"] * 20


async def test_what_was_committed_stays_so_when_its_connection_cannot_be_tidied_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db_pool, "RESET_TIMEOUT_S", DEADLINE_S)
    url = database.media_url
    async with proxy_to(url) as proxy, connected(proxy.url(url), max_size=SIZE) as pool:

        async def silent_after_commit(way: Way, chunk: bytes) -> bool:
            if way is Way.TO_CLIENT and b"COMMIT\0" in chunk:
                proxy.script = black_hole
            return True

        proxy.script = silent_after_commit
        async with asyncio.timeout(IN_TIME_S):
            assert await ask(pool, timeout_s=60) == "answered"
        proxy.script = passing
        await check_whole(pool, SIZE)


async def test_the_api_says_503_in_time_and_when_to_come_back(make_api: MakeApi, database: Database) -> None:
    async with (
        proxy_to(database.api_url) as proxy,
        make_api(database_url=proxy.url(database.api_url), pool_size=SIZE, transaction_timeout_s=DEADLINE_S) as api,
    ):
        session = await api.new_session()
        proxy.script = black_hole
        async with asyncio.timeout(IN_TIME_S):
            new = {"title": "Demo", "conversation_type": "sales"}
            asking = [api.get("/v1/sessions"), api.get(f"/v1/sessions/{session}"), api.post("/v1/sessions", new)]
            answers = await asyncio.gather(*asking)
            answers += [await api.get("/v1/sessions") for _ in range(5)]
        assert {(answer.status, answer.code) for answer in answers} == {(503, "unavailable")}
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
        assert (await api.get("/readyz", None)).status == 503
        proxy.script = passing
        await ask_until_answered(api.state.pool)
        assert (await api.get(f"/v1/sessions/{session}")).status == 200
        await check_whole(api.state.pool, SIZE)


async def test_an_exhausted_pool_refuses_what_is_beyond_its_queue_and_serves_the_rest(make_api: MakeApi) -> None:
    """The api's pool, with one connection that is taken."""
    beyond = 8
    async with make_api(pool_size=1, transaction_timeout_s=IN_TIME_S) as api:
        async with transaction(api.state.pool, timeout_s=60):
            asking = [asyncio.ensure_future(api.get("/v1/sessions")) for _ in range(WAITING_PER_CONNECTION + beyond)]
            async with asyncio.timeout(IN_TIME_S):
                while sum(task.done() for task in asking) < beyond:
                    await asyncio.wait(asking, timeout=0.01)
            refused = [task.result() for task in asking if task.done()]
            assert [answer.status for answer in refused] == [503] * beyond
            assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
        answers = await asyncio.gather(*asking)
        assert Counter(answer.status for answer in answers) == {200: WAITING_PER_CONNECTION, 503: beyond}


async def test_three_hundred_sleepers_leave_a_call_alone(database: Database, tmp_path: Path) -> None:
    """In one process, which is worse than in two."""
    sleepers, size = 300, 8
    outcomes: Counter[str] = Counter()

    async def sleep() -> None:
        try:
            async with transaction(pool) as conn:
                await conn.execute("SELECT pg_sleep(0.05)")
        except UnavailableError as error:
            outcomes[error.code] += 1
        else:
            outcomes["served"] += 1

    people = await make_people(database.owner_url)
    async with (
        connected(database.api_url, max_size=size) as pool,
        recording_node(pool, database.media_url, people.alice, tmp_path) as node,
        watched_loop() as stall,
        talking(node),
        asyncio.TaskGroup() as tasks,
    ):
        await check_whole(pool, size)
        for _ in range(sleepers):
            tasks.create_task(sleep())
        await node.publish_more(100)
    figures("three_hundred_sleepers", stall_ms=stall.longest_ms, published=len(node.published), **outcomes)
    bound = size * (1 + WAITING_PER_CONNECTION)
    assert outcomes == {"served": bound, "database_busy": sleepers - bound}

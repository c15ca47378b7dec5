"""Whoever opens connections to a node and does nothing with them is closed in time, and keeps nobody from joining."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from deploy.bench.rows import percentile
from media_server import app, signaling
from tests.chaos import IS_CHAOS, figures, often
from tests.conftest import Database
from tests.footprint import at_rest, back_to
from tests.light_people import light_people
from tests.people import make_people, make_session
from tests.small_node import SmallNode, small_node

pytestmark = pytest.mark.slow

DEADLINE_S = 2
EACH = often(10, 50)
CROWDS, CROWD = often(1, 5), often(5, 40)
"""People who are here and silent meanwhile, in calls of their own."""
AT_ONCE = 5
JOIN_S = 0.5
LATE_S = 5.0
"""On a busy machine."""

HALF_LINE, HALF_HEADERS = b"POST /whip", b"POST /whip/x HTTP/1.1\r\nHost: x\r\nX-Some: th"
MANY_QUESTIONS = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 1_000


def half_body() -> bytes:
    headers = (
        f"POST /whip/{uuid4()} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Type: application/sdp\r\n"
    )
    return f"{headers}Content-Length: 100\r\n\r\nv=0".encode()


@pytest.fixture(autouse=True)
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "HEADERS_S", DEADLINE_S)
    monkeypatch.setattr(signaling, "UNREAD_S", DEADLINE_S)


class Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def closed_s(self) -> float:
        """How long until the node closes it; what it says first is read."""
        began_s = time.monotonic()
        with suppress(ConnectionError):
            async with asyncio.timeout(DEADLINE_S + 5 + LATE_S):
                while await self.reader.read(65_536):
                    pass
        return time.monotonic() - began_s


@asynccontextmanager
async def connections(node: SmallNode, count: int, says: bytes) -> AsyncIterator[list[Connection]]:
    host, port = node.url.removeprefix("http://").split(":")
    opened: list[Connection] = []
    try:
        for _ in range(count):
            opened.append(Connection(*await asyncio.open_connection(host, int(port), limit=1_024)))
            opened[-1].writer.write(says)
        yield opened
    finally:
        for connection in opened:
            connection.writer.transport.abort()


@pytest.mark.chaos
async def test_idle_and_half_sent_requests_are_closed_and_joins_work(database: Database, tmp_path: Path) -> None:
    alice = (await make_people(database.owner_url)).alice
    room = {"LIVECONVO_NODE_PARTICIPANTS": "300"}
    async with small_node(database, tmp_path, environ=room) as node, AsyncExitStack() as stack:
        for _ in range(CROWDS):
            crowd = await stack.enter_async_context(light_people(node, alice, await make_session(node.api, alice)))
            while len(crowd.callers) < CROWD:  # a node that is late begins no new call
                await crowd.join(min(AT_ONCE, CROWD - len(crowd.callers)))
        session = await make_session(node.api, alice)
        people = await stack.enter_async_context(light_people(node, alice, session))
        await people.join(1)
        before = await at_rest()
        kinds = {"idle": b"", "half a line": HALF_LINE, "half headers": HALF_HEADERS, "half a body": half_body()}
        waiting = [
            connection
            for says in kinds.values()
            for connection in await stack.enter_async_context(connections(node, EACH, says))
        ]
        began_s = time.monotonic()
        closing = asyncio.gather(*(connection.closed_s() for connection in waiting))
        joined_s = []
        for _ in range(often(3, 20)):
            joined_at_s = time.monotonic()
            assert await people.join(1) == []
            joined_s.append(time.monotonic() - joined_at_s)
        closed_s = await closing
        assert max(closed_s) < 5 + 1 + LATE_S
        await asyncio.gather(*(people.leave(caller) for caller in people.callers[1:]))
        assert await back_to(before) == before
        join_p99_s = percentile(joined_s, 99) or 0
        assert not IS_CHAOS or join_p99_s <= JOIN_S
        figures(
            "R29, G17 slow HTTP",
            connections=len(waiting),
            idle_people=CROWDS * CROWD,
            deadline_s=DEADLINE_S,
            closed_after_s=round(max(closed_s), 2),
            join_p99_ms=round(1000 * join_p99_s),
            seconds=round(time.monotonic() - began_s, 1),
        )


async def test_who_does_not_read_the_answers_is_closed(database: Database, tmp_path: Path) -> None:
    async with small_node(database, tmp_path) as node:
        before = await at_rest()
        async with connections(node, 3, MANY_QUESTIONS):
            await asyncio.sleep(0.5)
            assert (await back_to(before, timeout_s=0)).tasks >= before.tasks + 3
            assert await back_to(before, timeout_s=DEADLINE_S + LATE_S) == before


@pytest.mark.chaos
async def test_connections_that_come_and_go_quickly_leave_none_open(database: Database, tmp_path: Path) -> None:
    """Five hundred a second, each with another way to go."""
    async with small_node(database, tmp_path) as node:
        before = await at_rest()
        host, port = node.url.removeprefix("http://").split(":")
        asked_ms: list[float] = []
        began_s = time.monotonic()
        for number in range(often(300, 10_000)):
            _, writer = await asyncio.open_connection(host, int(port))
            writer.write(
                (b"", HALF_HEADERS, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"\0\xff nonsense\r\n\r\n")[number % 4]
            )
            if number % 2:
                writer.transport.abort()
            else:
                writer.close()
            if number % 100 == 0:
                asked_at_s = time.monotonic()
                async with aiohttp.ClientSession() as http, http.get(f"{node.url}/healthz") as answer:
                    assert answer.status == 200
                asked_ms.append(1000 * (time.monotonic() - asked_at_s))
        rate = (number + 1) / (time.monotonic() - began_s)
        assert await back_to(before) == before
        p99_ms = round(percentile(asked_ms, 99) or 0)
        figures("R30 churn", connections=number + 1, per_s=round(rate), healthz_p99_ms=p99_ms)

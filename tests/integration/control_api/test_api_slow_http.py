"""Whoever connects and sends nothing, or slowly, is closed in time and keeps nobody from joining (T19)."""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import psutil
import pytest

from control_api.app import HEADERS_S, SERVER_OPTIONS
from deploy.bench.rows import percentile
from tests.api import Api, MakeApi
from tests.chaos import figures, often

pytestmark = [pytest.mark.slow, pytest.mark.chaos]

DEADLINE_S = often(1, 10)
EACH = often(20, 200)
SILENT = often(500, 10_000)
LATE_S = 5.0
"""On a busy machine."""
HALF_HEADERS = b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nX-Some: th"
HALF_BODY = (
    b"POST /v1/auth/sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
)
HOST = {"name": "Alice", "role": "host"}


@pytest.fixture
async def api(make_api: MakeApi, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Api]:
    monkeypatch.setitem(SERVER_OPTIONS, "keepalive_timeout", float(DEADLINE_S))
    async with make_api(body_timeout_s=float(DEADLINE_S)) as api:
        await api.add_node()
        yield api


@asynccontextmanager
async def connections(api: Api, count: int, says: bytes) -> AsyncIterator[list[asyncio.StreamReader]]:
    opened = []
    try:
        for _ in range(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", api.client.port, limit=1_024)
            writer.write(says)
            opened.append((reader, writer))
        yield [reader for reader, _ in opened]
    finally:
        for _, writer in opened:
            writer.transport.abort()


async def closed_s(reader: asyncio.StreamReader) -> float:
    began_s = time.monotonic()
    with suppress(ConnectionError):
        async with asyncio.timeout(DEADLINE_S + 2 * LATE_S):
            while await reader.read(65_536):
                pass
    return time.monotonic() - began_s


def allow_files(count: int) -> None:
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert most >= count, "the system allows too few open files"
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), most))


def test_the_servers_own_deadlines_are_short() -> None:
    assert HEADERS_S <= 10
    assert SERVER_OPTIONS["keepalive_timeout"] <= 10


async def test_idle_slow_headers_and_slow_bodies_are_closed_and_joins_work(api: Api) -> None:
    session_id = await api.new_session()
    joined_s = []
    async with (
        connections(api, EACH, b"") as idle,
        connections(api, EACH, HALF_HEADERS) as half_headers,
        connections(api, EACH, HALF_BODY) as half_bodies,
    ):
        closing = asyncio.gather(*(closed_s(reader) for reader in (*idle, *half_headers, *half_bodies)))
        while not closing.done():
            began_s = time.monotonic()
            assert (await api.post(f"/v1/sessions/{session_id}/join", HOST)).status == 200
            joined_s.append(time.monotonic() - began_s)
            await asyncio.sleep(0.1)
        took_s = await closing
    assert len(took_s) == 3 * EACH
    assert max(took_s) < DEADLINE_S + LATE_S
    figures(
        "T19, G17 slow HTTP at the API",
        connections=3 * EACH,
        deadline_s=DEADLINE_S,
        closed_after_s=round(max(took_s), 2),
        joins=len(joined_s),
        join_p99_ms=round(1000 * (percentile(joined_s, 99) or 0)),
    )


SILENT_CLIENT = """
import resource, selectors, socket, sys, time
port, count = int(sys.argv[1]), int(sys.argv[2])
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
waiting = selectors.DefaultSelector()
for _ in range(count):
    line = socket.create_connection(("127.0.0.1", port))
    waiting.register(line, selectors.EVENT_READ)
print("open", flush=True)
began_s = time.monotonic()
while waiting.get_map():
    for key, _ in waiting.select():
        waiting.unregister(key.fileobj)
        key.fileobj.close()
print(time.monotonic() - began_s, flush=True)
"""
"""Opens many connections and waits until the other side has closed them all; a process with files of its own."""


async def test_connections_that_send_nothing_take_little_and_leave_nothing(api: Api) -> None:
    allow_files(SILENT + 500)
    process = psutil.Process()
    before_mb, before_fds = process.memory_info().rss / 2**20, process.num_fds()
    arguments = ("-c", SILENT_CLIENT, str(api.client.port), str(SILENT))
    client = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
    assert client.stdout is not None
    peak_mb = before_mb
    assert await client.stdout.readline() == b"open\n"
    said = asyncio.ensure_future(client.stdout.readline())
    while not said.done():
        peak_mb = max(peak_mb, process.memory_info().rss / 2**20)
        assert (await api.get("/v1/me")).status == 200
        await asyncio.wait([said], timeout=0.1)
    longest_s = float(await said)
    await client.wait()
    async with asyncio.timeout(2 * LATE_S):
        while process.num_fds() > before_fds + 20:
            await asyncio.sleep(0.1)
    assert (peak_mb - before_mb) / SILENT < 0.05
    assert longest_s < DEADLINE_S + 2 * LATE_S
    figures(
        "connections that send nothing",
        connections=SILENT,
        kb_each=round(1024 * (peak_mb - before_mb) / SILENT, 1),
        closed_after_s=round(longest_s, 2),
    )

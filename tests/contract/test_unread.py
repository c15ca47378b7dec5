"""How much of a body is taken that was refused, by the loop of tests and by that of production."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest
import uvloop
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from control_api.app import SERVER_OPTIONS
from control_api.unread import leave_unread

LIMIT = 1024 * 1024
FIRST_READ = 256 * 1024
"""What a loop takes at a time, as long as nobody has seen that there is a body."""
PIECE = b"1000\r\n" + b"a" * 4096 + b"\r\n"

Run = Callable[[Coroutine[Any, Any, Any]], Any]


async def refuse(request: web.Request) -> web.Response:
    return web.Response(status=415)


async def take_to_the_limit(request: web.Request) -> web.Response:
    taken = 0
    while taken <= LIMIT:
        taken += len(await request.content.readany())
    return web.Response(status=413)


async def send_without_end(writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while True:
            writer.write(PIECE * 64)
            await writer.drain()


async def answer_to_an_endless_body(path: str) -> bytes:
    app = web.Application(middlewares=[leave_unread])
    app.router.add_post("/refused", refuse)
    app.router.add_post("/taken", take_to_the_limit)
    runner = web.AppRunner(app, **SERVER_OPTIONS)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    reader, writer = await asyncio.open_connection(*runner.addresses[0])
    writer.write(f"POST /{path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    sending = asyncio.create_task(send_without_end(writer))
    try:
        async with asyncio.timeout(20):
            answer = await reader.readuntil(b"\r\n\r\n")
            with suppress(ConnectionError):
                assert await reader.read() == b""
    finally:
        sending.cancel()
        writer.close()
        await runner.cleanup()
    return answer


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
@pytest.mark.parametrize(
    ("path", "status", "bounds"), [("refused", 415, (0, FIRST_READ)), ("taken", 413, (LIMIT, LIMIT))]
)
def test_t20_no_more_than_64_kb_are_taken_after_the_limit(
    monkeypatch: pytest.MonkeyPatch, run: Run, path: str, status: int, bounds: tuple[int, int]
) -> None:
    pieces: list[int] = []
    take = RequestHandler.data_received

    def counted(handler: RequestHandler[Any], data: bytes) -> None:
        pieces.append(len(data))
        take(handler, data)

    monkeypatch.setattr(RequestHandler, "data_received", counted)
    answer = run(answer_to_an_endless_body(path))
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert bounds[0] <= sum(pieces) <= bounds[1] * len(PIECE) / 4096 + 64 * 1024

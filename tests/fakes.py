"""Small scripted stand-ins for what the product talks to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from aiohttp import web
from aiohttp.test_utils import TestServer

CUT_OFF = object()
"""The reply of a model that has said as much as it may."""

Reply = dict[str, Any] | str | int | float | bytes | object


@dataclass(slots=True)
class ScriptedLanguageModel:
    """Speaks OpenAI's chat completions; answers what the script says, one reply a question, the last one for ever.

    A reply: a dict (sent as JSON), a str (sent as it is), an int (an HTTP status), a float (seconds of silence), bytes
    (the whole body, in place of a completion), CUT_OFF.
    """

    script: list[Reply]
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        reply = self.script[min(len(self.asked), len(self.script)) - 1]
        if isinstance(reply, int):
            return web.json_response({"error": {"message": "scripted"}}, status=reply)
        if isinstance(reply, bytes):
            is_page = reply.startswith(b"<")
            return web.Response(body=reply, content_type="text/html" if is_page else "application/json")
        if isinstance(reply, float):
            await asyncio.sleep(reply)
            reply = "{}"
        finish_reason = "stop"
        if reply is CUT_OFF:
            finish_reason, reply = "length", '{"tldr": "They agr'
        text = reply if isinstance(reply, str) else json.dumps(reply)
        message = {"role": "assistant", "content": text}
        return web.json_response(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 0,
                "model": "scripted",
                "choices": [{"index": 0, "finish_reason": finish_reason, "message": message}],
            }
        )


@asynccontextmanager
async def language_model(*script: Reply) -> AsyncIterator[ScriptedLanguageModel]:
    model = ScriptedLanguageModel(list(script))
    app = web.Application()
    app.router.add_post("/v1/chat/completions", model.answer)
    async with TestServer(app) as server:
        model.url = str(server.make_url("/v1"))
        yield model


@asynccontextmanager
async def breakable(url: str) -> AsyncIterator[Relay]:
    """A way to a server that can be cut: an address of its own, and `cut()`."""
    parts = urlsplit(url)
    relay = Relay(parts.hostname or "", parts.port or 0)
    server = await asyncio.start_server(relay.carry, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    login = parts.netloc.rpartition("@")[0]
    relay.url = urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{port}"))
    try:
        yield relay
    finally:
        server.close()
        relay.cut()
        await server.wait_closed()


class Relay:
    """Carries TCP connections to one server until it is cut; afterwards it closes whoever comes."""

    def __init__(self, host: str, port: int) -> None:
        self.url = ""
        self._address = (host, port)
        self._writers: set[asyncio.StreamWriter] = set()
        self._is_cut = False

    def cut(self) -> None:
        self._is_cut = True
        for writer in self._writers:
            writer.transport.abort()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        there_reader, there_writer = await asyncio.open_connection(*self._address)
        self._writers |= {writer, there_writer}
        async with asyncio.TaskGroup() as group:
            group.create_task(_pump(reader, there_writer))
            group.create_task(_pump(there_reader, writer))
        self._writers -= {writer, there_writer}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    writer.close()

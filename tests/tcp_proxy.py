"""A TCP proxy between a client and its server, which a test makes slow, deaf or dumb, or cuts."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from enum import Enum
from urllib.parse import urlsplit, urlunsplit

from deploy.ports import free_port

CHUNK_BYTES = 64 * 1024


class Way(Enum):
    TO_SERVER = "to server"
    TO_CLIENT = "to client"


Script = Callable[[Way, bytes], Awaitable[bool]]
"""Sees each chunk before it goes on, for as long as it wants; False: the chunk is thrown away."""


async def passing(way: Way, chunk: bytes) -> bool:
    return True


async def black_hole(way: Way, chunk: bytes) -> bool:
    """Accepts everything and never answers."""
    return False


def swallowing(lost: Way) -> Script:
    """Everything that goes one way is lost."""

    async def script(way: Way, chunk: bytes) -> bool:
        return way is not lost

    return script


def delaying(chance: random.Random, most_s: float) -> Script:
    """Each chunk comes up to `most_s` late; their order stays."""

    async def script(way: Way, chunk: bytes) -> bool:
        await asyncio.sleep(chance.random() * most_s)
        return True

    return script


class Proxy:
    """`script` may be exchanged at any time, for connections that are open too."""

    def __init__(self, server_port: int) -> None:
        self.port = free_port()
        self.script: Script = passing
        self._server_port = server_port
        self._writers: set[asyncio.StreamWriter] = set()

    def url(self, server_url: str) -> str:
        """The same address by way of the proxy."""
        parts = urlsplit(server_url)
        account = parts.netloc.rpartition("@")[0]
        return urlunsplit(parts._replace(netloc=f"{account}@127.0.0.1:{self.port}"))

    def cut(self) -> None:
        """Reset every connection there is."""
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client, until either side ends it."""
        self._writers.add(writer)
        try:
            with suppress(OSError):
                server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
                await self._join(reader, writer, server_reader, server_writer)
        finally:
            self._writers.discard(writer)
            writer.transport.abort()

    async def _join(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
    ) -> None:
        self._writers.add(server_writer)
        try:
            ways = [
                asyncio.ensure_future(self._pump(Way.TO_SERVER, reader, server_writer)),
                asyncio.ensure_future(self._pump(Way.TO_CLIENT, server_reader, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            self._writers.discard(server_writer)
            server_writer.transport.abort()

    async def _pump(self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                if await self.script(way, chunk):
                    writer.write(chunk)
                    await writer.drain()


@asynccontextmanager
async def proxy_to(url: str) -> AsyncIterator[Proxy]:
    """A proxy in front of the server of this address."""
    port = urlsplit(url).port
    assert port is not None
    proxy = Proxy(port)
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await proxy.serve(reader, writer)
        finally:
            connections.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", proxy.port)
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        if connections:
            await asyncio.wait(connections)

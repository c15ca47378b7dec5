"""Real receivers of webhooks on loopback: good ones, and those that do all that a receiver should not."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Raw = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Request:
    headers: dict[str, str]
    """Lower-cased names."""
    body: bytes
    path: str


@dataclass(slots=True)
class Receiver:
    """Answers with `statuses`, one after the other and the last for good."""

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [204])
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    got: list[Request] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append(Request(headers, await request.read(), request.path))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status, headers=self.headers, text=self.body or None)

    @property
    def ids(self) -> list[str]:
        return [request.headers["webhook-id"] for request in self.got]


@asynccontextmanager
async def receiver(tls: ssl.SSLContext | None = None, **answers: Any) -> AsyncIterator[Receiver]:
    handler = Receiver(**answers)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler.answer)
    server = TestServer(app, host="127.0.0.1", scheme="https" if tls else "http")
    await server.start_server(ssl=tls)
    handler.url = str(server.make_url("/hook"))
    try:
        yield handler
    finally:
        await server.close()


def tls_for(name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server with a certificate of its own for this name, and a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(Encoding.PEM)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(pem + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        server.load_cert_chain(file.name)
    return server, ssl.create_default_context(cadata=pem.decode())


@dataclass(slots=True)
class Hostile:
    url: str = ""
    connections: int = 0


@asynccontextmanager
async def hostile(behave: Raw) -> AsyncIterator[Hostile]:
    """One that does as it likes with each connection."""
    seen = Hostile()
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await behave(reader, writer)
        except OSError:
            return
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    seen.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield seen
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def hangs(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


async def drips(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Headers without an end, a byte at a time: never silent for long."""
    writer.write(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


async def floods(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An answer without an end, as fast as it is taken."""
    writer.write(b"HTTP/1.1 500 No\r\nContent-Type: text/plain\r\n\r\n")
    while True:
        writer.write(b"no\x00\x1b[31m " * 4096)
        await writer.drain()


async def stalls_after_status(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A yes, and a body that never comes."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    await writer.drain()
    await asyncio.sleep(3600)


async def endless_headers(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-Header: " + b"x" * 4000 + b"\r\n")
        await writer.drain()


async def talks_nonsense(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00\xff not http\r\n\r\n")
    await writer.drain()


async def hangs_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    return

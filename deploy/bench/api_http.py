"""A keep-alive HTTP/1.1 client that costs little: what a benchmark's client takes is not left for the server.

It reads answers with a Content-Length, which all of the API's JSON has. One request at a time on each connection.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, cast

TIMEOUT_S = 10.0
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length: "


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    token: str = field(default="", repr=False)
    body: Any = None
    """JSON; None: no body."""
    headers: Mapping[str, str] = field(default_factory=dict)

    def as_bytes(self) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: localhost"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.token:
            lines.append(f"Authorization: Bearer {self.token}")
        if self.body is None:
            return ("\r\n".join(lines) + "\r\n\r\n").encode()
        content = json.dumps(self.body).encode()
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + content


class Connection(asyncio.Protocol):
    """One connection that is opened again when the other side has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._transport is not None:
            self._transport.close()

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Status and body.

        Raises:
            ConnectionError, TimeoutError
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(TIMEOUT_S):
            if self._transport is None or self._transport.is_closing():
                await loop.create_connection(lambda: self, "127.0.0.1", self._port)
            assert self._transport is not None  # noqa: S101  connection_made() was called
            self._received.clear()
            self._answer = loop.create_future()
            self._transport.write(request)
            return await self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(_END_OF_HEAD)
        if end < 0:
            return
        body_at = end + len(_END_OF_HEAD)
        if len(self._received) - body_at >= _content_length(bytes(self._received[:end])):
            status = int(self._received[9:12])
            self._settle((status, bytes(self._received[body_at:])))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("closed before an answer"))

    def _settle(self, answer: tuple[int, bytes]) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)


def _content_length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(_LENGTH)
    return int(lowered[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0

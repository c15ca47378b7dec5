"""A file on its way in: looked at, counted and timed piece by piece, and never kept in memory."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from aiohttp import StreamReader, web

from control_api.errors import EmptyFileError, FileTooLargeError, UnsupportedFileError, UploadTooSlowError
from control_api.settings import UploadSettings

MEGABYTE = 1024 * 1024
HEAD_BYTES = 4096
"""So much of a file's beginning tells what it is."""
K = TypeVar("K")


@dataclass(slots=True)
class Upload(Generic[K]):
    """What is known of a file once it was read to its end; K: the kinds of such files."""

    kind_of: Callable[[bytes], K | None]
    """Told the file's first `HEAD_BYTES`, or all of it; None: it is not taken."""
    limit_bytes: int
    times: UploadSettings
    unsupported: type[UnsupportedFileError] = UnsupportedFileError
    size_bytes: int = 0
    kind: K | None = None
    digest: bytes = b""
    _head: bytearray = field(default_factory=bytearray)

    def check(self, request: web.Request) -> None:
        """What the headers give away.

        Raises:
            UnsupportedFileError: a form, or a body that is coded.
            FileTooLargeError
        """
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise self.unsupported
        if request.content_type.startswith("multipart/"):
            raise self.unsupported
        if (request.content_length or 0) > self.limit_bytes:
            raise FileTooLargeError

    async def pieces(self, request: web.Request) -> AsyncIterator[bytes]:
        """Of the body; nothing goes out before its kind is known.

        Raises:
            FileTooLargeError, UploadTooSlowError, UnsupportedFileError, EmptyFileError
        """
        hashed = hashlib.sha256()
        async for piece in self._timed(request.content):
            self.size_bytes += len(piece)
            if self.size_bytes > self.limit_bytes:
                raise FileTooLargeError
            hashed.update(piece)
            if self.kind is not None:
                yield piece
                continue
            self._head += piece
            if len(self._head) >= HEAD_BYTES:
                yield self._known()
        if self.size_bytes == 0:
            raise EmptyFileError
        if self.kind is None:
            yield self._known()
        self.digest = hashed.digest()

    def _known(self) -> bytes:
        self.kind = self.kind_of(bytes(self._head[:HEAD_BYTES]))
        if self.kind is None:
            raise self.unsupported
        return bytes(self._head)

    async def _timed(self, content: StreamReader) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self.times.deadline_s
        while True:
            try:
                async with asyncio.timeout_at(min(ends_at, loop.time() + self.times.idle_s)):
                    piece = await content.readany()
            except TimeoutError:
                raise UploadTooSlowError from None
            if not piece:
                return
            yield piece

"""What of a body nobody has read when its answer is ready: a short rest is thrown away, a long one is never taken.

aiohttp by itself reads on for `lingering_time`, as fast as a client sends, so that the answer arrives: megabytes of a
body without an end. Here the answer goes out, and then nothing comes in any more; the client has `LINGER_S` to read it
before the connection ends.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from aiohttp import web
from aiohttp.typedefs import Handler

READ_BYTES = 8 * 1024
"""Taken from a connection at a time, and waiting for a handler at a time (`read_bufsize`)."""
SHORT_REST_BYTES = 16 * 1024
"""So much is still thrown away, and the connection goes on."""
LINGER_S = 1.0


class Sips(asyncio.BufferedProtocol):
    """Hands another protocol what comes, in small pieces: asyncio and uvloop take 256 kB at a time, and look later."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        self._buffer = bytearray(READ_BYTES)
        self._take = protocol.data_received
        self.connection_lost = protocol.connection_lost  # type: ignore[method-assign]
        self.eof_received = protocol.eof_received  # type: ignore[method-assign]
        self.pause_writing = protocol.pause_writing  # type: ignore[method-assign]
        self.resume_writing = protocol.resume_writing  # type: ignore[method-assign]

    def get_buffer(self, sizehint: int) -> bytearray:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        self._take(bytes(self._buffer[:nbytes]))


@web.middleware
async def leave_unread(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Outermost: an answer before the end of a long body ends its connection."""
    transport = request.transport
    if transport is not None and request.body_exists and not isinstance(transport.get_protocol(), Sips):
        transport.set_protocol(Sips(request.protocol))
    response = await handler(request)
    if request.content.is_eof() or _has_short_rest(request) or not isinstance(response, web.Response):
        return response
    response.force_close()
    if transport is not None:
        transport.pause_reading()
    with suppress(ConnectionError):
        await response.prepare(request)
        await response.write_eof()
        await asyncio.sleep(LINGER_S)
    request.protocol.force_close()
    return response


def _has_short_rest(request: web.Request) -> bool:
    length = request.content_length
    return length is not None and length - request.content.total_bytes <= SHORT_REST_BYTES

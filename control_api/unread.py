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
"""Taken from a connection at a time, and waiting for a handler at a time (`read_bufsize`): of asyncio's own 256 kB all
would be in the process before anybody could look at them."""
SHORT_REST_BYTES = 16 * 1024
LINGER_S = 1.0


@web.middleware
async def leave_unread(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Outermost: an answer before the end of a long body ends its connection."""
    if request.transport is not None and request.body_exists:
        request.transport.max_size = READ_BYTES  # type: ignore[attr-defined]  # asyncio has no other way to say it
    response = await handler(request)
    if request.content.is_eof() or _has_short_rest(request) or not isinstance(response, web.Response):
        return response
    response.force_close()
    if request.transport is not None:
        request.transport.pause_reading()
    with suppress(ConnectionError):
        await response.prepare(request)
        await response.write_eof()
        await asyncio.sleep(LINGER_S)
    request.protocol.force_close()
    return response


def _has_short_rest(request: web.Request) -> bool:
    length = request.content_length
    return length is not None and length - request.content.total_bytes <= SHORT_REST_BYTES

"""Server-sent events and a WebSocket over the same log.

Rules:
- Every write has a deadline: whoever does not read is cut off, and comes back by the number that they had last.
- A stream says how it ends: an event named `end`, or a close code. `retry` is another one for everybody, so that those
  who were cut off together do not come back together.
- Over a WebSocket a client says `hello` with its `last_seq` and `ping`, and nothing else. One that a page opens must
  be our own page's: browsers send cookies along to whoever asks.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import orjson
from aiohttp import WSCloseCode, WSMsgType, web
from pydantic import Field

from control_api import auth
from control_api.errors import InvalidBodyError, NoWebSocketError
from control_api.followers.feeds import Feed
from control_api.followers.follower import CLOSE_CODES, EndedError, Reason
from control_api.followers.following import FEEDS, Asking, ask, follow, has_news
from control_api.followers.messages import Message
from control_api.http import Query, query, respond
from db.errors import DbError

RETRY_MS = (1_000, 4_000)
WRITE_S = 10.0
GOODBYE_S = 1.0
HELLO_S = 10.0
PING_S = 20.0
MESSAGE_BYTES = 4096
Seq = Annotated[int, Field(ge=0, le=2**62)]
_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
}
"""A proxy that compresses or collects would hold events back."""


class Following(Query):
    last_seq: Seq | None = None
    """What the client has already."""
    lastEventId: Seq | None = None
    """The same, as EventSource polyfills call it."""


async def follow_events(request: web.Request) -> web.StreamResponse:
    """From the start, or after `Last-Event-ID`; 204 when the session is over and there is nothing after it."""
    last_seq, asking = _last_event_id(request), await ask(request)
    if asking.is_over and last_seq and not await has_news(request, asking, last_seq):
        return respond(None)  # tells an EventSource to stay away
    async with request.app[FEEDS].follow(asking.session_id, asking.follower) as feed:
        response = web.StreamResponse(headers=_HEADERS)
        try:
            await response.prepare(request)
            await _send(response, b"retry: %d\n\n" % _retry_ms())
            reason = await _stream_events(request, response, asking, feed, last_seq or 0)
            asking.follower.take_leave()
            await _send(response, _end(reason, feed), GOODBYE_S)
        except (ConnectionError, TimeoutError):  # nobody reads any more
            asking.follower.abort()
    return response


async def follow_by_websocket(request: web.Request) -> web.StreamResponse:
    auth.refuse_other_sites(request)
    asking = await ask(request)
    if request.headers.get("Upgrade", "").lower() != "websocket":
        raise NoWebSocketError
    async with request.app[FEEDS].follow(asking.session_id, asking.follower) as feed:
        ws = web.WebSocketResponse(heartbeat=PING_S, compress=False, max_msg_size=MESSAGE_BYTES, timeout=GOODBYE_S)
        await ws.prepare(request)
        try:
            code, reason = await _talk(request, ws, asking, feed)
            asking.follower.take_leave()
            async with asyncio.timeout(2 * GOODBYE_S):
                await ws.close(code=code, message=reason.encode())
        except (ConnectionError, TimeoutError):  # nobody reads any more
            asking.follower.abort()
    return ws


async def _stream_events(
    request: web.Request, response: web.StreamResponse, asking: Asking, feed: Feed, last_seq: int
) -> Reason:
    try:
        async for messages in follow(request, asking, feed, last_seq):
            await _send(response, b"".join(each.event() for each in messages) or b": \n\n")
    except EndedError as ended:
        return ended.reason
    except DbError:
        return "unavailable"
    return "gone"


async def _talk(request: web.Request, ws: web.WebSocketResponse, asking: Asking, feed: Feed) -> tuple[int, str]:
    """How the connection is to be closed."""
    asked = query(request, Following)
    last_seq = asked.last_seq if asked.last_seq is not None else asked.lastEventId
    try:
        if last_seq is None:
            last_seq = await _hello(ws)
    except (TimeoutError, ValueError):
        return WSCloseCode.POLICY_VIOLATION, "say hello first"
    async with asyncio.TaskGroup() as tasks:
        listening = tasks.create_task(_listen(ws, asking))
        try:
            async for messages in follow(request, asking, feed, last_seq):
                await _send_frames(ws, messages)
        except EndedError as ended:
            return CLOSE_CODES[ended.reason], ended.reason
        except DbError:
            return CLOSE_CODES["unavailable"], "unavailable"
        except ConnectionError:
            return CLOSE_CODES["gone"], "gone"
        finally:
            listening.cancel()
    return CLOSE_CODES["gone"], "gone"


async def _hello(ws: web.WebSocketResponse) -> int | None:
    """The client's first message.

    Raises:
        TimeoutError, ValueError
    """
    async with asyncio.timeout(HELLO_S):
        received = await ws.receive()
    message = orjson.loads(received.data) if received.type is WSMsgType.TEXT else None
    if not isinstance(message, dict) or message.get("type") != "hello":
        raise ValueError("no hello")
    last_seq = message.get("last_seq")
    if last_seq is not None and (type(last_seq) is not int or not 0 <= last_seq <= 2**62):
        raise ValueError("no number")
    return last_seq


async def _listen(ws: web.WebSocketResponse, asking: Asking) -> None:
    """Answer pings, and notice when the client is gone."""
    with suppress(ConnectionError, TimeoutError):
        async for received in ws:
            if received.type is WSMsgType.TEXT and '"ping"' in received.data:
                async with asyncio.timeout(WRITE_S):
                    await ws.send_str('{"type":"pong"}')
    asking.follower.end("gone")


async def _send_frames(ws: web.WebSocketResponse, messages: Sequence[Message]) -> None:
    async with asyncio.timeout(WRITE_S):
        for message in messages:
            await ws.send_frame(message.data, WSMsgType.TEXT)


async def _send(response: web.StreamResponse, data: bytes, within_s: float | None = None) -> None:
    async with asyncio.timeout(within_s or WRITE_S):
        await response.write(data)


def _end(reason: Reason, feed: Feed) -> bytes:
    """The number goes on to the newest, of whoever it is: nothing up to there is missing."""
    said = orjson.dumps({"reason": reason})
    place = b"id: %d\n" % feed.window.newest_seq if reason == "session_over" else b""
    return b"event: end\n%sretry: %d\ndata: %s\n\n" % (place, _retry_ms(), said)


def _retry_ms() -> int:
    return random.randint(*RETRY_MS)  # noqa: S311


def _last_event_id(request: web.Request) -> int | None:
    asked = query(request, Following)
    header = request.headers.get("Last-Event-ID", "").strip()
    if header:
        if not (header.isascii() and header.isdecimal() and len(header) <= 18):
            raise InvalidBodyError("Last-Event-ID is no number of this stream.")
        return int(header)
    return asked.last_seq if asked.last_seq is not None else asked.lastEventId

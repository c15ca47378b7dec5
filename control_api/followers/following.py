"""Everything one follower gets, in order: what Postgres has after their last seq, then what is published.

Rules:
- Postgres is read in pages, each in a short transaction of the follower's own, until the session's window goes on
  without a gap. Only a few pages are read at the same time.
- A number beyond the newest is another session's, or a mistake: what comes next is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from aiohttp import web

from control_api.access import as_member, as_user, readable_session
from control_api.audiences import Rights, audiences
from control_api.auth import credential, member
from control_api.followers.feeds import Feed, Feeds
from control_api.followers.follower import Follower
from control_api.followers.messages import Message, message_of
from control_api.http import path_id
from control_api.sessions.joining import ENDED
from control_api.tokens import token_hash
from db import calls, session_log

FEEDS = web.AppKey("feeds", Feeds)
HEARTBEAT_S = 15.0
PAGE = 500


@dataclass(frozen=True, slots=True)
class Asking:
    """Who wants to follow, and what."""

    session_id: UUID
    follower: Follower
    is_over: bool


async def run_feeds(app: web.Application) -> AsyncIterator[None]:
    """A `cleanup_ctx`."""
    running = asyncio.create_task(app[FEEDS].run())
    yield
    running.cancel()
    await asyncio.wait([running])


async def stop_feeds(app: web.Application) -> None:
    """An `on_shutdown`: before connections are cut, everybody is told."""
    app[FEEDS].stop()


async def ask(request: web.Request) -> Asking:
    """
    Raises:
        NotFoundError: there is no such session for them.
    """
    who, session_id = member(request), path_id(request)
    async with as_member(request) as conn:
        session = await readable_session(conn, who, session_id)
        rights = Rights.of(who.user_id, who.role, session)
        readable = await audiences(conn, who.user_id, rights, session)
        call = await calls.current_call(conn, session.id)
    token, _ = credential(request)
    follower = Follower(who.user_id, token_hash(token), rights, readable, lambda: _cut(request))
    return Asking(session.id, follower, session.status in ENDED and call is None)


async def has_news(request: web.Request, asking: Asking, last_seq: int) -> bool:
    """Whether anything that they may read was stored after that number."""
    return bool(await _page(request, asking, last_seq, limit=1))


async def follow(
    request: web.Request, asking: Asking, feed: Feed, last_seq: int | None
) -> AsyncIterator[Sequence[Message]]:
    """Batches of what they may read; an empty one after `HEARTBEAT_S` of silence. None: from now on.

    Raises:
        EndedError: nothing more is to come.
    """
    follower, window = asking.follower, feed.window
    if last_seq is not None and last_seq > (known_seq := window.newest_seq):
        await request.app[FEEDS].refresh(feed)
        last_seq = last_seq if last_seq <= window.newest_seq else known_seq
    place: int | None = window.end
    if last_seq is not None:
        async for page in _catch_up(request, asking, feed, last_seq):
            if isinstance(page, int):
                place = page
            else:
                yield page
    assert place is not None  # noqa: S101 - catching up ends with one
    while True:
        messages, place = await follower.after(window, place, HEARTBEAT_S)
        yield messages


async def _catch_up(
    request: web.Request, asking: Asking, feed: Feed, seq: int
) -> AsyncIterator[Sequence[Message] | int]:
    """Pages of what was stored, and last the place in the window where it goes on."""
    window = feed.window
    while (place := window.place_after(seq)) is None:
        if asking.follower.ended is not None and asking.follower.ended != "session_over":
            break
        known_seq = window.newest_seq  # Postgres had all of this when the page was read
        page = await _page(request, asking, seq, limit=PAGE)
        if page:
            yield page
            seq = page[-1].seq
        if len(page) < PAGE:
            seq = max(seq, known_seq)
    asking.follower.floor_seq = seq
    yield window.end if place is None else place


async def _page(request: web.Request, asking: Asking, after_seq: int, *, limit: int) -> list[Message]:
    feeds, follower = request.app[FEEDS], asking.follower
    async with feeds.reads, as_user(request, follower.user_id) as conn:
        entries = await session_log.read(
            conn, asking.session_id, after_seq=after_seq, audiences=sorted(follower.audiences), limit=limit
        )
    return [message_of(entry) for entry in entries]


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()

"""All sessions that somebody follows in this process: each is read once, however many follow it.

Rules:
- Redis' streams are read by one wait for all sessions together. What they bring is passed on if nothing is missing
  before it; else, and every two seconds anyway, Postgres is asked. Without Redis it is asked every second. So a loss of
  Redis costs latency and nothing else.
- Postgres is read as one of the session's followers: nobody makes more visible than they may see themselves, and
  whoever is let in no more is not the one for long.
- Who follows is asked about again, all together, more than once a second: a sign-in that ended, a membership, a session
  that was deleted end the stream within two seconds. When that cannot be asked for ten seconds, all streams end.
- A session that is over ends its streams once everything was passed on.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from uuid import UUID
from weakref import WeakValueDictionary

from control_api.audiences import Rights
from control_api.errors import TooManyFollowersError, frames_of
from control_api.followers.follower import Follower, Reason
from control_api.followers.window import Window
from control_api.settings import Settings
from db import followers, session_log
from db.errors import DbError
from db.live import Live, StreamEntry
from db.pool import Pool, transaction

log = logging.getLogger(__name__)

STREAM_WAIT_S = 0.2
"""A session that is followed from now on is waited for with the next wait."""
POLL_S, POLL_WITHOUT_REDIS_S = 2.0, 1.0
LOOK_S = 0.1
CHECK_S = 0.7
UNCHECKED_S = 10.0
CLOSE_S, DRAIN_S = 0.5, 30.0
"""For a last word; for everything that was said until a session was over."""
PAGE, CHECKED_AT_ONCE = 500, 1000
READERS = 4
RETRY_S = (2, 10)


class Feed:
    """One session that somebody follows."""

    def __init__(self, session_id: UUID, position: str, newest_seq: int) -> None:
        self.session_id = session_id
        self.position = position
        """In Redis' stream."""
        self.window = Window(newest_seq)
        self.followers: set[Follower] = set()
        self.missing_seq = 0
        """Postgres has this one, and the window has not."""
        self.read_at = asyncio.get_running_loop().time()

    @property
    def has_gap(self) -> bool:
        return self.missing_seq > self.window.newest_seq

    def take(self, entries: Iterable[StreamEntry]) -> None:
        for entry in entries:
            self.position = entry.position
            if self.window.take(entry) == "gap":
                self.missing_seq = max(self.missing_seq, entry.seq)
        self.wake()

    def wake(self) -> None:
        for follower in self.followers:
            follower.wake()


class Feeds:
    def __init__(self, settings: Settings, pool: Pool, live: Live) -> None:
        self._settings = settings
        self._pool = pool
        self._live = live
        self._feeds: dict[UUID, Feed] = {}
        self._opening: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()
        self._of_user: Counter[UUID] = Counter()
        self._total = 0
        self.reads = asyncio.Semaphore(READERS)
        """Pages that are read at the same time."""
        self._some = asyncio.Event()
        self._stale = asyncio.Event()
        self._is_redis_away = False
        self._is_stopping = False

    @property
    def total(self) -> int:
        return self._total

    @asynccontextmanager
    async def follow(self, session_id: UUID, follower: Follower) -> AsyncIterator[Feed]:
        """Take part, for as long as the body runs.

        Raises:
            TooManyFollowersError: in the session, of this person, or altogether.
            UnavailableError: Postgres is away.
        """
        self._check_limits(session_id, follower.user_id)
        self._total += 1
        self._of_user[follower.user_id] += 1
        feed: Feed | None = None
        try:
            feed = await self._feed(session_id, follower)
            yield feed
        finally:
            self._total -= 1
            self._of_user[follower.user_id] -= 1
            if not self._of_user[follower.user_id]:
                del self._of_user[follower.user_id]
            if feed is not None:
                self._leave(feed, follower)

    async def refresh(self, feed: Feed) -> None:
        """Bring it to what Postgres has.

        Raises:
            DbError
        """
        loop = asyncio.get_running_loop()
        user_id = random.choice([*feed.followers]).user_id  # noqa: S311
        page_size = PAGE
        while page_size == PAGE:
            async with self.reads, transaction(self._pool, user_id=user_id) as conn:
                page = await session_log.read(
                    conn, feed.session_id, after_seq=feed.window.newest_seq, audiences=None, limit=PAGE
                )
            page_size = len(page)
            if feed.window.extend(page):
                feed.wake()
        feed.read_at = loop.time()

    async def run(self) -> None:
        """Until cancelled; a fault of ours ends all streams, and their owners come back."""
        while True:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._listen())
                    tasks.create_task(self._poll())
                    tasks.create_task(self._watch())
            except* Exception as failure:  # noqa: BLE001 -- the edge of this task
                kinds = ",".join(type(each).__name__ for each in failure.exceptions)
                log.error("following failed kinds=%s at=%s", kinds, frames_of(failure.exceptions[0]))
                self._end_all("unavailable")
                await asyncio.sleep(1.0)

    def stop(self) -> None:
        """Nobody is let in any more, and everybody is told to come back."""
        self._is_stopping = True
        self._end_all("server_stopping")

    def _check_limits(self, session_id: UUID, user_id: UUID) -> None:
        settings, feed = self._settings, self._feeds.get(session_id)
        if (
            self._is_stopping
            or self._total >= settings.followers
            or self._of_user[user_id] >= settings.followers_per_person
            or (feed is not None and len(feed.followers) >= settings.followers_per_session)
        ):
            raise TooManyFollowersError(retry_after_s=random.randint(*RETRY_S))  # noqa: S311

    async def _feed(self, session_id: UUID, follower: Follower) -> Feed:
        async with self._opening.setdefault(session_id, asyncio.Lock()):
            feed = self._feeds.get(session_id)
            if feed is None:
                # In this order: what is published from here on is newer than what Postgres has then, or known.
                position = await self._live.stream_end(session_id)
                async with transaction(self._pool, user_id=follower.user_id) as conn:
                    newest_seq = await session_log.newest_seq(conn, session_id)
                feed = self._feeds[session_id] = Feed(session_id, position, newest_seq)
            feed.followers.add(follower)
            self._some.set()
            return feed

    def _leave(self, feed: Feed, follower: Follower) -> None:
        feed.followers.discard(follower)
        if not feed.followers and self._feeds.get(feed.session_id) is feed:
            del self._feeds[feed.session_id]
        if not self._feeds:
            self._some.clear()

    def _end_all(self, reason: Reason) -> None:
        for feed in self._feeds.values():
            for follower in feed.followers:
                self._end(follower, reason)

    def _end(self, follower: Follower, reason: Reason) -> None:
        follower.end(reason, DRAIN_S if reason == "session_over" else CLOSE_S)

    async def _listen(self) -> None:
        while True:
            await self._some.wait()
            positions = {session_id: feed.position for session_id, feed in self._feeds.items()}
            published = await self._live.wait_for_entries(positions, STREAM_WAIT_S)
            self._is_redis_away = published is None
            for session_id, entries in (published or {}).items():
                if (feed := self._feeds.get(session_id)) is not None:
                    feed.take(entries)
                    if feed.has_gap:
                        self._stale.set()

    async def _poll(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._some.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._stale.wait()
            self._stale.clear()
            oldest = loop.time() - (POLL_WITHOUT_REDIS_S if self._is_redis_away else POLL_S)
            due = [feed for feed in self._feeds.values() if feed.has_gap or feed.read_at < oldest]
            await asyncio.gather(*(self._refresh_quietly(feed) for feed in due))

    async def _refresh_quietly(self, feed: Feed) -> None:
        if not feed.followers:
            return
        try:
            await self.refresh(feed)
        except DbError as error:
            feed.read_at = asyncio.get_running_loop().time()
            log.warning("log not read session=%s code=%s", feed.session_id, error.code)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        checked_at = loop.time()
        while True:
            if not self._some.is_set():
                await self._some.wait()
                checked_at = loop.time()  # each was let in just now
            began_at = loop.time()
            following = [(feed, follower) for feed in self._feeds.values() for follower in feed.followers]
            try:
                for first in range(0, len(following), CHECKED_AT_ONCE):
                    await self._check(following[first : first + CHECKED_AT_ONCE])
                checked_at = began_at
            except DbError as error:
                log.warning("followers not checked code=%s", error.code)
                if began_at - checked_at > UNCHECKED_S:
                    for _, follower in following:
                        self._end(follower, "unavailable")
            await asyncio.sleep(CHECK_S)

    async def _check(self, following: list[tuple[Feed, Follower]]) -> None:
        async with transaction(self._pool) as conn:
            found = await followers.standings(
                conn, [each.credential for _, each in following], [feed.session_id for feed, _ in following]
            )
        over: dict[Feed, list[Follower]] = {}
        for (feed, follower), standing in zip(following, found, strict=True):
            if not standing.is_signed_in:
                self._end(follower, "signed_out")
            elif standing.role is None:
                self._end(follower, "not_found")
            elif Rights(standing.role, standing.is_own).may_supervise != follower.rights.may_supervise:
                self._end(follower, "rights_changed")
            elif standing.is_over:
                over.setdefault(feed, []).append(follower)
        for feed, done in over.items():
            if feed.followers:
                await self.refresh(feed)
            for follower in done:
                self._end(follower, "session_over")

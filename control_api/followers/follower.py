"""One follower: what they may read, how far they are, and how it ends.

Rules:
- Only entries whose audience they belong to are passed on, see `audiences`.
- Nothing waits for a follower: entries lie in the session's window. Whoever falls out of it is told to come back by
  the number that they had last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Literal
from uuid import UUID

from control_api.audiences import Rights
from control_api.followers.messages import Message
from control_api.followers.window import Window

Reason = Literal[
    "session_over", "server_stopping", "too_slow", "unavailable", "signed_out", "not_found", "rights_changed", "gone"
]
CLOSE_CODES: dict[Reason, int] = {
    "session_over": 1000,
    "server_stopping": 1001,
    "too_slow": 1013,
    "unavailable": 1013,
    "signed_out": 4401,
    "not_found": 4404,
    "rights_changed": 4409,
    "gone": 1000,
}
"""Of a WebSocket (RFC 6455 §7.4.2, 1013 as registered). 1001, 1013 and 4409: come back by the last seq."""


class EndedError(Exception):
    """The follower gets nothing more."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class Follower:
    def __init__(
        self, user_id: UUID, credential: bytes, rights: Rights, audiences: frozenset[str], abort: Callable[[], None]
    ) -> None:
        self.user_id = user_id
        self.credential = credential
        """The sha256 of what they came with."""
        self.rights = rights
        self.audiences = audiences
        self.abort = abort
        """Cuts the connection, whatever is still to be written."""
        self.ended: Reason | None = None
        self.floor_seq = 0
        """What was read from Postgres: it may be published only after that."""
        self._cutting: asyncio.TimerHandle | None = None
        self._news = asyncio.Event()

    def wake(self) -> None:
        self._news.set()

    def end(self, reason: Reason, within_s: float | None = None) -> None:
        """The first reason counts. Whoever is still being written to after `within_s` is cut off."""
        if self.ended is None:
            self.ended = reason
            self.wake()
            if within_s is not None:
                self._cutting = asyncio.get_running_loop().call_later(within_s, self.abort)

    def take_leave(self) -> None:
        """Nothing is being written any more but a last word, which has a deadline of its own."""
        if self._cutting is not None:
            self._cutting.cancel()

    def visible(self, messages: Iterable[Message]) -> list[Message]:
        return [
            each for each in messages if each.audience in self.audiences and (each.is_late or each.seq > self.floor_seq)
        ]

    async def after(self, window: Window, place: int, idle_s: float) -> tuple[Sequence[Message], int]:
        """What came since `place` that they may read, and the next place; nothing after a silence of `idle_s`.

        Raises:
            EndedError: and what had come until a session was over was returned before.
        """
        try:
            async with asyncio.timeout(idle_s):
                while True:
                    self._news.clear()
                    if self.ended not in {None, "session_over"}:
                        break
                    fresh = window.since(place)
                    if fresh is None:
                        raise EndedError("too_slow")
                    place = window.end
                    if seen := self.visible(fresh):
                        return seen, place
                    if self.ended is not None:
                        break
                    await self._news.wait()
        except TimeoutError:
            return [], place
        assert self.ended is not None  # noqa: S101 - nothing else leaves the loop
        raise EndedError(self.ended)

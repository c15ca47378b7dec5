"""The hand-off from real time to compute: putting never waits, taking does.

Policy:
- finals are kept, in order, up to `MAX_FINALS`; the next one is refused, and the giver marks its utterance as failed;
- a guess (a final decoded before its end is certain) and a partial are conflated by key: a newer one replaces the one
  that waits, and keeps its place in the line, so that no call starves another;
- finals go first, then guesses, then partials.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

MAX_FINALS = 256

Work = TypeVar("Work")


class HandOff(Generic[Work]):
    """Work for whoever computes."""

    def __init__(self, max_finals: int = MAX_FINALS) -> None:
        self._max_finals = max_finals
        self._finals: deque[Work] = deque()
        self._guesses: dict[Hashable, Work] = {}
        self._partials: dict[Hashable, Work] = {}
        self._changed = asyncio.Event()

    def put_final(self, work: Work) -> bool:
        """Whether it was taken."""
        if len(self._finals) >= self._max_finals:
            return False
        self._finals.append(work)
        self._changed.set()
        return True

    def put_back(self, work: Work) -> None:
        """A final that must be tried again: always taken, and next."""
        self._finals.appendleft(work)
        self._changed.set()

    def put_guess(self, key: Hashable, work: Work) -> None:
        self._partials.pop(key, None)
        self._guesses[key] = work
        self._changed.set()

    def put_partial(self, key: Hashable, work: Work) -> None:
        self._partials[key] = work
        self._changed.set()

    def drop(self, key: Hashable) -> bool:
        """Forget the guess and the partial of `key`; whether a guess waited."""
        self._partials.pop(key, None)
        return self._guesses.pop(key, None) is not None

    async def take(self, *, finals_only: bool) -> Work:
        """The most urgent work; `finals_only` leaves partials to others."""
        while (work := self._next(finals_only)) is None:
            self._changed.clear()
            await self._changed.wait()
        return work

    def _next(self, finals_only: bool) -> Work | None:
        if self._finals:
            return self._finals.popleft()
        for waiting in (self._guesses,) if finals_only else (self._guesses, self._partials):
            if waiting:
                return waiting.pop(next(iter(waiting)))
        return None

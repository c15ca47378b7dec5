"""The hand-off from real time to compute: putting never waits, taking does.

Policy:
- Finals are kept, up to `MAX_FINALS` and `MAX_FINALS_S` of audio; the next one is refused, and the giver marks its
  utterance as failed.
- A guess (a final decoded before its end is certain) and a partial are conflated by key: a newer one replaces the one
  that waits, and keeps its place in the line.
- What is tried again goes first, then finals, then guesses, then partials; within a kind calls take turns
  (`fair_queue`).
- A batch is of one kind and what is there: nobody waits for it to fill, and takers that wait share what comes.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Hashable
from typing import Generic, Literal, Protocol, TypeVar

from media_server.pipeline.fair_queue import FairQueue, Work

MAX_FINALS = 256
MAX_FINALS_S = 900.0
"""58 MB of audio: the backlog of fifteen minutes of one voice that is not recognized at all."""

Kind = Literal["partial", "guess", "final"]
KINDS: tuple[Kind, ...] = ("final", "guess", "partial")


class KindOfWork(Work, Protocol):
    @property
    def kind(self) -> Kind: ...
    @property
    def key(self) -> Hashable:
        """Of guesses and partials: newer work replaces what waits. Of finals: nothing else has it."""


AnyWork = TypeVar("AnyWork", bound=KindOfWork)


class HandOff(Generic[AnyWork]):
    """Work for whoever computes."""

    def __init__(self, max_finals: int = MAX_FINALS, max_finals_s: float = MAX_FINALS_S) -> None:
        self._max_finals = max_finals
        self._max_finals_s = max_finals_s
        self._again: FairQueue[AnyWork] = FairQueue()
        self._kinds: dict[Kind, FairQueue[AnyWork]] = {kind: FairQueue() for kind in KINDS}
        self._changed = asyncio.Event()
        self._idle = 0
        self._idle_for_partials = 0

    def put(self, work: AnyWork) -> bool:
        """Whether it was taken; only a final can be refused."""
        queue = self._kinds[work.kind]
        if work.kind == "final" and self._is_full(work.seconds):
            return False
        if work.kind == "guess":
            self._kinds["partial"].drop(work.key)
        queue.put(work.key, work, _now_s())
        self._changed.set()
        return True

    def put_back(self, work: AnyWork) -> None:
        """A final that must be tried again: always taken, before all others."""
        self._again.put(work.key, work, _now_s())
        self._changed.set()

    def drop(self, key: Hashable) -> bool:
        """Forget the guess and the partial of `key`; whether a guess waited."""
        self._kinds["partial"].drop(key)
        return self._kinds["guess"].drop(key)

    def finals(self) -> list[AnyWork]:
        """Those that wait."""
        return [*self._again.all(), *self._kinds["final"].all()]

    def shed_finals(self, is_wanted: Callable[[AnyWork], bool]) -> list[AnyWork]:
        """Forget finals that nobody wants any more; which those were."""
        return [*self._again.shed(is_wanted), *self._kinds["final"].shed(is_wanted)]

    async def take(
        self, most: int = 1, most_s: float = math.inf, *, finals_only: bool = False, timeout_s: float | None = None
    ) -> list[AnyWork]:
        """The most urgent work, up to so many pieces and so much audio. Empty: none came in time.

        Args: finals_only, leave partials to others.
        """
        self._idle += 1
        self._idle_for_partials += not finals_only
        try:
            async with asyncio.timeout(timeout_s):
                while not (batch := self._next(most, most_s, finals_only)):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return []
        finally:
            self._idle -= 1
            self._idle_for_partials -= not finals_only
        return batch

    def waiting(self, kind: Kind) -> int:
        """How much of it waits, second tries included."""
        return len(self._kinds[kind]) + (len(self._again) if kind == "final" else 0)

    def waiting_s(self, kind: Kind) -> float:
        """Seconds of audio that wait."""
        return self._kinds[kind].seconds + (self._again.seconds if kind == "final" else 0.0)

    def oldest_s(self, kind: Kind) -> float:
        """How long the oldest of it waits; 0 when none does."""
        age_s = self._kinds[kind].oldest_s(_now_s())
        return max(age_s, self._again.oldest_s(_now_s())) if kind == "final" else age_s

    def _is_full(self, seconds: float) -> bool:
        return self.waiting("final") >= self._max_finals or self.waiting_s("final") + seconds > self._max_finals_s

    def _next(self, most: int, most_s: float, finals_only: bool) -> list[AnyWork]:
        queues = [self._again, self._kinds["final"], self._kinds["guess"]]
        for queue in queues:
            if queue:
                return queue.take(min(most, -(-len(queue) // self._idle)), most_s)
        partials = self._kinds["partial"]
        if finals_only or not partials:
            return []
        return partials.take(min(most, -(-len(partials) // self._idle_for_partials)), most_s)


def _now_s() -> float:
    return asyncio.get_running_loop().time()

"""Work of one urgency that waits: calls take turns, and what is taken together is alike.

Rules:
- Whose turn it is, is always served, with its oldest work; a call that was served goes to the end of the line. So a
  call waits for one piece of every other call at most, however many speak in one of them.
- A batch takes one piece of each call, round after round. What is much shorter or longer than its first piece would
  be padded, or would have the others padded, and keeps its turn for the next batch; what must go alone does too.
- Work is known by a key; newer work of the same key takes the place of what waits.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

ALIKE_RATIO, ALIKE_S = 1.25, 2.0
"""An encoder's window grows with the longest of a batch; two seconds of it cost less than another batch."""


class Work(Protocol):
    """One stretch of speech to recognize, as far as waiting concerns it."""

    @property
    def call(self) -> Hashable:
        """Whose turn it takes."""

    @property
    def seconds(self) -> float:
        """Of audio."""

    @property
    def is_alone(self) -> bool:
        """It may end whoever works on it, so nothing else may be in its batch."""


AnyWork = TypeVar("AnyWork", bound=Work)


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[AnyWork]):
    work: AnyWork
    since_s: float
    """When this key began to wait."""


class FairQueue(Generic[AnyWork]):
    """Knows whose turn it is. Its time is the caller's."""

    def __init__(self) -> None:
        self._calls: OrderedDict[Hashable, OrderedDict[Hashable, _Waiting[AnyWork]]] = OrderedDict()
        self._call_of: dict[Hashable, Hashable] = {}
        self.seconds = 0.0
        """Of audio that waits."""

    def __len__(self) -> int:
        return len(self._call_of)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._call_of

    def put(self, key: Hashable, work: AnyWork, now_s: float) -> None:
        waiting = self._calls.setdefault(work.call, OrderedDict())
        since_s = now_s
        if (before := waiting.get(key)) is not None:
            since_s = before.since_s
            self.seconds -= before.work.seconds
        waiting[key] = _Waiting(work, since_s)
        self._call_of[key] = work.call
        self.seconds += work.seconds

    def drop(self, key: Hashable) -> bool:
        """Whether it waited."""
        if key not in self._call_of:
            return False
        self._remove(self._call_of[key], key)
        return True

    def take(self, most: int, most_s: float = math.inf) -> list[AnyWork]:
        """Up to so many pieces and so much audio; at least one piece if any waits."""
        taken: list[AnyWork] = []
        while self._take_round(taken, most, most_s):
            pass
        return taken

    def all(self) -> list[AnyWork]:
        """Everything that waits."""
        return [one.work for entries in self._calls.values() for one in entries.values()]

    def shed(self, is_wanted: Callable[[AnyWork], bool]) -> list[AnyWork]:
        """Forget what nobody wants any more; what that was."""
        waiting = [(key, one.work) for entries in self._calls.values() for key, one in entries.items()]
        unwanted = [(key, work) for key, work in waiting if not is_wanted(work)]
        for key, work in unwanted:
            self._remove(work.call, key)
        return [work for _, work in unwanted]

    def oldest_s(self, now_s: float) -> float:
        """How long the oldest work waits; 0 when none does."""
        waiting = (next(iter(entries.values())) for entries in self._calls.values())
        return max((now_s - first.since_s for first in waiting), default=0.0)

    def _take_round(self, taken: list[AnyWork], most: int, most_s: float) -> bool:
        """Add one piece of each call; whether any was added."""
        before = len(taken)
        for call in list(self._calls):
            if len(taken) == most:
                break
            key, waiting = next(iter(self._calls[call].items()))
            if _fits(waiting.work, taken, most_s):
                taken.append(waiting.work)
                self._remove(call, key)
                if call in self._calls:
                    self._calls.move_to_end(call)
        return len(taken) > before

    def _remove(self, call: Hashable, key: Hashable) -> None:
        entries = self._calls[call]
        self.seconds -= entries.pop(key).work.seconds
        del self._call_of[key]
        if not entries:
            del self._calls[call]


def _fits(work: Work, batch: Sequence[Work], most_s: float) -> bool:
    if not batch:
        return True
    if work.is_alone or batch[0].is_alone or work.seconds + sum(other.seconds for other in batch) > most_s:
        return False
    shorter, longer = sorted((work.seconds, batch[0].seconds))
    return longer <= ALIKE_RATIO * shorter + ALIKE_S

"""The newest entries of one session's log in this process, shared by all who follow it. Pure.

Rules:
- Numbers that follow each other leave nothing out; wherever one is skipped Postgres is asked, for Redis may have lost
  something. A number that was never given costs one question.
- Entries are kept in the order in which they became known, `SIZE` of them. `complete_after` says from which number on
  nothing is missing here.
- An entry of an earlier epoch that comes after others was found late; it is passed on out of its turn. Any other one
  below the newest was read from Postgres before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Literal

from control_api.followers.messages import Entry, Message, message_of

SIZE = 1000

Taken = Literal["new", "known", "gap"]


class Window:
    def __init__(self, newest_seq: int, size: int = SIZE) -> None:
        self.newest_seq = newest_seq
        self.complete_after = newest_seq
        self._size = size
        self._epoch = 0
        self._first = 0
        """The place of the oldest one that is kept."""
        self._messages: deque[Message] = deque()
        self._seqs: set[int] = set()

    @property
    def end(self) -> int:
        """The place of the next one."""
        return self._first + len(self._messages)

    def take(self, entry: Entry) -> Taken:
        """One that was published; a gap leaves everything as it is."""
        if entry.seq > self.newest_seq + 1:
            return "gap"
        if entry.seq == self.newest_seq + 1:
            self._append(message_of(entry))
            return "new"
        if entry.epoch >= self._epoch or entry.seq in self._seqs:
            return "known"
        self._append(message_of(entry, is_late=True))
        return "new"

    def extend(self, entries: Iterable[Entry]) -> int:
        """What Postgres has after `newest_seq`, in order; how many there were."""
        count = 0
        for entry in entries:
            if entry.seq > self.newest_seq:
                self._append(message_of(entry))
                count += 1
        return count

    def place_after(self, seq: int) -> int | None:
        """Where to go on for whoever has everything up to `seq`; None: not everything after it is here."""
        if seq < self.complete_after:
            return None
        later = (place for place, each in enumerate(self._messages, self._first) if not each.is_late and each.seq > seq)
        return next(later, self.end)

    def since(self, place: int) -> list[Message] | None:
        """What came at `place` and after; None: some of it is forgotten."""
        if place < self._first:
            return None
        return [self._messages[at - self._first] for at in range(place, self.end)]

    def _append(self, message: Message) -> None:
        self._messages.append(message)
        self._seqs.add(message.seq)
        if not message.is_late:
            self.newest_seq, self._epoch = message.seq, message.epoch
        while len(self._messages) > self._size:
            oldest = self._messages.popleft()
            self._seqs.discard(oldest.seq)
            self._first += 1
            self.complete_after = max(self.complete_after, oldest.seq)

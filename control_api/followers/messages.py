"""An entry of a session's log as its followers get it: the payload passes through unread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import orjson


class Entry(Protocol):
    """What Postgres and Redis both have of an entry."""

    @property
    def seq(self) -> int: ...
    @property
    def epoch(self) -> int: ...
    @property
    def type(self) -> str: ...
    @property
    def at_ms(self) -> int: ...
    @property
    def audience(self) -> str: ...
    @property
    def payload(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Message:
    seq: int
    epoch: int
    audience: str
    data: bytes
    """JSON on one line, as on the data channels of the call."""
    is_late: bool = False
    """It was written before others that are known already: a node that was lost was found again."""

    def event(self) -> bytes:
        """As a server-sent event; what is late leaves the place to come back to as it is."""
        head = b"" if self.is_late else b"id: %d\n" % self.seq
        return b"%sdata: %s\n\n" % (head, self.data)


def message_of(entry: Entry, *, is_late: bool = False) -> Message:
    head = orjson.dumps({"type": entry.type, "at_ms": entry.at_ms, "seq": entry.seq})
    fields = entry.payload.strip()[1:-1].strip()  # JSON escapes line ends inside of texts
    data = head[:-1] + b"," + fields + b"}" if fields else head
    return Message(entry.seq, entry.epoch, entry.audience, data.replace(b"\n", b" "), is_late)

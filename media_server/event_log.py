"""The log of one live call: an entry gets its `seq`, becomes durable on this node, and only then is shown to anybody.

Rules:
- `seq` is given in the order of the calls of append(); entries are published in that order. Gaps are legal.
- The lease is looked at right before publication. An entry that is durable when the lease turns out to be lost is not
  published, and still goes to Postgres, once.
- A subscriber gets the entry without `row`: what only the database needs, with the instant `at`. A subscriber that
  raises misses that entry; the others do not notice.
- The last `MEMORY_ENTRIES` published entries of this epoch are kept for those who come back; older ones are in
  Postgres.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol
from uuid import UUID

import orjson

from db.records import LogEntry
from media_server import events
from media_server.errors import MediaError

MEMORY_ENTRIES = 10_000
ROW = "row"
"""The key of a spooled payload that holds what the wire does not carry."""

Subscriber = Callable[[LogEntry], None]

_log = logging.getLogger(__name__)


class LeaseLostError(MediaError):
    """This node's lease on the call is not current; the call may live elsewhere."""

    code = "lease_lost"
    status = 409


class SeqsExhaustedError(MediaError):
    """The block of sequence numbers that Postgres reserved for this call is used up."""

    code = "seqs_exhausted"
    status = 503


class DurableLog(Protocol):
    """What the log needs of the spool."""

    @property
    def trouble(self) -> str | None: ...

    def append(self, entry: LogEntry) -> asyncio.Future[None]: ...


class EventLog:
    """The entries of one session in one epoch of its lease."""

    def __init__(  # noqa: PLR0917
        self,
        spool: DurableLog,
        session_id: UUID,
        organization_id: UUID,
        epoch: int,
        first_seq: int,
        last_seq: int,
        is_lease_current: Callable[[], bool],
    ) -> None:
        self.session_id = session_id
        self.organization_id = organization_id
        self.epoch = epoch
        self._spool = spool
        self._next_seq = first_seq
        self._last_seq = last_seq
        self._is_lease_current = is_lease_current
        self._subscribers: list[Subscriber] = []
        self._published: deque[LogEntry] = deque(maxlen=MEMORY_ENTRIES)

    @property
    def seqs_left(self) -> int:
        return self._last_seq - self._next_seq + 1

    @property
    def trouble(self) -> str | None:
        """Why entries cannot be made durable right now."""
        return self._spool.trouble

    def grant(self, last_seq: int) -> None:
        """Postgres reserved more: numbers up to this one may be used."""
        self._last_seq = max(self._last_seq, last_seq)

    async def append(
        self, event: events.Event, at_ms: int, *, audience: str | None = None, row: dict[str, Any] | None = None
    ) -> LogEntry:
        """Make an entry durable, then publish it; it is published even when the caller is cancelled meanwhile.

        Args:
            audience: another one than the event's own.
            row: values for the database row of this entry that the wire does not carry.

        Raises:
            LeaseLostError: nothing was published.
            SpoolFullError: nothing was published, nothing is stored.
            SeqsExhaustedError: nothing was published, nothing is stored.
        """
        if not self._is_lease_current():
            raise LeaseLostError
        entry = LogEntry(
            session_id=self.session_id,
            organization_id=self.organization_id,
            seq=self._take_seq(),
            epoch=self.epoch,
            type=event.type,
            at_ms=at_ms,
            audience=audience or event.audience,
            payload=_packed(orjson.dumps(event)),
        )
        published: asyncio.Future[LogEntry] = asyncio.get_running_loop().create_future()
        stored = _with_row(entry, {"at": datetime.now(UTC)} | (row or {}))
        # The spool resolves its futures in the order of the appends, so callbacks run in the order of `seq`.
        self._spool.append(stored).add_done_callback(partial(self._publish, entry, published))
        return await asyncio.shield(published)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Be called with every entry from now on, in order; call the result to stop."""
        self._subscribers = [*self._subscribers, subscriber]

        def unsubscribe() -> None:
            self._subscribers = [other for other in self._subscribers if other is not subscriber]

        return unsubscribe

    def entries_after(self, seq: int) -> list[LogEntry]:
        """The published entries of this epoch after `seq`, as far as memory goes."""
        return [entry for entry in self._published if entry.seq > seq]

    @property
    def remembered_from(self) -> int | None:
        """entries_after(n) is all of this epoch when n + 1 is at least this; None: nothing was published yet."""
        return self._published[0].seq if self._published else None

    def _take_seq(self) -> int:
        if self.seqs_left <= 0:
            raise SeqsExhaustedError
        seq = self._next_seq
        self._next_seq += 1
        return seq

    def _publish(self, entry: LogEntry, published: asyncio.Future[LogEntry], durable: asyncio.Future[None]) -> None:
        if (error := durable.exception()) is not None:
            published.set_exception(error)
            return
        if not self._is_lease_current():
            published.set_exception(LeaseLostError())
            return
        self._published.append(entry)
        for subscriber in self._subscribers:
            _notify(subscriber, entry)
        published.set_result(entry)


def _packed(made: bytes) -> bytes:
    """What is kept is copied: orjson leaves its whole buffer, four kilobytes, with whatever it makes."""
    return bytes(memoryview(made))


def _with_row(entry: LogEntry, row: dict[str, Any]) -> LogEntry:
    return replace(entry, payload=orjson.dumps(orjson.loads(entry.payload) | {ROW: row}))


def _notify(subscriber: Subscriber, entry: LogEntry) -> None:
    try:
        subscriber(entry)
    except Exception as error:  # noqa: BLE001
        # No traceback in the log: its message may quote what was said.
        _log.error("a subscriber of the log failed type=%s kind=%s", entry.type, type(error).__name__)

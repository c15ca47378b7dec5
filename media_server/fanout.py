"""One fan-out per call: every entry and every live message goes to the readers who may have it.

A reader gets entries only after its `hello`: first what it missed (from Postgres for earlier epochs, from memory for
this one), then everything as it is published, without a gap and without a repetition.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import orjson

from db.session_log import LogEntry
from media_server.events import COACHED, EVERYONE, Event, TranscriptFinal, encode, partial_place, payload

log = logging.getLogger(__name__)

History = Callable[[int, Sequence[str]], Awaitable[list[LogEntry]]]
"""Entries after a seq that earlier epochs wrote, as far as Postgres has them."""


class Outlet(Protocol):
    def send_event(self, message: bytes) -> None: ...

    def send_live(self, message: bytes, place: str) -> None: ...

    def forget_live(self, place: str) -> None: ...

    async def room(self) -> bool:
        """Wait until the reader is not behind; False: it is given up."""


class Reader:
    """One participant's place in the log."""

    def __init__(self, outlet: Outlet, participant_id: str, is_coached: bool, role: str = "") -> None:
        self.outlet = outlet
        coached = (COACHED, f"role:{role}") if is_coached else ()
        self.audiences = (EVERYONE, f"participant:{participant_id}", *coached)
        self.is_attached = False
        self._seq = 0

    def deliver(self, entry: LogEntry, message: bytes) -> None:
        if entry.audience in self.audiences and entry.seq > self._seq:
            self._seq = entry.seq
            self.outlet.send_event(message)

    async def replay(self, entries: Sequence[LogEntry]) -> bool:
        """As fast as the reader takes them; False: it takes no more."""
        for entry in entries:
            if not await self.outlet.room():
                return False
            self.deliver(entry, wire(entry))
        return True

    def skip_to(self, seq: int) -> None:
        self._seq = seq

    @property
    def seq(self) -> int:
        """Nothing up to here is delivered any more."""
        return self._seq


class Fanout:
    """All readers of one call."""

    def __init__(self, history: History, entries_after: Callable[[int], list[LogEntry]]) -> None:
        self._history = history
        self._entries_after = entries_after
        self._readers: set[Reader] = set()

    def add(self, reader: Reader) -> None:
        """From now on; who said `hello` before gets what was published in between."""
        self._readers.add(reader)
        if reader.is_attached:
            for entry in self._entries_after(reader.seq):
                reader.deliver(entry, wire(entry))

    def remove(self, reader: Reader) -> None:
        self._readers.discard(reader)

    async def attach(self, reader: Reader, last_seq: int | None) -> None:
        """Answer a `hello`: None is from now, 0 everything, n what came after n."""
        reader.is_attached = False
        if last_seq is None:
            newest = self._entries_after(0)
            reader.skip_to(newest[-1].seq if newest else 0)
        else:
            reader.skip_to(last_seq)
            if not await reader.replay(await self._history(last_seq, reader.audiences)):
                return
            while missed := self._entries_after(last_seq):
                if not await reader.replay(missed):
                    return
                last_seq = missed[-1].seq
        reader.is_attached = True

    def publish(self, entry: LogEntry) -> None:
        """Give a durable entry to everybody who may have it."""
        message = wire(entry)
        final = orjson.loads(entry.payload)["utterance_id"] if entry.type == TranscriptFinal.type else None
        for reader in list(self._readers):
            if final is not None:
                reader.outlet.forget_live(partial_place(final))
            if reader.is_attached:
                reader.deliver(entry, message)

    def live(self, event: Event, at_ms: int) -> None:
        """Give a replaceable message to everybody who may have it."""
        message = encode(event.type, payload(event), at_ms)
        for reader in list(self._readers):
            if event.audience in reader.audiences:
                reader.outlet.send_live(message, event.place)

    def live_to(self, reader: Reader, event: Event, at_ms: int) -> None:
        """Give a replaceable message to one reader, whoever else may have it."""
        if reader in self._readers:
            reader.outlet.send_live(encode(event.type, payload(event), at_ms), event.place)


def wire(entry: LogEntry) -> bytes:
    """The entry as it goes over the `events` channel."""
    return encode(entry.type, orjson.loads(entry.payload), entry.at_ms, entry.seq)

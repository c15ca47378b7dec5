"""The right of this node to publish in its calls, kept by renewing it in Postgres.

Rules, for each lease:
- It is current for `lease_s` less a margin, counted from the moment before Postgres was asked, on a clock that goes on
  while the machine or the process is stopped. A renewal moves that end; all leases are renewed in one statement.
- While Postgres is away (refuses connections, or does not answer in time) nobody else can get the lease either.
  A lease that is current when an attempt fails for that reason stays current until the next attempt must be over, and
  so on, for as long as Postgres stays away: calls go on, and their entries wait in the spool. As soon as an attempt is
  answered, the answer decides. The chain of attempts must be unbroken: a node that was stopped beyond the end of its
  lease cannot know what happened meanwhile, and does not revive the lease by failing to reach Postgres.
- A network that parts this node from a living Postgres looks the same. Then the people in the call keep their
  transcript, another node may take the session too, and this one stops at its first answered attempt; sequence numbers
  of the two are from different blocks, so that nothing is lost or doubled.
- Once is_current() said no, it stays no, even if nobody else took the session: an entry was held back, so whoever
  watched must come back and catch up. run() then gives the lease up. `on_lost` is called once for each lost lease,
  never for a released one.
- A log with less than half a block of sequence numbers left gets another block with the renewal.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from db import calls
from db.calls import SEQ_BLOCK
from db.errors import DbError, UnavailableError
from db.pool import Pool, transaction
from db.records import Lease

MARGIN = 1 / 6
"""Of a lease's time: for clocks that drift, and for an entry on its way out."""
RETRY_S = 0.5

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

_log = logging.getLogger(__name__)


def clock_s() -> float:
    """Monotonic, and on Linux it counts the time in which the machine slept."""
    return time.clock_gettime(_CLOCK)


class Numbered(Protocol):
    """A log that uses up sequence numbers."""

    @property
    def seqs_left(self) -> int: ...

    def grant(self, last_seq: int) -> None: ...


@dataclass(slots=True, eq=False)
class _Held:
    epoch: int
    current_until: float
    is_over: bool = False
    log: Numbered | None = None

    @property
    def hungry_log(self) -> Numbered | None:
        """The log, if it needs more sequence numbers."""
        return self.log if self.log is not None and self.log.seqs_left < SEQ_BLOCK // 2 else None


class LeaseKeeper:
    """All leases of this node."""

    def __init__(
        self,
        pool: Pool,
        node: str,
        media_url: str,
        *,
        lease_s: float = 6.0,
        renew_s: float | None = None,
        clock: Callable[[], float] = clock_s,
    ) -> None:
        """`renew_s`: None is a third of the lease's time."""
        self.on_lost: Callable[[UUID], None] = _ignore
        self._pool = pool
        self._node = node
        self._media_url = media_url
        self._lease_s = lease_s
        self._renew_s = renew_s or lease_s / 3
        self._clock = clock
        self._held: dict[UUID, _Held] = {}
        self._is_away = False

    async def acquire(self, session_id: UUID) -> Lease:
        """Take a session for this node, in a new epoch.

        Raises:
            ConflictError: "call_elsewhere" or "session_completed".
            NotFoundError: no such session.
            UnavailableError: Postgres is away, or took so long that the lease is over already.
        """
        asked_at = self._clock()
        async with transaction(self._pool) as conn:
            await calls.give_way(conn)
            lease = await calls.acquire_lease(conn, session_id, self._node, self._media_url, self._lease_s)
        if self._clock() >= self._end(asked_at):
            # Nothing could be published under it. This node has the session again as soon as it asks.
            raise UnavailableError("lease_too_late")
        self._held[session_id] = _Held(lease.epoch, self._end(asked_at))
        return lease

    def watch(self, session_id: UUID, log: Numbered) -> None:
        """Give this log more sequence numbers in time."""
        self._held[session_id].log = log

    def is_current(self, session_id: UUID) -> bool:
        """May this node publish in the session, right now?"""
        held = self._held.get(session_id)
        if held is None or held.is_over:
            return False
        held.is_over = self._clock() >= held.current_until
        return not held.is_over

    async def release(self, session_id: UUID) -> None:
        """Let any node have the session; it is not current here from the call on."""
        held = self._held.pop(session_id, None)
        if held is None:
            return
        try:
            async with transaction(self._pool, timeout_s=self._renew_s) as conn:
                await calls.give_way(conn)
                await calls.release_lease(conn, session_id, self._node, held.epoch)
        except DbError as error:
            _log.warning("a lease was not released and runs out session=%s code=%s", session_id, error.code)

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            await asyncio.sleep(RETRY_S if self._is_away else self._renew_s)
            await self.renew()

    async def renew(self) -> None:
        """One attempt for all leases; gives up those that are over."""
        for session_id, held in list(self._held.items()):
            if held.is_over:
                self._lose(session_id, held)
        asked, asked_at = dict(self._held), self._clock()
        try:
            kept, granted = await self._ask(asked)
        except UnavailableError:
            self._note_away(True)
            self._hold_on(asked)
            return
        except DbError as error:
            _log.error("leases were not renewed code=%s", error.code)
            return
        self._note_away(False)
        for session_id, held in asked.items():
            if session_id in kept:
                held.current_until = self._end(asked_at)
            else:
                self._lose(session_id, held)
        for log, last_seq in granted:
            log.grant(last_seq)

    async def _ask(self, asked: dict[UUID, _Held]) -> tuple[set[UUID], list[tuple[Numbered, int]]]:
        """The sessions that are still ours, and new ends of the numbers of their logs."""
        if not asked:
            return set(), []
        granted = []
        async with transaction(self._pool, timeout_s=self._renew_s) as conn:
            await calls.give_way(conn)
            epochs = [(session_id, held.epoch) for session_id, held in asked.items()]
            kept = await calls.renew_leases(conn, self._node, epochs, self._lease_s)
            for session_id, held in asked.items():
                if session_id in kept and (log := held.hungry_log) is not None:
                    last_seq = await calls.extend_seqs(conn, session_id, held.epoch, SEQ_BLOCK)
                    granted += [(log, last_seq)] if last_seq is not None else []
        return kept, granted

    def _hold_on(self, asked: dict[UUID, _Held]) -> None:
        now = self._clock()
        # The next attempt begins after RETRY_S and takes renew_s; RETRY_S more lets a slow loop finish it.
        until = now + RETRY_S + self._renew_s + RETRY_S
        for held in asked.values():
            if now < held.current_until:
                held.current_until = max(held.current_until, until)

    def _lose(self, session_id: UUID, held: _Held) -> None:
        held.is_over = True
        if self._held.get(session_id) is not held:
            return  # released, or taken again in a new epoch
        del self._held[session_id]
        _log.warning("a lease is lost session=%s epoch=%d", session_id, held.epoch)
        self.on_lost(session_id)

    def _end(self, asked_at: float) -> float:
        return asked_at + self._lease_s * (1 - MARGIN)

    def _note_away(self, is_away: bool) -> None:
        if is_away != self._is_away:
            self._is_away = is_away
            _log.warning("Postgres %s leases=%d", "is away" if is_away else "answers again", len(self._held))


def _ignore(_: UUID) -> None:
    return

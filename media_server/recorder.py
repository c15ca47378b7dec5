"""From the spool into Postgres: every entry once, with the row it stands for, however often Postgres goes away.

Rules:
- A batch is at most 100 entries and waits at most 50 ms for company. Where more wait it has 500, an eighth less work
  for each, unless Postgres has just had trouble with one. Its entries and their rows are one transaction; only
  entries that were really new bring rows, so that repeating a batch whose answer was lost changes nothing.
- An entry leaves the spool after the commit. While Postgres, or the disk, is away, the batch is tried again, at least
  every two seconds.
- An entry that Postgres will not take is set aside in the spool under a reason; the others go on. The log names those
  that have no place in it, whatever else a row provokes is found by halving the batch. The spool offers them again when
  the node starts next, but never what belongs to an erased session: of that not even the content is kept.
- Transcripts of a session that was completed meanwhile change its counters, and its summary is asked for anew, unless
  somebody corrected it.
- What was committed is offered to Redis from a queue that forgets its oldest: Redis can delay nothing.
- Spools of nodes that are gone are taken over meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

from db import calls, guidance, participants, session_log, sessions, summary_changes, transcripts, usage
from db.errors import ConflictError, DbError, NotFoundError, UnavailableError
from db.pool import Connection, Pool, transaction
from db.records import LogEntry
from media_server import telemetry
from media_server.errors import MediaError
from media_server.rows import Rows, rows_of, without_row
from media_server.spool import Spool
from media_server.spool_adoption import adopt_all
from media_server.spool_errors import SpoolError
from media_server.spool_file import Refusal

BATCH_ENTRIES = 100
LARGE_BATCH_ENTRIES = 500
BATCH_WAIT_S = 0.05
FIRST_RETRY_S = 0.1
LAST_RETRY_S = 2.0
TRANSACTION_S = 5.0
UNPUBLISHED_ENTRIES = 2000

_OVER = ("session_state", "session_not_found", "summary_not_found")
"""What `db.sessions` itself says; an error that Postgres raised would have spoilt the transaction."""

_METERED = ("session.state", "usage.recorded")
"""What moves the counters of the session's user: whoever writes it locks them before anything else."""

_log = logging.getLogger(__name__)

Spooled = tuple[int, LogEntry]


class Followers(Protocol):
    """Where committed entries are offered to whoever follows a session."""

    async def publish_entries(self, entries: Sequence[LogEntry]) -> None: ...


class Recorder:
    """The one reader of a node's spool."""

    def __init__(self, spool: Spool, pool: Pool, followers: Followers) -> None:
        self.recorded = 0
        """Entries that were new to Postgres."""
        self.refused = 0
        """Entries that Postgres did not take."""
        self.is_waiting = False
        """Postgres, or the disk, is away."""
        self._spool = spool
        self._pool = pool
        self._followers = followers
        self._unpublished: deque[LogEntry] = deque(maxlen=UNPUBLISHED_ENTRIES)
        self._fresh = asyncio.Event()
        self._hurry = asyncio.Event()

    async def run(self) -> None:
        """Record until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(adopt_all(self._spool))
            tasks.create_task(self._tell_followers())
            while True:
                await self._spool.wait_filled()
                await self._wait_for_company()
                await self._record_batch()

    async def drain(self, timeout_s: float) -> bool:
        """Wait until Postgres has everything; False when it has not by then."""
        self._hurry.set()
        try:
            async with asyncio.timeout(timeout_s):
                await self._spool.wait_emptied()
        except TimeoutError:
            _log.warning("the spool was not drained entries=%d", self._spool.size)
            return False
        finally:
            self._hurry.clear()
        return True

    @property
    def _batch_entries(self) -> int:
        is_much = self._spool.size >= LARGE_BATCH_ENTRIES and not self.is_waiting
        return LARGE_BATCH_ENTRIES if is_much else BATCH_ENTRIES

    async def _wait_for_company(self) -> None:
        if self._spool.size >= BATCH_ENTRIES:
            return
        try:
            async with asyncio.timeout(BATCH_WAIT_S):
                await self._hurry.wait()
        except TimeoutError:
            return

    async def _record_batch(self) -> None:
        """One batch, for as long as it takes."""
        retry_s = FIRST_RETRY_S
        while True:
            try:
                entries = await self._spool.oldest(self._batch_entries)
                refusals = await self._write(entries)
                self._count(dict(entries), refusals)
                await self._spool.trim(entries[-1][0], refusals)
            except (UnavailableError, SpoolError) as error:
                self._wait_begins(error.code)
                await asyncio.sleep(retry_s)
                retry_s = min(LAST_RETRY_S, retry_s * 2)
            else:
                self._wait_ends()
                return

    async def _write(self, entries: Sequence[Spooled]) -> list[Refusal]:
        """Everything that Postgres takes; the rest is returned.

        Raises:
            UnavailableError: Postgres is away; it may have some of the entries.
        """
        try:
            refused = await self._commit([entry for _, entry in entries])
        except UnavailableError:
            raise
        except Exception as error:  # noqa: BLE001
            # Whatever one entry provokes must not keep the others from Postgres; it stays on disk, under its reason.
            if len(entries) == 1:
                return [_refusal(entries[0][0], _reason(error))]
        else:
            reasons = [(position, refused.get((entry.session_id, entry.seq))) for position, entry in entries]
            return [_refusal(position, reason) for position, reason in reasons if reason is not None]
        half = len(entries) // 2
        return await self._write(entries[:half]) + await self._write(entries[half:])

    async def _commit(self, entries: list[LogEntry]) -> dict[session_log.Key, str]:
        """What the log refused, with the reasons."""
        # A spool that was taken over twice holds an entry twice.
        unique = {(entry.session_id, entry.seq): entry for entry in entries}
        if any(unique[entry.session_id, entry.seq] != entry for entry in entries):
            raise ConflictError("seq_taken")  # alone, the first of them is taken and the other one is not
        wire = {key: without_row(entry) for key, entry in unique.items()}
        async with transaction(self._pool, timeout_s=TRANSACTION_S) as conn:
            await calls.give_way(conn)
            await usage.lock(conn, {entry.session_id for entry in entries if entry.type in _METERED})
            appended = await session_log.append(conn, list(wire.values()))
            rows = rows_of(entry for key, entry in unique.items() if key in appended.new)
            await _write_rows(conn, rows)
            await _follow_up(conn, appended.late & {row.session_id for row in rows.transcripts})
        if appended.new:
            self.recorded += len(appended.new)
            self._unpublished.extend(entry for key, entry in wire.items() if key in appended.new)
            self._fresh.set()
        return appended.refused

    async def _tell_followers(self) -> None:
        while True:
            await self._fresh.wait()
            self._fresh.clear()
            entries = list(self._unpublished)
            self._unpublished.clear()
            try:
                await self._followers.publish_entries(entries)
            except Exception as error:  # noqa: BLE001
                _log.warning("followers were not told kind=%s entries=%d", type(error).__name__, len(entries))

    def _wait_begins(self, code: str) -> None:
        if not self.is_waiting:
            self.is_waiting = True
            _log.warning("recording waits code=%s entries=%d", code, self._spool.size)

    def _wait_ends(self) -> None:
        if self.is_waiting:
            self.is_waiting = False
            _log.warning("recording goes on entries=%d", self._spool.size)

    def _count(self, entries: Mapping[int, LogEntry], refusals: Sequence[Refusal]) -> None:
        for refusal in refusals:
            entry = entries[refusal.position]
            self.refused += 1
            telemetry.ENTRIES_REFUSED.labels(refusal.reason).inc()
            _log.error(
                "an entry was refused session=%s seq=%d type=%s reason=%s",
                entry.session_id, entry.seq, entry.type, refusal.reason,
            )  # fmt: skip


def _refusal(position: int, reason: str) -> Refusal:
    return Refusal(position, reason, is_final=reason == session_log.SESSION_ERASED)


async def _write_rows(conn: Connection, rows: Rows) -> None:
    """In the order in which rows refer to each other; the end comes last, because it counts what is there."""
    for presence in rows.presence:
        mark = participants.mark_joined if presence.is_here else participants.mark_left
        await mark(conn, presence.participant_id, presence.at)
    for step in rows.steps:
        await calls.set_paused(conn, step.session_id, step.epoch, step.is_paused)
        if not step.is_paused:
            await _unless_over(sessions.activate_session(conn, step.session_id, step.at))
    if rows.transcripts and await transcripts.insert_transcripts(conn, rows.transcripts) < len(rows.transcripts):
        raise ConflictError("transcript_taken")  # a new entry with the id of an older one's transcript
    if rows.guidance:
        await guidance.insert_guidance(conn, rows.guidance)
    for feedback in rows.feedback:
        await guidance.apply_feedback(
            conn,
            feedback.guidance_id,
            feedback.session_id,
            feedback.action,
            participant_id=feedback.participant_id,
        )
    await usage.record_intervals(conn, rows.usage)
    await usage.add_seconds(conn, rows.usage_seconds)
    for session_id, at in rows.ended:
        await _unless_over(sessions.complete_session(conn, session_id, at))


async def _follow_up(conn: Connection, session_ids: Iterable[UUID]) -> None:
    """Words that came once their session was completed count, and in a new summary if nobody corrected the old one."""
    for session_id in sorted(session_ids):
        await sessions.recount(conn, session_id)
        await _unless_over(summary_changes.ask_again(conn, session_id, even_if_corrected=False))
        _log.info("words came after the end of their session session=%s", session_id)


async def _unless_over(step: Awaitable[object]) -> None:
    """A session that was completed, archived or deleted meanwhile stays so; the entry is a fact all the same."""
    try:
        await step
    except (ConflictError, NotFoundError) as error:
        if error.code not in _OVER:
            raise
        _log.info("a step came after the end of its session code=%s", error.code)


def _reason(error: Exception) -> str:
    return error.code if isinstance(error, DbError | MediaError) else type(error).__name__

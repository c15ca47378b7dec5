"""The jobs behind given recordings: write one down, remove one that was deleted, tidy what broke off.

Rules:
- Everything that comes of a recording is stored in one transaction: its words, its log, its minutes, the session's end
  and the job of its summary. So a worker that dies in the middle leaves nothing, and whoever takes the job again, or
  does it twice, stores it once.
- What a file is like is told in its row and never tried again; what failed or is away is tried again, and then told.
- One at a time in each process: calls come first.
- The minutes of a recording are charged like those of a call, once, in the month in which it is written down, and only
  if there are so many left.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import BinaryIO
from uuid import UUID

from control_api.documents.scanning import Scanner
from control_api.recordings.conversation import Conversation, conversation_of
from control_api.recordings.engine import Engine, Heard
from control_api.recordings.kinds import KINDS
from control_api.recordings.reasons import UnfitError
from control_api.storage import FileMissingError, Storage
from db import (
    audit,
    calls,
    participants,
    recordings,
    session_log,
    sessions,
    transcripts,
    usage,
)
from db.errors import ConflictError, NotFoundError
from db.jobs import Handler, Patient
from db.live import Live
from db.pool import Connection
from db.recordings import Given
from db.records import Lease
from db.usage import UsageInterval

RETRY_DELAYS_S = (5.0, 30.0, 300.0, 1800.0, 3600.0)
NODE = "upload"
"""In `calls`, in place of a media node's name: nobody can be sent there."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Transcriber:
    open_transaction: Callable[[], AbstractAsyncContextManager[Connection]]
    """For the jobs role."""
    storage: Storage | None
    engine: Engine
    scanner: Scanner | None = None
    live: Live | None = None
    """Where copies of a session's log may be."""
    count: Callable[[str], None] = lambda outcome: None
    """Told "ready", or the code of the reason, for each that was given."""
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def handlers(self) -> dict[str, Handler | Patient]:
        """The long job, by its entry point."""
        return {
            recordings.TRANSCRIBE_RECORDING: Patient(
                lambda payload: self.transcribe(UUID(payload.decode())),
                RETRY_DELAYS_S,
                lambda payload: self._fail(UUID(payload.decode()), "not_transcribed"),
            )
        }

    def chores(self) -> dict[str, Handler]:
        """Those that take a moment: nobody waits for their turn behind hours of speech."""
        return {
            recordings.ERASE_RECORDING: lambda payload: self.erase(UUID(payload.decode())),
            recordings.TIDY_RECORDING: lambda payload: self.tidy(payload.decode()),
        }

    async def transcribe(self, recording_id: UUID) -> None:
        """
        Raises:
            StorageAwayError, ScannerAwayError, CrashedError: it may be tried later.
        """
        async with self._turn:
            async with self.open_transaction() as conn:
                given = await recordings.find_given(conn, recording_id)
                if given is None:
                    return
                left_s = await _seconds_left(conn, given.session_id)
            try:
                heard = await self._hear(given, left_s)
                is_new = await self.store(given, heard)
            except UnfitError as error:
                await self._fail(given.id, error.code)
                return
        if is_new:
            self.count("ready")

    async def store(self, given: Given, heard: Heard) -> bool:
        """False if others were quicker, or it was deleted meanwhile.

        Raises:
            UnfitError: session_not_draft, audio_limit
        """
        try:
            async with self.open_transaction() as conn:
                await usage.lock(conn, [given.session_id])
                await transcripts.hold_finals(conn, given.session_id)
                if not await recordings.set_ready(conn, given.id, round(heard.duration_s * 1000)):
                    return False
                await _store_call(conn, given, heard)
                used, limit = await usage.charged_minutes(conn, given.session_id)
                if limit is not None and used > limit:
                    raise UnfitError("audio_limit")
                await audit.write(conn, given.organization_id, "recordings.transcribed", given.id)
        except (ConflictError, NotFoundError):
            raise UnfitError("session_not_draft") from None
        return True

    async def erase(self, recording_id: UUID) -> None:
        async with self.open_transaction() as conn:
            session_id = await recordings.erase_recording(conn, recording_id)
        if session_id is not None and self.live is not None:
            await self.live.forget_session(session_id)

    async def tidy(self, key: str) -> None:
        """What an upload left behind that no recording came of."""
        async with self.open_transaction() as conn:
            is_known = await recordings.is_known_file(conn, key)
        if not is_known and self.storage is not None:
            await self.storage.remove(key)

    async def _hear(self, given: Given, left_s: float | None) -> Heard:
        """
        Raises:
            UnfitError
        """
        longest_s = self.engine.settings.minutes * 60.0
        if not given.has_consent:
            raise UnfitError("consent_withdrawn")
        if left_s is not None and left_s <= 0:
            raise UnfitError("audio_limit")
        if self.storage is None:
            raise UnfitError("file_missing")
        try:
            if self.scanner is not None and await self.scanner.is_infected(self.storage.read(given.storage_key)):
                raise UnfitError("infected")
            with await asyncio.to_thread(tempfile.TemporaryFile) as file:
                await _copy(self.storage.read(given.storage_key), file)
                max_s = longest_s if left_s is None else min(longest_s, left_s)
                return await self.engine.transcribe(file, KINDS[given.media_type].demuxer, max_s)
        except FileMissingError:
            raise UnfitError("file_missing") from None
        except UnfitError as error:
            if error.code == "too_long" and left_s is not None and left_s < longest_s:
                raise UnfitError("audio_limit") from None
            raise

    async def _fail(self, recording_id: UUID, code: str) -> None:
        async with self.open_transaction() as conn:
            is_new = await recordings.set_failed(conn, recording_id, code)
            if is_new and code == "infected":
                await recordings.remove_file(conn, recording_id)
        if is_new:
            self.count(code)
            log.info("recording not written down reason=%s", code)


async def _store_call(conn: Connection, given: Given, heard: Heard) -> None:
    """A call that began and ended, as far as the database is concerned.

    Raises:
        ConflictError: somebody is in a call of this session, or there was one.
    """
    session = await sessions.find_session(conn, given.session_id)
    if session is None or session.status != "draft":
        raise ConflictError("session_state")
    lease = await calls.acquire_lease(conn, given.session_id, NODE, "", 0.0)
    made = conversation_of(given, heard, lease.epoch, lease.first_seq)
    if (missing := made.entries[-1].seq - lease.last_seq) > 0:
        await calls.extend_seqs(conn, given.session_id, lease.epoch, missing)
    started_at = started_at_of(lease.now, made.duration_ms)
    ended_at = started_at + timedelta(milliseconds=made.duration_ms)
    await sessions.activate_session(conn, given.session_id, started_at)
    await session_log.append(conn, made.entries)
    await participants.mark_joined(conn, given.participant_id, started_at)
    await participants.mark_left(conn, given.participant_id, ended_at)
    await transcripts.insert_transcripts(conn, made.transcripts)
    await usage.record_intervals(conn, _spoken(given, lease, made))
    await sessions.complete_session(conn, given.session_id, ended_at)


def _spoken(given: Given, lease: Lease, made: Conversation) -> list[UsageInterval]:
    if made.duration_ms == 0:
        return []
    whole = (0, made.duration_ms)
    return [UsageInterval(given.session_id, given.organization_id, given.participant_id, lease.epoch, *whole)]


def started_at_of(now: datetime, duration_ms: int) -> datetime:
    """As if it had ended now; but in this month, in which it is charged."""
    month_begins_at = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return max(now - timedelta(milliseconds=duration_ms), month_begins_at)


async def _seconds_left(conn: Connection, session_id: UUID) -> float | None:
    """At least so many may still be recorded, and less than a minute more; None: as many as they like."""
    used, limit = await usage.charged_minutes(conn, session_id)
    if limit is None:
        return None
    return 60.0 * (limit - used + 1) if used < limit else 0.0


async def _copy(content: AsyncIterator[bytes], file: BinaryIO) -> None:
    async for piece in content:
        await asyncio.to_thread(file.write, piece)
    await asyncio.to_thread(file.flush)

"""The job behind a completed session: read the transcript, write the one summary, mark the session finalized.

States of the summary: pending → generating → completed | failed. Safe to run twice: a completed summary is not
claimed again. Failed means that the language model failed: the session stays completed, `finalized_at` stays null, and
the reason is kept until somebody asks for another try. There is no silent fallback to the extractive summary: whoever
set a language model is told that it did not answer. A database that goes away, or words that come while the summary is
being written, leave `generating` behind; the queue tries again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Literal
from uuid import UUID

from control_api.llm import LanguageModel, LanguageModelError
from control_api.summaries import abstractive, extractive
from control_api.summaries.content import Content, Line, full_transcript
from db import sessions, summaries, transcripts
from db.pool import Connection, Pool, transaction
from db.records import Session, SummaryContent, Transcript

EXTRACTIVE = "extractive"
PAGE = 1000
MAX_SECONDS = Decimal("9999.99")
Outcome = Literal["completed", "failed", "nothing_to_do"]


class LateWordsError(Exception):
    """Somebody's words came while their summary was being written; it is written again, with them."""


@dataclass(frozen=True, slots=True)
class Finalizer:
    """Writes summaries, with the language model when there is one."""

    pool: Pool
    model: LanguageModel | None
    tell: Callable[[Connection, Session], Awaitable[None]] | None = None
    """Told of each summary that is ready, in the transaction that stores it."""
    transaction_timeout_s: float = 20.0
    """Longer than a request's: a day's transcript is read at once."""

    async def finalize(self, session_id: UUID) -> Outcome:
        started_s = time.monotonic()
        async with transaction(self.pool, timeout_s=self.transaction_timeout_s) as conn:
            if not await summaries.claim(conn, session_id):
                return "nothing_to_do"
            session = await sessions.find_session(conn, session_id)
            lines = await _lines(conn, session_id)
        if session is None:
            return "nothing_to_do"
        try:
            content, model_used = await self._write(session, lines)
        except LanguageModelError as error:
            async with transaction(self.pool, timeout_s=self.transaction_timeout_s) as conn:
                await summaries.fail(conn, session_id, str(error))
            return "failed"
        stored = _stored(session, lines, content, model_used, time.monotonic() - started_s)
        async with transaction(self.pool, timeout_s=self.transaction_timeout_s) as conn:
            # The session first, as whoever erases it does: the two cannot wait for each other.
            if await transcripts.hold_finals(conn, session_id) != len(lines):
                raise LateWordsError
            await sessions.mark_finalized(conn, session_id)
            await summaries.store(conn, session_id, stored)
            if self.tell is not None:
                await self.tell(conn, session)
        return "completed"

    async def _write(self, session: Session, lines: list[Line]) -> tuple[Content, str]:
        if self.model is not None and not all(line.is_gap for line in lines):
            return await abstractive.summarize(self.model, session.conversation_type, lines), self.model.name
        return await asyncio.to_thread(extractive.summarize, lines), EXTRACTIVE


async def _lines(conn: Connection, session_id: UUID) -> list[Line]:
    """Every final, in the order of the log."""
    lines: list[Line] = []
    since = 0
    while rows := await transcripts.list_transcripts(conn, session_id, since=since, limit=PAGE):
        lines.extend(_line(row) for row in rows if row.is_final)
        since = rows[-1].sequence_number
    return lines


def _line(row: Transcript) -> Line:
    end = row.start_time_seconds if row.end_time_seconds is None else row.end_time_seconds
    return Line(str(row.id), row.speaker, round(row.start_time_seconds * 1000), round(end * 1000), row.content)


def _stored(session: Session, lines: list[Line], content: Content, model_used: str, took_s: float) -> SummaryContent:
    return SummaryContent(
        title=session.title,
        tldr=content.tldr,
        key_decisions=list(content.key_decisions),
        action_items=[asdict(item) for item in content.action_items],
        follow_up_questions=list(content.follow_up_questions),
        conversation_highlights=[asdict(one) for one in content.conversation_highlights],
        full_transcript=full_transcript(lines),
        structured_notes=None,
        model_used=model_used,
        generation_time_seconds=min(MAX_SECONDS, Decimal(str(round(took_s, 2)))),
    )

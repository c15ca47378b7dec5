"""What was said: final transcripts, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from db.errors import NotFoundError
from db.pool import Connection
from db.records import NewTranscript, Transcript

__all__ = ["NewTranscript", "Transcript"]


async def insert_transcripts(conn: Connection, rows: Sequence[NewTranscript]) -> int:
    """How many were new; those whose id is there already stay as they are."""
    now = datetime.now(UTC)
    status = await conn.execute(
        """
        INSERT INTO transcripts (
            id, session_id, organization_id, content, speaker, sequence_number, start_time_seconds, end_time_seconds,
            confidence_score, stt_provider, participant_id, client_id, utterance_id, words, language, created_at,
            is_final
        )
        SELECT
            id, session_id, organization_id, content, left(speaker, 50), sequence_number, start_time_seconds,
            end_time_seconds, confidence_score, stt_provider, participant_id, participant_id::text, utterance_id, words,
            language, created_at, true
        FROM unnest(
            $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::integer[], $7::numeric[], $8::numeric[],
            $9::numeric[], $10::text[], $11::uuid[], $12::text[], $13::jsonb[], $14::text[], $15::timestamptz[]
        ) AS final (
            id, session_id, organization_id, content, speaker, sequence_number, start_time_seconds, end_time_seconds,
            confidence_score, stt_provider, participant_id, utterance_id, words, language, created_at
        )
        ON CONFLICT (id) DO NOTHING
        """,
        [row.id for row in rows],
        [row.session_id for row in rows],
        [row.organization_id for row in rows],
        [row.content for row in rows],
        [row.speaker for row in rows],
        [row.sequence_number for row in rows],
        [row.start_time_seconds for row in rows],
        [row.end_time_seconds for row in rows],
        [row.confidence_score for row in rows],
        [row.stt_provider for row in rows],
        [row.participant_id for row in rows],
        [row.utterance_id for row in rows],
        [None if row.words is None else row.words.decode() for row in rows],
        [row.language for row in rows],
        [row.created_at or now for row in rows],
    )
    return int(status.split()[-1])


async def hold_finals(conn: Connection, session_id: UUID) -> int:
    """How many finals there are; no other comes until the end of the transaction."""
    await conn.execute("SELECT FROM sessions WHERE id = $1 FOR NO KEY UPDATE", session_id)
    # A statement of its own: one that had to wait for the lock would count what was there before it waited.
    finals: int = await conn.fetchval("SELECT count(*) FROM transcripts WHERE session_id = $1 AND is_final", session_id)
    return finals


async def list_transcripts(conn: Connection, session_id: UUID, *, since: int = 0, limit: int = 200) -> list[Transcript]:
    """In order, those after sequence number `since`."""
    rows = await conn.fetch(
        # In the order of Transcript's fields: by name costs twice as much, and a page has hundreds.
        """
        SELECT
            id, session_id, content, speaker, confidence_score, start_time_seconds, end_time_seconds, stt_provider,
            is_final, sequence_number, participant_id, utterance_id, words, language, revision, created_at
        FROM transcripts
        WHERE session_id = $1
            AND sequence_number > $2
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        ORDER BY sequence_number
        LIMIT $3
        """,
        session_id,
        since,
        limit,
    )
    return [Transcript(*row) for row in rows]


async def latest_sequence_number(conn: Connection, session_id: UUID) -> int:
    """0 while nothing was said."""
    latest: int = await conn.fetchval(
        """
        SELECT coalesce(max(sequence_number), 0)
        FROM transcripts
        WHERE session_id = $1
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        """,
        session_id,
    )
    return latest


@dataclass(frozen=True, slots=True)
class TranscriptRevision:
    """What a final said before it was corrected."""

    transcript_id: UUID
    revision: int
    session_id: UUID
    organization_id: UUID
    content: str
    speaker: str
    replaced_by: UUID | None
    replaced_at: datetime


async def get_transcript(conn: Connection, session_id: UUID, transcript_id: UUID) -> Transcript:
    """
    Raises:
        NotFoundError
    """
    row = await conn.fetchrow(
        """
        SELECT
            id, session_id, content, speaker, confidence_score, start_time_seconds, end_time_seconds, stt_provider,
            is_final, sequence_number, participant_id, utterance_id, words, language, revision, created_at
        FROM transcripts
        WHERE id = $2
            AND session_id = $1
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        """,
        session_id,
        transcript_id,
    )
    if row is None:
        raise NotFoundError("transcript_not_found")
    return Transcript(**row)


async def revise(
    conn: Connection, session_id: UUID, transcript_id: UUID, *, seen_revision: int, content: str, speaker: str
) -> int:
    """The revision that it has now; what it said before is kept, and who follows the session is told.

    Of a session that is over an entry of its log tells it at once; else the call does, by order.

    Raises:
        NotFoundError: none that the one who acts may correct.
        ConflictError: "revision_changed": somebody was quicker.
    """
    revision: int = await conn.fetchval(
        "SELECT revise_transcript($1, $2, $3, $4, $5)", session_id, transcript_id, seen_revision, content, speaker
    )
    return revision


async def list_revisions(
    conn: Connection, session_id: UUID, transcript_id: UUID, *, limit: int = 100
) -> list[TranscriptRevision]:
    """Newest first, without what it says now."""
    rows = await conn.fetch(
        """
        SELECT transcript_id, revision, session_id, organization_id, content, speaker, replaced_by, replaced_at
        FROM transcript_revisions
        WHERE session_id = $1
            AND transcript_id = $2
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        ORDER BY revision DESC
        LIMIT $3
        """,
        session_id,
        transcript_id,
        limit,
    )
    return [TranscriptRevision(**row) for row in rows]

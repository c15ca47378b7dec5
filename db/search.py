"""Searching titles, transcripts and summaries of one organization's sessions.

Rules:
- What was typed is read as websearch_to_tsquery does: words, "phrases", or, -without. Nothing of it is an error; what
  has no word in it finds nothing.
- What was said is compared in the forms of the language that was recognized, titles and summaries in English forms and
  as they stand.
- Of each kind the newest 100 that match are ranked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from db.pool import Connection

HIT_BEGINS, HIT_ENDS = "\x02", "\x03"


@dataclass(frozen=True, slots=True)
class Hit:
    kind: str
    """title, transcript or summary."""
    session_id: UUID
    session_title: str
    conversation_type: str | None
    status: str
    session_created_at: datetime
    transcript_id: UUID | None
    """What follows is of the transcript; None where it is none."""
    sequence_number: int | None
    speaker: str | None
    start_time_seconds: Decimal | None
    end_time_seconds: Decimal | None
    rank: float
    """Comparable within one search only."""
    excerpt: str
    """Text, with HIT_BEGINS before each word that was found and HIT_ENDS after it."""


async def search_sessions(
    conn: Connection,
    organization_id: UUID,
    typed: str,
    *,
    kinds: Sequence[str],
    session_id: UUID | None = None,
    conversation_type: str | None = None,
    created_from: datetime | None = None,
    created_to: datetime | None = None,
    limit: int = 20,
) -> list[Hit]:
    """Best first, of what the one who acts may read. `created_to` is the first moment that is too late."""
    rows = await conn.fetch(
        """
        SELECT
            kind, session_id, session_title, conversation_type, status, session_created_at, transcript_id,
            sequence_number, speaker, start_time_seconds, end_time_seconds, rank, excerpt
        FROM search_sessions($1, $2, $3, $4, $5, $6, $7, $8)
        """,
        organization_id,
        typed,
        list(kinds),
        session_id,
        conversation_type,
        created_from,
        created_to,
        limit,
    )
    return [Hit(*row) for row in rows]

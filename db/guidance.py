"""What was shown to the coached, and what they did with it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import orjson

from db.errors import InvalidError
from db.pool import Connection
from db.records import Guidance, NewGuidance

__all__ = ["Guidance", "NewGuidance"]

_FEEDBACK = ("helpful", "irrelevant", "too_late")
_ACTIONS = ("displayed", "clicked", "dismissed", *_FEEDBACK)


async def insert_guidance(conn: Connection, rows: Sequence[NewGuidance]) -> int:
    """How many were new; those whose id is there already stay as they are."""
    now = datetime.now(UTC)
    status = await conn.execute(
        """
        INSERT INTO guidance (
            id, session_id, organization_id, content, guidance_type, priority, triggered_at_seconds, cue, evidence,
            triggered_by_transcript_id, context_snippet, expires_at_seconds, model_used, processing_time_ms, created_at,
            audience
        )
        SELECT
            shown.id, shown.session_id, shown.organization_id, shown.content, shown.guidance_type, shown.priority,
            shown.triggered_at_seconds, shown.cue, shown.evidence, transcripts.id, shown.context_snippet,
            shown.expires_at_seconds, shown.model_used, shown.processing_time_ms, shown.created_at, shown.audience
        FROM unnest(
            $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::integer[], $7::numeric[], $8::text[],
            $9::jsonb[], $10::uuid[], $11::text[], $12::numeric[], $13::text[], $14::integer[], $15::timestamptz[],
            $16::text[]
        ) AS shown (
            id, session_id, organization_id, content, guidance_type, priority, triggered_at_seconds, cue, evidence,
            transcript_id, context_snippet, expires_at_seconds, model_used, processing_time_ms, created_at,
            audience
        )
        LEFT JOIN transcripts
            ON transcripts.id = shown.transcript_id
            AND transcripts.session_id = shown.session_id
        ON CONFLICT (id) DO NOTHING
        """,
        [row.id for row in rows],
        [row.session_id for row in rows],
        [row.organization_id for row in rows],
        [row.content for row in rows],
        [row.guidance_type for row in rows],
        [row.priority for row in rows],
        [row.triggered_at_seconds for row in rows],
        [row.cue for row in rows],
        [None if row.evidence is None else row.evidence.decode() for row in rows],
        [row.triggered_by_transcript_id for row in rows],
        [row.context_snippet for row in rows],
        [row.expires_at_seconds for row in rows],
        [row.model_used for row in rows],
        [row.processing_time_ms for row in rows],
        [row.created_at or now for row in rows],
        [row.audience for row in rows],
    )
    return int(status.split()[-1])


async def apply_feedback(
    conn: Connection,
    guidance_id: UUID,
    session_id: UUID,
    action: str,
    *,
    audiences: Collection[str] | None = None,
    participant_id: UUID | None = None,
) -> bool:
    """Note what somebody did; False if the session has no such guidance for them. Whatever was done, it was displayed.

    Args:
        action: displayed, clicked, dismissed, helpful, irrelevant, too_late.
        audiences: it was for one of these. None: for anybody.
        participant_id: whose guidance it was, of those who are coached in the call. None: anybody's.
    """
    if action not in _ACTIONS:
        raise InvalidError("feedback_action")
    status = await conn.execute(
        """
        UPDATE guidance
        SET was_displayed = true,
            was_clicked = was_clicked OR $3 = 'clicked',
            was_dismissed = was_dismissed OR $3 = 'dismissed',
            user_feedback = CASE WHEN $4 THEN $3 ELSE user_feedback END
        WHERE id = $1
            AND session_id = $2
            AND ($5::text[] IS NULL OR audience = ANY ($5::text[]))
            AND ($6::uuid IS NULL OR EXISTS (
                SELECT
                FROM session_participants AS by
                WHERE by.id = $6
                    AND by.session_id = $2
                    AND audience IN ('coached', 'role:' || by.role, 'participant:' || by.id)
            ))
            AND EXISTS (SELECT FROM sessions WHERE id = $2 AND deleted_at IS NULL)
        """,
        guidance_id,
        session_id,
        action,
        action in _FEEDBACK,
        None if audiences is None else list(audiences),
        participant_id,
    )
    return status == "UPDATE 1"


async def list_guidance(conn: Connection, session_id: UUID, *, audiences: Collection[str]) -> list[Guidance]:
    """What was for one of `audiences`, in the order in which it was triggered."""
    rows = await conn.fetch(
        """
        SELECT
            id, session_id, content, guidance_type, priority, triggered_by_transcript_id, context_snippet,
            triggered_at_seconds, was_displayed, was_clicked, was_dismissed, user_feedback, model_used,
            processing_time_ms, cue, evidence, expires_at_seconds, audience, created_at
        FROM guidance
        WHERE session_id = $1
            AND audience = ANY ($2::text[])
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        ORDER BY triggered_at_seconds, created_at, id
        """,
        session_id,
        list(audiences),
    )
    return [Guidance(**{**row, "evidence": row["evidence"] and orjson.loads(row["evidence"])}) for row in rows]


@dataclass(frozen=True, slots=True)
class Reception:
    """What became of the guidance of one kind in a session."""

    guidance_type: str
    cue: str | None
    shown: int
    displayed: int
    clicked: int
    dismissed: int
    helpful: int
    irrelevant: int
    too_late: int


async def count_feedback(conn: Connection, session_id: UUID, *, audiences: Collection[str]) -> list[Reception]:
    """Of what was for one of `audiences`, by type and cue; none if nothing was advised."""
    rows = await conn.fetch(
        """
        SELECT
            guidance_type,
            cue,
            count(*) AS shown,
            count(*) FILTER (WHERE was_displayed) AS displayed,
            count(*) FILTER (WHERE was_clicked) AS clicked,
            count(*) FILTER (WHERE was_dismissed) AS dismissed,
            count(*) FILTER (WHERE user_feedback = 'helpful') AS helpful,
            count(*) FILTER (WHERE user_feedback = 'irrelevant') AS irrelevant,
            count(*) FILTER (WHERE user_feedback = 'too_late') AS too_late
        FROM guidance
        WHERE session_id = $1
            AND audience = ANY ($2::text[])
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        GROUP BY guidance_type, cue
        ORDER BY guidance_type, cue
        """,
        session_id,
        list(audiences),
    )
    return [Reception(**row) for row in rows]

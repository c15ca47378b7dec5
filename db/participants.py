"""People and devices of one session's call."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from db.errors import NotFoundError
from db.pool import Connection
from db.records import NewParticipant, Participant

__all__ = ["NewParticipant", "Participant"]


async def insert_participant(conn: Connection, participant: NewParticipant) -> None:
    """Admit somebody; they have joined only when their audio comes.

    Raises:
        NotFoundError: no such session.
    """
    status = await conn.execute(
        """
        INSERT INTO session_participants (
            id, session_id, organization_id, user_id, name, role, source, shared_mic, coached, consent_version,
            consented_at
        )
        SELECT $1, id, organization_id, $4, $5, $6, $7, $8, $9, $10, $11
        FROM sessions
        WHERE id = $2
            AND organization_id = $3
            AND deleted_at IS NULL
        """,
        participant.id,
        participant.session_id,
        participant.organization_id,
        participant.user_id,
        participant.name,
        participant.role,
        participant.source,
        participant.shared_mic,
        participant.coached,
        participant.consent_version,
        participant.consented_at,
    )
    if status != "INSERT 0 1":
        raise NotFoundError("session_not_found")


async def mark_joined(conn: Connection, participant_id: UUID, at: datetime) -> bool:
    """The first time counts; whoever is back has not left. False for nobody."""
    status = await conn.execute(
        """
        UPDATE session_participants
        SET joined_at = coalesce(joined_at, $2),
            left_at = NULL
        WHERE id = $1
        """,
        participant_id,
        at,
    )
    return status == "UPDATE 1"


async def mark_left(conn: Connection, participant_id: UUID, at: datetime) -> bool:
    """False for nobody."""
    status = await conn.execute("UPDATE session_participants SET left_at = $2 WHERE id = $1", participant_id, at)
    return status == "UPDATE 1"

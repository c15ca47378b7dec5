"""Who agreed to be recorded, to which text, and when no more.

Evidence: the database itself writes a row with the participant who consents, and nobody removes one. What is left of
it once its session is erased says that somebody agreed, and when, but not who.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from db.pool import Connection


@dataclass(frozen=True, slots=True)
class Consent:
    id: UUID
    session_id: UUID
    organization_id: UUID
    participant_id: UUID
    user_id: UUID | None
    version: str
    given_at: datetime
    withdrawn_at: datetime | None


async def list_consents(conn: Connection, session_id: UUID) -> list[Consent]:
    """In the order in which they were given."""
    rows = await conn.fetch(
        """
        SELECT id, session_id, organization_id, participant_id, user_id, version, given_at, withdrawn_at
        FROM consents
        WHERE session_id = $1
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        ORDER BY given_at, id
        """,
        session_id,
    )
    return [Consent(**row) for row in rows]


async def withdraw(conn: Connection, session_id: UUID, participant_id: UUID) -> bool:
    """From now on; False if none stands. One's own; the media node does it for a guest."""
    status = await conn.execute(
        """
        UPDATE consents
        SET withdrawn_at = now()
        WHERE session_id = $1
            AND participant_id = $2
            AND withdrawn_at IS NULL
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        """,
        session_id,
        participant_id,
    )
    return status == "UPDATE 1"

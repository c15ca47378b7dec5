"""POSTs that are sent twice and happen once: the key of a request lies in the transaction that carries it out.

Rules:
- Claiming a key that somebody claims at this moment waits for them: until they have committed, or given up.
- Keys are a person's own; they are known here by their sha256, and answers by what only the key itself opens.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from db.pool import Connection


@dataclass(frozen=True, slots=True)
class Claimed:
    """What is known of a key that was used."""

    request_hash: bytes
    status: int | None
    """None: carried out, and the answer is on its way, or was lost."""
    answer: bytes | None


async def claim(conn: Connection, user_id: UUID, key_hash: bytes, request_hash: bytes) -> bool:
    """False if the key was used before."""
    status = await conn.execute(
        """
        INSERT INTO idempotency_keys (user_id, key_hash, request_hash)
        VALUES ($1, $2, $3)
        ON CONFLICT (user_id, key_hash) DO NOTHING
        """,
        user_id,
        key_hash,
        request_hash,
    )
    return status == "INSERT 0 1"


async def find(conn: Connection, user_id: UUID, key_hash: bytes) -> Claimed | None:
    """None for a key that nobody used, and for one that is not the asker's."""
    row = await conn.fetchrow(
        "SELECT request_hash, status, answer FROM idempotency_keys WHERE user_id = $1 AND key_hash = $2",
        user_id,
        key_hash,
    )
    return Claimed(**row) if row else None


async def keep_answer(conn: Connection, user_id: UUID, key_hash: bytes, status: int, answer: bytes) -> bool:
    """Once; False if there was one."""
    outcome = await conn.execute(
        """
        UPDATE idempotency_keys
        SET status = $3,
            answer = $4
        WHERE user_id = $1
            AND key_hash = $2
            AND status IS NULL
        """,
        user_id,
        key_hash,
        status,
        answer,
    )
    return outcome == "UPDATE 1"

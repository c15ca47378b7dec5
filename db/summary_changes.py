"""What people change about a written summary: have it written anew, correct it, tick it off.

Row level security decides whose it is to change: its session's creator's, and the organization's owner's and admins'.
"""

from __future__ import annotations

from typing import Any, TypedDict
from uuid import UUID

import orjson

from db import jobs
from db.changes import assignments
from db.errors import ConflictError, NotFoundError
from db.pool import Connection
from db.sessions import FINALIZE_SESSION


class SummaryChanges(TypedDict, total=False):
    """What people may correct; what is left out stays."""

    title: str
    tldr: str
    key_decisions: list[str]
    action_items: list[dict[str, Any]]
    follow_up_questions: list[str]


_CHANGEABLE = frozenset(SummaryChanges.__annotations__)


async def ask_again(conn: Connection, session_id: UUID, *, even_if_corrected: bool = True) -> bool:
    """completed or failed → pending, with the job that writes it; False if it is under way already, or stays as it is.

    Until the new one is there, the old one can be read.

    Raises:
        NotFoundError: there is none, or it is not yours to change.
    """
    status = await conn.execute(
        """
        UPDATE summaries
        SET generation_status = 'pending',
            generation_error = NULL
        WHERE session_id = $1
            AND deleted_at IS NULL
            AND generation_status IN ('completed', 'failed')
            AND ($2 OR corrected_at IS NULL)
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        """,
        session_id,
        even_if_corrected,
    )
    if status == "UPDATE 1":
        await jobs.enqueue(conn, FINALIZE_SESSION, str(session_id).encode(), dedupe_key=str(session_id))
        return True
    stays = {"pending", "generating"} if even_if_corrected else {"pending", "generating", "completed", "failed"}
    if await _status(conn, session_id) in stays:
        return False
    raise NotFoundError("summary_not_found")


async def correct(conn: Connection, session_id: UUID, changes: SummaryChanges) -> None:
    """
    Raises:
        NotFoundError: there is none, or it is not yours to change.
        ConflictError: "summary_state": it is not written yet, or being written anew.
        InvalidError: nothing to change.
    """
    columns, values = assignments(changes, _CHANGEABLE, first=2)
    status = await conn.execute(
        f"""
        UPDATE summaries
        SET {columns},
            corrected_at = now()
        WHERE session_id = $1
            AND deleted_at IS NULL
            AND generation_status = 'completed'
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        """,  # noqa: S608  the columns are those of SummaryChanges
        session_id,
        *(value if isinstance(value, str) else orjson.dumps(value).decode() for value in values),
    )
    await _require_written(conn, session_id, status)


async def mark_done(conn: Connection, session_id: UUID, is_done: bool) -> None:
    """Tick it off, or take the tick back.

    Raises:
        NotFoundError, ConflictError("summary_state")
    """
    status = await conn.execute(
        """
        UPDATE summaries
        SET is_marked_done = $2
        WHERE session_id = $1
            AND deleted_at IS NULL
            AND generation_status = 'completed'
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        """,
        session_id,
        is_done,
    )
    await _require_written(conn, session_id, status)


async def count_export(conn: Connection, session_id: UUID) -> bool:
    """It was taken along; False if there is none, or it is not theirs to change."""
    status = await conn.execute(
        """
        UPDATE summaries
        SET export_count = export_count + 1,
            last_exported_at = now()
        WHERE session_id = $1
            AND deleted_at IS NULL
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        """,
        session_id,
    )
    return status == "UPDATE 1"


async def _require_written(conn: Connection, session_id: UUID, status: str) -> None:
    if status == "UPDATE 1":
        return
    if await _status(conn, session_id) in {"pending", "generating", "failed"}:
        raise ConflictError("summary_state")
    raise NotFoundError("summary_not_found")


async def _status(conn: Connection, session_id: UUID) -> str | None:
    status: str | None = await conn.fetchval(
        """
        SELECT generation_status
        FROM summaries
        WHERE session_id = $1
            AND deleted_at IS NULL
            AND EXISTS (SELECT FROM sessions WHERE id = $1 AND deleted_at IS NULL)
        """,
        session_id,
    )
    return status

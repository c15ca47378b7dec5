"""Notes of the servers that should be searchable, for the administrators of the installation.

Never speech, names, addresses or tokens: a message is static text, an endpoint is the route's pattern, and a traceback
is made by `trace`, which leaves out what the exception says and the lines of code.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from uuid import UUID

from db.pool import Connection

_MAX_TRACE = 4_000


@dataclass(frozen=True, slots=True)
class NewLog:
    level: str
    message: str
    logger_name: str | None = None
    user_id: UUID | None = None
    session_id: UUID | None = None
    module: str | None = None
    function_name: str | None = None
    line_number: int | None = None
    exception_traceback: str | None = None
    request_id: str | None = None
    ip_address: str | None = None
    endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class SystemLog:
    id: UUID
    level: str
    logger_name: str | None
    message: str
    user_id: UUID | None
    session_id: UUID | None
    module: str | None
    function_name: str | None
    line_number: int | None
    exception_traceback: str | None
    request_id: str | None
    ip_address: str | None
    endpoint: str | None
    created_at: datetime


# In the order in which `write_logs` takes them.
_COLUMNS = tuple(field.name for field in fields(NewLog))


def trace(error: BaseException) -> str:
    """Where an exception came from and what it was, without a word of its message: that may quote what was said."""
    frames = [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    return "\n".join([*frames, type(error).__qualname__])[-_MAX_TRACE:]


async def write_log(conn: Connection, entry: NewLog) -> None:
    """
    Raises:
        InvalidError: an unknown level, or a person or session that is not there.
    """
    await write_logs(conn, [entry])


async def write_logs(conn: Connection, entries: Sequence[NewLog]) -> None:
    """Many at once, in their order.

    Raises:
        InvalidError: an unknown level, or a person or session that is not there; then none is written.
    """
    columns = [[getattr(entry, name) for entry in entries] for name in _COLUMNS]
    await conn.execute(
        """
        INSERT INTO system_logs (
            level, logger_name, message, user_id, session_id, module, function_name, line_number, exception_traceback,
            request_id, ip_address, endpoint
        )
        SELECT
            level, logger_name, message, user_id, session_id, module, function_name, line_number, exception_traceback,
            request_id, ip_address::inet, endpoint
        FROM unnest(
            $1::text[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::integer[],
            $9::text[], $10::text[], $11::text[], $12::text[]
        ) AS entry (
            level, message, logger_name, user_id, session_id, module, function_name, line_number, exception_traceback,
            request_id, ip_address, endpoint
        )
        """,
        *columns,
    )


async def was_mailed(conn: Connection, mail_id: UUID) -> bool:
    """Whether what became of this mail is noted."""
    noted: bool = await conn.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM system_logs
            WHERE logger_name = 'control_api.mail.queue'
                AND request_id = $1::text
        )
        """,
        str(mail_id),
    )
    return noted


async def list_logs(
    conn: Connection,
    *,
    since: datetime,
    until: datetime | None = None,
    level: str | None = None,
    component: str | None = None,
    session_id: UUID | None = None,
    limit: int = 100,
    before: tuple[datetime, UUID] | None = None,
) -> list[SystemLog]:
    """Newest first, those that come after `before`; none to whoever does not administrate the installation.

    `component` is a logger, with those below it: "control_api.mail" has "control_api.mail.queue" in it. `until` is the
    first moment that is too late.
    """
    created_before, id_before = before or (None, None)
    rows = await conn.fetch(
        """
        SELECT
            id, level, logger_name, message, user_id, session_id, module, function_name, line_number,
            exception_traceback, request_id, host(ip_address) AS ip_address, endpoint, created_at
        FROM system_logs
        WHERE created_at >= $1
            AND ($2::text IS NULL OR level = $2)
            AND ($3::uuid IS NULL OR session_id = $3)
            AND ($4::timestamptz IS NULL OR (created_at, id) < ($4, $5))
            AND ($7::timestamptz IS NULL OR created_at < $7)
            AND ($8::text IS NULL OR logger_name = $8 OR starts_with(logger_name, $8 || '.'))
        ORDER BY created_at DESC, id DESC
        LIMIT $6
        """,
        since,
        level,
        session_id,
        created_before,
        id_before,
        limit,
        until,
        component,
    )
    return [SystemLog(**row) for row in rows]

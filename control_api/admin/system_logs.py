"""What the servers noted, for people who look for a fault."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from aiohttp import web
from pydantic import AwareDatetime, Field, StringConstraints

from control_api.admin.listing import as_admin, page_of
from control_api.fields import PageSize
from control_api.http import Query, View, from_cursor, query, respond
from control_api.organizations.models import Cursor
from db import audit, logs

KEPT = timedelta(days=31)
"""A day more than notes are kept."""


class LogQuery(Query):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] | None = None
    component: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.]+$", max_length=100)] | None = Field(
        default=None, description="A logger and those below it, such as `control_api.mail`"
    )
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    session_id: UUID | None = None
    limit: PageSize = 50
    cursor: Cursor | None = None


class LogView(View):
    id: UUID
    level: str
    logger_name: str | None
    message: str = Field(description="Static text: no speech, names, addresses or tokens")
    user_id: UUID | None
    session_id: UUID | None
    module: str | None
    function_name: str | None
    line_number: int | None
    exception_traceback: str | None = Field(description="Where an error came from and what it was, without its message")
    request_id: str | None
    endpoint: str | None
    created_at: datetime


class LogPage(View):
    items: list[LogView]
    next_cursor: str | None


async def list_system_logs(request: web.Request) -> web.Response:
    """Newest first."""
    asked = query(request, LogQuery)
    before = from_cursor(asked.cursor)
    async with as_admin(request) as conn:
        rows = await logs.list_logs(
            conn,
            since=asked.since or datetime.now(UTC) - KEPT,
            until=asked.until,
            level=asked.level,
            component=asked.component,
            session_id=asked.session_id,
            limit=asked.limit + 1,
            before=before,
        )
        await audit.write_admin(conn, None, "system_logs.read", asked.session_id)
    page, more = page_of(rows, asked.limit)
    return respond(LogPage(items=[LogView.model_validate(row) for row in page], next_cursor=more))

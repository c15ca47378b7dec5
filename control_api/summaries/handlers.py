"""The summary of a session: read, corrected, ticked off, and tried again after it failed."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from aiohttp import web

from control_api.access import as_member, changeable_session, locked_session, readable_session
from control_api.auth import member
from control_api.errors import NothingToChangeError, SummaryNotFailedError, SummaryNotFoundError
from control_api.etags import check_if_match, etag_of
from control_api.http import body, path_id, respond
from control_api.summaries.models import SummaryEdit, SummaryVersion, SummaryView
from db import audit, jobs, sessions, summaries, summary_changes
from db.pool import Connection
from db.records import Summary
from db.summary_changes import SummaryChanges


async def get_summary(request: web.Request) -> web.Response:
    """Also while it is being written, with its status."""
    async with as_member(request) as conn:
        session = await readable_session(conn, member(request), path_id(request))
        summary = await _found(conn, session.id)
    return _tagged(summary)


async def update_summary(request: web.Request) -> web.Response:
    """Quotes, the transcript and who wrote it stay what they are: those are no opinions."""
    changes: dict[str, Any] = body(request, SummaryEdit).model_dump(exclude_unset=True)
    if not changes:
        raise NothingToChangeError
    for item in changes.get("action_items", ()):
        item |= {"owner": item.get("owner"), "due": item.get("due")}
    fields = sorted(changes)
    is_done = changes.pop("is_marked_done", None)
    async with as_member(request) as conn:
        session = await locked_session(conn, member(request), path_id(request))
        before = await _found(conn, session.id)
        check_if_match(request, _version(before))
        if changes:
            await summary_changes.correct(conn, session.id, cast("SummaryChanges", changes))
        if is_done is not None:
            await summary_changes.mark_done(conn, session.id, is_done)
        after = await _found(conn, session.id)
        await audit.write(conn, session.organization_id, "summaries.corrected", session.id, {"fields": fields})
    return _tagged(after)


async def retry_summary(request: web.Request) -> web.Response:
    """The job once more; while it waits or runs already, that one counts."""
    async with as_member(request) as conn:
        session = await changeable_session(conn, member(request), path_id(request))
        summary = await _found(conn, session.id)
        if summary.generation_status != "failed":
            raise SummaryNotFailedError
        await jobs.enqueue(conn, sessions.FINALIZE_SESSION, str(session.id).encode(), dedupe_key=str(session.id))
    return respond(SummaryView.of(summary), 202)


async def _found(conn: Connection, session_id: UUID) -> Summary:
    summary = await summaries.get(conn, session_id)
    if summary is None:
        raise SummaryNotFoundError
    return summary


def _version(summary: Summary) -> SummaryVersion:
    return SummaryVersion.model_validate(SummaryView.of(summary))


def _tagged(summary: Summary) -> web.Response:
    response = respond(SummaryView.of(summary))
    response.headers["ETag"] = etag_of(_version(summary))
    return response

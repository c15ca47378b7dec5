"""The summary of a session, and another try after one that failed."""

from __future__ import annotations

from aiohttp import web

from control_api.access import as_member, changeable_session, readable_session
from control_api.auth import member
from control_api.errors import SummaryNotFailedError, SummaryNotFoundError
from control_api.http import path_id, respond
from control_api.summaries.models import SummaryView
from db import jobs, sessions, summaries


async def get_summary(request: web.Request) -> web.Response:
    """Also while it is being written, with its status."""
    async with as_member(request) as conn:
        session = await readable_session(conn, member(request), path_id(request))
        summary = await summaries.get(conn, session.id)
    if summary is None:
        raise SummaryNotFoundError
    return respond(SummaryView.of(summary))


async def retry_summary(request: web.Request) -> web.Response:
    """The job once more; while it waits or runs already, that one counts."""
    async with as_member(request) as conn:
        session = await changeable_session(conn, member(request), path_id(request))
        summary = await summaries.get(conn, session.id)
        if summary is None:
            raise SummaryNotFoundError
        if summary.generation_status != "failed":
            raise SummaryNotFailedError
        await jobs.enqueue(conn, sessions.FINALIZE_SESSION, str(session.id).encode(), dedupe_key=str(session.id))
    return respond(SummaryView.of(summary), 202)

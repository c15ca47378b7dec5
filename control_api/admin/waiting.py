"""The waiting list: who waits, and whom to let in. Each decision is a mail to whoever waits."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from aiohttp import web
from pydantic import ConfigDict, Field, StringConstraints

from control_api.admin.listing import as_admin
from control_api.fields import PageSize, Prose
from control_api.http import Body, Query, View, body, from_cursor, path_id, query, respond, to_cursor
from control_api.mail.texts import Kind
from control_api.organizations.models import Cursor
from control_api.state import state
from db import audit, waitlist
from db.pool import Connection
from db.waitlist import Applicant

Status = Literal["pending", "approved", "rejected", "invited"]
Decision = Literal["approved", "rejected", "invited"]
LETTERS: dict[Decision, Kind] = {
    "approved": "waitlist_approved",
    "rejected": "waitlist_rejected",
    "invited": "waitlist_invited",
}


class WaitlistQuery(Query):
    status: Status = "pending"
    limit: PageSize = 50
    cursor: Cursor | None = None


class ApplicantView(View):
    id: UUID
    name: str
    email: str
    company: str
    use_case: str
    status: str
    notes: str | None
    referral_source: str | None
    interest_level: str | None
    approved_at: datetime | None
    created_at: datetime


class WaitlistCounts(View):
    pending: int = 0
    approved: int = 0
    rejected: int = 0
    invited: int = 0


class ApplicantPage(View):
    items: list[ApplicantView] = Field(description="Who has waited longest comes first")
    counts: WaitlistCounts
    next_cursor: str | None


class ApplicantDecision(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "approved", "notes": "Met at the fair."}]})

    status: Decision
    notes: Annotated[Prose, StringConstraints(max_length=2000)] | None = Field(
        default=None, description="For administrators; left out, those of before stay"
    )


async def list_waitlist(request: web.Request) -> web.Response:
    asked = query(request, WaitlistQuery)
    after = from_cursor(asked.cursor)
    async with as_admin(request) as conn:
        rows = await waitlist.list_applicants(conn, asked.status, limit=asked.limit + 1, after=after)
        counts = await waitlist.count_applicants(conn)
        await audit.write_admin(conn, None, "beta_waitlist.listed")
    page = rows[: asked.limit]
    more = to_cursor(page[-1].created_at, page[-1].id) if len(rows) > len(page) else None
    items = [ApplicantView.model_validate(row) for row in page]
    return respond(ApplicantPage(items=items, counts=WaitlistCounts(**counts), next_cursor=more))


async def decide_applicant(request: web.Request) -> web.Response:
    """The same decision once more changes nothing, and mails nothing."""
    sent = body(request, ApplicantDecision)
    async with as_admin(request) as conn:
        before = await waitlist.hold_applicant(conn, path_id(request))
        after = await waitlist.set_status(conn, before.id, sent.status, notes=sent.notes)
        if before.status != after.status:
            await _tell(request, conn, after, sent.status)
        details = {"status": [before.status, after.status]}
        await audit.write_admin(conn, None, "beta_waitlist.decided", after.id, details)
    return respond(ApplicantView.model_validate(after))


async def _tell(request: web.Request, conn: Connection, applicant: Applicant, decision: Decision) -> None:
    st = state(request)
    params = {"name": applicant.name}
    if decision != "rejected":
        params["link"] = f"{st.settings.public_origin}/#/sign-up"
    await st.mail.enqueue(conn, LETTERS[decision], applicant.email, params)

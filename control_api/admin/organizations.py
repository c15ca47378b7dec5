"""Organizations: find, look at, suspend, limit, verify."""

from __future__ import annotations

from aiohttp import web

from control_api.admin.listing import as_admin, page_of
from control_api.admin.models import (
    AdministeredOrganization,
    Because,
    ChosenPlan,
    ListedOrganizationPage,
    ListedOrganizationView,
    NewLimits,
    OrganizationQuery,
    VerificationDecision,
)
from control_api.errors import InvalidBodyError
from control_api.http import body, from_cursor, path_id, query, respond
from control_api.mail.texts import Kind
from control_api.state import state
from db import administration
from db.administration import Told
from db.pool import Connection


async def list_all_organizations(request: web.Request) -> web.Response:
    asked = query(request, OrganizationQuery)
    before = from_cursor(asked.cursor)
    async with as_admin(request) as conn:
        rows = await administration.list_organizations(
            conn,
            text=asked.q,
            is_active=asked.is_active,
            is_verified=asked.is_verified,
            awaits_verification=asked.awaits_verification,
            before=before,
            limit=asked.limit + 1,
        )
    page, more = page_of(rows, asked.limit)
    items = [ListedOrganizationView.model_validate(row) for row in page]
    return respond(ListedOrganizationPage(items=items, next_cursor=more))


async def get_any_organization(request: web.Request) -> web.Response:
    async with as_admin(request) as conn:
        found = await administration.get_organization(conn, path_id(request))
    return respond(AdministeredOrganization.model_validate(found))


async def suspend_organization(request: web.Request) -> web.Response:
    """Nobody acts in it any more, and its live calls end; nothing of it is deleted."""
    return await _set_active(request, is_active=False)


async def activate_organization(request: web.Request) -> web.Response:
    return await _set_active(request, is_active=True)


async def limit_organization(request: web.Request) -> web.Response:
    """Those who manage it can change these as well: what must hold is a plan's limit."""
    sent = body(request, NewLimits)
    async with as_admin(request) as conn:
        await administration.set_organization_limits(conn, path_id(request), **sent.model_dump())
    return respond(None)


async def choose_plan(request: web.Request) -> web.Response:
    sent = body(request, ChosenPlan)
    async with as_admin(request) as conn:
        await administration.set_organization_plan(conn, path_id(request), sent.plan_id)
    return respond(None)


async def decide_verification(request: web.Request) -> web.Response:
    organization_id = path_id(request)
    sent = body(request, VerificationDecision)
    is_approved = sent.decision == "approve"
    if not is_approved and sent.reason is None:
        raise InvalidBodyError(errors=[{"field": "reason", "message": "A refusal needs a reason"}])
    async with as_admin(request) as conn:
        told = await administration.decide_verification(conn, organization_id, is_approved=is_approved)
        await _tell(request, conn, told, None if is_approved else sent.reason)
    return respond(None)


async def _tell(request: web.Request, conn: Connection, told: list[Told], refused_because: str | None) -> None:
    st = state(request)
    kind: Kind = "organization_verified" if refused_because is None else "organization_not_verified"
    for each in told:
        params = {"organization": each.organization_name, "link": f"{st.settings.public_origin}/"}
        if refused_because is not None:
            params["reason"] = refused_because
        await st.mail.enqueue(conn, kind, each.owner_email, params)


async def _set_active(request: web.Request, *, is_active: bool) -> web.Response:
    sent = body(request, Because)
    async with as_admin(request) as conn:
        await administration.set_organization_active(conn, path_id(request), is_active=is_active, reason=sent.reason)
    return respond(None)

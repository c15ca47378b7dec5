"""Organizations themselves: make, read, change, verify, close; and their audit log."""

from __future__ import annotations

from typing import cast

from aiohttp import web

from control_api.access import MANAGERS, as_member, as_person, manager_of, member_of, owner_of
from control_api.auth import member, person
from control_api.errors import NothingToChangeError
from control_api.etags import check_if_match, respond_tagged
from control_api.http import body, path_id, query, respond
from control_api.organizations.models import (
    AuditEntryView,
    AuditPage,
    AuditQuery,
    NewOrganization,
    OrganizationDetail,
    OrganizationEdit,
    OwnOrganizations,
    OwnOrganizationView,
)
from db import audit, organizations, users
from db.organizations import Organization, OrganizationChanges


async def create_organization(request: web.Request) -> web.Response:
    """On the free plan, owned by whoever makes it, who works in it from now on."""
    sent = body(request, NewOrganization)
    async with as_person(request) as conn:
        organization_id = await users.create_organization(conn, sent.name, sent.timezone)
        made = await organizations.get_organization(conn, organization_id)
        await audit.write(conn, organization_id, "organizations.created", organization_id)
    return respond(_detail(made, "owner"), 201)


async def list_organizations(request: web.Request) -> web.Response:
    async with as_person(request) as conn:
        found = await organizations.list_organizations(conn, person(request).user_id)
    return respond(OwnOrganizations(items=[OwnOrganizationView.model_validate(each) for each in found]))


async def get_organization(request: web.Request) -> web.Response:
    organization_id = path_id(request)
    async with as_member(request) as conn:
        standing = await member_of(conn, member(request), organization_id)
        found = await organizations.get_organization(conn, organization_id)
    return respond_tagged(_detail(found, standing.role))


async def update_organization(request: web.Request) -> web.Response:
    organization_id = path_id(request)
    changes = body(request, OrganizationEdit).model_dump(exclude_unset=True)
    if not changes:
        raise NothingToChangeError
    async with as_member(request) as conn:
        standing = await manager_of(conn, member(request), organization_id)
        before = await organizations.lock_organization(conn, organization_id)
        check_if_match(request, _detail(before, standing.role))
        after = await organizations.update_organization(conn, organization_id, cast("OrganizationChanges", changes))
        details = {"fields": sorted(changes)}
        await audit.write(conn, organization_id, "organizations.updated", organization_id, details)
    return respond_tagged(_detail(after, standing.role))


async def delete_organization(request: web.Request) -> web.Response:
    """Nobody acts in it any more; its content is erased later."""
    organization_id = path_id(request)
    async with as_member(request) as conn:
        await owner_of(conn, member(request), organization_id)
        await audit.write(conn, organization_id, "organizations.deleted", organization_id)
        await organizations.delete_organization(conn, organization_id)
    return respond(None)


async def request_organization_verification(request: web.Request) -> web.Response:
    organization_id = path_id(request)
    async with as_member(request) as conn:
        standing = await manager_of(conn, member(request), organization_id)
        await organizations.request_verification(conn, organization_id)
        found = await organizations.get_organization(conn, organization_id)
        await audit.write(conn, organization_id, "organizations.verification_requested", organization_id)
    return respond(_detail(found, standing.role), 202)


async def list_audit_entries(request: web.Request) -> web.Response:
    organization_id = path_id(request)
    asked = query(request, AuditQuery)
    async with as_member(request) as conn:
        await manager_of(conn, member(request), organization_id)
        rows = await audit.list_entries(
            conn,
            organization_id,
            action=asked.action,
            actor_id=asked.actor_id,
            target_id=asked.target_id,
            before=asked.before,
            limit=asked.limit + 1,
        )
    page = rows[: asked.limit]
    more = page[-1].id if len(rows) > len(page) else None
    return respond(AuditPage(items=[AuditEntryView.of(row) for row in page], next_before=more))


def _detail(found: Organization, role: str) -> OrganizationDetail:
    """What it owes and to whom is its managers' business."""
    view = OrganizationDetail.model_validate(found)
    return view if role in MANAGERS else view.model_copy(update={"tax_id": None, "billing_email": None})

"""Playbooks: list, make, read, change, copy and drop them.

What the organization shares is its owner's and admins' to change; one's own is nobody else's to see; the system's and
other organizations' are to read and to copy.
"""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from aiohttp import web

from control_api.access import MANAGERS, as_member, check_permission
from control_api.auth import member
from control_api.errors import ForbiddenError, NothingToChangeError
from control_api.etags import check_if_match, respond_tagged
from control_api.http import body, from_name_cursor, path_id, query, respond, to_name_cursor
from control_api.templates.models import (
    Clone,
    NewTemplate,
    TemplateEdit,
    TemplateList,
    Templates,
    TemplateSummary,
    TemplateView,
    scope_of,
)
from db import audit, templates
from db.pool import Connection
from db.records import Member
from db.templates import Template, TemplateChanges


async def list_templates(request: web.Request) -> web.Response:
    asked = query(request, TemplateList)
    who = member(request)
    after = from_name_cursor(asked.cursor)
    async with as_member(request) as conn:
        rows = await templates.list_templates(
            conn,
            who.organization_id,
            who.user_id,
            conversation_type=asked.conversation_type,
            scope=asked.scope,
            is_active=asked.is_active,
            limit=asked.limit + 1,
            after=after,
        )
    page = rows[: asked.limit]
    more = to_name_cursor(page[-1].name, page[-1].id) if len(rows) > len(page) else None
    items = [TemplateSummary.model_validate(TemplateView.of(row)) for row in page]
    return respond(Templates(items=items, next_cursor=more))


async def create_template(request: web.Request) -> web.Response:
    sent = body(request, NewTemplate)
    who = member(request)
    async with as_member(request) as conn:
        await _check_making(conn, who, sent.scope)
        made = await templates.insert_template(
            conn,
            who.user_id,
            templates.NewTemplate(
                organization_id=who.organization_id,
                name=sent.name,
                description=sent.description,
                conversation_type=sent.conversation_type,
                is_organization_template=sent.scope == "organization",
                guidance_prompts=[entry.model_dump() for entry in sent.guidance_prompts],
                context_instructions=sent.context_instructions,
                summary_template=sent.summary_template,
            ),
        )
        await _note(conn, who, "templates.created", made)
    return respond_tagged(TemplateView.of(made), 201)


async def get_template(request: web.Request) -> web.Response:
    async with as_member(request) as conn:
        found = await templates.get_template(conn, path_id(request))
    return respond_tagged(TemplateView.of(found))


async def update_template(request: web.Request) -> web.Response:
    changes: dict[str, Any] = body(request, TemplateEdit).model_dump(exclude_unset=True)
    if not changes:
        raise NothingToChangeError
    if "guidance_prompts" in changes:
        changes["guidance_prompts"] = list(changes["guidance_prompts"])
    who = member(request)
    async with as_member(request) as conn:
        before = await _changeable(conn, who, path_id(request))
        check_if_match(request, TemplateView.of(before))
        after = await templates.update_template(conn, before.id, cast("TemplateChanges", changes))
        await _note(conn, who, "templates.updated", after, sorted(changes))
    return respond_tagged(TemplateView.of(after))


async def delete_template(request: web.Request) -> web.Response:
    """Sessions that chose it keep their choice."""
    who = member(request)
    async with as_member(request) as conn:
        found = await _changeable(conn, who, path_id(request))
        await templates.delete_template(conn, found.id)
        await _note(conn, who, "templates.deleted", found)
    return respond(None)


async def clone_template(request: web.Request) -> web.Response:
    sent = body(request, Clone)
    who = member(request)
    async with as_member(request) as conn:
        source = await templates.get_template(conn, path_id(request))
        await _check_making(conn, who, sent.scope)
        made = await templates.clone_template(
            conn,
            source.id,
            user_id=who.user_id,
            organization_id=who.organization_id,
            name=sent.name,
            is_organization_template=sent.scope == "organization",
        )
        await _note(conn, who, "templates.created", made)
    return respond_tagged(TemplateView.of(made), 201)


async def _changeable(conn: Connection, who: Member, template_id: UUID) -> Template:
    """As it is, and as nobody else changes it until the end of the transaction."""
    found = await templates.get_template(conn, template_id)
    is_own = scope_of(found) == "personal" and found.user_id == who.user_id
    is_ours = scope_of(found) == "organization" and found.organization_id == who.organization_id
    if not (is_own or (is_ours and who.role in MANAGERS)):
        raise ForbiddenError
    return await templates.lock_template(conn, template_id)


async def _check_making(conn: Connection, who: Member, scope: str) -> None:
    if scope == "organization" and who.role not in MANAGERS:
        raise ForbiddenError
    await check_permission(conn, who, "templates.create")


async def _note(
    conn: Connection, who: Member, action: str, template: Template, fields: list[str] | None = None
) -> None:
    """What the organization shares is everybody's business there; what is somebody's own is not."""
    if template.is_organization_template:
        details = {"version": template.version} | ({"fields": fields} if fields else {})
        await audit.write(conn, who.organization_id, action, template.id, details)

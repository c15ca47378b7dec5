"""Before a session: what the coach should know, which earlier sessions it goes back to, and what should come up."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from aiohttp import web
from pydantic import ConfigDict, Field, StringConstraints

from control_api.access import as_member, changeable_session, own_session, readable_session
from control_api.auth import member
from control_api.errors import InvalidBodyError, NotFoundError
from control_api.etags import check_if_match, respond_tagged
from control_api.fields import Line
from control_api.http import Body, View, body, path_id, respond
from control_api.sessions.models import NewContext
from db import checklist, context, session_changes, sessions
from db.checklist import ChecklistItem
from db.context import SessionContext
from db.pool import Connection
from db.records import Session

LINKED = "linked_session_ids"
MAX_ITEMS = 100


class LinkedView(View):
    id: UUID
    title: str
    created_at: datetime


class ContextView(View):
    text: str | None
    linked: list[LinkedView] = Field(description="Earlier sessions; those that are gone are left out")


class NewItem(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "Ask who decides"}]})

    text: Annotated[Line, StringConstraints(max_length=200)]


class ItemEdit(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "done"}]})

    status: Literal["open", "done"]


class ItemView(View):
    id: UUID
    text: str
    status: str
    created_by: UUID
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, item: ChecklistItem) -> Self:
        return cls.model_validate(item)


class Checklist(View):
    items: list[ItemView]


async def get_context(request: web.Request) -> web.Response:
    async with as_member(request) as conn:
        session = await readable_session(conn, member(request), path_id(request))
        view = await _view(conn, session, await context.get_context(conn, session.id))
    return respond_tagged(view)


async def put_context(request: web.Request) -> web.Response:
    sent = body(request, NewContext)
    who = member(request)
    async with as_member(request) as conn:
        session = await own_session(conn, who, path_id(request))
        await session_changes.lock_session(conn, who.organization_id, session.id)
        check_if_match(request, await _view(conn, session, await context.get_context(conn, session.id)))
        view = await _view(conn, session, await write_context(conn, session, who.user_id, sent))
    return respond_tagged(view)


async def write_context(
    conn: Connection, session: Session, user_id: UUID, sent: NewContext, *, field: str = LINKED
) -> SessionContext:
    """
    Raises:
        InvalidBodyError: it goes back to what is no other session here; `field` is where that was said.
    """
    linked = [str(session_id) for session_id in dict.fromkeys(sent.linked_session_ids)]
    known = await sessions.list_known(conn, session.organization_id, sent.linked_session_ids)
    if len(known) < len(linked) or session.id in sent.linked_session_ids:
        raise InvalidBodyError(errors=[{"field": field, "message": "must be other sessions of this organization"}])
    return await context.put_context(
        conn, session.id, user_id, text=sent.text, metadata={LINKED: linked} if linked else None
    )


async def list_checklist(request: web.Request) -> web.Response:
    async with as_member(request) as conn:
        session = await readable_session(conn, member(request), path_id(request))
        items = await checklist.list_items(conn, session.id)
    return respond(Checklist(items=[ItemView.of(item) for item in items]))


async def add_item(request: web.Request) -> web.Response:
    sent = body(request, NewItem)
    who = member(request)
    async with as_member(request) as conn:
        session = await own_session(conn, who, path_id(request))
        await session_changes.lock_session(conn, who.organization_id, session.id)
        if len(await checklist.list_items(conn, session.id)) >= MAX_ITEMS:
            raise InvalidBodyError(f"A checklist has {MAX_ITEMS} items at most.")
        item = await checklist.insert_item(conn, session.id, who.user_id, sent.text)
    return respond(ItemView.of(item), 201)


async def tick_item(request: web.Request) -> web.Response:
    sent = body(request, ItemEdit)
    item_id = path_id(request, "item_id")
    async with as_member(request) as conn:
        session = await changeable_session(conn, member(request), path_id(request))
        await checklist.set_status(conn, session.id, item_id, sent.status)
        items = await checklist.list_items(conn, session.id)
    found = next((item for item in items if item.id == item_id), None)
    if found is None:
        raise NotFoundError
    return respond(ItemView.of(found))


async def remove_item(request: web.Request) -> web.Response:
    async with as_member(request) as conn:
        session = await changeable_session(conn, member(request), path_id(request))
        await checklist.delete_item(conn, session.id, path_id(request, "item_id"))
    return respond(None)


async def _view(conn: Connection, session: Session, stored: SessionContext | None) -> ContextView:
    ids = [UUID(text) for text in ((stored and stored.context_metadata) or {}).get(LINKED, [])]
    known = await sessions.list_known(conn, session.organization_id, ids) if ids else []
    linked = [LinkedView.model_validate(each) for each in known]
    return ContextView(text=stored.text_context if stored else None, linked=linked)

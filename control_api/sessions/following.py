"""What came of a session's call: its moments, how its guidance was received, and who is sent out of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID, uuid4

from aiohttp import web
from pydantic import ConfigDict, Field, StringConstraints

from control_api.access import as_member, changeable_session, readable_session
from control_api.audiences import my_audiences
from control_api.auth import member
from control_api.errors import NotFoundError
from control_api.fields import PageSize
from control_api.http import Body, Query, View, body, from_cursor, path_id, query, respond, to_cursor
from control_api.state import state
from db import calls, commands, guidance, sessions, timeline
from db.guidance import Reception
from db.timeline import TimelineEvent


class TimelinePageQuery(Query):
    limit: PageSize = 100
    cursor: Annotated[str, StringConstraints(max_length=200)] | None = None


class MomentView(View):
    id: UUID
    event_timestamp: datetime
    title: str
    description: str | None
    type: str
    importance: str

    @classmethod
    def of(cls, event: TimelineEvent) -> Self:
        return cls.model_validate(event)


class Timeline(View):
    items: list[MomentView]
    next_cursor: str | None


class ReceptionView(View):
    guidance_type: str
    cue: str | None
    shown: int
    displayed: int
    clicked: int
    dismissed: int
    helpful: int
    irrelevant: int
    too_late: int

    @classmethod
    def of(cls, row: Reception) -> Self:
        return cls.model_validate(row)


class GuidanceStatistics(View):
    shown: int
    helpful: int
    irrelevant: int
    too_late: int
    helpful_share: float | None = Field(description="Of those that were judged; null while none was")
    by_kind: list[ReceptionView]


class Feedback(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"action": "helpful"}]})

    action: Literal["displayed", "clicked", "dismissed", "helpful", "irrelevant", "too_late"]


async def list_timeline(request: web.Request) -> web.Response:
    asked = query(request, TimelinePageQuery)
    after = from_cursor(asked.cursor)
    async with as_member(request) as conn:
        session = await readable_session(conn, member(request), path_id(request))
        rows = await timeline.list_events(conn, session.id, limit=asked.limit + 1, after=after)
    page = rows[: asked.limit]
    more = to_cursor(page[-1].event_timestamp, page[-1].id) if len(rows) > len(page) else None
    return respond(Timeline(items=[MomentView.of(row) for row in page], next_cursor=more))


async def get_guidance_statistics(request: web.Request) -> web.Response:
    who = member(request)
    async with as_member(request) as conn:
        session = await readable_session(conn, who, path_id(request))
        rows = await guidance.count_feedback(conn, session.id, audiences=await my_audiences(conn, who, session))
    return respond(_statistics(rows))


async def give_feedback(request: web.Request) -> web.Response:
    """After the call; during it the page says so on its channel."""
    sent, who, guidance_id = body(request, Feedback), member(request), path_id(request, "guidance_id")
    async with as_member(request) as conn:
        session = await changeable_session(conn, who, path_id(request))
        readable = await my_audiences(conn, who, session)
        if not await guidance.apply_feedback(conn, guidance_id, session.id, sent.action, audiences=readable):
            raise NotFoundError
    return respond(None)


async def remove_participant(request: web.Request) -> web.Response:
    """Out of the live call; a member may come back, a guest by a link that is still good."""
    who, participant_id = member(request), path_id(request, "participant_id")
    async with as_member(request) as conn:
        session = await changeable_session(conn, who, path_id(request))
        people = await sessions.list_participants(conn, session.id)
        if participant_id not in {person.id for person in people}:
            raise NotFoundError
        call = await calls.current_call(conn, session.id)
        if call is not None:
            await commands.insert_command(
                conn,
                id=uuid4(),
                session_id=session.id,
                organization_id=session.organization_id,
                kind=commands.REMOVE_PARTICIPANT,
                payload={"participant_id": str(participant_id)},
                created_by=who.user_id,
            )
    if call is not None:
        await state(request).live.wake_node(call.node)
    return respond(None, 204)


def _statistics(rows: list[Reception]) -> GuidanceStatistics:
    helpful, irrelevant, late = (
        sum(getattr(row, name) for row in rows) for name in ("helpful", "irrelevant", "too_late")
    )
    judged = helpful + irrelevant + late
    return GuidanceStatistics(
        shown=sum(row.shown for row in rows),
        helpful=helpful,
        irrelevant=irrelevant,
        too_late=late,
        helpful_share=round(helpful / judged, 3) if judged else None,
        by_kind=[ReceptionView.of(row) for row in rows],
    )

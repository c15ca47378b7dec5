"""Reports for people without an account: links with an end, that show the chosen tabs of one session and nothing else.

Whoever opens one reads with the rights of the member who made it, in that member's transaction: when those end, so does
the link. What it shows is an allow-list; ids of people, tickets and the organization are not in it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from aiohttp import web
from pydantic import ConfigDict, Field, StringConstraints

from control_api.access import as_member, as_nobody, as_user, changeable_session, check_permission
from control_api.audiences import Rights, audiences
from control_api.auth import member
from control_api.errors import NotFoundError
from control_api.exports.report import line_of
from control_api.fields import Email, Prose
from control_api.http import Body, View, body, path_id, respond
from control_api.state import state
from control_api.summaries.models import ActionItemView, HighlightView
from control_api.tokens import new_token, token_hash
from db import guidance, members, sessions, share_links, summaries, transcripts
from db.pool import Connection
from db.records import Session
from db.share_links import OpenedLink, ShareLink

Tab = Literal["summary", "transcript", "guidance", "metrics"]
DEFAULT_DAYS, MAX_DAYS = 7, 365
MAX_LINES = 5_000


class NewShareLink(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"tabs": ["summary", "transcript"], "expires_in_days": 7}]}
    )

    tabs: Annotated[list[Tab], Field(min_length=1, max_length=4)]
    expires_in_days: Annotated[int, Field(ge=1, le=MAX_DAYS)] | None = DEFAULT_DAYS
    """null: until it is taken back."""
    message: Annotated[Prose, StringConstraints(max_length=1000)] | None = None
    recipient_email: Email | None = None


class ShareLinkView(View):
    id: UUID
    shared_tabs: list[str]
    message: str | None
    recipient_email: str | None
    created_by: UUID
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    access_count: int
    last_accessed_at: datetime | None

    @classmethod
    def of(cls, link: ShareLink) -> Self:
        return cls.model_validate(link)


class ShareLinkMade(ShareLinkView):
    url: str = Field(description="Told once, and kept nowhere")
    token: str


class ShareLinks(View):
    items: list[ShareLinkView]


class SharedSummary(View):
    tldr: str | None
    key_decisions: list[str]
    action_items: list[ActionItemView]
    follow_up_questions: list[str]
    conversation_highlights: list[HighlightView]


class SharedLine(View):
    speaker: str
    start_ms: int
    text: str


class SharedGuidance(View):
    guidance_type: str
    content: str
    triggered_at_ms: int | None


class SharedMetrics(View):
    recording_duration_seconds: int
    total_words_spoken: int
    user_talk_time_seconds: int
    silence_periods_count: int


class SharedReport(View):
    """A tab that was not shared is null."""

    title: str
    conversation_type: str | None
    recording_started_at: datetime | None
    message: str | None
    tabs: list[str]
    summary: SharedSummary | None
    transcript: list[SharedLine] | None
    is_cut: bool = Field(description="Whether more was said than the first lines, which are here")
    guidance: list[SharedGuidance] | None
    metrics: SharedMetrics | None


async def create_share_link(request: web.Request) -> web.Response:
    sent = body(request, NewShareLink)
    who = member(request)
    token = new_token()
    days = sent.expires_in_days
    async with as_member(request) as conn:
        session = await changeable_session(conn, who, path_id(request))
        await check_permission(conn, who, "sessions.share")
        link = await share_links.insert_link(
            conn,
            token_hash=token_hash(token),
            session_id=session.id,
            organization_id=session.organization_id,
            created_by=who.user_id,
            shared_tabs=sorted(set(sent.tabs)),
            message=sent.message,
            recipient_email=sent.recipient_email,
            expires_at=None if days is None else datetime.now(UTC) + timedelta(days=days),
        )
    url = f"{state(request).settings.public_origin}/#/shared/{token}"
    return respond(ShareLinkMade(**ShareLinkView.of(link).model_dump(), url=url, token=token), 201)


async def list_share_links(request: web.Request) -> web.Response:
    async with as_member(request) as conn:
        session = await changeable_session(conn, member(request), path_id(request))
        links = await share_links.list_links(conn, session.id)
    return respond(ShareLinks(items=[ShareLinkView.of(link) for link in links]))


async def revoke_share_link(request: web.Request) -> web.Response:
    """At once, and for good; once more is not found."""
    async with as_member(request) as conn:
        session = await changeable_session(conn, member(request), path_id(request))
        if not await share_links.revoke_link(conn, session.id, path_id(request, "link_id")):
            raise NotFoundError
    return respond(None)


async def get_shared(request: web.Request) -> web.Response:
    async with as_nobody(request) as conn:
        link = await share_links.open_link(conn, token_hash(request.match_info["token"]))
    async with as_user(request, link.created_by) as conn:
        session = await sessions.get_session(conn, link.organization_id, link.session_id)
        report = await _report(conn, session, link)
    return respond(report)


async def _report(conn: Connection, session: Session, link: OpenedLink) -> SharedReport:
    tabs = set(link.shared_tabs)
    lines = await _lines(conn, session.id) if "transcript" in tabs else None
    return SharedReport(
        title=session.title,
        conversation_type=session.conversation_type,
        recording_started_at=session.recording_started_at,
        message=link.message,
        tabs=sorted(tabs),
        summary=await _summary(conn, session.id) if "summary" in tabs else None,
        transcript=lines and lines[:MAX_LINES],
        is_cut=len(lines or ()) > MAX_LINES,
        guidance=await _guidance(conn, session, link) if "guidance" in tabs else None,
        metrics=SharedMetrics.model_validate(session) if "metrics" in tabs else None,
    )


async def _summary(conn: Connection, session_id: UUID) -> SharedSummary | None:
    """None while none is written."""
    row = await summaries.get(conn, session_id)
    if row is None or row.tldr is None:
        return None
    return SharedSummary(
        tldr=row.tldr,
        key_decisions=row.key_decisions or [],
        action_items=[ActionItemView.model_validate(item) for item in row.action_items or []],
        follow_up_questions=row.follow_up_questions or [],
        conversation_highlights=[HighlightView.model_validate(one) for one in row.conversation_highlights or []],
    )


async def _lines(conn: Connection, session_id: UUID) -> list[SharedLine]:
    """One more than is shown tells that there are more."""
    rows = await transcripts.list_transcripts(conn, session_id, limit=MAX_LINES + 1)
    lines = [line_of(row) for row in rows]
    return [SharedLine(speaker=line.speaker, start_ms=line.start_ms, text=line.said) for line in lines]


async def _guidance(conn: Connection, session: Session, link: OpenedLink) -> list[SharedGuidance]:
    """What whoever made the link reads."""
    standing = await members.get_standing(conn, session.organization_id, link.created_by)
    rights = Rights.of(link.created_by, standing.role, session)
    readable = await audiences(conn, link.created_by, rights, session)
    return [
        SharedGuidance(
            guidance_type=row.guidance_type,
            content=row.content,
            triggered_at_ms=None if row.triggered_at_seconds is None else round(row.triggered_at_seconds * 1000),
        )
        for row in await guidance.list_guidance(conn, session.id, audiences=readable)
    ]

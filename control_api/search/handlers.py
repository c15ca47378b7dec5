"""Searching all of an organization's sessions, or the transcript of one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self, get_args
from uuid import UUID

from aiohttp import web
from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, StringConstraints

from control_api.access import as_member, readable_session
from control_api.auth import member
from control_api.fields import ConversationType, Line
from control_api.http import Query, View, path_id, query, respond
from control_api.search.excerpts import Piece, pieces
from db import search
from db.search import Hit

Kind = Literal["title", "transcript", "summary"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MAX_TYPED = 200
MAX_HITS = 100


def _kinds(text: str) -> str:
    if not set(text.split(",")) <= set(KINDS):
        raise ValueError(f"must be one or more of {', '.join(KINDS)}, with commas")
    return text


Typed = Annotated[
    Line,
    StringConstraints(max_length=MAX_TYPED),
    Field(description='Words, "a phrase", `or`, `-without`', examples=['budget "next quarter" -draft']),
]
Most = Annotated[int, Field(ge=1, le=MAX_HITS)]


class SearchQuery(Query):
    model_config = ConfigDict(json_schema_extra={"examples": [{"q": "budget", "kinds": "transcript,summary"}]})

    q: Typed
    kinds: Annotated[
        str,
        StringConstraints(max_length=50),
        AfterValidator(_kinds),
        Field(description="title, transcript, summary: those to look in, with commas"),
    ] = ",".join(KINDS)
    session_id: UUID | None = Field(default=None, description="In one session alone")
    conversation_type: ConversationType | None = None
    created_from: AwareDatetime | None = Field(default=None, description="Of sessions made at this moment or later")
    created_to: AwareDatetime | None = Field(default=None, description="The first moment that is too late")
    limit: Most = 20


class LineQuery(Query):
    q: Typed
    limit: Most = 20


class FoundSession(View):
    id: UUID
    title: str
    conversation_type: str | None
    status: str
    created_at: datetime


class FoundLine(View):
    transcript_id: UUID
    sequence_number: int
    speaker: str
    start_ms: int
    end_ms: int | None
    excerpt: list[Piece]

    @classmethod
    def of(cls, hit: Hit) -> Self:
        return cls.model_validate({**_line(hit), "excerpt": pieces(hit.excerpt)})


class FoundView(View):
    kind: Kind
    session: FoundSession
    transcript_id: UUID | None = Field(description="Of a transcript's line, as what follows; else null")
    sequence_number: int | None
    speaker: str | None
    start_ms: int | None
    end_ms: int | None
    excerpt: list[Piece] = Field(description="Plain text in pieces: joined, an excerpt; those that were found are hits")

    @classmethod
    def of(cls, hit: Hit) -> Self:
        session = FoundSession(
            id=hit.session_id,
            title=hit.session_title,
            conversation_type=hit.conversation_type,
            status=hit.status,
            created_at=hit.session_created_at,
        )
        return cls.model_validate({"kind": hit.kind, "session": session, **_line(hit), "excerpt": pieces(hit.excerpt)})


class SearchResult(View):
    items: list[FoundView] = Field(description="Best first")


class LinesFound(View):
    items: list[FoundLine] = Field(description="Best first")


async def search_everything(request: web.Request) -> web.Response:
    asked = query(request, SearchQuery)
    who = member(request)
    async with as_member(request) as conn:
        if asked.session_id is not None:
            await readable_session(conn, who, asked.session_id)
        hits = await search.search_sessions(
            conn,
            who.organization_id,
            asked.q,
            kinds=asked.kinds.split(","),
            session_id=asked.session_id,
            conversation_type=asked.conversation_type,
            created_from=asked.created_from,
            created_to=asked.created_to,
            limit=asked.limit,
        )
    return respond(SearchResult(items=[FoundView.of(hit) for hit in hits]))


async def search_transcript(request: web.Request) -> web.Response:
    asked = query(request, LineQuery)
    who = member(request)
    async with as_member(request) as conn:
        session = await readable_session(conn, who, path_id(request))
        hits = await search.search_sessions(
            conn, who.organization_id, asked.q, kinds=["transcript"], session_id=session.id, limit=asked.limit
        )
    return respond(LinesFound(items=[FoundLine.of(hit) for hit in hits]))


def _line(hit: Hit) -> dict[str, object]:
    start, end = hit.start_time_seconds, hit.end_time_seconds
    return {
        "transcript_id": hit.transcript_id,
        "sequence_number": hit.sequence_number,
        "speaker": hit.speaker,
        "start_ms": None if start is None else round(start * 1000),
        "end_ms": None if end is None else round(end * 1000),
    }

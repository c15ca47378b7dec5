"""A session as a file to keep: never shown by a browser, named after its id alone.

Everybody who reads a session may take it along. Its summary counts that for who may change the session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal
from uuid import UUID

import orjson
from aiohttp import web

from control_api.access import as_member, readable_session
from control_api.auth import member
from control_api.exports.captions import to_subrip, to_webvtt
from control_api.exports.markdown import to_markdown
from control_api.exports.report import Line, Report, Task, line_of
from control_api.exports.text import to_text
from control_api.http import Query, path_id, query
from control_api.state import state
from db import summaries, summary_changes, transcripts
from db.pool import Connection
from db.records import Session

FORMAT = "liveconvo.session.v1"
PAGE_LINES = 1_000


class ExportQuery(Query):
    format: Literal["markdown", "text", "json", "webvtt", "srt", "pdf", "docx"] = "markdown"


@dataclass(frozen=True, slots=True)
class FileKind:
    suffix: str
    media_type: str
    write: Callable[[Report], str] | None = None
    """None: no text, and written in a process of its own."""


def to_json(report: Report) -> str:
    return orjson.dumps({"format": FORMAT, **asdict(report)}, option=orjson.OPT_INDENT_2).decode() + "\n"


KINDS: dict[str, FileKind] = {
    "markdown": FileKind("md", "text/markdown", to_markdown),
    "text": FileKind("txt", "text/plain", to_text),
    "json": FileKind("json", "application/json", to_json),
    "webvtt": FileKind("vtt", "text/vtt", to_webvtt),
    "srt": FileKind("srt", "application/x-subrip", to_subrip),
    "pdf": FileKind("pdf", "application/pdf"),
    "docx": FileKind("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
}


async def export_session(request: web.Request) -> web.Response:
    """Counted once it is written."""
    name = query(request, ExportQuery).format
    kind = KINDS[name]
    async with as_member(request) as conn:
        session = await readable_session(conn, member(request), path_id(request))
        report = await _report(conn, session)
    if kind.write is None:
        made = await state(request).renderer.render(name, report)
    else:
        made = (await asyncio.to_thread(kind.write, report)).encode("utf-8", "replace")
    async with as_member(request) as conn:
        await summary_changes.count_export(conn, session.id)
    return web.Response(
        body=made,
        content_type=kind.media_type,
        charset="utf-8" if kind.write else None,
        headers={
            "Content-Disposition": f'attachment; filename="session-{session.id}.{kind.suffix}"',
            "Cache-Control": "no-store",
        },
    )


async def _report(conn: Connection, session: Session) -> Report:
    summary = await summaries.get(conn, session.id)
    tasks = summary.action_items if summary and summary.action_items else []
    return Report(
        title=session.title,
        conversation_type=session.conversation_type,
        began_at=session.recording_started_at,
        duration_s=session.recording_duration_seconds,
        tldr=summary.tldr if summary else None,
        key_decisions=tuple((summary.key_decisions if summary else None) or ()),
        action_items=tuple(Task(task=item["task"], owner=item.get("owner"), due=item.get("due")) for item in tasks),
        follow_up_questions=tuple((summary.follow_up_questions if summary else None) or ()),
        lines=await _lines(conn, session.id),
    )


async def _lines(conn: Connection, session_id: UUID) -> tuple[Line, ...]:
    lines: list[Line] = []
    since = 0
    while True:
        page = await transcripts.list_transcripts(conn, session_id, since=since, limit=PAGE_LINES)
        lines += [line_of(row) for row in page]
        if len(page) < PAGE_LINES:
            return tuple(sorted(lines, key=lambda line: line.start_ms))
        since = page[-1].sequence_number

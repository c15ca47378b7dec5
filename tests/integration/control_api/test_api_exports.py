"""Sessions as files over HTTP."""

from __future__ import annotations

import asyncio
import json
from uuid import UUID

import pytest

from control_api.errors import ExportFailedError, ExportTooLongError, UnavailableError
from control_api.exports.handlers import KINDS
from control_api.exports.rendering import MAX_AT_ONCE, Renderer
from control_api.exports.report import Line, Report
from db.pool import owner_connection
from tests.api import Api


async def spoken(api: Api) -> str:
    session_id = await api.new_session(title="Renewal")
    await api.start_call(session_id, lease_s=0.0)
    await api.say(session_id, ("Ada", "<b>forty</b> thousand"), ("Ben", "fine"))
    await api.post(f"/v1/sessions/{session_id}/end")
    return session_id


async def test_a_session_is_taken_along_as_a_file(api: Api) -> None:
    session_id = await spoken(api)
    path = f"/v1/sessions/{session_id}/export"
    for kind, suffix, media_type in (
        ("markdown", "md", "text/markdown"),
        ("text", "txt", "text/plain"),
        ("webvtt", "vtt", "text/vtt"),
        ("srt", "srt", "application/x-subrip"),
    ):
        answer = await api.get(path, "bob", params={"format": kind})
        assert answer.status == 200
        assert answer.headers["Content-Type"] == f"{media_type}; charset=utf-8"
        assert answer.headers["Content-Disposition"] == f'attachment; filename="session-{session_id}.{suffix}"'
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "thousand" in answer.body
    document = (await api.get(path, params={"format": "json"})).body
    assert (document["format"], document["title"]) == ("liveconvo.session.v1", "Renewal")
    said = [(line["start_ms"], line["speaker"], line["text"]) for line in document["lines"]]
    assert said == [(0, "Ada", "<b>forty</b> thousand"), (5000, "Ben", "fine")]
    assert str(api.people.alice.organization_id) not in json.dumps(document)


async def test_a_session_is_a_pdf_and_a_word_document(api: Api) -> None:
    session_id = await spoken(api)
    for kind, begins in (("pdf", b"%PDF-"), ("docx", b"PK\x03\x04")):
        async with api.client.get(
            f"/v1/sessions/{session_id}/export",
            params={"format": kind},
            headers={"Authorization": f"Bearer {api.tokens['alice']}"},
        ) as response:
            made = await response.read()
        assert (response.status, made[: len(begins)]) == (200, begins)
        assert response.headers["Content-Type"] == KINDS[kind].media_type
        assert response.headers["Content-Disposition"] == f'attachment; filename="session-{session_id}.{kind}"'
        assert "sandbox" in response.headers["Content-Security-Policy"]


async def test_what_takes_too_long_or_is_too_long_is_told_and_not_counted(api: Api) -> None:
    session_id = await spoken(api)
    report = Report("x", None, None, 0, lines=(Line(0, 1, "Ada", "yes"), Line(1, 2, "Ben", "no")))
    with pytest.raises(ExportTooLongError):
        await Renderer(max_lines=1).render("pdf", report)
    assert (await Renderer(max_lines=2).render("pdf", report)).startswith(b"%PDF-")
    with pytest.raises(ExportFailedError):
        await Renderer(deadline_s=0.01).render("pdf", report)
    busy = Renderer(wait_s=0.05)
    first = [asyncio.create_task(busy.render("pdf", report)) for _ in range(MAX_AT_ONCE)]
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError):
        await busy.render("pdf", report)
    assert all(made.startswith(b"%PDF-") for made in await asyncio.gather(*first))
    object.__setattr__(api.state, "renderer", Renderer(deadline_s=0.01))
    answer = await api.get(f"/v1/sessions/{session_id}/export", params={"format": "pdf"})
    assert (answer.status, answer.code) == (503, "export_failed")
    async with owner_connection(api.database.owner_url) as conn:
        counted = await conn.fetchval("SELECT export_count FROM summaries WHERE session_id = $1", UUID(session_id))
    assert counted == 0


async def test_a_long_one_is_whole(api: Api) -> None:
    session_id = await api.new_session()
    await api.start_call(session_id)
    await api.say(session_id, *((f"Ada {number}", "word") for number in range(1_001)))
    document = (await api.get(f"/v1/sessions/{session_id}/export", params={"format": "json"})).body
    assert [line["speaker"] for line in document["lines"]] == [f"Ada {number}" for number in range(1_001)]


async def test_it_is_counted_for_who_may_change_the_session(api: Api) -> None:
    session_id = await spoken(api)
    for who in ("alice", "bob", "alice"):
        await api.get(f"/v1/sessions/{session_id}/export", who)
    async with owner_connection(api.database.owner_url) as conn:
        row = await conn.fetchrow(
            "SELECT export_count, last_exported_at FROM summaries WHERE session_id = $1", UUID(session_id)
        )
    assert row is not None
    assert (row["export_count"], row["last_exported_at"] is not None) == (2, True)


async def test_what_is_no_format_is_refused(api: Api) -> None:
    session_id = await api.new_session()
    answer = await api.get(f"/v1/sessions/{session_id}/export", params={"format": "exe"})
    assert (answer.status, answer.code) == (422, "invalid_request")
    assert (await api.get(f"/v1/sessions/{session_id}/export", "charlie")).status == 404

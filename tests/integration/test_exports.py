"""Everything about a person as one JSON document: all of it, no secret, and nothing of others that they do not see."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from db import exports
from db.pool import Connection, act_as
from tests.canaries import canary, plant_person, plant_session
from tests.stage import Stage

ME = "me"
SECRET_COLUMNS = {
    "users": "password_hash", "user_app_sessions": "session_token", "api_keys": "key_hash",
    "session_invites": "token_hash", "session_share_links": "token_hash",
    "organization_invitations": "invitation_token",
}  # fmt: skip


def as_person(conn: Connection, user_id: UUID) -> Callable[[], AbstractAsyncContextManager[Connection]]:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Connection]:
        async with conn.transaction():
            await conn.execute("SET LOCAL ROLE liveconvo_api")
            await act_as(conn, user_id)
            yield conn
            await conn.execute("RESET ROLE; SELECT set_config('app.user_id', '', true)")

    return opened


async def document_of(conn: Connection, user_id: UUID) -> tuple[dict[str, Any], str]:
    pieces = [piece async for piece in exports.export_account(as_person(conn, user_id), user_id)]
    text = b"".join(pieces).decode()
    return json.loads(text), text


async def test_everything_of_a_person_is_in_it(stage: Stage, superuser: Connection) -> None:
    me = await plant_person(superuser, stage, ME)
    document, _ = await document_of(superuser, me)
    assert (document["format"], document["user_id"]) == (exports.FORMAT, str(me))
    empty = {table for table, rows in document["tables"].items() if not rows}
    # Usage comes of a call's audio, which this person has not been recorded in.
    assert empty <= {"usage_tracking", "monthly_usage_cache"}
    [profile] = document["tables"]["users"]
    assert profile["email"] == f"{canary(ME)}@example.org"
    for table, column in (("transcripts", "content"), ("guidance", "content"), ("documents", "extracted_text"),
                          ("summaries", "tldr"), ("session_context", "text_context"), ("sessions", "title"),
                          ("user_app_sessions", "user_agent"), ("templates", "name")):  # fmt: skip
        assert any(str(row[column]).startswith(canary(ME)) for row in document["tables"][table]), table


async def test_every_planted_word_that_is_not_withheld_is_in_it(stage: Stage, superuser: Connection) -> None:
    me = await plant_person(superuser, stage, ME)
    document, _ = await document_of(superuser, me)
    for table, export in exports.EXPORTED:
        stored = await superuser.fetch(f"SELECT {export.columns.replace(' ', ', ')} FROM {table}")  # noqa: S608
        words = {word for row in stored for word in re.findall(rf"{canary(ME)}[\w@.-]*", str(dict(row)))}
        told = set(re.findall(rf"{canary(ME)}[\w@.-]*", json.dumps(document["tables"][table])))
        assert told == words, table


async def test_no_secret_is_in_it(stage: Stage, superuser: Connection) -> None:
    me = await plant_person(superuser, stage, ME)
    document, text = await document_of(superuser, me)
    for table, column in SECRET_COLUMNS.items():
        secrets = await superuser.fetch(f"SELECT {column} AS secret FROM {table} WHERE {column} IS NOT NULL")  # noqa: S608
        assert secrets, table
        for row in secrets:
            secret = row["secret"].hex() if isinstance(row["secret"], bytes) else row["secret"]
            assert secret not in text
        assert column not in document["tables"][table][0]


async def test_nothing_of_others_is_in_it(stage: Stage, superuser: Connection) -> None:
    me = await plant_person(superuser, stage, ME)
    await plant_person(superuser, stage, "other")
    await plant_session(superuser, stage, "colleagues")
    _, text = await document_of(superuser, me)
    assert canary("other") not in text
    assert canary("colleagues") not in text
    assert canary("south") not in text
    assert canary(ME) in text


async def test_what_a_person_said_in_somebody_elses_session_is_theirs_and_the_rest_is_not(
    stage: Stage, superuser: Connection
) -> None:
    me = await plant_person(superuser, stage, ME)
    session_id = await plant_session(superuser, stage, "theirs")
    other = await superuser.fetchval("SELECT participant_id FROM transcripts WHERE session_id = $1", session_id)
    mine = await superuser.fetchval(
        """
        INSERT INTO session_participants (session_id, organization_id, user_id, name, role, source)
        SELECT id, organization_id, $2, 'Me', 'participant', 'browser' FROM sessions WHERE id = $1
        RETURNING id
        """,
        session_id,
        me,
    )
    await superuser.execute(
        """
        INSERT INTO transcripts (
            session_id, organization_id, content, start_time_seconds, sequence_number, participant_id
        )
        SELECT id, organization_id, 'I said so', 1, 1000000, $2 FROM sessions WHERE id = $1
        """,
        session_id,
        mine,
    )
    assert other != mine
    document, text = await document_of(superuser, me)
    assert [row["content"] for row in document["tables"]["transcripts"]].count("I said so") == 1
    assert str(mine) in text
    assert canary("theirs") not in text


async def test_who_left_an_organization_does_not_read_on_in_it(stage: Stage, superuser: Connection) -> None:
    me = await plant_person(superuser, stage, ME)
    await superuser.execute("UPDATE organization_members SET status = 'removed' WHERE user_id = $1", me)
    document, _ = await document_of(superuser, me)
    assert document["tables"]["transcripts"] == []
    assert document["tables"]["sessions"] == []
    assert len(document["tables"]["users"]) == 1


async def test_a_deleted_session_is_not_in_it(stage: Stage, superuser: Connection) -> None:
    me = await plant_person(superuser, stage, ME)
    await superuser.execute("UPDATE sessions SET deleted_at = now() WHERE user_id = $1", me)
    document, _ = await document_of(superuser, me)
    children = {table for table in document["tables"] if "session_id" in stage.catalog.tables[table]}
    left = {table for table in {"sessions", *children} if document["tables"][table]}
    assert left <= {"usage_tracking"}


async def test_it_is_read_in_pages_and_every_row_is_in_it_once(
    stage: Stage, superuser: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    me = await plant_person(superuser, stage, ME)
    session_id = await superuser.fetchval("SELECT id FROM sessions WHERE user_id = $1", me)
    await superuser.execute(
        """
        INSERT INTO transcripts (session_id, organization_id, content, start_time_seconds, sequence_number)
        SELECT id, organization_id, 'line ' || number, number, 2000000 + number
        FROM sessions, generate_series(1, 9) AS number
        WHERE id = $1
        """,
        session_id,
    )
    monkeypatch.setattr(exports, "PAGE_ROWS", 3)
    opened = 0
    as_me = as_person(superuser, me)

    @asynccontextmanager
    async def counted() -> AsyncIterator[Connection]:
        nonlocal opened
        opened += 1
        async with as_me() as conn:
            yield conn

    text = b"".join([piece async for piece in exports.export_account(counted, me)])
    lines = json.loads(text)["tables"]["transcripts"]
    assert [line["content"] for line in lines if line["content"].startswith("line")] == [
        f"line {n}" for n in range(1, 10)
    ]
    assert len({line["id"] for line in lines}) == len(lines) == 10
    assert opened >= len(exports.EXPORTED) + 3


async def test_one_cannot_ask_for_somebody_else(stage: Stage, superuser: Connection) -> None:
    me, other = await plant_person(superuser, stage, ME), await plant_person(superuser, stage, "other")
    pieces = [piece async for piece in exports.export_account(as_person(superuser, me), other)]
    tables = json.loads(b"".join(pieces))["tables"]
    # What a colleague may read anyway is in it: sessions of the organization both belong to.
    assert {table for table, rows in tables.items() if rows} & {"users", "user_app_sessions", "api_keys"} == set()

"""Erasing a session, an account, an organization: words planted everywhere are found nowhere, and usage stays."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from control_api.erasing import Eraser
from db import erasure
from db.errors import ConflictError, NotFoundError
from db.holding import Blank, Keep
from db.jobs import Patient
from db.personal_data import HOLDINGS
from db.pool import Connection
from tests.canaries import find_canaries, plant_person, plant_session
from tests.s3_server import folder_storage
from tests.stage import Stage
from tests.valid_rows import insert_statement, new_row

GONE, THERE = "gone", "there"


@asynccontextmanager
async def as_jobs(conn: Connection) -> AsyncIterator[Connection]:
    """A transaction of the jobs role that stays, within one that is rolled back."""
    async with conn.transaction():
        await conn.execute("SET LOCAL ROLE liveconvo_jobs")
        yield conn
        await conn.execute("RESET ROLE")


def eraser(conn: Connection) -> Eraser:
    return Eraser(lambda: as_jobs(conn))


async def erase(conn: Connection, session_id: UUID) -> bool:
    async with as_jobs(conn):
        return await erasure.erase_session(conn, session_id, "retention")


async def usage_of(conn: Connection, stage: Stage) -> list[Any]:
    """All that is charged, and the counters."""
    north = stage.world.sides["north"]
    tables = ("usage_intervals", "usage_tracking", "monthly_usage_cache")
    kept = [await conn.fetch(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4") for table in tables]  # noqa: S608
    counters = await conn.fetch(
        """
        SELECT user_id, total_sessions_count, total_audio_hours_used, current_month_minutes_used
        FROM organization_members
        WHERE organization_id = $1
        ORDER BY user_id
        """,
        north.id,
    )
    sessions = await conn.fetch("SELECT id, recording_duration_seconds, total_words_spoken FROM sessions ORDER BY id")
    return [*kept, counters, sessions]


# a session ----------------------------------------------------------------------------------------------------------


async def test_of_an_erased_session_no_word_is_left_and_its_usage_is(stage: Stage, superuser: Connection) -> None:
    gone, _ = await plant_session(superuser, stage, GONE), await plant_session(superuser, stage, THERE)
    there = await find_canaries(superuser, THERE)
    assert there >= {"sessions", "transcripts", "session_events", "guidance", "summaries", "session_participants"}
    assert await find_canaries(superuser, GONE) == there
    before = await usage_of(superuser, stage)
    assert await erase(superuser, gone)
    await drop_jobs(superuser, erasure.REMOVE_FILES)
    assert await find_canaries(superuser, GONE) == set()
    assert await find_canaries(superuser, THERE) == there
    assert await usage_of(superuser, stage) == before
    row = await superuser.fetchrow("SELECT title, deleted_at, erased_at FROM sessions WHERE id = $1", gone)
    assert row is not None
    assert row["title"] == ""
    assert None not in {row["deleted_at"], row["erased_at"]}


async def test_erasing_again_changes_nothing(stage: Stage, superuser: Connection) -> None:
    gone = await plant_session(superuser, stage, GONE)
    assert await erase(superuser, gone)
    assert not await erase(superuser, gone)
    entries = await superuser.fetch("SELECT details FROM audit_log WHERE action = 'sessions.erased'")
    assert [json.loads(entry["details"]) for entry in entries] == [{"cause": "retention"}]


async def test_that_everybody_consented_stays_and_who_they_were_does_not(stage: Stage, superuser: Connection) -> None:
    gone = await plant_session(superuser, stage, GONE)
    given = await superuser.fetch("SELECT version, given_at FROM consents WHERE session_id = $1", gone)
    await erase(superuser, gone)
    consents = await superuser.fetch("SELECT version, given_at, user_id FROM consents WHERE session_id = $1", gone)
    people = await superuser.fetch("SELECT name, user_id FROM session_participants WHERE session_id = $1", gone)
    assert [(row["version"], row["given_at"]) for row in consents] == [tuple(row) for row in given]
    assert consents
    assert {row["user_id"] for row in [*consents, *people]} == {None}
    assert {row["name"] for row in people} == {"-"}


async def test_files_are_removed_by_a_job_that_can_run_twice(
    stage: Stage, superuser: Connection, tmp_path: Path
) -> None:
    gone = await plant_session(superuser, stage, GONE)
    keys = [
        await superuser.fetchval("SELECT storage_key FROM recordings WHERE session_id = $1", gone),
        await superuser.fetchval("SELECT file_url FROM documents WHERE session_id = $1", gone),
    ]
    for key in keys:
        (tmp_path / key).write_text("speech")
    (tmp_path / "other").write_text("speech")
    await erase(superuser, gone)
    payload = await superuser.fetchval("SELECT payload FROM pgqueuer WHERE entrypoint = $1", erasure.REMOVE_FILES)
    assert sorted(json.loads(payload)) == sorted(keys)
    handler = replace(eraser(superuser), storage=folder_storage(tmp_path)).handlers()[erasure.REMOVE_FILES]
    assert isinstance(handler, Patient)
    await handler.handle(payload)
    await handler.handle(payload)
    assert [file.name for file in tmp_path.iterdir()] == ["other"]


async def test_a_key_does_not_lead_out_of_the_files_folder(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "secret").write_text("kept")
    with pytest.raises(RuntimeError):
        await Eraser(lambda: as_jobs(None), storage=folder_storage(tmp_path / "files")).remove_files(["../secret"])  # type: ignore[arg-type]
    assert (tmp_path / "secret").exists()


async def test_a_session_that_was_restored_is_not_erased(stage: Stage, superuser: Connection) -> None:
    gone = await plant_session(superuser, stage, GONE)
    await eraser(superuser).erase_deleted_session(gone)
    assert await superuser.fetchval("SELECT erased_at IS NULL FROM sessions WHERE id = $1", gone)


async def test_nothing_comes_back_to_an_erased_session(stage: Stage, superuser: Connection) -> None:
    gone = await plant_session(superuser, stage, GONE)
    await erase(superuser, gone)
    north = stage.world.sides["north"]
    row = new_row(stage.catalog, stage.world, "prep_checklist", north, {"session_id": gone, "text": "canary-gone"})
    with pytest.raises(Exception, match="session_erased"):
        async with superuser.transaction():
            await superuser.execute(*insert_statement("prep_checklist", row))
    with pytest.raises(Exception, match="sessions_erased_check"):
        async with superuser.transaction():
            await superuser.execute("UPDATE sessions SET deleted_at = NULL WHERE id = $1", gone)


# an account ---------------------------------------------------------------------------------------------------------


async def test_of_an_erased_account_no_word_is_left_but_where_that_was_decided(
    stage: Stage, superuser: Connection
) -> None:
    gone, there = await plant_person(superuser, stage, GONE), await plant_person(superuser, stage, THERE)
    left = await find_canaries(superuser, THERE)
    assert left >= {"users", "user_app_sessions", "templates", "api_keys", "organization_invitations", "transcripts"}
    before = await usage_of(superuser, stage)
    await eraser(superuser).erase_account(gone)
    await drop_jobs(superuser, erasure.REMOVE_FILES)
    # Why each of these stays is said in personal_data.
    assert await find_canaries(superuser, GONE) == {
        "admin_grants", "subscription_events", "subscriptions", "webhook_endpoints",
    }  # fmt: skip
    assert await find_canaries(superuser, THERE) == left
    assert await usage_of(superuser, stage) == before
    person = await superuser.fetchrow("SELECT * FROM users WHERE id = $1", gone)
    assert person is not None
    assert person["email"] == f"erased-{gone}@erased.invalid"
    assert {person[column] for column in ("full_name", "password_hash", "google_id", "personal_context")} == {None}
    assert not person["is_active"]
    assert await superuser.fetchval("SELECT status FROM organization_members WHERE user_id = $1", gone) == "removed"
    assert await superuser.fetchval("SELECT is_active FROM users WHERE id = $1", there)


async def test_erasing_an_account_again_changes_nothing(stage: Stage, superuser: Connection) -> None:
    gone = await plant_person(superuser, stage, GONE)
    counted: list[str] = []
    twice = replace(eraser(superuser), count=counted.append)
    await twice.erase_account(gone)
    before = await superuser.fetch("SELECT * FROM audit_log ORDER BY id")
    await twice.erase_account(gone)
    assert counted == ["session", "account"]
    assert await superuser.fetch("SELECT * FROM audit_log ORDER BY id") == before


async def test_an_erasure_that_a_crash_cut_off_is_gone_on_with(stage: Stage, superuser: Connection) -> None:
    gone = await plant_person(superuser, stage, GONE)
    sessions = [await plant_session(superuser, stage, GONE, gone) for _ in range(3)]
    opened = 0

    @asynccontextmanager
    async def crashing() -> AsyncIterator[Connection]:
        nonlocal opened
        opened += 1
        if opened == 5:
            raise ConnectionResetError
        async with as_jobs(superuser) as conn:
            yield conn

    with pytest.raises(ConnectionResetError):
        await Eraser(crashing).erase_account(gone)
    erased = await superuser.fetchval(
        "SELECT count(*) FROM sessions WHERE user_id = $1 AND erased_at IS NOT NULL", gone
    )
    assert 0 < erased < len(sessions) + 1
    assert not await superuser.fetchval("SELECT erased_at IS NOT NULL FROM users WHERE id = $1", gone)
    swept = await eraser(superuser).sweep()
    assert sum(swept.sessions.values()) == 0
    assert await queued(superuser, erasure.ERASE_ACCOUNT) == [str(gone)]
    await eraser(superuser).erase_account(gone)
    assert await superuser.fetchval("SELECT erased_at IS NOT NULL FROM users WHERE id = $1", gone)
    assert not await superuser.fetchval("SELECT EXISTS (SELECT FROM sessions WHERE user_id = $1 AND erased_at IS NULL)", gone)  # noqa: E501  # fmt: skip


async def test_the_only_owner_of_an_organization_with_others_stays(stage: Stage, superuser: Connection) -> None:
    north = stage.world.sides["north"]
    with pytest.raises(Exception, match="sole_owner") as refusal:
        await eraser(superuser).erase_account(north.owner)
    assert getattr(refusal.value, "sqlstate", None) == "LC001"
    assert await superuser.fetchval("SELECT is_active FROM users WHERE id = $1", north.owner)


async def test_of_two_owners_one_may_go(stage: Stage, superuser: Connection) -> None:
    north = stage.world.sides["north"]
    await superuser.execute("UPDATE organization_members SET role = 'owner' WHERE user_id = $1", north.author)
    await eraser(superuser).erase_account(north.owner)
    assert await superuser.fetchval("SELECT erased_at IS NOT NULL FROM users WHERE id = $1", north.owner)
    assert await superuser.fetchval("SELECT deleted_at IS NULL FROM organizations WHERE id = $1", north.id)
    await superuser.execute("SET CONSTRAINTS ALL IMMEDIATE")


async def test_an_organization_goes_with_its_only_member(stage: Stage, superuser: Connection) -> None:
    south = stage.world.sides["south"]
    await superuser.execute(
        "UPDATE organization_members SET status = 'removed' WHERE organization_id = $1 AND user_id <> $2",
        south.id,
        south.owner,
    )
    await eraser(superuser).erase_account(south.owner)
    assert await queued(superuser, erasure.ERASE_ORGANIZATION) == [str(south.id)]
    await eraser(superuser).erase_organization(south.id)
    assert await superuser.fetchval("SELECT erased_at IS NOT NULL FROM organizations WHERE id = $1", south.id)


async def test_an_account_that_is_not_closed_is_not_erased(stage: Stage, superuser: Connection) -> None:
    gone = await plant_person(superuser, stage, GONE)
    with pytest.raises(ConflictError) as refusal:
        async with as_jobs(superuser):
            await erasure.erase_account(superuser, gone)
    assert refusal.value.code == "account_not_closed"
    with pytest.raises(NotFoundError):
        async with as_jobs(superuser):
            await erasure.erase_account(superuser, uuid4())


async def test_an_account_goes_after_its_sessions(stage: Stage, superuser: Connection) -> None:
    gone = await plant_person(superuser, stage, GONE)
    async with as_jobs(superuser):
        await erasure.close_account(superuser, gone)
    with pytest.raises(ConflictError) as refusal:
        async with as_jobs(superuser):
            await erasure.erase_account(superuser, gone)
    assert refusal.value.code == "sessions_left"


# an organization ----------------------------------------------------------------------------------------------------


async def test_of_an_erased_organization_no_word_is_left_but_its_peoples_own(
    stage: Stage, superuser: Connection
) -> None:
    south = stage.world.sides["south"]
    before = await usage_of(superuser, stage)
    left = await find_canaries(superuser, "north")
    await superuser.execute("UPDATE organizations SET deleted_at = now() WHERE id = $1", south.id)
    await eraser(superuser).erase_organization(south.id)
    await drop_jobs(superuser, erasure.REMOVE_FILES)
    people_s_own = {
        "users", "user_app_sessions", "sign_in_links", "templates", "subscriptions", "subscription_events",
        "beta_waitlist", "system_logs",
    }  # fmt: skip
    kept = {holding.table for holding in HOLDINGS if isinstance(holding.organization, Keep | Blank | None)}
    assert await find_canaries(superuser, "south") <= (kept | people_s_own) - {"organizations", "sessions"}
    assert not await find_canaries(superuser, "south") & {"transcripts", "webhook_endpoints", "api_keys", "guidance"}
    assert await find_canaries(superuser, "north") == left
    assert await usage_of(superuser, stage) == before
    row = await superuser.fetchrow("SELECT name, slug, erased_at FROM organizations WHERE id = $1", south.id)
    assert row is not None
    assert (row["name"], row["slug"]) == ("-", f"erased-{south.id}")
    assert row["erased_at"] is not None
    await superuser.execute("SET CONSTRAINTS ALL IMMEDIATE")


async def test_an_organization_that_is_not_deleted_is_not_erased(stage: Stage, superuser: Connection) -> None:
    with pytest.raises(ConflictError) as refusal:
        async with as_jobs(superuser):
            await erasure.erase_organization(superuser, stage.world.sides["south"].id)
    assert refusal.value.code == "organization_not_deleted"


async def queued(conn: Connection, entrypoint: str) -> list[str]:
    rows = await conn.fetch("SELECT payload FROM pgqueuer WHERE entrypoint = $1 ORDER BY id", entrypoint)
    return [row["payload"].decode() for row in rows]


async def drop_jobs(conn: Connection, entrypoint: str) -> None:
    """They have run."""
    await conn.execute("DELETE FROM pgqueuer WHERE entrypoint = $1", entrypoint)

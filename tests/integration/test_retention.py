"""What is kept for too long goes: sessions with every word of them, and whatever is of no use any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from redis.asyncio import Redis

from control_api import worker
from control_api.erasing import Eraser
from control_api.metrics import Metrics
from control_api.settings import Settings
from db import deletion, erasure, jobs, retention
from db.errors import UnavailableError
from db.live import Live
from db.pool import Connection, Pool, owner_connection, transaction
from db.records import LogEntry, Session
from deploy.cli import main
from tests.canaries import canary, find_canaries, plant_session
from tests.conftest import Database
from tests.people import connected, make_people, make_session
from tests.stage import Stage

ELSEWHERE = ["--data-dir", "/tmp"]  # noqa: S108  the database is not in it
RECENT, OLD = timedelta(days=29), timedelta(days=31)
GONE = "gone"


@asynccontextmanager
async def as_jobs(conn: Connection) -> AsyncIterator[Connection]:
    async with conn.transaction():
        await conn.execute("SET LOCAL ROLE liveconvo_jobs")
        yield conn
        await conn.execute("RESET ROLE")


def eraser(conn: Connection) -> Eraser:
    return Eraser(lambda: as_jobs(conn))


async def age(conn: Connection, table: str, column: str, by: timedelta, where: str, *values: object) -> None:
    """As if it had been so long ago; past all rules."""
    await conn.execute("SET LOCAL session_replication_role = replica")
    moved = await conn.execute(f"UPDATE {table} SET {column} = now() - $1::interval WHERE {where}", by, *values)  # noqa: S608
    await conn.execute("SET LOCAL session_replication_role = origin")
    assert moved != "UPDATE 0"


async def set_session(conn: Connection, session_id: UUID, **columns: object) -> None:
    await conn.execute("SET LOCAL session_replication_role = replica")
    for column, value in columns.items():
        await conn.execute(f"UPDATE sessions SET {column} = $2 WHERE id = $1", session_id, value)  # noqa: S608
    await conn.execute("SET LOCAL session_replication_role = origin")


async def hang_up(conn: Connection, session_id: UUID) -> None:
    await conn.execute("UPDATE calls SET lease_until = now() - interval '1 second' WHERE session_id = $1", session_id)


async def is_erased(conn: Connection, session_id: UUID) -> bool:
    return bool(await conn.fetchval("SELECT erased_at IS NOT NULL FROM sessions WHERE id = $1", session_id))


# sessions -----------------------------------------------------------------------------------------------------------


async def test_t61_no_word_is_left_of_a_session_whose_time_has_passed(stage: Stage, superuser: Connection) -> None:
    """RELIABILITY T61: words planted in every text and document of it are found nowhere after the sweep."""
    gone, there = await plant_session(superuser, stage, GONE), await plant_session(superuser, stage, "there")
    for session_id, ago in ((gone, OLD), (there, RECENT)):
        await hang_up(superuser, session_id)
        await age(superuser, "sessions", "created_at", ago, "id = $2", session_id)
    swept = await eraser(superuser).sweep()
    await superuser.execute("DELETE FROM pgqueuer")  # the files' job, which has its own test
    assert swept.sessions == {"retention": 1, "deleted": 0}
    assert await find_canaries(superuser, GONE) == set()
    assert "transcripts" in await find_canaries(superuser, "there")
    entry = await superuser.fetchrow("SELECT action, details FROM audit_log WHERE target_id = $1", gone)
    assert entry is not None
    assert (entry["action"], entry["details"]) == ("sessions.erased", '{"cause": "retention"}')


@pytest.mark.parametrize(
    ("columns", "is_due"),
    [
        ({"created_at": OLD, "recording_ended_at": None}, True),
        ({"created_at": OLD, "recording_ended_at": RECENT}, False),
        ({"created_at": OLD, "recording_ended_at": OLD}, True),
        ({"created_at": OLD, "recording_ended_at": OLD, "data_retention_days": 90}, False),
        ({"created_at": RECENT, "data_retention_days": 28}, True),
        ({"created_at": OLD, "status": "active"}, False),
        ({"created_at": OLD, "status": "archived"}, True),
        ({"deleted_at": OLD}, True),
        ({"deleted_at": RECENT}, False),
        ({"deleted_at": RECENT, "created_at": OLD}, True),
    ],
)
async def test_when_a_session_is_due(
    stage: Stage, superuser: Connection, columns: dict[str, Any], is_due: bool
) -> None:
    session_id = stage.world.sides["north"].sessions["bare"]
    now = await superuser.fetchval("SELECT now()")
    values = {name: now - value if isinstance(value, timedelta) else value for name, value in columns.items()}
    await set_session(superuser, session_id, **values)
    async with as_jobs(superuser):
        due = {one.id for one in await retention.list_due_sessions(superuser, 10)}
    assert due == ({session_id} if is_due else set())


async def test_a_call_that_goes_on_is_never_due(stage: Stage, superuser: Connection) -> None:
    session_id = stage.world.sides["north"].sessions["called"]
    await age(superuser, "sessions", "created_at", OLD, "id = $2", session_id)
    assert (await eraser(superuser).sweep()).sessions["retention"] == 0
    await hang_up(superuser, session_id)
    assert (await eraser(superuser).sweep()).sessions["retention"] == 1


async def test_who_joins_or_restores_in_time_keeps_the_session(stage: Stage, superuser: Connection) -> None:
    side = stage.world.sides["north"]
    joined, restored = side.sessions["called"], side.sessions["bare"]
    await age(superuser, "sessions", "created_at", OLD, "id = $2", joined)
    await age(superuser, "sessions", "deleted_at", OLD, "id = $2", restored)
    await hang_up(superuser, joined)
    async with as_jobs(superuser):
        due = await retention.list_due_sessions(superuser, 10)
    assert {one.id for one in due} == {joined, restored}
    await superuser.execute("UPDATE calls SET lease_until = now() + interval '1 minute' WHERE session_id = $1", joined)
    await superuser.execute("UPDATE sessions SET deleted_at = NULL WHERE id = $1", restored)
    for one in due:
        async with as_jobs(superuser):
            assert not await retention.erase_due_session(superuser, one)


async def test_more_than_one_batch_is_erased(stage: Stage, superuser: Connection) -> None:
    north = stage.world.sides["north"]
    await superuser.execute(
        """
        INSERT INTO sessions (user_id, organization_id, title, created_at)
        SELECT $1, $2, '', now() - interval '31 days'
        FROM generate_series(1, 5)
        """,
        north.author,
        north.id,
    )
    counted: list[str] = []
    swept = await Eraser(lambda: as_jobs(superuser), count=counted.append, batch=2).sweep()
    assert swept.sessions["retention"] == len(counted) == 5


async def test_a_session_that_cannot_be_erased_is_left_for_the_next_sweep(
    stage: Stage, superuser: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    session_id = stage.world.sides["north"].sessions["bare"]
    await age(superuser, "sessions", "created_at", OLD, "id = $2", session_id)
    is_away = True

    @asynccontextmanager
    async def sometimes() -> AsyncIterator[Connection]:
        async with as_jobs(superuser) as conn:
            yield conn
            if is_away and await conn.fetchval("SELECT erased_at IS NOT NULL FROM sessions WHERE id = $1", session_id):
                raise UnavailableError("database_unavailable")

    swept = await Eraser(sometimes).sweep()
    assert swept.sessions["retention"] == 0
    assert "session was not erased code=database_unavailable" in caplog.text
    is_away = False
    assert (await Eraser(sometimes).sweep()).sessions["retention"] == 1


@pytest.mark.parametrize(
    ("cause", "index", "other"),
    [
        ("retention", "sessions_retention_idx", "sessions_deleted_at_idx"),
        ("deleted", "sessions_deleted_at_idx", "sessions_retention_idx"),
    ],
)
async def test_what_is_due_is_found_by_an_index(
    stage: Stage, superuser: Connection, cause: str, index: str, other: str
) -> None:
    """In a table of nine rows any index would do: the other one is taken away."""
    await superuser.execute(f"SET LOCAL enable_seqscan = off; DROP INDEX {other}")
    plan = await superuser.fetchval(
        f"EXPLAIN (FORMAT JSON) SELECT id FROM sessions WHERE {retention.DUE[cause]}"  # noqa: S608
    )
    assert index in plan
    assert "Index Cond" in plan


# the rest -----------------------------------------------------------------------------------------------------------

SPENT: dict[str, tuple[str, str, timedelta, timedelta]] = {
    "join_tickets": ("expires_at", "true", timedelta(hours=25), timedelta(hours=23)),
    "sign_in_links": ("expires_at", "true", timedelta(hours=25), timedelta(hours=23)),
    "sign_ups": ("expires_at", "true", timedelta(hours=25), timedelta(hours=23)),
    "sign_ins": ("ended_at", "true", timedelta(days=91), timedelta(days=89)),
    "expired_invitations": ("expires_at", "status = 'pending'", timedelta(seconds=1), -timedelta(hours=1)),
    "answered_invitations": ("updated_at", "status = 'cancelled'", timedelta(days=91), timedelta(days=89)),
    "system_logs": ("created_at", "true", timedelta(days=31), timedelta(days=29)),
    "job_logs": ("created", "true", timedelta(days=31), timedelta(days=29)),
    "webhook_deliveries": ("created_at", "status = 'failed'", timedelta(days=31), timedelta(days=29)),
    "idempotency_keys": ("created_at", "true", timedelta(hours=25), timedelta(hours=23)),
    "deleted_templates": ("deleted_at", "true", timedelta(days=31), timedelta(days=29)),
    "stripe_events": ("processed_at", "true", timedelta(days=91), timedelta(days=89)),
}
"""Name → the column that tells its age, which rows, how old is too old, and how old is not."""


async def test_everything_that_is_spent_goes_in_its_time_and_not_before(stage: Stage, superuser: Connection) -> None:
    assert {spent.name for spent in retention.SPENT} == SPENT.keys()
    await superuser.execute("UPDATE calls SET lease_until = now()")
    await superuser.execute("UPDATE webhook_deliveries SET status = 'failed'")
    await superuser.execute(
        "INSERT INTO pgqueuer_log (job_id, status, priority, entrypoint) VALUES (1, 'failed', 0, 'x')"
    )
    await superuser.execute("SET LOCAL session_replication_role = replica")
    await superuser.execute("UPDATE stripe_events SET processed_at = now(), outcome = 'applied'")
    await superuser.execute(
        "UPDATE organization_invitations SET status = 'cancelled' WHERE email LIKE 'invitee%' OR email LIKE 'impostor%'"
    )
    await superuser.execute("SET LOCAL session_replication_role = origin")
    for spent in retention.SPENT:
        column, which, too_old, young = SPENT[spent.name]
        for by, is_spent in ((young, False), (too_old, True)):
            await age(superuser, spent.table, column, by, which)
            async with as_jobs(superuser):
                count = await retention.count_spent(superuser, spent)
                removed = await retention.remove_spent(superuser, spent, 1000)
            assert (bool(count), removed) == (is_spent, count), spent.name
    statuses = await superuser.fetch("SELECT DISTINCT status FROM organization_invitations")
    assert [row["status"] for row in statuses] == ["expired"]


async def test_a_ticket_is_kept_while_its_call_goes_on(stage: Stage, superuser: Connection) -> None:
    """Whoever comes back to the call shows it."""
    live = stage.world.sides["north"].sessions["full"]
    await age(superuser, "join_tickets", "expires_at", timedelta(days=2), "session_id = $2", live)
    assert (await eraser(superuser).sweep()).rows["join_tickets"] == 0
    await superuser.execute("UPDATE calls SET lease_until = now()")
    assert (await eraser(superuser).sweep()).rows["join_tickets"] == 1


async def test_a_sign_in_that_is_used_stays(stage: Stage, superuser: Connection) -> None:
    await superuser.execute("UPDATE user_app_sessions SET ended_at = NULL")
    for days, goes in ((119, False), (121, True)):
        await age(superuser, "user_app_sessions", "last_activity_at", timedelta(days=days), "true")
        assert ((await eraser(superuser).sweep()).rows["sign_ins"] > 0) is goes


async def test_what_was_only_marked_as_deleted_is_not_erased(stage: Stage, superuser: Connection) -> None:
    """By hand, or by a release before there was erasure: nobody asked for it to go for good."""
    south = stage.world.sides["south"]
    await superuser.execute("UPDATE organizations SET deleted_at = now() WHERE id = $1", south.id)
    await superuser.execute("UPDATE users SET deleted_at = now() WHERE id = $1", south.author)
    await eraser(superuser).sweep()
    assert await superuser.fetchval("SELECT count(*) FROM pgqueuer WHERE entrypoint LIKE 'erase_%'") == 0


async def test_a_preview_changes_nothing(stage: Stage, superuser: Connection) -> None:
    await age(superuser, "sessions", "created_at", OLD, "id = $2", stage.world.sides["north"].sessions["bare"])
    await age(superuser, "system_logs", "created_at", OLD, "true")
    logs = await superuser.fetchval("SELECT count(*) FROM system_logs")
    told = await eraser(superuser).preview()
    assert told.sessions == {"retention": 1, "deleted": 0}
    assert told.rows["system_logs"] == logs == await superuser.fetchval("SELECT count(*) FROM system_logs")
    assert (await eraser(superuser).sweep()).rows["system_logs"] == logs


# by the worker ------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def running_worker(database: Database, redis_url: str, files_folder: Path) -> AsyncIterator[Metrics]:
    settings = Settings(
        database_url=database.api_url, jobs_database_url=database.jobs_url, redis_url=redis_url,
        files_folder=files_folder,
    )  # fmt: skip
    stop, metrics = asyncio.Event(), Metrics()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(worker.run(settings, metrics, stop))
        try:
            yield metrics
        finally:
            stop.set()


async def eventually(metrics: Metrics, line: str) -> None:
    async with asyncio.timeout(20):
        while line not in metrics.page().decode():
            await asyncio.sleep(0.02)


async def test_g15_what_is_deleted_for_good_is_erased_at_once_everywhere(
    database: Database, valkey: str, tmp_path: Path
) -> None:
    """RELIABILITY G15: in the database, in Redis and on disk; the session, the account and its organization."""
    people = await make_people(database.owner_url)
    async with connected(database.api_url) as api, connected(database.jobs_url) as worker_s:
        session = await make_session(api, people.alice, title=canary(GONE))
        own = await make_session(api, people.charlie, title=canary(GONE))
        await _publish(valkey, session)
        (tmp_path / "speech").write_text(canary(GONE))
        async with running_worker(database, valkey, tmp_path) as metrics:
            async with transaction(worker_s) as conn:
                await erasure.order_erasure(conn, erasure.ERASE_SESSION, own.id)  # was not deleted: nothing happens
                await _queue_file(conn, "speech")
            async with transaction(api, user_id=people.alice.user_id) as conn:
                await deletion.delete_session_for_good(conn, session.organization_id, session.id)
            await eventually(metrics, 'liveconvo_erased_total{what="session"} 1.0')
            assert await _events(valkey, session) == 0
            async with transaction(api, user_id=people.charlie.user_id) as conn:
                await deletion.delete_account(conn)
            await eventually(metrics, 'liveconvo_erased_total{what="account"} 1.0')
            await eventually(metrics, 'liveconvo_erased_total{what="organization"}')
            await eventually(metrics, 'liveconvo_erased_total{what="session"} 2.0')
            await _job_is_done(worker_s, erasure.REMOVE_FILES)
    assert list(tmp_path.iterdir()) == []
    async with connected(database.jobs_url) as worker_s, transaction(worker_s) as conn:
        assert await conn.fetchval("SELECT count(*) FROM sessions WHERE erased_at IS NULL") == 0
        rest = [
            await conn.fetchval(f"SELECT count(*) FROM {table} WHERE strpos({table}::text, $1) > 0", canary(GONE))  # noqa: S608
            for table in ("sessions", "transcripts", "session_events")
        ]
    assert rest == [0, 0, 0]


async def test_the_worker_sweeps_when_it_starts(database: Database, valkey: str, tmp_path: Path) -> None:
    people = await make_people(database.owner_url)
    async with connected(database.api_url) as api:
        session = await make_session(api, people.alice)
    await _execute(database, "UPDATE sessions SET created_at = now() - interval '31 days' WHERE id = $1", session.id)
    async with running_worker(database, valkey, tmp_path) as metrics:
        await eventually(metrics, 'liveconvo_erased_total{what="session"} 1.0')
        await eventually(metrics, 'liveconvo_spent_rows_total{what="system_logs"} 0.0')


async def _publish(redis_url: str, session: Session) -> None:
    live = Live(redis_url)
    entry = LogEntry(session.id, session.organization_id, 1, 1, "transcript.final", 0, "everyone", b'{"text":"canary"}')
    await live.publish_entries([entry])
    await live.aclose()
    assert await _events(redis_url, session) == 1


async def _events(redis_url: str, session: Session) -> int:
    async with Redis.from_url(redis_url) as client:
        return int(await client.xlen(f"liveconvo:events:{session.id}"))


async def _queue_file(conn: Connection, key: str) -> None:
    await jobs.enqueue(conn, erasure.REMOVE_FILES, f'["{key}"]'.encode())


async def _job_is_done(pool: Pool, entrypoint: str) -> None:
    async with asyncio.timeout(20):
        while True:
            async with transaction(pool) as conn:
                if not await conn.fetchval("SELECT count(*) FROM pgqueuer WHERE entrypoint = $1", entrypoint):
                    return
            await asyncio.sleep(0.02)


async def _execute(database: Database, statement: str, *values: object) -> None:
    async with owner_connection(database.owner_url) as conn:
        await conn.execute(statement, *values)


# by hand ------------------------------------------------------------------------------------------------------------


async def test_an_administrator_sees_what_would_go_and_lets_it_go(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIVECONVO_OWNER_DATABASE_URL", database.owner_url)
    people = await make_people(database.owner_url)
    async with connected(database.api_url) as api:
        session = await make_session(api, people.alice)
    await _execute(database, "UPDATE sessions SET created_at = now() - interval '31 days' WHERE id = $1", session.id)
    for arguments, verb, count in ((["--dry-run"], "would go", 1), ([], "went", 1), ([], "went", 0)):
        assert await asyncio.to_thread(main, ["admin", "retention", *ELSEWHERE, *arguments]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == f"{count} sessions whose time to be kept has passed {verb}"
        assert len(lines) == 2 + len(retention.SPENT)

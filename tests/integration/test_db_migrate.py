"""Migrations: applied once, by whom they may be, in nobody's way, and never after they were changed."""

import asyncio
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from db.errors import MigrationError
from db.migrate import Migration, check, migrate, migrations, set_role_passwords
from db.pool import owner_connection
from deploy.cli import main
from deploy.ports import free_port
from tests.conftest import Database, PostgresServer

AddMigration = Callable[[str], None]
ALTER_SESSIONS = "ALTER TABLE sessions ADD COLUMN probe integer"


@pytest.fixture
def add_migration(monkeypatch: pytest.MonkeyPatch) -> AddMigration:
    """Gives the program one migration more."""

    def add(sql: str) -> None:
        more = [*migrations(), Migration(9999, "9999_probe", sql)]
        monkeypatch.setattr("db.migrate.migrations", lambda: more)

    return add


async def column_exists(owner_url: str, table: str, column: str) -> bool:
    async with owner_connection(owner_url) as conn:
        found: bool = await conn.fetchval(
            "SELECT EXISTS (SELECT FROM information_schema.columns WHERE table_name = $1 AND column_name = $2)",
            table,
            column,
        )
        return found


# Applying -------------------------------------------------------------------------------------------------------------


async def test_every_migration_is_applied_to_an_empty_database_in_order(empty_database: str) -> None:
    lines: list[str] = []
    names = [migration.name for migration in migrations()]
    assert await migrate(empty_database, report=lines.append) == names
    assert [line.split(" in ")[0] for line in lines if "…" not in line] == [f"applied {name}" for name in names]


async def test_a_second_run_applies_nothing(database: Database) -> None:
    assert await migrate(database.owner_url) == []


async def test_racers_apply_each_migration_once(empty_database: str) -> None:
    applied = await asyncio.gather(*(migrate(empty_database) for _ in range(3)))

    assert [name for names in applied for name in names] == [migration.name for migration in migrations()]


async def test_a_migration_changed_after_it_was_applied_is_refused(database: Database) -> None:
    async with owner_connection(database.owner_url) as conn:
        await conn.execute("UPDATE schema_migrations SET checksum = 'other' WHERE version = 1")

    with pytest.raises(MigrationError) as refusal:
        await migrate(database.owner_url)
    assert refusal.value.code == "migration_changed"


async def test_a_migration_that_fails_leaves_nothing_behind_and_says_so(
    database: Database, add_migration: AddMigration
) -> None:
    add_migration(f"{ALTER_SESSIONS}; SELECT 1 / 0")

    with pytest.raises(MigrationError, match="9999_probe failed: division by zero") as refusal:
        await migrate(database.owner_url)
    assert refusal.value.code == "migration_failed"
    assert not await column_exists(database.owner_url, "sessions", "probe")
    assert [missing.name for missing in (await check(database.owner_url)).missing] == ["9999_probe"]


async def test_a_migration_that_takes_long_is_announced(
    database: Database, add_migration: AddMigration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("db.migrate._SLOW_S", 0.01)
    add_migration("SELECT pg_sleep(0.1)")
    lines: list[str] = []
    await migrate(database.owner_url, report=lines.append)
    assert "applying 9999_probe …" in lines
    assert re.fullmatch(r"applied 9999_probe in \d+\.\d s", lines[-1])


async def test_an_owner_who_may_not_make_roles_is_told_so(postgres_server: PostgresServer) -> None:
    password = secrets.token_hex(8)
    admin = await asyncpg.connect(postgres_server.superuser_url)
    try:
        await admin.execute(f"CREATE ROLE plain LOGIN PASSWORD '{password}'")
        await admin.execute("CREATE DATABASE plain OWNER plain")
        server = PostgresServer(postgres_server.owner_url, postgres_server.superuser_url, {"plain": password})
        url = server.url("plain", "plain")
        await migrate(url)  # the cluster has the servers' roles already: none has to be made

        with pytest.raises(MigrationError) as refusal:
            await set_role_passwords(url, {"liveconvo_api": "x"})
        assert refusal.value.code == "role_not_ours"
    finally:
        await admin.execute("DROP DATABASE IF EXISTS plain WITH (FORCE)")
        await admin.execute("DROP ROLE IF EXISTS plain")
        await admin.close()


# In nobody's way ------------------------------------------------------------------------------------------------------


async def test_while_a_long_query_holds_a_migration_up_others_still_get_through(
    database: Database, add_migration
) -> None:
    add_migration(ALTER_SESSIONS)
    tries: list[str] = []
    async with owner_connection(database.owner_url) as reader, owner_connection(database.owner_url) as other:
        # Behind a migration that waits for ever the other one would wait until this.
        await other.execute("SET statement_timeout = '10s'")
        async with reader.transaction():
            await reader.fetchval("SELECT count(*) FROM sessions")
            migrating = asyncio.create_task(migrate(database.owner_url, report=tries.append, lock_timeout_s=0.1))
            while len(tries) < 2 and not migrating.done():
                await other.fetchval("SELECT count(*) FROM sessions")
        await migrating
    assert tries[0] == "9999_probe waits for long transactions; it is tried again in 0.1 s"
    assert await column_exists(database.owner_url, "sessions", "probe")


async def test_a_migration_that_never_gets_its_locks_is_given_up(
    database: Database, add_migration: AddMigration
) -> None:
    add_migration(ALTER_SESSIONS)
    async with owner_connection(database.owner_url) as reader, reader.transaction():
        await reader.fetchval("SELECT count(*) FROM sessions")
        with pytest.raises(MigrationError) as refusal:
            await migrate(database.owner_url, lock_timeout_s=0.05, deadline_s=0.2)
    assert refusal.value.code == "migration_blocked"
    assert not await column_exists(database.owner_url, "sessions", "probe")


async def test_a_migration_that_meets_a_deadlock_is_tried_again(
    database: Database, postgres_server: PostgresServer, add_migration: AddMigration
) -> None:
    add_migration(f"LOCK TABLE templates; {ALTER_SESSIONS}")
    superuser_url = re.sub(r"/\w+$", f"/{database.name}", postgres_server.superuser_url)
    lines: list[str] = []
    async with owner_connection(superuser_url) as other:
        # The migration looks for a deadlock soon, the other one never does.
        await other.execute(f"ALTER DATABASE {database.name} SET deadlock_timeout = '300ms'")
        await other.execute("SET deadlock_timeout = '60s'")
        async with other.transaction():
            await other.execute("LOCK TABLE sessions IN ROW EXCLUSIVE MODE")
            migrating = asyncio.create_task(migrate(database.owner_url, report=lines.append, lock_timeout_s=10))
            while not await other.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                pass
            # Returns when the migration has let go of the templates, which it has locked already.
            await other.execute("LOCK TABLE templates IN ROW EXCLUSIVE MODE")
        while not (lines or migrating.done()):
            await asyncio.sleep(0)
        migrating.cancel()
        with suppress(asyncio.CancelledError):
            await migrating
    assert lines == ["9999_probe waits for long transactions; it is tried again in 10 s"]


async def test_whoever_migrates_for_too_long_is_not_waited_for(database: Database) -> None:
    async with owner_connection(database.owner_url) as other:
        await other.execute("SELECT pg_advisory_lock(7263011905)")
        with pytest.raises(MigrationError) as refusal:
            await migrate(database.owner_url, deadline_s=0.1)
    assert refusal.value.code == "migration_blocked"


# Looking only ---------------------------------------------------------------------------------------------------------


async def liveconvo(*arguments: str) -> int:
    """The command in a thread, because it has an event loop of its own."""
    return await asyncio.to_thread(main, arguments)


@pytest.fixture
def owned(monkeypatch: pytest.MonkeyPatch, database: Database) -> str:
    """The command's database."""
    monkeypatch.setenv("LIVECONVO_OWNER_DATABASE_URL", database.owner_url)
    return database.owner_url


async def test_check_finds_nothing_missing_in_a_migrated_database(
    owned: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await liveconvo("migrate", "--check") == 0
    assert capsys.readouterr().out == "the database is up to date\n"


async def test_check_names_what_is_missing_and_applies_none(
    empty_database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIVECONVO_OWNER_DATABASE_URL", empty_database)
    assert await liveconvo("migrate", "--check") == 1
    assert capsys.readouterr().out.splitlines() == [f"missing {migration.name}" for migration in migrations()]
    async with owner_connection(empty_database) as conn:
        assert await conn.fetchval("SELECT to_regclass('schema_migrations')") is None


async def test_check_names_what_was_changed_after_it_was_applied(
    owned: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with owner_connection(owned) as conn:
        await conn.execute("UPDATE schema_migrations SET checksum = 'other' WHERE version = 3")
    assert await liveconvo("migrate", "--check") == 1
    assert capsys.readouterr().out.startswith("changed 0003_sessions: ")


async def test_a_database_of_a_newer_release_is_named_by_check_and_left_alone_by_migrate(
    owned: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with owner_connection(owned) as conn:
        await conn.execute("INSERT INTO schema_migrations VALUES (9999, '9999_future', '')")
    assert await liveconvo("migrate", "--check") == 1
    assert await liveconvo("migrate") == 0
    assert capsys.readouterr().out == "unknown 9999_future: a newer release applied it\n" * 2


@pytest.mark.parametrize("command", [["migrate", "--check"], ["migrate"]])
async def test_a_database_that_is_away_is_one_line(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIVECONVO_OWNER_DATABASE_URL", f"postgresql://a:b@127.0.0.1:{free_port()}/c")
    assert await liveconvo(*command) == (2 if "--check" in command else 1)
    assert re.fullmatch(r"liveconvo: Postgres does not answer.*\n", capsys.readouterr().err)


@pytest.mark.parametrize("command", [["migrate", "--check"], ["migrate"]])
async def test_a_wrong_password_is_one_line(
    command: list[str], owned: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIVECONVO_OWNER_DATABASE_URL", re.sub(r":[^:@/]+@", ":wrong@", owned))
    assert await liveconvo(*command) == (2 if "--check" in command else 1)
    assert re.fullmatch(r'liveconvo: password .* for user "\w+"\n', capsys.readouterr().err)


async def test_whoever_is_not_the_owner_may_not_look(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LIVECONVO_OWNER_DATABASE_URL", database.api_url)
    assert await liveconvo("migrate", "--check") == 2
    assert capsys.readouterr().err.startswith("liveconvo: Only the owner of the database may: permission denied")


async def test_check_makes_no_database_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("LIVECONVO_OWNER_DATABASE_URL", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    assert await liveconvo("migrate", "--check", "--data-dir", str(tmp_path / "data")) == 1
    assert capsys.readouterr().out.startswith("missing 0001_roles\n")
    assert not (tmp_path / "data").exists()

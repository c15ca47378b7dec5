"""Migrations: applied once, by whom they may be, and never after they were changed."""

import asyncio
import secrets

import asyncpg
import pytest

from db.errors import MigrationError
from db.migrate import migrate, migrations, set_role_passwords
from db.pool import owner_connection
from tests.conftest import Database, PostgresServer


async def test_every_migration_is_applied_to_an_empty_database_in_order(empty_database: str) -> None:
    assert await migrate(empty_database) == [migration.name for migration in migrations()]


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

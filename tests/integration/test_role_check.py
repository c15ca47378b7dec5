"""A server refuses to start as a role, or on tables, that row level security does not bind, and says what to do."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from db.errors import UnsafeRoleError
from db.pool import create_pool
from tests.conftest import Database, PostgresServer


@asynccontextmanager
async def as_superuser(server: PostgresServer, database: Database) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    conn = await asyncpg.connect(urlunsplit(urlsplit(server.superuser_url)._replace(path=f"/{database.name}")))
    try:
        yield conn
    finally:
        await conn.close()


async def start_server(url: str) -> None:
    pool = await create_pool(url, application_name="liveconvo-test")
    pool.terminate()


async def start_as(server: PostgresServer, database: Database, *rights: str) -> None:
    """A server as a role that has these rights; `{me}` and `{other}` are roles that exist for the test only."""
    me, other, password = (secrets.token_hex(6) for _ in range(3))
    me, other = f"test_{me}", f"test_{other}"
    async with as_superuser(server, database) as conn:
        try:
            for statement in (f"CREATE ROLE {me} LOGIN PASSWORD '{password}'", f"CREATE ROLE {other}", *rights):
                await conn.execute(statement.format(me=me, other=other, owner=urlsplit(database.owner_url).username))
            await start_server(PostgresServer(server.owner_url, "", {me: password}).url(database.name, me))
        finally:
            await conn.execute(f"DROP OWNED BY {me}, {other} CASCADE")
            await conn.execute(f"DROP ROLE {me}, {other}")


@pytest.mark.parametrize(
    "rights",
    [
        [],
        ["GRANT liveconvo_api TO {me}"],
        ["GRANT {other} TO {me}", "ALTER ROLE {other} CREATEDB"],
    ],
    ids=["plain", "member of the server's role", "member of another plain role"],
)
async def test_a_role_that_is_bound_starts(
    postgres_server: PostgresServer, database: Database, rights: list[str]
) -> None:
    await start_as(postgres_server, database, *rights)


@pytest.mark.parametrize(
    ("right", "code"),
    [
        ("SUPERUSER", "role_superuser"), ("BYPASSRLS", "role_bypasses_rls"), ("REPLICATION", "role_replicates"),
        ("CREATEROLE", "role_makes_roles"),
    ],
)  # fmt: skip
async def test_a_powerful_role_is_refused(
    postgres_server: PostgresServer, database: Database, right: str, code: str
) -> None:
    with pytest.raises(UnsafeRoleError, match="is a superuser") as refusal:
        await start_as(postgres_server, database, f"ALTER ROLE {{me}} {right}")
    assert refusal.value.code == code
    assert "liveconvo migrate" in str(refusal.value)


@pytest.mark.parametrize(
    ("right", "how"),
    [
        ("SUPERUSER", ""),
        ("BYPASSRLS", "WITH INHERIT FALSE"),
        ("BYPASSRLS", "WITH INHERIT FALSE, SET FALSE, ADMIN TRUE"),
        ("REPLICATION", ""),
        ("CREATEROLE", ""),
    ],
)
async def test_a_role_that_could_become_a_powerful_one_is_refused(
    postgres_server: PostgresServer, database: Database, right: str, how: str
) -> None:
    with pytest.raises(UnsafeRoleError, match="is a member of test_") as refusal:
        await start_as(postgres_server, database, f"ALTER ROLE {{other}} {right}", f"GRANT {{other}} TO {{me}} {how}")
    assert refusal.value.code == "role_could_become"


@pytest.mark.parametrize(
    "right", ["GRANT {owner} TO {me} WITH INHERIT FALSE", "ALTER TABLE transcripts OWNER TO {other}"]
)
async def test_the_owner_of_any_table_is_refused(
    postgres_server: PostgresServer, database: Database, right: str
) -> None:
    with pytest.raises(UnsafeRoleError) as refusal:
        await start_as(postgres_server, database, "GRANT {other} TO {me}", right)
    assert refusal.value.code in {"role_owns_tables", "role_could_become"}  # the owner also makes roles


@pytest.mark.parametrize("table", ["transcripts", "users"])
@pytest.mark.parametrize(
    ("change", "code"), [("DISABLE ROW LEVEL SECURITY", "rls_off"), ("NO FORCE ROW LEVEL SECURITY", "rls_not_forced")]
)
async def test_a_table_without_row_level_security_is_refused(
    postgres_server: PostgresServer, database: Database, table: str, change: str, code: str
) -> None:
    await start_server(database.api_url)
    async with as_superuser(postgres_server, database) as conn:
        await conn.execute(f"ALTER TABLE {table} {change}")
    with pytest.raises(UnsafeRoleError, match=f"ALTER TABLE {table} ENABLE") as refusal:
        await start_server(database.api_url)
    assert refusal.value.code == code


async def test_a_table_that_the_role_may_not_touch_does_not_matter(
    postgres_server: PostgresServer, database: Database
) -> None:
    async with as_superuser(postgres_server, database) as conn:
        await conn.execute("CREATE TABLE notes (id integer)")
    await start_server(database.api_url)
    async with as_superuser(postgres_server, database) as conn:
        await conn.execute("GRANT SELECT (id) ON notes TO liveconvo_api")
    with pytest.raises(UnsafeRoleError, match="notes"):
        await start_server(database.api_url)


@pytest.mark.parametrize("role", ["api", "media", "jobs"])
async def test_the_roles_of_the_servers_start(database: Database, role: str) -> None:
    await start_server(getattr(database, f"{role}_url"))


@pytest.mark.parametrize("role", ["media", "jobs"])
async def test_the_api_does_not_start_as_a_role_that_is_bound_to_no_tenant(database: Database, role: str) -> None:
    with pytest.raises(UnsafeRoleError, match="Let this server log in as liveconvo_api") as refusal:
        await create_pool(getattr(database, f"{role}_url"), application_name="liveconvo-test", only="liveconvo_api")
    assert refusal.value.code == "wrong_role"


async def test_the_api_starts_as_its_own_role(database: Database) -> None:
    pool = await create_pool(database.api_url, application_name="liveconvo-test", only="liveconvo_api")
    pool.terminate()

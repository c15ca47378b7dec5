"""schema.sql is the database that the migrations make, and says all of it."""

from __future__ import annotations

import difflib
import re

import asyncpg
import pytest

from deploy.schema_dump import SCHEMA_FILE, schema_of
from tests.conftest import TEMPLATE, PostgresServer

OBJECTS = {
    r"CREATE TABLE": "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'",
    r"CREATE (?:UNIQUE )?INDEX": """
        SELECT count(*)
        FROM pg_index
        JOIN pg_class ON pg_class.oid = indexrelid
        WHERE relnamespace = 'public'::regnamespace
            AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
    """,
    r"CREATE FUNCTION": "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    r"CREATE (?:CONSTRAINT )?TRIGGER": "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal",
    r"CREATE POLICY": "SELECT count(*) FROM pg_policies",
    r"    CONSTRAINT": """
        SELECT count(*)
        FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
            AND contype IN ('p', 'u', 'f', 'c', 'x')
    """,
    r"ALTER TABLE \w+ ENABLE ROW LEVEL SECURITY": "SELECT count(*) FROM pg_class WHERE relrowsecurity",
    r"ALTER TABLE \w+ FORCE ROW LEVEL SECURITY": "SELECT count(*) FROM pg_class WHERE relforcerowsecurity",
}
"""How each begins its line, and how many the catalog has."""


@pytest.fixture(scope="module")
def schema(postgres_server: PostgresServer) -> str:
    return schema_of(postgres_server.url(TEMPLATE))


def test_schema_sql_is_current(schema: str) -> None:
    stored = SCHEMA_FILE.read_text("utf-8")
    if stored != schema:
        changes = list(difflib.unified_diff(stored.splitlines(), schema.splitlines(), "stored", "migrated", n=1))
        pytest.fail("\n".join(["db/schema.sql is stale: run `make schema`", *changes[:80]]), pytrace=False)


@pytest.mark.parametrize("words", OBJECTS)
async def test_schema_sql_says_all_there_is(schema: str, postgres_server: PostgresServer, words: str) -> None:
    conn = await asyncpg.connect(postgres_server.url(TEMPLATE))
    try:
        expected = await conn.fetchval(OBJECTS[words])
    finally:
        await conn.close()
    assert expected > 0
    assert len(re.findall(rf"^{words}\b", schema, re.MULTILINE)) == expected


async def test_schema_sql_says_every_grant(schema: str, postgres_server: PostgresServer) -> None:
    conn = await asyncpg.connect(postgres_server.url(TEMPLATE))
    try:
        rows = await conn.fetch(
            """
            SELECT grantee::regrole::text, relname, '' AS attname, privilege_type
            FROM pg_class
            CROSS JOIN aclexplode(relacl)
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND grantee <> relowner
            UNION ALL
            SELECT grantee::regrole::text, relname, attname, privilege_type
            FROM pg_attribute
            JOIN pg_class ON pg_class.oid = attrelid
            CROSS JOIN aclexplode(attacl)
            WHERE relnamespace = 'public'::regnamespace
            """
        )
    finally:
        await conn.close()
    said = set()
    for granted, table, role in re.findall(r"^GRANT ([^;]+?) ON (\w+)\s+TO (\w+);", schema, re.MULTILINE):
        right, _, columns = granted.partition(" (")
        if columns:
            said |= {(role, table, column, right) for column in re.findall(r"\w+", columns)}
        else:
            said |= {(role, table, "", right) for right in granted.split(", ")}
    assert said == {tuple(row) for row in rows}

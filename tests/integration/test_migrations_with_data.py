"""From every earlier version, with rows in every table, to the newest: no row is lost, no figure and no text changes.

What breaks a rule that a migration introduces is mended as that migration has decided, and not otherwise.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from db.migrate import migrate, migrations
from db.pool import Connection, owner_connection
from tests.migration_data.rows import ANYTHING, FILLERS, GONE, NEVER_SET, SEEDS_MENDED, Row, rows_of

VERSIONS = [migration.version for migration in migrations()]
RELEASE_0_1 = 11

Rows = dict[str, dict[str, dict[str, Any]]]
"""Table → key → row."""
Totals = dict[tuple[Any, ...], tuple[Any, ...]]


@pytest.mark.parametrize("versions", [[RELEASE_0_1], VERSIONS[:-1]], ids=["release 0.1", "every version in turn"])
async def test_rows_of_earlier_versions_reach_the_newest_one(
    versions: list[int], empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected: Rows = {}
    used: Totals = {}
    async with owner_connection(empty_database) as conn:
        for version in versions:
            await migrate_to(version, empty_database, monkeypatch)
            given = rows_of(version)
            await fill(conn, version, given)
            stored = await read_rows(conn)
            assert never_set(stored) <= NEVER_SET
            for table, rows in with_mended(stored, given).items():
                expected[table] = rows | expected.get(table, {})
            used = await read_totals(conn) | used

        await migrate(empty_database)

        assert changes(expected, await read_rows(conn)) == []
        assert await read_totals(conn) == used
        await conn.execute("SELECT derive_usage(ARRAY(SELECT id FROM sessions))")
        assert await read_totals(conn) == used


async def test_guidance_by_hand_keeps_whom_it_was_for(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await migrate_to(31, empty_database, monkeypatch)
    async with owner_connection(empty_database) as conn:
        session_id = await conn.fetchval(
            """
            WITH person AS (
                INSERT INTO users (email) VALUES ('a@example.org') RETURNING id
            ), organization AS (
                INSERT INTO organizations (name, slug, deleted_at) VALUES ('A', 'a', now()) RETURNING id
            )
            INSERT INTO sessions (user_id, organization_id, title)
            SELECT person.id, organization.id, 'A call' FROM person, organization
            RETURNING id
            """
        )
        await conn.execute(
            """
            WITH shown AS (
                INSERT INTO guidance (session_id, organization_id, content, guidance_type, cue)
                SELECT id, organization_id, audience, 'ask', 'by_hand'
                FROM sessions, unnest(ARRAY['coached', 'role:host']) AS audience
                WHERE id = $1
                RETURNING id, session_id, organization_id, content
            )
            INSERT INTO session_events (session_id, organization_id, seq, epoch, type, at_ms, audience, payload)
            SELECT session_id, organization_id, row_number() OVER (), 1, 'guidance.shown', 0, content,
                jsonb_build_object('guidance_id', id)
            FROM shown
            """,
            session_id,
        )
        await migrate(empty_database)
        rows = await conn.fetch("SELECT content, audience FROM guidance ORDER BY content")
    assert [(row["content"], row["audience"]) for row in rows] == [("coached", "coached"), ("role:host", "role:host")]


async def migrate_to(version: int, owner_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as program:
        earlier = [migration for migration in migrations() if migration.version <= version]
        program.setattr("db.migrate.migrations", lambda: earlier)
        await migrate(owner_url)


async def fill(conn: Connection, version: int, rows: list[Row]) -> None:
    """In one transaction, as one script; columns that the version does not have are left out."""
    found = await conn.fetch(
        """
        SELECT relname, attname, format_type(atttypid, NULL) AS type
        FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace = 'public'::regnamespace
            AND attnum > 0
            AND NOT attisdropped
            AND attidentity = ''
            AND pg_get_expr(adbin, adrelid) IS DISTINCT FROM format('nextval(''%s_id_seq''::regclass)', relname)
        """
    )
    types: dict[str, dict[str, str]] = {}
    for column in found:
        types.setdefault(column["relname"], {})[column["attname"]] = column["type"]
    script = ";".join(_insert(row, types[row.table]) for row in rows)
    await conn.execute(script.replace("~", f"{version:02x}") or "SELECT")


def _insert(row: Row, types: dict[str, str]) -> str:
    values = {name: value for name, value in row.values.items() if name in types}
    if row.is_full:
        values = {name: FILLERS[type_] for name, type_ in types.items() if type_ in FILLERS} | values
    names, literal = ", ".join(values), json.dumps(values).replace("'", "''")
    source = f"jsonb_populate_record(NULL::{row.table}, '{literal}')"
    return f"INSERT INTO {row.table} ({names}) SELECT {names} FROM {source}"  # noqa: S608


async def read_rows(conn: Connection) -> Rows:
    tables = await conn.fetch(
        """
        SELECT relname, array_agg(attname ORDER BY attnum) AS key
        FROM pg_index
        JOIN pg_class ON pg_class.oid = indrelid
        JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
        WHERE relnamespace = 'public'::regnamespace
            AND indisprimary
            AND relname <> 'schema_migrations'
        GROUP BY relname
        """
    )
    keys = {table["relname"]: table["key"] for table in tables}
    found: Rows = {table: {} for table in keys}
    queries = [f"SELECT '{table}' AS name, to_jsonb(t) AS row FROM {table} AS t" for table in keys]  # noqa: S608
    for stored in await conn.fetch(" UNION ALL ".join(queries)) if keys else []:
        row = json.loads(stored["row"])
        found[stored["name"]][json.dumps([row[name] for name in keys[stored["name"]]])] = row
    return found


async def read_totals(conn: Connection) -> Totals:
    """Seconds of sessions and of months; nothing before there are any."""
    if not await conn.fetchval("SELECT to_regclass('usage_tracking') IS NOT NULL"):
        return {}
    rows = await conn.fetch(
        """
        SELECT 'session' AS kind, session_id::text AS whose, '' AS month, sum(seconds_recorded) AS seconds, 0 AS minutes
        FROM usage_tracking
        WHERE seconds_recorded > 0
        GROUP BY session_id
        UNION ALL
        SELECT 'month', user_id::text, to_char(minute_timestamp AT TIME ZONE 'UTC', 'YYYY-MM'), sum(seconds_recorded), 0
        FROM usage_tracking
        GROUP BY 1, 2, 3
        UNION ALL
        SELECT 'cached', user_id::text, month_year, total_seconds_used, total_minutes_used
        FROM monthly_usage_cache
        """
    )
    return {(row["kind"], row["whose"], row["month"]): (row["seconds"], row["minutes"]) for row in rows}


def never_set(rows: Rows) -> set[str]:
    """Tables without a row, and columns without a value in any row."""
    tables = {table for table, found in rows.items() if not found}
    columns = {
        f"{table}.{name}"
        for table, found in rows.items()
        for name in {name for row in found.values() for name in row}
        if all(row[name] is None for row in found.values())
    }
    return tables | columns


def with_mended(before: Rows, given: list[Row]) -> Rows:
    """What must be there afterwards."""
    expected = {table: dict(rows) for table, rows in before.items()}
    decided = [(row.table, "id", row.values["id"], row.mended) for row in given if row.mended is not None]
    for table, column, value, mended in (*decided, *SEEDS_MENDED):
        for place, old in before.get(table, {}).items():
            if old[column] == value:
                expected[table][place] = GONE if mended == GONE else {**old, "updated_at": ANYTHING, **mended}
    return expected


def changes(expected: Rows, after: Rows) -> list[str]:
    """What became of the rows that were there before, in the columns that were there before."""
    return [
        f"{table} {place} {name}: {value!r} became {found.get(name)!r}"
        for table, rows in expected.items()
        for place, row in rows.items()
        for found in [after.get(table, {}).get(place, GONE)]
        for name, value in row.items()
        if value != ANYTHING and found.get(name) != value
    ]

"""What is in a database, read from its catalog: tables, columns, keys, checks, triggers, policies and functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from db.pool import Connection

OUTSIDE = {
    "pgqueuer": "the queue's library makes and describes it",
    "pgqueuer_log": "the queue's library makes and describes it",
    "pgqueuer_schedules": "the queue's library makes and describes it",
    "pgqueuer_statistics": "the queue's library makes and describes it",
    "schema_migrations": "which migrations were applied: the owner alone reads and writes it",
}
"""Tables that hold no tenant's data and that POLICIES.md says nothing of."""


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    """As format_type() says it, with its length."""
    is_required: bool
    default: str | None
    is_made_by_database: bool
    """Generated, or an identity that takes no value."""


@dataclass(frozen=True, slots=True)
class Constraint:
    table: str
    name: str
    kind: str
    """p, u, f, c or n (NOT NULL)."""
    columns: tuple[str, ...]
    definition: str
    target: str | None
    """The parent's table of a foreign key."""
    target_columns: tuple[str, ...]
    on_delete: str


@dataclass(frozen=True, slots=True)
class UniqueIndex:
    """One that stands behind no constraint, or one that does: both refuse under its name."""

    table: str
    name: str
    columns: tuple[str, ...]
    predicate: str | None
    is_constraint: bool


@dataclass(frozen=True, slots=True)
class Trigger:
    table: str
    name: str
    function: str
    definition: str


@dataclass(frozen=True, slots=True)
class Policy:
    table: str
    name: str
    roles: tuple[str, ...]
    command: str
    using: str | None
    check: str | None


@dataclass(frozen=True)
class Catalog:
    tables: Mapping[str, Mapping[str, Column]]
    constraints: tuple[Constraint, ...]
    unique_indexes: tuple[UniqueIndex, ...]
    triggers: tuple[Trigger, ...]
    policies: tuple[Policy, ...]

    def of(self, table: str, kind: str) -> list[Constraint]:
        return [constraint for constraint in self.constraints if (constraint.table, constraint.kind) == (table, kind)]

    def primary_key(self, table: str) -> tuple[str, ...]:
        return self.of(table, "p")[0].columns

    @cached_property
    def value_sets(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """The words that a CHECK of one column allows it, by table and column."""
        found = {}
        for constraint in self.constraints:
            listed = re.search(r"= ANY \(\(?ARRAY\[(.*?)\]", constraint.definition)
            if (
                constraint.kind == "c"
                and len(constraint.columns) == 1
                and listed
                and " OR " not in constraint.definition
            ):
                found[constraint.table, constraint.columns[0]] = tuple(re.findall(r"'([^']*)'", listed[1]))
        return found


async def read_catalog(conn: Connection) -> Catalog:
    """Of the tables that are ours."""
    return Catalog(
        await _tables(conn),
        await _constraints(conn),
        await _unique_indexes(conn),
        await _triggers(conn),
        await read_policies(conn),
    )


async def _tables(conn: Connection) -> dict[str, dict[str, Column]]:
    rows = await conn.fetch(
        """
        SELECT
            relname AS table,
            attname AS name,
            format_type(atttypid, atttypmod) AS type,
            attnotnull AS is_required,
            pg_get_expr(adbin, adrelid) AS "default",
            attidentity = 'a' OR attgenerated <> '' AS is_made_by_database
        FROM pg_attribute
        JOIN pg_class ON pg_class.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relnamespace = 'public'::regnamespace
            AND relkind IN ('r', 'p')
            AND attnum > 0
            AND NOT attisdropped
            AND relname <> ALL ($1)
        ORDER BY relname, attnum
        """,
        list(OUTSIDE),
    )
    tables: dict[str, dict[str, Column]] = {}
    for row in rows:
        name, *values = row.values()
        tables.setdefault(name, {})[row["name"]] = Column(*values)
    return tables


_COLUMN_NAMES = """
ARRAY(
    SELECT attname::text
    FROM unnest({numbers}) WITH ORDINALITY AS part (number, place)
    JOIN pg_attribute ON attrelid = {table} AND attnum = part.number
    ORDER BY place
)
"""


async def _constraints(conn: Connection) -> tuple[Constraint, ...]:
    rows = await conn.fetch(
        f"""
        SELECT
            conrelid::regclass::text AS table,
            conname AS name,
            contype::text AS kind,
            {_COLUMN_NAMES.format(numbers="conkey", table="conrelid")} AS columns,
            pg_get_constraintdef(oid) AS definition,
            CASE WHEN confrelid <> 0 THEN confrelid::regclass::text END AS target,
            {_COLUMN_NAMES.format(numbers="confkey", table="confrelid")} AS target_columns,
            confdeltype::text AS on_delete
        FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
            AND conrelid <> 0
            AND contype IN ('p', 'u', 'f', 'c', 'n')
            AND conrelid::regclass::text <> ALL ($1)
        ORDER BY conrelid::regclass::text, conname
        """,  # noqa: S608
        list(OUTSIDE),
    )
    return tuple(
        Constraint(**{**row, "columns": tuple(row["columns"]), "target_columns": tuple(row["target_columns"])})
        for row in rows
    )


async def _unique_indexes(conn: Connection) -> tuple[UniqueIndex, ...]:
    rows = await conn.fetch(
        f"""
        SELECT
            indrelid::regclass::text AS table,
            relname AS name,
            {_COLUMN_NAMES.format(numbers="indkey::smallint[]", table="indrelid")} AS columns,
            pg_get_expr(indpred, indrelid) AS predicate,
            EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')) AS is_constraint
        FROM pg_index
        JOIN pg_class ON pg_class.oid = indexrelid
        WHERE relnamespace = 'public'::regnamespace
            AND indisunique
            AND indrelid::regclass::text <> ALL ($1)
        ORDER BY relname
        """,  # noqa: S608
        list(OUTSIDE),
    )
    return tuple(UniqueIndex(**{**row, "columns": tuple(row["columns"])}) for row in rows)


async def _triggers(conn: Connection) -> tuple[Trigger, ...]:
    rows = await conn.fetch(
        """
        SELECT
            tgrelid::regclass::text AS table,
            tgname AS name,
            proname AS function,
            pg_get_triggerdef(pg_trigger.oid) AS definition
        FROM pg_trigger
        JOIN pg_class ON pg_class.oid = tgrelid
        JOIN pg_proc ON pg_proc.oid = tgfoid
        WHERE relnamespace = 'public'::regnamespace
            AND NOT tgisinternal
            AND relname <> ALL ($1)
        ORDER BY relname, tgname
        """,
        list(OUTSIDE),
    )
    return tuple(Trigger(**row) for row in rows)


async def read_policies(conn: Connection) -> tuple[Policy, ...]:
    rows = await conn.fetch(
        """
        SELECT tablename AS table, policyname AS name, roles, cmd AS command, qual AS "using", with_check AS "check"
        FROM pg_policies
        WHERE schemaname = 'public'
        ORDER BY tablename, policyname
        """
    )
    return tuple(Policy(**{**row, "roles": tuple(row["roles"])}) for row in rows)


async def read_grants(conn: Connection) -> set[tuple[str, str, str, str]]:
    """Every (role, table, column, privilege) on the tables of the public schema but the queue's; "" is the whole table.

    From the access lists themselves, not from the information schema: a table's grant hides its columns' there.
    """
    rows = await conn.fetch(
        """
        SELECT coalesce(rolname, 'PUBLIC') AS role, relname, name, privilege
        FROM (
            SELECT relname, relowner, '' AS name, relacl AS acl
            FROM pg_class
            WHERE relnamespace = 'public'::regnamespace
                AND relkind IN ('r', 'p', 'v', 'm')
            UNION ALL
            SELECT relname, relowner, attname, attacl
            FROM pg_attribute
            JOIN pg_class ON pg_class.oid = attrelid
            WHERE relnamespace = 'public'::regnamespace
                AND relkind IN ('r', 'p', 'v', 'm')
        ) AS granted
        CROSS JOIN LATERAL (SELECT grantee, privilege_type AS privilege FROM aclexplode(acl)) AS entry
        LEFT JOIN pg_roles ON pg_roles.oid = grantee
        WHERE relname NOT LIKE 'pgqueuer%'
            AND grantee <> relowner
        """
    )
    return {tuple(row) for row in rows}  # type: ignore[misc]

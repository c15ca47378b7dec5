"""Words that must not be found any more: planted in every text of a session or a person, and looked for everywhere."""

from __future__ import annotations

from functools import partial
from uuid import UUID, uuid4

from db.personal_data import HOLDINGS
from db.pool import Connection
from tests.catalog import Catalog
from tests.stage import Stage
from tests.valid_rows import Row, Side, World, insert_statement, new_row

PARENTS_FIRST = [holding.table for holding in reversed(HOLDINGS)]
NOBODYS: dict[str, Row] = {
    "calls": {"node": "host-0", "media_url": "http://host-0"},
    "consents": {"version": "v1"},
}
"""Texts that are nobody's: machines, and the name of what was agreed to."""
PEOPLE_FIRST = ["users", *(table for table in PARENTS_FIRST if table not in {"users", "organizations"})]


def canary(word: str) -> str:
    return f"canary-{word}"


async def plant_session(conn: Connection, stage: Stage, word: str, author: UUID | None = None) -> UUID:
    """A session of north with a row in every table of its children, each text and document of which has the word."""
    side = _side(stage, word, author)
    plant = partial(_plant, conn, stage.catalog, _copy(stage.world), side)
    await plant("sessions", {"id": side.sessions["full"]})
    for table in PARENTS_FIRST:
        if "session_id" in stage.catalog.tables[table] and not _is_derived(table):
            await plant(table, NOBODYS.get(table, {}))
    return side.sessions["full"]


async def plant_person(conn: Connection, stage: Stage, word: str) -> UUID:
    """A member of north with a row in every table that can be about them, and a session as above."""
    side = _side(stage, word, uuid4())
    plant = partial(_plant, conn, stage.catalog, _copy(stage.world), side)
    given: dict[str, Row] = {
        "users": {"id": side.author, "email": f"{canary(word)}@example.org", "email_verified": True},
        "organization_members": {"role": "member", "permissions": "[]"},
        "subscriptions": {"organization_id": None, "user_id": side.author},
        "templates": {"is_organization_template": False},
        "beta_waitlist": {"email": f"{canary(word)}@example.org"},
        "organization_invitations": {"email": f"{canary(word)}@example.org"},
    }
    for table in PEOPLE_FIRST:
        columns = stage.catalog.tables[table]
        is_theirs = table in given or any(key.target == "users" for key in stage.catalog.of(table, "f"))
        if is_theirs and "session_id" not in columns and table != "sessions" and not _is_derived(table):
            await plant(table, given.get(table, {}))
    await conn.execute("UPDATE users SET current_organization_id = $2 WHERE id = $1", side.author, side.id)
    await plant_session(conn, stage, word, side.author)
    return side.author


async def find_canaries(conn: Connection, word: str) -> set[str]:
    """The tables that still have it, those of the queue included; in bytes as well."""
    tables = await conn.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    found = set()
    for row in tables:
        table = row["tablename"]
        is_there = await conn.fetchval(
            f"SELECT EXISTS (SELECT FROM {table} WHERE strpos({table}::text, $1) > 0 OR strpos({table}::text, $2) > 0)",  # noqa: S608
            canary(word),
            canary(word).encode().hex(),
        )
        if is_there:
            found.add(table)
    return found


def _side(stage: Stage, word: str, author: UUID | None) -> Side:
    north = stage.world.sides["north"]
    return Side(word, north.id, north.owner, author or north.author, {"full": uuid4()})


def _copy(world: World) -> World:
    return World(world.sides, world.people, {table: list(rows) for table, rows in world.rows.items()})


def _is_derived(table: str) -> bool:
    return table in {"usage_tracking", "monthly_usage_cache"}


async def _plant(  # noqa: PLR0917
    conn: Connection, catalog: Catalog, world: World, side: Side, table: str, given: Row
) -> None:
    documents = {
        column.name: _document(catalog, table, column.name, side.name)
        for column in catalog.tables[table].values()
        if column.type == "jsonb" and column.name not in given
    }
    row = new_row(catalog, world, table, side, {**documents, **given})
    statement, *values = insert_statement(table, row)
    inserted = await conn.fetchrow(f"{statement} RETURNING *", *values)
    assert inserted is not None
    world.rows.setdefault(table, []).append(dict(inserted))


def _document(catalog: Catalog, table: str, column: str, word: str) -> str:
    is_array = any(
        f"jsonb_typeof({column}) = 'array'" in constraint.definition for constraint in catalog.of(table, "c")
    )
    return f'["{canary(word)}"]' if is_array else f'{{"canary": "{canary(word)}"}}'

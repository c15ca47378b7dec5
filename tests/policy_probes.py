"""The cells of the policy matrix: every table, tried by every actor with every verb, against what the page says.

A probe lists what is wrong. It runs in a transaction of a superuser, who acts as the actor already (`acting`) where
cells are tried, and takes back whatever it did.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence

from db.pool import Connection
from tests.actors import Actor
from tests.attempts import REFUSED, Permission, acting, attempt, listed, rolled_back, wrong_permissions
from tests.catalog import Column
from tests.stage import Stage, key_of, picture, read_places
from tests.valid_rows import Row, Side, further_row, insert_statement


@listed
async def cell(conn: Connection, stage: Stage, actor: Actor, table: str, verb: str) -> AsyncIterator[str]:
    """Everything that is wrong with one cell."""
    probe = {"read": _read, "insert": _insert, "update": _update, "delete": _delete}[verb]
    async for wrong in probe(conn, stage, actor, table):
        yield f"{table}: {actor.name} {verb}: {wrong}"


# read ---------------------------------------------------------------------------------------------------------------


async def _read(conn: Connection, stage: Stage, actor: Actor, table: str) -> AsyncIterator[str]:
    columns = stage.columns(actor.role, table, "read")
    outcome = await attempt(conn, f"SELECT {', '.join(columns) or 'count(*)'} FROM {table}")  # noqa: S608
    if not columns:
        if outcome.sqlstate != REFUSED:
            yield f"is not refused: {outcome}"
        return
    if outcome.sqlstate is not None:
        yield str(outcome)
        return
    allowed = [row for row in stage.world.rows[table] if stage.judge.finds(actor, table, "read", row)]
    expected = Counter(picture(row, columns) for row in allowed)
    seen = Counter(picture(row, columns) for row in outcome.rows)
    if seen != expected:
        yield f"sees {(seen - expected).total()} rows too many and {(expected - seen).total()} too few"


# insert -------------------------------------------------------------------------------------------------------------


async def _insert(conn: Connection, stage: Stage, actor: Actor, table: str) -> AsyncIterator[str]:
    columns = stage.columns(actor.role, table, "insert")
    for row in _new_rows(stage, actor, table):
        given = {name: value for name, value in row.items() if name in columns} if columns else row
        is_allowed = stage.judge.finds(actor, table, "insert", given)
        outcome = await attempt(conn, *insert_statement(table, given))
        if outcome.sqlstate != (None if is_allowed else REFUSED):
            yield f"{whose(stage, table, row)}: {outcome}"


def _new_rows(stage: Stage, actor: Actor, table: str) -> Iterator[Row]:
    """Of either organization, of a session with and without a call, of the actor and of somebody else."""
    north, south = stage.world.sides["north"], stage.world.sides["south"]
    access = stage.judge.access(actor, table, "insert")
    if access is None:
        yield further_row(stage.catalog, stage.world, table, north)
        return
    person = stage.page.tables[table].person
    for side in (north, south):
        for shape in _shapes(stage, table, side, access.words):
            row = further_row(stage.catalog, stage.world, table, side, shape)
            yield row
            if person is not None and actor.user_id is not None:
                yield further_row(stage.catalog, stage.world, table, side, {**shape, person: actor.user_id})


def _shapes(stage: Stage, table: str, side: Side, words: tuple[str, ...]) -> Iterator[Row]:
    yield {}
    if {"call", "epoch"} & set(words):
        yield {"session_id": side.sessions["called"]}
    if "epoch" in words:
        yield {"session_id": side.sessions["called"], "epoch": 1_000_000}
    if "host" in words:
        yield {str(stage.page.tables[table].person): None}
    if "personal" in words:
        yield {"is_organization_template": False}
        yield {"is_organization_template": False, "organization_id": None}


def whose(stage: Stage, table: str, row: Row) -> str:
    """Whose row it is, in words."""
    said = stage.page.tables[table]
    names: dict[object, str] = {side.id: name for name, side in stage.world.sides.items()}
    names |= {user_id: name for name, user_id in stage.world.people.items()}
    names |= {id_: kind for side in stage.world.sides.values() for kind, id_ in side.sessions.items()}
    told = [names.get(row.get(column or ""), "-") for column in (said.organization, said.person, "session_id")]
    return "/".join(told)


# update -------------------------------------------------------------------------------------------------------------


async def _update(conn: Connection, stage: Stage, actor: Actor, table: str) -> AsyncIterator[str]:
    access = stage.judge.access(actor, table, "update")
    if access is None:
        column = next(iter(stage.catalog.tables[table]))
        outcome = await attempt(conn, f"UPDATE {table} SET {column} = DEFAULT")  # noqa: S608
        if outcome.sqlstate != REFUSED:
            yield f"is not refused: {outcome}"
        return
    async for wrong in _write_all(conn, stage, actor, table):
        yield wrong
    if access.words[0] == "lock":
        async for wrong in _write_each(conn, stage, actor, table):
            yield wrong


async def _write_all(conn: Connection, stage: Stage, actor: Actor, table: str) -> AsyncIterator[str]:
    """All at once and without a condition: a condition would bring the policies for reading in."""
    found = [row for row in stage.world.rows[table] if stage.judge.finds(actor, table, "update", row)]
    outcome = await attempt(
        conn,
        f"UPDATE {table} SET {_harmless(stage, actor, table)}",  # noqa: S608
        look=lambda conn: read_places(conn, stage.catalog, table),
    )
    if not all(stage.judge.allows(actor, table, "update", row) for row in found):
        if outcome.sqlstate != REFUSED:
            yield f"rows that it must not write: {outcome}"
    elif outcome.sqlstate is not None:
        yield str(outcome)
    else:
        written = {key for key, place in outcome.changed.items() if stage.places[table][key] != place}
        expected = {key_of(stage.catalog, table, row) for row in found}
        if written != expected:
            yield f"writes {len(written - expected)} rows too many and {len(expected - written)} too few"


async def _write_each(conn: Connection, stage: Stage, actor: Actor, table: str) -> AsyncIterator[str]:
    [key] = stage.catalog.primary_key(table)
    for row in stage.world.rows[table]:
        finds = stage.judge.finds(actor, table, "update", row) and stage.judge.finds(actor, table, "read", row)
        is_allowed = stage.judge.allows(actor, table, "update", row)
        outcome = await attempt(
            conn,
            f"UPDATE {table} SET {_harmless(stage, actor, table)} WHERE {key} = $1 RETURNING {key}",  # noqa: S608
            row[key],
        )
        expected = (REFUSED, 0) if finds and not is_allowed else (None, int(finds))
        if (outcome.sqlstate, len(outcome.rows)) != expected:
            yield f"{whose(stage, table, row)}: {outcome}"


def _harmless(stage: Stage, actor: Actor, table: str) -> str:
    """The column that the role may write and that the fewest rules speak of, set to what any row may have in it."""
    catalog = stage.catalog
    rules = [each for each in catalog.constraints if each.table == table and each.kind in {"p", "u", "f", "c"}]
    said = [rule.columns for rule in (*rules, *catalog.unique_indexes) if rule.table == table]
    said += [(name,) for each, name in catalog.value_sets if each == table]
    watched = " ".join(trigger.definition for trigger in catalog.triggers if trigger.table == table)
    [name, *_] = sorted(
        stage.columns(actor.role, table, "update"),
        key=lambda name: (2 * sum(name in columns for columns in said) + (name in watched), name),
    )
    column = catalog.tables[table][name]
    if not column.is_required:
        return f"{name} = NULL"
    values = catalog.value_sets.get((table, name))
    return f"{name} = '{values[0]}'" if values else f"{name} = {_constant(column)}"


def _constant(column: Column) -> str:
    kind = column.type.partition("(")[0]
    return {
        "uuid": "gen_random_uuid()", "boolean": "true", "smallint": "7", "integer": "7", "bigint": "7", "numeric": "7",
        "timestamp with time zone": "now()", "jsonb": "'{}'", "bytea": "'\\x00'", "text[]": "'{}'",
    }.get(kind, "'changed'")  # fmt: skip


# delete -------------------------------------------------------------------------------------------------------------


async def _delete(conn: Connection, stage: Stage, actor: Actor, table: str) -> AsyncIterator[str]:
    """All at once, as above."""
    outcome = await attempt(
        conn,
        f"DELETE FROM {table}",  # noqa: S608
        look=lambda conn: read_places(conn, stage.catalog, table),
    )
    if stage.judge.access(actor, table, "delete") is None:
        if outcome.sqlstate != REFUSED:
            yield f"is not refused: {outcome}"
    elif outcome.sqlstate is not None:
        yield str(outcome)
    else:
        deleted = stage.places[table].keys() - outcome.changed.keys()
        rows = stage.world.rows[table]
        expected = {key_of(stage.catalog, table, row) for row in rows if stage.judge.finds(actor, table, "delete", row)}
        if deleted != expected:
            yield f"deletes {len(deleted - expected)} rows too many and {len(expected - deleted)} too few"


# grants -------------------------------------------------------------------------------------------------------------


PRIVILEGES = ("read", "insert", "update", "delete", "truncate")


@listed
async def grants(
    conn: Connection, stage: Stage, role: str, table: str, privileges: Sequence[str] = PRIVILEGES
) -> AsyncIterator[str]:
    """Every column, read and written by the role where no row is touched: its grants alone decide."""
    tried = [each for privilege in privileges for each in _permissions(stage, role, table, privilege)]
    async with acting(conn, Actor(role, role)):
        for wrong in await wrong_permissions(conn, tried):
            yield f"{table}: {role}: {wrong}"


def _permissions(stage: Stage, role: str, table: str, privilege: str) -> Iterator[Permission]:
    if privilege == "truncate":
        yield Permission("to truncate", f"TRUNCATE {table}", False)
        return
    if privilege == "delete":
        is_allowed = (role, "delete") in stage.page.tables[table].access
        yield Permission("to delete", f"DELETE FROM {table} WHERE false", is_allowed)  # noqa: S608
        return
    statement = {
        "read": "SELECT {column} FROM {table} WHERE false",
        "insert": "INSERT INTO {table} ({column}) SELECT NULL::{type} WHERE false",
        "update": "UPDATE {table} SET {column} = NULL WHERE false",
    }[privilege]
    allowed = stage.columns(role, table, privilege)
    for column in stage.catalog.tables[table].values():
        if privilege == "read" or not column.is_made_by_database:
            text = statement.format(table=table, column=column.name, type=column.type)
            yield Permission(f"to {privilege} {column.name}", text, column.name in allowed)


# the owner ----------------------------------------------------------------------------------------------------------


@listed
async def owner_sees(conn: Connection, stage: Stage, table: str) -> AsyncIterator[str]:
    """The owner sees every row, by a policy: without it nothing, because row level security binds the owner too."""
    async with rolled_back(conn):
        await conn.execute(f"SET LOCAL ROLE {stage.owner}")
        seen = await conn.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608
        if seen != len(stage.world.rows[table]):
            yield f"{table}: its owner sees {seen} of {len(stage.world.rows[table])} rows"
        await conn.execute(f"DROP POLICY IF EXISTS owner_all ON {table}")
        if await conn.fetchval(f"SELECT count(*) FROM {table}"):  # noqa: S608
            yield f"{table}: its owner sees rows without a policy"


# policies by themselves ---------------------------------------------------------------------------------------------


@listed
async def moves(conn: Connection, stage: Stage, actor: Actor, table: str) -> AsyncIterator[str]:
    """Rows pushed out of what the actor may write, by a column that says whose they are.

    With every column granted and without triggers and foreign keys: the policy alone must hold, whatever else does.
    """
    access = stage.judge.access(actor, table, "update")
    if access is None:
        return
    found = [row for row in stage.world.rows[table] if stage.judge.finds(actor, table, "update", row)]
    for column, value in _elsewhere(stage, table, access.words):
        if all(stage.judge.allows(actor, table, "update", {**row, column: value}) for row in found):
            continue
        async with rolled_back(conn):
            await conn.execute(
                f"GRANT UPDATE ON {table} TO {actor.login}; SET LOCAL session_replication_role = replica"  # noqa: S608
            )
            async with acting(conn, actor):
                outcome = await attempt(conn, f"UPDATE {table} SET {column} = $1", value)  # noqa: S608
        if outcome.sqlstate != REFUSED:
            yield f"{table}: {actor.name} moves a row by its {column}: {outcome}"


def _elsewhere(stage: Stage, table: str, words: tuple[str, ...]) -> Iterator[tuple[str, object]]:
    said = stage.page.tables[table]
    south = stage.world.sides["south"]
    if said.organization:
        yield said.organization, south.id
    if said.person:
        yield said.person, south.owner
    if {"call", "epoch"} & set(words) and "session_id" in stage.catalog.tables[table]:
        yield "session_id", stage.world.sides["north"].sessions["bare"]
    if "epoch" in words:
        yield "epoch", 1_000_000
    if {"personal", "curated"} & set(words):
        yield "is_organization_template", True

"""Every constraint, tried: a row that breaks it and nothing else must be refused under its name.

A probe lists what is wrong. It runs as a superuser in a transaction and takes back whatever it did. Triggers and
foreign keys are off where they are not what is tried (`session_replication_role`), so that one rule speaks at a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

from db.pool import Connection
from tests.attempts import Outcome, attempt, listed, rolled_back
from tests.catalog import Constraint, UniqueIndex
from tests.decided_rules import GOES_WITH, HOLDS, IS_EMPTIED, ON_DELETE, REFUSED_VALUES
from tests.stage import Stage
from tests.valid_rows import Row, further_row, insert_statement

NOT_NULL, FOREIGN, UNIQUE, CHECK = "23502", "23503", "23505", "23514"
ALONE = "SET LOCAL session_replication_role = replica"


@listed
async def broken(conn: Connection, stage: Stage, rule: Constraint | UniqueIndex) -> AsyncIterator[str]:
    """What is wrong with one constraint or unique index."""
    match rule:
        case UniqueIndex():
            probes = [_unique]
        case Constraint(kind="f"):
            probes = [_points_somewhere, _parent_goes]
        case Constraint(kind="c"):
            probes = [_check]
        case _:
            probes = [_required]
    for probe in probes:
        async with rolled_back(conn):
            async for wrong in probe(conn, stage, rule):  # type: ignore[operator]
                yield f"{rule.table} {rule.name}: {wrong}"


def _is_refused(outcome: Outcome, sqlstate: str, code: str) -> bool:
    return (outcome.sqlstate, outcome.code) == (sqlstate, code)


async def _required(conn: Connection, stage: Stage, rule: Constraint) -> AsyncIterator[str]:
    [column] = rule.columns
    row = further_row(stage.catalog, stage.world, rule.table, stage.world.sides["north"], {column: None})
    await conn.execute(ALONE)
    outcome = await attempt(conn, *_with_identity(insert_statement(rule.table, row)))
    if not _is_refused(outcome, NOT_NULL, column):
        yield f"without {column}: {outcome}"


async def _check(conn: Connection, stage: Stage, rule: Constraint) -> AsyncIterator[str]:
    values = REFUSED_VALUES.get(rule.name, [])
    if len(rule.columns) == 1 and (rule.table, rule.columns[0]) in stage.catalog.value_sets:
        values = [*values, {rule.columns[0]: "unknown"}]
    if not values:
        yield "nobody said what it refuses"
    await conn.execute(ALONE)
    for given in values:
        row = further_row(stage.catalog, stage.world, rule.table, stage.world.sides["north"], given)
        outcome = await attempt(conn, *insert_statement(rule.table, row))
        if not _is_refused(outcome, CHECK, rule.name):
            yield f"{given}: {outcome}"


# unique -------------------------------------------------------------------------------------------------------------


def is_for_foreign_keys(stage: Stage, rule: UniqueIndex) -> bool:
    """A key that holds another one: it refuses nothing that the smaller one does not, foreign keys hang on it."""
    return rule.predicate is None and any(
        other.table == rule.table and other.predicate is None and set(other.columns) < set(rule.columns)
        for other in stage.catalog.unique_indexes
    )


async def _unique(conn: Connection, stage: Stage, rule: UniqueIndex) -> AsyncIterator[str]:
    if is_for_foreign_keys(stage, rule):
        keys = [
            key for key in stage.catalog.constraints if (key.target, key.target_columns) == (rule.table, rule.columns)
        ]
        if not keys:
            yield "refuses nothing, and no foreign key hangs on it"
        return
    condition = rule.predicate or "true"
    present = await conn.fetch(f"SELECT * FROM {rule.table} WHERE {condition} LIMIT 12")  # noqa: S608
    others = {
        column
        for index in stage.catalog.unique_indexes
        if index.table == rule.table and index.name != rule.name
        for column in index.columns
    }
    await conn.execute(ALONE)
    outcome: Outcome | None = None
    for row in present:
        for side in (stage.world.sides["north"], stage.world.sides["south"]):
            fresh = further_row(stage.catalog, stage.world, rule.table, side)
            double = {
                column: fresh[column] if column in others - set(rule.columns) and value is not None else value
                for column, value in row.items()
            }
            if any(double[column] is None for column in rule.columns):
                continue
            outcome = await attempt(conn, *_with_identity(insert_statement(rule.table, double)))
            if _is_refused(outcome, UNIQUE, rule.name):
                return
    yield f"a double: {outcome or 'there is no row to double'}"


def _with_identity(statement: tuple[str, ...]) -> tuple[str, ...]:
    return (statement[0].replace(") VALUES", ") OVERRIDING SYSTEM VALUE VALUES"), *statement[1:])


# foreign keys -------------------------------------------------------------------------------------------------------


async def _alone(conn: Connection, stage: Stage, rule: Constraint) -> None:
    """Without triggers, and without the other foreign keys that speak of the same columns."""
    for table in {rule.table, str(rule.target)}:
        await conn.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    for key in stage.catalog.of(rule.table, "f"):
        if key.name != rule.name and set(key.columns) & set(rule.columns):
            await conn.execute(f"ALTER TABLE {rule.table} DROP CONSTRAINT IF EXISTS {key.name}")


async def _points_somewhere(conn: Connection, stage: Stage, rule: Constraint) -> AsyncIterator[str]:
    """Each column of the key by itself unknown, the others right: a child cannot name another tenant's parent."""
    await _alone(conn, stage, rule)
    row = _child(stage, rule)
    right = await attempt(conn, *insert_statement(rule.table, row))
    if right.sqlstate is not None:
        yield f"a row that is right: {right}"
    for column in rule.columns:
        outcome = await attempt(conn, *insert_statement(rule.table, {**row, column: uuid4()}))
        if not _is_refused(outcome, FOREIGN, rule.name):
            yield f"an unknown {column}: {outcome}"


async def _parent_goes(conn: Connection, stage: Stage, rule: Constraint) -> AsyncIterator[str]:
    decided = _decided(rule)
    if decided is None:
        yield "nobody decided what happens when its parent goes"
        return
    await _alone(conn, stage, rule)
    target = str(rule.target)
    parent = further_row(stage.catalog, stage.world, target, stage.world.sides["north"])
    await conn.execute(*insert_statement(target, parent))
    pairs = dict(zip(rule.columns, rule.target_columns, strict=True))
    child = {**_child(stage, rule), **{ours: parent[theirs] for ours, theirs in pairs.items()}}
    await conn.execute(*insert_statement(rule.table, child))
    condition = " AND ".join(f"{column} = ${place}" for place, column in enumerate(rule.target_columns, 1))
    key = [column for column in stage.catalog.primary_key(rule.table) if column in child]

    async def left(conn: Connection) -> Row | None:
        same = " AND ".join(f"{column} = ${place}" for place, column in enumerate(key, 1)) or "false"
        row = await conn.fetchrow(
            f"SELECT * FROM {rule.table} WHERE {same}",  # noqa: S608
            *(child[column] for column in key),
        )
        return None if row is None else dict(row)

    outcome = await attempt(
        conn,
        f"DELETE FROM {target} WHERE {condition}",  # noqa: S608
        *(parent[column] for column in rule.target_columns),
        look=left,
    )
    if _happened(outcome, rule) != decided:
        yield f"when its parent goes: {outcome}, {outcome.changed}"


def _child(stage: Stage, rule: Constraint) -> Row:
    """A further row whose key is filled, also where a valid row has another one in its place."""
    north = stage.world.sides["north"]
    given = {"organization_id": None, "user_id": north.author} if rule.name == "subscriptions_user_id_fkey" else {}
    return further_row(stage.catalog, stage.world, rule.table, north, given)


def _happened(outcome: Outcome, rule: Constraint) -> str:
    if outcome.sqlstate is not None:
        return HOLDS if _is_refused(outcome, FOREIGN, rule.name) else str(outcome)
    if outcome.changed is None:
        return GOES_WITH
    emptied = [column for column in rule.columns if outcome.changed[column] is None]
    return IS_EMPTIED if emptied == list(rule.columns[:1]) else "nothing"


def _decided(rule: Constraint) -> str | None:
    name = f"{rule.table}.{','.join(rule.columns)}"
    for action, children in ON_DELETE.get(str(rule.target), {}).items():
        if name in children.split():
            return action
    return None

"""Faults that are put into a database on purpose, each with the probe that must notice it: policies, grants, flags,
constraints, indexes and triggers taken away in turn, policies loosened, grants widened, foreign keys ending otherwise.
"""

from __future__ import annotations

import random
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from db.policies import ROLES
from db.pool import Connection
from tests.attempts import acting
from tests.catalog import Constraint, Policy, Trigger, UniqueIndex
from tests.policy_probes import PRIVILEGES, cell, grants, moves, owner_sees
from tests.rule_probes import broken, is_for_foreign_keys
from tests.stage import Stage
from tests.trigger_probes import broken_trigger

Probe = Callable[[Connection, Stage], Awaitable[list[str]]]
"""An empty list: it noticed nothing."""

_VERBS = dict(zip(("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"), PRIVILEGES, strict=True))
_ROLES = {login: role for role, login in ROLES.items()}


@dataclass(frozen=True, slots=True)
class Mutant:
    name: str
    sql: str
    probe: Probe


Grant = tuple[str, str, str, str]
"""Role, table, column ("" is all of them) and privilege."""


def mutants(stage: Stage, granted: set[Grant], *, columns_each: int) -> Iterator[Mutant]:
    """All of them, but of the columns that a role may read or write of a table `columns_each`, drawn at random."""
    drawn = random.Random(0)
    groups: dict[tuple[str, str, str], list[Grant]] = {}
    for grant in sorted(granted):
        groups.setdefault((grant[0], grant[1], grant[3]), []).append(grant)
    sample = [each for group in groups.values() for each in drawn.sample(group, min(columns_each, len(group)))]
    yield from _policies(stage)
    yield from _flags(stage)
    yield from _revoked(stage, sample)
    yield from _granted(stage, granted)
    yield from _constraints(stage)
    yield from _triggers(stage)


# policies -----------------------------------------------------------------------------------------------------------


def _policies(stage: Stage) -> Iterator[Mutant]:
    for policy in stage.catalog.policies:
        name = f"{policy.name} of {policy.table}"
        where = f"{policy.name} ON {policy.table}"
        if policy.name == "owner_all":
            yield Mutant(f"{name} dropped", f"DROP POLICY {where}", partial(_owner, policy.table))
            continue
        probe = partial(_cells, policy)
        yield Mutant(f"{name} dropped", f"DROP POLICY {where}", probe)
        if policy.using not in {None, "true"}:
            yield Mutant(f"{name} finds all", f"ALTER POLICY {where} USING (true)", probe)
        if policy.check not in {None, "true"} and not _is_the_same_for_every_row(stage, policy):
            yield Mutant(f"{name} takes all", f"ALTER POLICY {where} WITH CHECK (true)", probe)


def _is_the_same_for_every_row(stage: Stage, policy: Policy) -> bool:
    """Then whoever finds a row may leave any: what USING says, WITH CHECK says again."""
    columns = stage.catalog.tables[policy.table]
    return policy.using == policy.check and not any(re.search(rf"\b{name}\b", str(policy.check)) for name in columns)


async def _cells(policy: Policy, conn: Connection, stage: Stage) -> list[str]:
    """Of each actor in turn, until one goes wrong."""
    verb, [login] = _VERBS[policy.command], policy.roles
    for actor in stage.actors(_ROLES[login]):
        async with acting(conn, actor):
            wrong = await cell(conn, stage, actor, policy.table, verb)
        if not wrong and verb == "update":
            wrong = await moves(conn, stage, actor, policy.table)
        if wrong:
            return wrong
    return []


async def _owner(table: str, conn: Connection, stage: Stage) -> list[str]:
    return await owner_sees(conn, stage, table)


def _flags(stage: Stage) -> Iterator[Mutant]:
    for table in stage.catalog.tables:
        for change in ("DISABLE", "NO FORCE"):
            sql = f"ALTER TABLE {table} {change} ROW LEVEL SECURITY"
            yield Mutant(f"{table}: {change}", sql, partial(_owner, table))


# grants -------------------------------------------------------------------------------------------------------------


def _revoked(stage: Stage, granted: Iterable[Grant]) -> Iterator[Mutant]:
    for login, table, column, privilege in granted:
        if login in _ROLES and table in stage.catalog.tables:
            what = f"{privilege} ({column})" if column else privilege
            sql = f"REVOKE {what} ON {table} FROM {login}"
            yield Mutant(sql, sql, partial(_permissions, _ROLES[login], table, _VERBS[privilege]))


def _granted(stage: Stage, granted: set[Grant]) -> Iterator[Mutant]:
    for table in stage.catalog.tables:
        for login, role in _ROLES.items():
            for privilege, verb in _VERBS.items():
                if (login, table, "", privilege) not in granted:
                    sql = f"GRANT {privilege} ON {table} TO {login}"
                    yield Mutant(sql, sql, partial(_permissions, role, table, verb))


async def _permissions(role: str, table: str, privilege: str, conn: Connection, stage: Stage) -> list[str]:
    return await grants(conn, stage, role, table, [privilege])


# constraints --------------------------------------------------------------------------------------------------------


def _constraints(stage: Stage) -> Iterator[Mutant]:
    for rule in stage.catalog.constraints:
        if rule.kind == "n":
            yield Mutant(f"{rule.name} dropped", _nullable(stage, rule), partial(_rule, rule))
        elif rule.kind in {"c", "f"}:
            drop = f"ALTER TABLE {rule.table} DROP CONSTRAINT {rule.name}"
            yield Mutant(f"{rule.name} dropped", drop, partial(_rule, rule))
            if rule.kind == "f":
                other = rule.definition.partition(" ON DELETE")[0] + (" ON DELETE CASCADE" * (rule.on_delete == "a"))
                changed = f"{drop}; ALTER TABLE {rule.table} ADD CONSTRAINT {rule.name} {other}"
                yield Mutant(f"{rule.name} with another end", changed, partial(_rule, rule))
    for index in stage.catalog.unique_indexes:
        drop = f"ALTER TABLE {index.table} DROP CONSTRAINT {index.name} CASCADE"
        sql = drop if index.is_constraint else f"DROP INDEX {index.name}"
        yield Mutant(f"{index.name} dropped", sql, partial(_key, index))


def _nullable(stage: Stage, rule: Constraint) -> str:
    """What it takes: a primary key's columns and an identity are NOT NULL as long as they are that."""
    [column] = rule.columns
    keys = [key for key in stage.catalog.of(rule.table, "p") if column in key.columns]
    changes = [f"DROP CONSTRAINT {key.name} CASCADE" for key in keys]
    if stage.catalog.tables[rule.table][column].is_made_by_database:
        changes.append(f"ALTER COLUMN {column} DROP IDENTITY")
    changes.append(f"ALTER COLUMN {column} DROP NOT NULL")
    return "; ".join(f"ALTER TABLE {rule.table} {change}" for change in changes)


async def _rule(rule: Constraint | UniqueIndex, conn: Connection, stage: Stage) -> list[str]:
    return await broken(conn, stage, rule)


async def _key(index: UniqueIndex, conn: Connection, stage: Stage) -> list[str]:
    """By itself, or where it refuses nothing by itself by the foreign keys that hang on it."""
    if not is_for_foreign_keys(stage, index):
        return await broken(conn, stage, index)
    keys = [
        key for key in stage.catalog.constraints if (key.target, key.target_columns) == (index.table, index.columns)
    ]
    return [wrong for key in keys for wrong in await broken(conn, stage, key)]


# triggers -----------------------------------------------------------------------------------------------------------


def _triggers(stage: Stage) -> Iterator[Mutant]:
    for trigger in stage.catalog.triggers:
        sql = f"DROP TRIGGER {trigger.name} ON {trigger.table}"
        yield Mutant(f"{trigger.name} of {trigger.table} dropped", sql, partial(_trigger, trigger))


async def _trigger(trigger: Trigger, conn: Connection, stage: Stage) -> list[str]:
    return await broken_trigger(conn, stage, trigger)

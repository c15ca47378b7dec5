"""Statements that are tried and taken back: as whom, with which outcome, and what they had changed."""

from __future__ import annotations

import functools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ParamSpec

import asyncpg

from db.errors import translate
from db.pool import Connection, act_as
from tests.actors import Actor

REFUSED = "42501"

P = ParamSpec("P")


def listed(probe: Callable[P, AsyncIterator[str]]) -> Callable[P, Awaitable[list[str]]]:
    """A probe that yields what is wrong, to its end: left halfway it would leave its savepoints open."""

    @functools.wraps(probe)
    async def run(*args: P.args, **kwargs: P.kwargs) -> list[str]:
        return [wrong async for wrong in probe(*args, **kwargs)]

    return run


@dataclass(frozen=True, slots=True)
class Outcome:
    rows: list[asyncpg.Record]
    changed: Any = None
    """What the look at the database afterwards returned."""
    sqlstate: str | None = None
    """None: it went through."""
    code: str | None = None
    """What a caller of db/ is told: the constraint's name, or the rule's code."""
    message: str = ""

    def __str__(self) -> str:
        return "went through" if self.sqlstate is None else f"{self.sqlstate} {self.code}: {self.message}"


@asynccontextmanager
async def rolled_back(conn: Connection) -> AsyncIterator[None]:
    """A transaction, or a savepoint in one, of which nothing stays."""
    block = conn.transaction()
    await block.start()
    try:
        yield
    finally:
        await block.rollback()


@asynccontextmanager
async def acting(conn: Connection, actor: Actor) -> AsyncIterator[None]:
    """As a server of this role, for this person."""
    async with rolled_back(conn):
        # Not SET ROLE: some functions ask for session_user, because in a definer function current_user is the owner.
        await conn.execute(f"SET LOCAL SESSION AUTHORIZATION {actor.login}")
        if actor.user_id is None:
            # '' is what a connection that was used before has where nobody is known.
            await conn.execute("SELECT set_config('app.user_id', '', true)")
        else:
            await act_as(conn, actor.user_id)
        yield


async def attempt(
    conn: Connection, statement: str, *values: object, look: Callable[[Connection], Awaitable[Any]] | None = None
) -> Outcome:
    """Run the statement in a savepoint, let a superuser look at what it did, and take it back."""
    async with rolled_back(conn):
        try:
            rows = await conn.fetch(statement, *values)
        except asyncpg.PostgresError as error:
            told = translate(error)
            return Outcome([], None, error.sqlstate, told and told.code, str(error))
        if look is None:
            return Outcome(rows)
        await conn.execute("RESET SESSION AUTHORIZATION")
        return Outcome(rows, await look(conn))


@dataclass(frozen=True, slots=True)
class Permission:
    """A statement that touches no row, and whether the role's grants are to allow it."""

    name: str
    statement: str
    is_allowed: bool


_TRY_ALL = """
DO $$
DECLARE
    tried record;
    wrong jsonb := '[]';
BEGIN
    FOR tried IN
        SELECT name, statement, is_allowed
        FROM jsonb_to_recordset(current_setting('tests.permissions')::jsonb)
            AS permission (name text, statement text, is_allowed boolean)
    LOOP
        BEGIN
            EXECUTE tried.statement;
            IF NOT tried.is_allowed THEN
                wrong := wrong || to_jsonb(tried.name || ' is allowed');
            END IF;
        EXCEPTION
            WHEN insufficient_privilege THEN
                IF tried.is_allowed THEN
                    wrong := wrong || to_jsonb(tried.name || ' is refused');
                END IF;
            WHEN OTHERS THEN -- past the grants
                wrong := wrong || to_jsonb(tried.name || ': ' || SQLERRM);
        END;
    END LOOP;
    PERFORM set_config('tests.wrong', wrong::text, true);
END
$$
"""


async def wrong_permissions(conn: Connection, permissions: Sequence[Permission]) -> list[str]:
    """Those that turned out otherwise, in one round trip."""
    tried = [{"name": each.name, "statement": each.statement, "is_allowed": each.is_allowed} for each in permissions]
    await conn.execute("SELECT set_config('tests.permissions', $1, true)", json.dumps(tried))
    await conn.execute(_TRY_ALL)
    return list(json.loads(await conn.fetchval("SELECT current_setting('tests.wrong')")))

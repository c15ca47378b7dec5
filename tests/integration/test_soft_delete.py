"""A deleted session is not there: no query gives anything of it, and none changes anything in it.

Each query is asked the same of two sessions that are alike, one of which is deleted: where the other one gives an
answer, this one gives none.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from db.errors import DbError, NotFoundError
from db.pool import Connection, act_as, translation
from tests.attempts import rolled_back
from tests.canaries import canary, plant_session
from tests.session_queries import ASKED, EXEMPT, Asked, Of, lists_of_organizations, public_queries, queries
from tests.stage import Stage

GONE, THERE = "gone", "there"


def test_every_query_of_a_session_is_asked_or_exempt_for_a_reason() -> None:
    found = queries()
    assert sorted(found.keys() - ASKED.keys() - EXEMPT.keys()) == []
    assert sorted(EXEMPT.keys() - found.keys()) == []
    assert ASKED.keys() & EXEMPT.keys() == set()


async def test_a_deleted_session_gives_nothing_where_another_one_does(stage: Stage, superuser: Connection) -> None:
    gone, there = await _plant(superuser, stage, GONE), await _plant(superuser, stage, THERE)
    await superuser.execute("UPDATE sessions SET deleted_at = now() WHERE id = $1", gone.session)
    wrong = []
    for name, asked in ASKED.items():
        answer, touched = await _ask(superuser, name, asked, gone)
        if touched or not _is_nothing(answer, gone, GONE):
            wrong.append(f"{name} gives {answer!r} and changes {touched}")
        answer, touched = await _ask(superuser, name, asked, there)
        if not touched and _is_nothing(answer, there, THERE):
            wrong.append(f"{name} gives nothing of a session that is there: {answer!r}")
    assert wrong == []


async def test_what_is_listed_by_organization_does_not_tell_of_a_deleted_session(
    stage: Stage, superuser: Connection
) -> None:
    gone = await _plant(superuser, stage, GONE)
    await superuser.execute("UPDATE sessions SET deleted_at = now() WHERE id = $1", gone.session)
    known: dict[str, object] = {"organization_id": gone.organization, "user_id": gone.author}
    told = []
    for name, function in lists_of_organizations().items():
        arguments = {key: known[key] for key in inspect.signature(function).parameters if key in known}
        answer = await _call(superuser, function, arguments, ("api", stage.world.sides["north"].owner))
        if _says(answer, gone, GONE):
            told.append(name)
    assert told == []


async def _plant(conn: Connection, stage: Stage, word: str) -> Of:
    north = stage.world.sides["north"]
    session_id = await plant_session(conn, stage, word)
    await conn.execute("UPDATE sessions SET status = 'active' WHERE id = $1", session_id)
    rows: dict[str, Any] = {}
    for table, columns in stage.catalog.tables.items():
        if "session_id" in columns:
            rows[table] = await conn.fetchrow(f"SELECT * FROM {table} WHERE session_id = $1", session_id)  # noqa: S608
    return Of(session_id, north.id, north.author, rows)


async def _ask(conn: Connection, name: str, asked: Asked, of: Of) -> tuple[object, list[str]]:
    """The answer, and the tables whose rows of this session are others afterwards; all is taken back."""
    async with rolled_back(conn):
        if asked.first:
            await conn.execute("SET LOCAL session_replication_role = replica")
            await conn.execute(asked.first, of.session)
            await conn.execute("SET LOCAL session_replication_role = origin")
        before = await _state(conn, of)
        who = of.author if asked.role == "api" else None
        answer = await _call(conn, public_queries()[name], asked.arguments(of), (asked.role, who))
        after = await _state(conn, of)
        return answer, [table for table in before if before[table] != after[table]]


async def _call(
    conn: Connection,
    function: Callable[..., Awaitable[Any]],
    arguments: dict[str, Any],
    who: tuple[str, UUID | None],
) -> object:
    """What a server of this role, for this person, is answered; an error of the family is an answer."""
    role, user_id = who
    try:
        async with translation(), conn.transaction():
            await conn.execute(f"SET LOCAL ROLE liveconvo_{role}")
            if user_id is not None:
                await act_as(conn, user_id)
            answer: object = await function(conn, **arguments)
            await conn.execute("RESET ROLE; SELECT set_config('app.user_id', '', true)")
            return answer
    except DbError as error:
        return error


async def _state(conn: Connection, of: Of) -> dict[str, Any]:
    """What every table says of the session, in one round trip."""
    texts = " UNION ALL ".join(
        f"SELECT '{table}', array_agg({table}::text ORDER BY {table}::text) FROM {table} WHERE session_id = $1"  # noqa: S608
        for table in of.rows
    )
    session = "SELECT 'sessions', ARRAY[sessions::text] FROM sessions WHERE id = $1"
    return dict(await conn.fetch(f"{texts} UNION ALL {session}", of.session))


def _is_nothing(answer: object, of: Of, word: str) -> bool:
    if isinstance(answer, DbError):
        return isinstance(answer, NotFoundError)
    return not answer or (isinstance(answer, list) and not _says(answer, of, word))


def _says(answer: object, of: Of, word: str) -> bool:
    return canary(word) in repr(answer) or str(of.session) in repr(answer)

"""The benchmark's data set: skewed as life is, and the same in every run but for its ids.

Every statement is an INSERT … SELECT of the database itself. A caller that may do so switches triggers off (foreign
keys are triggers), which makes a million transcripts a matter of a minute; the tests run it with all of them on.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import asyncpg

from deploy.bench import db_account_data, db_platform_data, db_usage_data
from deploy.bench import db_session_data as of_sessions
from deploy.bench.db_shares import shares, uneven

MEMBERS_PER_ORGANIZATION = 8
STEP_TIMEOUT_S = 3600.0
_SESSION_STEPS = (
    of_sessions.PARTICIPANTS,
    of_sessions.CALLS,
    of_sessions.TRANSCRIPTS,
    of_sessions.EVENTS_OF_TRANSCRIPTS,
    of_sessions.OTHER_EVENTS,
    of_sessions.GUIDANCE,
    of_sessions.REVISIONS,
    of_sessions.SUMMARIES,
    of_sessions.TICKETS,
    of_sessions.INVITES,
    of_sessions.COMMANDS,
    of_sessions.NODES,
    *db_usage_data.STEPS,
    *db_platform_data.STEPS,
)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Size:
    organizations: int
    sessions: int
    transcripts: int


async def fill(conn: asyncpg.Connection[asyncpg.Record], size: Size, say: Say) -> None:
    """Everything, in one transaction; then the planner's statistics."""
    async with conn.transaction():
        await conn.execute("SELECT setseed(0.5)")
        await _fill_organizations(conn, size, say)
        await _fill_sessions(conn, size, say)
        # What is measured makes more sessions in a minute than plans, organizations and members may in a month.
        for table in ("plans", "organizations", "organization_members"):
            await conn.execute(f"UPDATE {table} SET max_sessions_per_month = NULL")  # noqa: S608  these names
    say("vacuum and statistics …")
    await conn.execute("VACUUM ANALYZE", timeout=STEP_TIMEOUT_S)


async def _fill_organizations(conn: asyncpg.Connection[asyncpg.Record], size: Size, say: Say) -> None:
    ids = [uuid4() for _ in range(size.organizations)]
    weights = uneven(size.organizations)
    members = [max(1, share) for share in shares(size.organizations * MEMBERS_PER_ORGANIZATION, weights)]
    await _insert(conn, db_account_data.ORGANIZATIONS, say, ids)
    await _insert(conn, db_account_data.USERS, say, ids, members)
    for step in db_account_data.STEPS:
        await _insert(conn, step, say)
    await _insert(conn, of_sessions.SESSIONS, say, ids, shares(size.sessions, weights))


async def _fill_sessions(conn: asyncpg.Connection[asyncpg.Record], size: Size, say: Say) -> None:
    with_call = await conn.fetch("SELECT id FROM sessions WHERE status <> 'draft' ORDER BY created_at")
    lengths = random.Random(1)  # noqa: S311  a distribution, no secret
    lines = shares(size.transcripts, [lengths.expovariate(1) for _ in with_call])
    await conn.execute(of_sessions.SPOKEN_TABLE)
    await conn.execute(of_sessions.SENTENCES)
    await _insert(conn, of_sessions.SPOKEN, say, [row["id"] for row in with_call], lines)
    await conn.execute("ANALYZE spoken, sentences")
    for step in _SESSION_STEPS:
        await _insert(conn, step, say)
    await conn.execute("DROP TABLE spoken, sentences")


async def _insert(conn: asyncpg.Connection[asyncpg.Record], sql: str, say: Say, *arguments: object) -> None:
    table = sql.split()[2]
    say(f"{table} …")
    began_s = time.monotonic()
    status = await conn.execute(sql, *arguments, timeout=STEP_TIMEOUT_S)
    say(f"{table}: {int(status.split()[-1]):,} rows, {time.monotonic() - began_s:.1f} s")

"""`liveconvo bench db`: queries, the recorder, the usage limit and the policies on a database that has a history.

Method: a throw-away PostgreSQL with a real one's settings on the system's temporary folder, filled and measured in one
run. The client is this process, on the servers' event loop; the database's processes share the machine with it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
import uvloop

from db.pool import Pool, connection_settings, create_pool
from deploy.bench.db_data import Size, fill
from deploy.bench.db_latency import CONNECTIONS, latency_rows
from deploy.bench.db_plans import plan_rows
from deploy.bench.db_policy_cost import policy_cost_rows
from deploy.bench.db_queries import BATCHES, QUERIES, SESSION_PAGE
from deploy.bench.db_recorder import recorder_rows
from deploy.bench.db_sample import Sample, draw
from deploy.bench.db_server import Server, throwaway_server
from deploy.bench.db_usage_limit import usage_limit_rows
from deploy.bench.rows import Row, print_rows, versions

SAMPLES = 2000
PLANNED = 8
"""Of so many samples plans are looked at: large and small organizations have others."""
_APPLICATION = "liveconvo-bench"
_FEWEST_SESSIONS = 1000
"""One in two hundred is live."""


@dataclass(frozen=True, slots=True)
class Pools:
    api: Pool
    media: Pool
    jobs: Pool
    unguarded: Pool


def run(args: argparse.Namespace) -> int:
    """Measure and print; 2 for a data set that is too small to be one."""
    if args.sessions < max(_FEWEST_SESSIONS, args.organizations) or args.transcripts < args.sessions:
        print(
            f"bench db: {_FEWEST_SESSIONS} sessions at least, one an organization, and a transcript each",
            file=sys.stderr,
        )
        return 2
    size = Size(args.organizations, args.sessions, args.transcripts)
    _say("starting a PostgreSQL of its own …")
    with throwaway_server() as server:
        rows, postgres = uvloop.run(_measure(server, size))
    if args.json:
        found = versions() | {"postgresql": postgres}
        print(json.dumps({"bench": "db", "versions": found, "rows": [row.as_json() for row in rows]}))
    else:
        print_rows(rows)
    return 0


async def _measure(server: Server, size: Size) -> tuple[list[Row], str]:
    conn = await asyncpg.connect(server.superuser_url)
    try:
        # Foreign keys and all that the triggers derive: the data set is consistent by itself.
        await conn.execute("SET session_replication_role = replica")
        await fill(conn, size, _say)
        await conn.execute("CHECKPOINT")
        samples = await draw(conn, SAMPLES)
        plans = await _timed("plans", plan_rows(conn, server.urls, [*QUERIES, *BATCHES], samples[:PLANNED]))
        postgres = str(conn.get_server_version().major)
    finally:
        await conn.close()
    async with _pools(server) as pools:
        return plans + await _rows(pools, samples), postgres


async def _rows(pools: Pools, samples: list[Sample]) -> list[Row]:
    roles = {"api": pools.api, "media": pools.media, "jobs": pools.jobs}
    return [
        *await _timed("queries", latency_rows(roles, QUERIES, samples, _say)),
        *await _timed("usage limit", usage_limit_rows(pools.media, samples)),
        *await _timed("policies", policy_cost_rows(pools.api, pools.unguarded, SESSION_PAGE, samples)),
        *await _timed("recorder", recorder_rows(pools.media, pools.unguarded, samples)),
    ]


async def _timed(what: str, measuring: Awaitable[list[Row]]) -> list[Row]:
    _say(f"{what} …")
    began_s = time.monotonic()
    rows = await measuring
    _say(f"{what}: {time.monotonic() - began_s:.0f} s")
    return rows


@asynccontextmanager
async def _pools(server: Server) -> AsyncIterator[Pools]:
    guarded = [
        await create_pool(server.urls[role], max_size=CONNECTIONS, application_name=_APPLICATION)
        for role in ("api", "media", "jobs")
    ]
    # create_pool() refuses a role that looks past the policies, as this one must.
    unguarded = Pool(
        await asyncpg.create_pool(
            server.unguarded_url, min_size=0, max_size=1, server_settings=connection_settings(_APPLICATION)
        )
    )
    pools = [*guarded, unguarded]
    try:
        yield Pools(*pools)
    finally:
        for pool in pools:
            pool.terminate()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

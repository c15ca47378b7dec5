"""A database whose plans are those of a large one: few rows, and a planner that is told of many."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import asyncpg

from deploy.bench.db_data import Size, fill
from deploy.bench.db_plans import Catalog, read_catalog, report_plans
from deploy.bench.db_sample import Sample, draw
from tests.conftest import TEMPLATE, PostgresServer

SIZE = Size(organizations=100, sessions=1000, transcripts=10_000)
TIMES = 20
"""How many times as many rows there seem to be."""

_MANY_MORE_ROWS = """
SELECT pg_restore_relation_stats(
    'schemaname', 'public', 'relname', relname::text, 'relpages', relpages, 'reltuples', reltuples * $1::real
)
FROM pg_class
WHERE relnamespace = 'public'::regnamespace
    AND relkind IN ('r', 'i')
    AND reltuples > 0
"""
# A column's different values as a share of its rows: there are more sessions, not longer ones.
_AS_MANY_MORE_IDS = """
SELECT pg_restore_attribute_stats(
    'schemaname', 'public', 'relname', tablename::text, 'attname', attname::text, 'inherited', false,
    'n_distinct', (-n_distinct / reltuples)::real
)
FROM pg_stats
JOIN pg_class ON pg_class.oid = format('public.%I', tablename)::regclass
WHERE schemaname = 'public'
    AND attname LIKE '%id'
    AND n_distinct > 0
"""


@dataclass(frozen=True, slots=True)
class Explained:
    """A database that reports its plans."""

    urls: dict[str, str]
    """Of the roles api, media and jobs."""
    catalog: Catalog
    sample: Sample


@contextmanager
def explained_database(server: PostgresServer) -> Iterator[Explained]:
    name = f"plans_{secrets.token_hex(6)}"
    asyncio.run(_execute(server.owner_url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
    try:
        yield asyncio.run(_fill(server, name))
    finally:
        asyncio.run(_execute(server.superuser_url, f"DROP DATABASE {name} WITH (FORCE)"))


async def _fill(server: PostgresServer, name: str) -> Explained:
    conn = await asyncpg.connect(server.superuser_url, database=name)
    try:
        await conn.execute("SET session_replication_role = replica")
        await fill(conn, SIZE, lambda _: None)
        catalog = await read_catalog(conn)
        sample = await _ordinary(conn)
        await conn.execute(_AS_MANY_MORE_IDS)
        await conn.execute(_MANY_MORE_ROWS, TIMES)
        await report_plans(conn)
    finally:
        await conn.close()
    urls = {role: server.url(name, f"liveconvo_{role}") for role in ("api", "media", "jobs")}
    return Explained(urls, catalog, sample)


async def _ordinary(conn: asyncpg.Connection[asyncpg.Record]) -> Sample:
    """Of small organizations: who asks for a twentieth of all rows is rightly given them by reading all."""
    counted = await conn.fetch("SELECT organization_id, count(*) FROM organization_members GROUP BY organization_id")
    members = {row["organization_id"]: row["count"] for row in counted}
    return min(await draw(conn, 500), key=lambda sample: members[sample.organization_id] + members[sample.team_id])


async def _execute(url: str, statement: str) -> None:
    conn = await asyncpg.connect(url)
    try:
        await conn.execute(statement)
    finally:
        await conn.close()

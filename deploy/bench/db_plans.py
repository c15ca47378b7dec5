"""The plans that Postgres really used: of a query, and of every statement inside the functions, triggers and foreign
keys that it set off.

`auto_explain` of PostgreSQL reports them as notices on the connection that runs the query. A prepared statement has two
plans, made for its arguments and for any: both are looked at.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg

from db.pool import act_as, connection_settings
from db.retention import SPENT
from deploy.bench.db_query import Query
from deploy.bench.db_sample import Sample
from deploy.bench.rows import Row

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

PLAN_MODES = ("force_custom_plan", "force_generic_plan")
SMALL = frozenset({"plans", "media_nodes", "schema_migrations"})
"""Tables of a handful of rows, which may be read whole."""
READ_WHOLE = {
    "administration.list_organizations": "a page of the newest, and a search through all, for administrators",
    "administration.list_users": "a page of the newest, and a search through all, for administrators",
    "administration.read_figures": "counts of everything, thirty times a minute at most",
    "plans.list_all_plans": "how many have each plan, for administrators",
    "administration.read_queues": "the queue, which is short",
    "waitlist.count_applicants": "a short table, for administrators",
    "erasure.erase_account": "once for each account",
    "erasure.erase_organization": "once for each organization",
    "erasure.list_organization_sessions": "once for each hundred sessions of an organization that is erased",
    "usage_warnings.claim_warnings": "a sweep, over those who recorded anything this month",
    "retention.list_due_sessions": "a sweep",
    "retention.list_unfinished": "a sweep",
} | {f"retention.remove_spent {spent.name}": "a sweep by night, of a table that it keeps short" for spent in SPENT}
"""Queries that may read a whole table, and why."""
_ROLES = ("liveconvo_api", "liveconvo_media", "liveconvo_jobs")
_REPORTING = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_format": "json",
    "auto_explain.log_level": "notice",
    "auto_explain.log_parameter_max_length": "0",
}
_INDEX_SCANS = {"Index Scan", "Index Only Scan", "Bitmap Index Scan"}
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
_FIRST_COLUMNS = """
SELECT relname, attname
FROM pg_index
JOIN pg_class ON pg_class.oid = indexrelid
JOIN pg_attribute ON pg_attribute.attrelid = indrelid AND attnum = indkey[0]
"""
_SHORT_INDEXES = """
SELECT index.relname
FROM pg_index
JOIN pg_class AS index ON index.oid = pg_index.indexrelid
JOIN pg_class AS indexed ON indexed.oid = pg_index.indrelid
WHERE indpred IS NOT NULL
    AND index.reltuples * 10 < indexed.reltuples
"""


@dataclass(frozen=True, slots=True)
class Catalog:
    """What must not be read whole."""

    tables: frozenset[str]
    short_indexes: frozenset[str]
    """Of a few rows of their table, the open ones say: it is what they are for to be read from end to end."""
    first_columns: dict[str, str]
    """Of indexes that begin with a column."""


Plan: TypeAlias = dict[str, Any]
"""A statement, `Query Text`, and what was done for it, `Plan`."""


class Explainer:
    """A connection of one of the servers' roles whose plans are reported."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._reported: list[Plan] = []
        conn.add_log_listener(self._note)

    async def plans(self, query: Query, sample: Sample, mode: str) -> list[Plan]:
        """Run it, and leave nothing behind."""
        block = self._conn.transaction()
        await block.start()
        try:
            await self._conn.execute("SELECT set_config('plan_cache_mode', $1, true)", mode)
            user_id = query.user_id(sample) if query.role == "api" else None
            if user_id is not None:
                await act_as(self._conn, user_id)
            await asyncio.sleep(0)  # the driver hands notices on in the loop's next turn
            self._reported.clear()
            await query.run(self._conn, sample)
        finally:
            await block.rollback()
        await asyncio.sleep(0)
        return list(self._reported)

    def _note(self, _conn: object, message: Any) -> None:
        _, is_plan, plan = message.message.partition("plan:\n")
        if is_plan:
            self._reported.append(json.loads(plan))


@asynccontextmanager
async def explainer(url: str) -> AsyncIterator[Explainer]:
    conn = await asyncpg.connect(url, server_settings=connection_settings("liveconvo-bench"))
    try:
        yield Explainer(conn)
    finally:
        conn.terminate()


def unindexed(plans: Sequence[Plan], catalog: Catalog) -> list[str]:
    """Each step that reads all of a table, or of an index that is not short, with its statement."""
    return [
        f"{node['Node Type']} on {node['Relation Name']}: {' '.join(plan['Query Text'].split())}"
        for plan in plans
        for node in _nodes(plan["Plan"])
        if node["Relation Name"] in catalog.tables
        and node.get("Index Name") not in catalog.short_indexes
        and _reads_everything(node, catalog.first_columns)
    ]


async def plan_rows(
    superuser: Connection, urls: Mapping[str, str], queries: Sequence[Query], samples: Sequence[Sample]
) -> list[Row]:
    """How many queries read a whole table, and which."""
    catalog = await read_catalog(superuser)
    found = {}
    await report_plans(superuser)
    for role, url in urls.items():
        async with explainer(url) as explaining:
            for query in (query for query in queries if query.role == role):
                for sample, mode in itertools.product(samples, PLAN_MODES):
                    steps = unindexed(await explaining.plans(query, sample, mode), catalog)
                    if steps and query.name not in READ_WHOLE:
                        found[query.name] = steps[0].partition(":")[0]
    await _keep_plans(superuser)
    named = "".join(f"; {name}: {step}" for name, step in found.items())
    return [Row("queries_without_index", "queries", len(found), len(queries), f"goal 0{named}")]


async def report_plans(superuser: Connection) -> None:
    """From their next connection to this database on, plans of the servers' roles are reported."""
    for role in _ROLES:
        for name, value in _REPORTING.items():
            await superuser.execute(f"{await _alter(superuser, role)} SET {name} = '{value}'")


async def _keep_plans(superuser: Connection) -> None:
    for role in _ROLES:
        await superuser.execute(f"{await _alter(superuser, role)} RESET ALL")


async def _alter(superuser: Connection, role: str) -> str:
    database = await superuser.fetchval("SELECT quote_ident(current_database())")
    return f"ALTER ROLE {role} IN DATABASE {database}"


async def read_catalog(conn: Connection) -> Catalog:
    tables = {row["tablename"] for row in await conn.fetch(_TABLES)}
    indexes = {row["relname"] for row in await conn.fetch(_SHORT_INDEXES)}
    first_columns = {row["relname"]: row["attname"] for row in await conn.fetch(_FIRST_COLUMNS)}
    return Catalog(frozenset(tables - SMALL), frozenset(indexes), first_columns)


def _nodes(plan: dict[str, Any], table: str | None = None) -> Iterator[dict[str, Any]]:
    """A bitmap's index does not say whose it is: its parent does."""
    node = {"Relation Name": table} | plan
    yield node
    for child in plan.get("Plans", []):
        yield from _nodes(child, node["Relation Name"] if node["Node Type"].startswith("Bitmap") else None)


def _reads_everything(node: dict[str, Any], first_columns: Mapping[str, str]) -> bool:
    """Without a condition on its first column, an index is looked through from end to end, or skipped through."""
    if node["Node Type"] in _INDEX_SCANS:
        wanted = node.get("Index Cond", "")
        return re.search(rf"\b{first_columns.get(node['Index Name'], '')}\b", wanted) is None
    return bool(node["Node Type"] == "Seq Scan")

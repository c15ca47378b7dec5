"""How long each query takes when four ask at once, each in a transaction of its own as the servers open them.

Rounds go over all queries again and again, so that a minute in which the machine was busy weighs on all of them alike.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence

from db.errors import DbError
from db.pool import Pool, transaction
from deploy.bench.db_data import Say
from deploy.bench.db_query import Query
from deploy.bench.db_sample import Sample
from deploy.bench.rows import Row, percentile
from deploy.errors import DeployError

CONNECTIONS = 4
ROUNDS = 5
REPEATS_PER_ROUND = 25
"""Of each connection."""
_GOAL = "; goal 10"
_SEARCH = "search.search_sessions"


class _UndoneError(Exception):
    """Ends a transaction that must leave nothing behind."""

    def __init__(self, after_ms: float) -> None:
        super().__init__()
        self.after_ms = after_ms


async def latency_rows(
    pools: Mapping[str, Pool], queries: Sequence[Query], samples: Sequence[Sample], say: Say
) -> list[Row]:
    """p95 of each query, of the slowest one that somebody waits for, and of the slowest search."""
    durations: dict[str, list[float]] = defaultdict(list)
    for number in range(ROUNDS + 1):
        say(f"{len(queries)} queries, round {number} of {ROUNDS} …")
        for query in queries:
            measured = await asyncio.gather(*(_repeat(pools[query.role], query, samples) for _ in range(CONNECTIONS)))
            if number > 0:  # the first round opens connections, prepares statements and warms what is kept in memory
                durations[query.name].extend(ms for some in measured for ms in some)
    rows = [_row(query, durations[query.name]) for query in queries]
    slowest = max((row for row in rows if _GOAL in row.conditions), key=lambda row: row.ours or 0.0)
    return [
        Row(
            "query_p95_ms slowest",
            "ms",
            slowest.ours,
            len(rows),
            slowest.metric.partition(" ")[2] + _GOAL,
        ),
        *_slowest_search(rows),
        *rows,
    ]


def _slowest_search(rows: Sequence[Row]) -> list[Row]:
    found = [row for row in rows if row.metric.startswith(f"query_p95_ms {_SEARCH}")]
    if not found:
        return []
    slowest = max(found, key=lambda row: row.ours or 0.0)
    label = slowest.metric.partition(_SEARCH)[2].strip()
    return [Row("search_p95_ms", "ms", slowest.ours, len(found), f"{label}, the slowest; goal 50")]


async def _repeat(pool: Pool, query: Query, samples: Sequence[Sample]) -> list[float]:
    return [await _measure(pool, query, random.choice(samples)) for _ in range(REPEATS_PER_ROUND)]  # noqa: S311


async def _measure(pool: Pool, query: Query, sample: Sample) -> float:
    user_id = query.user_id(sample) if query.role == "api" else None
    began_s = time.perf_counter()
    try:
        async with transaction(pool, user_id=user_id) as conn:
            await query.run(conn, sample)
            if not query.is_repeatable:
                raise _UndoneError((time.perf_counter() - began_s) * 1000)
    except _UndoneError as undone:
        return undone.after_ms
    except DbError as error:
        raise DeployError(f"{query.name}: {error.code}") from error
    return (time.perf_counter() - began_s) * 1000


def _row(query: Query, durations: Sequence[float]) -> Row:
    p50 = percentile(durations, 50)
    commit = "" if query.is_repeatable else ", without its commit"
    goal = "" if query.role == "jobs" else f"; goal {query.goal_ms}"  # nobody waits for a job
    conditions = f"{query.role}, {CONNECTIONS} connections, p50 {p50:.2f}{commit}{goal}"
    return Row(f"query_p95_ms {query.name}", "ms", percentile(durations, 95), len(durations), conditions)

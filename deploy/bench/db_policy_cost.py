"""What row level security costs: a session's page with the policies and, in turns with it, by a role without them.

Both are the same statements on the same rows. A page is all of its queries in one transaction, as the control API
makes them; the query rows are taken out of the same runs. Saying for whom a transaction runs is part of the policies'
cost: the page without them does not.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from db.pool import Connection, Pool, transaction
from deploy.bench.db_query import Query
from deploy.bench.db_sample import Sample
from deploy.bench.rows import Row, percentile

REPEATS = 1500
WARM_UP = 100
GOAL = 1.25
PEER = "the same without policies"
_PAGE = "whole page"


async def policy_cost_rows(
    guarded: Pool, unguarded: Pool, queries: Sequence[Query], samples: Sequence[Sample]
) -> list[Row]:
    """Medians, of which `ratio` is the policies' cost."""
    ours: dict[str, list[float]] = defaultdict(list)
    peer: dict[str, list[float]] = defaultdict(list)
    for number in range(WARM_UP + REPEATS):
        sample = random.choice(samples)  # noqa: S311
        # Whoever comes second finds the rows in memory: the sides take turns at that.
        sides = [(guarded, sample.user_id, ours), (unguarded, None, peer)]
        for pool, user_id, durations in sides if number % 2 else reversed(sides):
            measured = await _show_page(transaction(pool, user_id=user_id), queries, sample)
            if number >= WARM_UP:
                for name, ms in measured.items():
                    durations[name].append(ms)
    return [_row(name, ours[name], peer[name]) for name in (_PAGE, *(query.name for query in queries))]


async def _show_page(
    opened: AbstractAsyncContextManager[Connection], queries: Sequence[Query], sample: Sample
) -> dict[str, float]:
    """Milliseconds of each query, and of the transaction with all of them."""
    measured = {}
    began_s = time.perf_counter()
    async with opened as conn:
        for query in queries:
            query_began_s = time.perf_counter()
            await query.run(conn, sample)
            measured[query.name] = (time.perf_counter() - query_began_s) * 1000
    return measured | {_PAGE: (time.perf_counter() - began_s) * 1000}


def _row(name: str, ours: Sequence[float], peer: Sequence[float]) -> Row:
    conditions = f"api, 1 connection; goal ratio {GOAL:g}"
    return Row(
        f"policy_cost_p50_ms {name}", "ms", percentile(ours, 50), len(ours), conditions, percentile(peer, 50), PEER
    )

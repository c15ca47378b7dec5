"""How long the question "may this person still record?" takes, asked again and again on one connection."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from db import usage
from db.pool import Pool, transaction
from deploy.bench.db_sample import Sample
from deploy.bench.rows import Row, percentile

REPEATS = 3000
WARM_UP = 200
GOAL_MS = 2.0


async def usage_limit_rows(media: Pool, samples: Sequence[Sample]) -> list[Row]:
    durations = []
    for number in range(WARM_UP + REPEATS):
        sample = random.choice(samples)  # noqa: S311
        began_s = time.perf_counter()
        async with transaction(media) as conn:
            await usage.check_usage_limit(conn, sample.user_id, sample.organization_id)
        if number >= WARM_UP:
            durations.append((time.perf_counter() - began_s) * 1000)
    p50 = percentile(durations, 50)
    conditions = f"media, 1 connection, a transaction each, p50 {p50:.2f}; goal {GOAL_MS:g}"
    return [Row("check_usage_limit_p95_ms", "ms", percentile(durations, 95), len(durations), conditions)]

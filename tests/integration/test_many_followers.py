"""R50: two hundred follow one session, are cut off together and come back at once: none misses a word."""

from __future__ import annotations

import asyncio

import pytest

from deploy.bench import api_sse
from tests.chaos import IS_CHAOS, chosen, figures

__test__ = IS_CHAOS
pytestmark = [pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(300)]


async def test_all_who_follow_come_back_at_once_and_miss_nothing() -> None:
    count = chosen("CROWD") or 200
    rows = {row.metric: row.ours for row in await asyncio.to_thread(api_sse.measure_all, count, 40)}
    figures("all who follow come back at once", followers=count, **rows)
    assert rows["sse_incomplete"] == 0
    assert rows["sse_storm_back_p95_ms"] is not None

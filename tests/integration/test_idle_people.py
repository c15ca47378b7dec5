"""People who are connected and silent cost a node little memory and one socket each."""

from __future__ import annotations

from asyncio import sleep, to_thread
from time import monotonic, process_time

import pytest

from deploy.bench.media_callers import callers
from deploy.bench.media_node import our_node
from deploy.bench.media_process import Child
from deploy.bench.media_stage import CALLER_CORE
from tests.chaos import IS_CHAOS, figures, often
from tests.footprint import Footprint, at_rest, rss_mb

pytestmark = [pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(300)]

WARM_UP = 10
PEOPLE = often(20, 200)
AT_ONCE = 20
RSS_MB = 0.25
TASKS = 8
"""Of aiortc and aioice, and ours that watches."""
QUIET_S = often(1, 10)
MOST_CPU = 0.5
"""Of a core, for all of them."""


async def test_idle_people_cost_a_socket_and_little_memory() -> None:
    """The callers are in a process of their own."""
    with Child(callers, CALLER_CORE) as calling:
        async with our_node(False) as node:

            async def join(count: int) -> tuple[Footprint, float]:
                for begin in range(0, count, AT_ONCE):
                    offers = await to_thread(calling.call, "offers", min(AT_ONCE, count - begin), "sendonly")
                    answers = [await node.answer(offer, lambda *_: None) for offer in offers]
                    await to_thread(calling.call, "connect", answers)
                return await at_rest(), rss_mb()

            before, before_mb = await join(WARM_UP)
            after, after_mb = await join(PEOPLE)
            cpu_s, began_s = process_time(), monotonic()
            await sleep(QUIET_S)
            cpu = (process_time() - cpu_s) / (monotonic() - began_s)
            assert node.people == WARM_UP + PEOPLE
    each_mb = (after_mb - before_mb) / PEOPLE
    figures("R28 idle people", people=PEOPLE, rss_mb_each=round(each_mb, 3), cpu_of_a_core=round(cpu, 3),
            fds_each=(after.descriptors - before.descriptors) / PEOPLE,
            tasks_each=(after.tasks - before.tasks) / PEOPLE)  # fmt: skip
    assert after.descriptors - before.descriptors <= PEOPLE
    assert after.tasks - before.tasks <= TASKS * PEOPLE
    assert each_mb <= RSS_MB
    assert not IS_CHAOS or cpu < MOST_CPU

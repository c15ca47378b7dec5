"""Whoever came and went has left nothing in the node: no task, thread, descriptor, peer, participant or codec."""

from __future__ import annotations

from pathlib import Path

import pytest

from db import tickets
from db.errors import UnavailableError
from tests.chaos import IS_CHAOS, figures, often
from tests.conftest import Database
from tests.footprint import at_rest, back_to, rss_mb
from tests.light_people import LightPeople, light_people, talking, tone_packets, until
from tests.people import make_people, make_session
from tests.small_node import SmallNode, small_node

pytestmark = pytest.mark.slow

AT_ONCE = 5


PLACES = 30
"""Of one call that may be taken: who left without a word keeps theirs for a while."""


async def come_and_go(node: SmallNode, people: LightPeople, count: int) -> None:
    """So many, a few at a time; in `make chaos` every second one leaves without a word, which takes six seconds."""
    for _ in range(0, count, AT_ONCE):
        await until(lambda: node.calls.live_participants < PLACES, timeout_s=60)
        assert await people.join(AT_ONCE) == []
        first, *others = people.callers
        async with talking(first, tone_packets(440, 0.2)):
            await until(lambda: all(caller.returned.count > 3 for caller in others))  # noqa: B023 - within this turn
        for number, caller in enumerate(list(people.callers)):
            await (people.vanish(caller) if IS_CHAOS and number % 2 else people.leave(caller))


@pytest.mark.chaos
async def test_who_comes_and_goes_leaves_nothing(database: Database, tmp_path: Path) -> None:
    count = often(10, 200)
    alice = (await make_people(database.owner_url)).alice
    async with small_node(database, tmp_path) as node:
        session = await make_session(node.api, alice)
        async with light_people(node, alice, session) as people:
            await people.join(1)
            (stays,) = people.callers
            people.callers.clear()
            before = await at_rest()
            await come_and_go(node, people, count)
            await until(lambda: node.calls.live_participants == 1)
            assert await back_to(before) == before
            kept_before_mb = rss_mb()
            await come_and_go(node, people, count)
            await until(lambda: node.calls.live_participants == 1)
            assert await back_to(before) == before
            each_kb = (rss_mb() - kept_before_mb) / count * 1000
            assert len(node.calls._resources) <= PLACES + AT_ONCE  # as of the last join
            people.callers.append(stays)
        figures("G16 coming and going", cycles=count, kb_each=round(each_kb, 2))


async def test_a_join_that_postgres_fails_half_way_leaves_nothing(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> bool:
        raise UnavailableError("postgres_away")

    alice = (await make_people(database.owner_url)).alice
    async with small_node(database, tmp_path) as node:
        session = await make_session(node.api, alice)
        async with light_people(node, alice, session) as people:
            await people.join(1)
            before = await at_rest()
            monkeypatch.setattr(tickets, "redeem_ticket", fail)
            assert {refused.code for refused in await people.join(3)} == {"node_not_ready"}
            assert await back_to(before) == before

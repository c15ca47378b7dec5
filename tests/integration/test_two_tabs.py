"""One person in two windows: the newest connection counts, the older one is told and closed, nothing is said twice."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
import orjson
import pytest

from db.pool import transaction
from db.records import Session
from tests.chaos import figures, often
from tests.conftest import Database
from tests.people import Person, make_people, make_session
from tests.small_node import SmallNode, silence, small_node, tone
from tests.talking_peer import TalkingPeer

RACES = often(ci=2, chaos=50)
IN_TIME_S = 20.0
SPEECH = np.concatenate([np.concatenate((tone(0.7), silence(0.8)))] * 240)
"""A short utterance again and again."""
JITTER_MS = 32
"""Each connection's audio has its place by its own arrivals: of two in turn the second may seem to begin earlier."""

pytestmark = [pytest.mark.slow, pytest.mark.chaos]


@dataclass(frozen=True, slots=True)
class Scene:
    node: SmallNode
    alice: Person
    session: Session
    participant_id: UUID

    async def tab(self) -> TalkingPeer:
        ticket = await self.node.ticket(self.alice, self.session, self.participant_id)
        return TalkingPeer(self.node.media_url(self.session), ticket, SPEECH, last_seq=0)


@pytest.fixture
async def scene(database: Database, tmp_path: Path) -> AsyncIterator[Scene]:
    alice = (await make_people(database.owner_url)).alice
    async with small_node(database, tmp_path) as node:
        session = await make_session(node.api, alice)
        yield Scene(node, alice, session, await node.speaker(alice, session))


async def _start(tab: TalkingPeer) -> bool:
    """False when the other one came so much later that this one was never connected."""
    try:
        await tab.start()
    except TimeoutError:
        return False
    return True


async def _settled(tabs: list[TalkingPeer]) -> TalkingPeer:
    """The one that was not told to go, once all the others are closed."""
    async with asyncio.timeout(IN_TIME_S):
        while len(staying := [tab for tab in tabs if not tab.is_closed]) != 1:
            await asyncio.sleep(0.02)
    for tab in tabs:
        assert bool(tab.of_type("call.taken_over")) == (tab is not staying[0])
    return staying[0]


@pytest.mark.timeout(900)
async def test_of_tabs_that_race_one_stays_and_the_others_are_told(scene: Scene) -> None:
    async with AsyncExitStack() as stack:
        tabs = [await stack.enter_async_context(await scene.tab())]
        for _ in range(RACES):
            racing = [await scene.tab(), await scene.tab()]
            started = await asyncio.gather(*map(_start, racing))
            for tab in racing:
                stack.push_async_callback(tab.vanish)
            tabs = [await _settled([*tabs, *itertools.compress(racing, started)])]
            heard = len(tabs[0].of_type("transcript.final"))
            await tabs[0].wait_for(
                "transcript.final", where=lambda m, t=tabs[0], n=heard: m in t.of_type(m["type"])[n:]
            )
        await tabs[0].close()
        assert await scene.node.recorder.drain(IN_TIME_S)
    await assert_one_owner_at_a_time(scene)
    figures("two tabs of one participant", races=RACES, split_transcripts=0)


async def assert_one_owner_at_a_time(scene: Scene) -> None:
    async with transaction(scene.node.media) as conn:
        rows = await conn.fetch("SELECT type, payload FROM session_events ORDER BY seq")
    log = [(row["type"], orjson.loads(row["payload"])) for row in rows]
    comings = [type_ for type_, _ in log if type_.startswith("participant.")]
    assert comings == [("participant.joined", "participant.left")[number % 2] for number in range(len(comings))]
    finals = sorted((said["start_ms"], said["end_ms"]) for type_, said in log if type_ == "transcript.final")
    assert len(finals) > RACES
    assert all(end_ms <= start_ms + JITTER_MS for (_, end_ms), (start_ms, _) in itertools.pairwise(finals)), finals

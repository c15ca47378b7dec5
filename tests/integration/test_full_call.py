"""Fifty people in one call: everybody hears whoever talks, one more is told that it is full, one place becomes free."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from media_server.settings import Limits
from tests.chaos import figures, often
from tests.conftest import Database
from tests.light_people import heard_tones, light_people, talking, tone_packets, until
from tests.people import make_people, make_session
from tests.small_node import small_node
from tests.talking_peer import TalkingPeer

pytestmark = [pytest.mark.slow, pytest.mark.chaos]

PEOPLE = Limits().participants
LOW_HZ, HIGH_HZ = 440.0, 1_250.0


async def test_fifty_people_hear_two_and_there_is_no_fifty_first(database: Database, tmp_path: Path) -> None:
    alice = (await make_people(database.owner_url)).alice
    async with small_node(database, tmp_path) as node, AsyncExitStack() as stack:
        session = await make_session(node.api, alice)
        host_id = await node.speaker(alice, session)
        host = TalkingPeer(node.media_url(session), await node.ticket(alice, session, host_id), None, last_seq=0)
        await stack.enter_async_context(host)
        people = await stack.enter_async_context(light_people(node, alice, session))
        began_s = time.monotonic()
        refused = await people.join(PEOPLE + 1)
        joined_s = time.monotonic() - began_s
        assert len(people.callers) == PEOPLE - 1
        assert {(one.status, one.code) for one in refused} == {(503, "call_full")}
        await until(lambda: len(host.of_type("participant.joined")) == PEOPLE)

        low, high, *others = people.callers
        await stack.enter_async_context(talking(low, tone_packets(LOW_HZ)))
        await stack.enter_async_context(talking(high, tone_packets(HIGH_HZ)))
        await until(lambda: all(caller.returned.count > 25 for caller in people.callers))
        for caller in people.callers:
            caller.returned.kept = []
        began_cpu_s, began_s = time.process_time(), time.monotonic()
        await asyncio.sleep(often(1, 10))
        await until(lambda: all(len(caller.returned.kept or []) >= 40 for caller in people.callers))
        cores = (time.process_time() - began_cpu_s) / (time.monotonic() - began_s)
        for caller in others:
            assert min(heard_tones([packet for _, packet in caller.returned.kept or []], [LOW_HZ, HIGH_HZ])) > 0.3
        own, other = heard_tones([packet for _, packet in low.returned.kept or []], [LOW_HZ, HIGH_HZ])
        assert own < 0.05
        assert other > 0.3

        # Who comes back takes their own place, and who leaves makes one.
        again = TalkingPeer(node.media_url(session), await node.ticket(alice, session, host_id), None)
        await stack.enter_async_context(again)
        assert [one.code for one in await people.join(1)] == ["call_full"]
        await people.leave(others[0])
        await again.wait_for("participant.left")
        assert await people.join(1) == []
        figures("50 people", joined_s=round(joined_s, 2), cores_of_node_and_callers=round(cores, 2))

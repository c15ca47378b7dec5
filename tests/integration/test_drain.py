"""A node that is told to stop: nobody new comes, calls go on, then they are moved, and nobody loses a word."""

from __future__ import annotations

import asyncio
import signal
from http import HTTPStatus
from pathlib import Path

import pytest

from db.pool import transaction
from deploy.probe import http_status
from tests.chaos import IS_CHAOS, figures
from tests.cluster import TALK, a_cluster, assert_nothing_lost, refused
from tests.conftest import Database
from tests.people import make_people, make_session
from tests.small_node import small_node
from tests.talking_peer import RefusedError, TalkingPeer

pytestmark = [pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(900)]


async def test_calls_go_on_for_their_time_and_then_move(database: Database, valkey: str, tmp_path: Path) -> None:
    async with a_cluster(database, valkey, tmp_path, "a", "b", DRAIN_S="2") as cluster:
        session = await cluster.session()
        ann, bob = await cluster.member(session, "Ann", TALK), await cluster.member(session, "Bob")
        eve = await cluster.member(session, "Eve")
        async with ann.staying(), bob.staying():
            await bob.saw("transcript.final")
            node = await cluster.node_of(session)
            place = await cluster.place(session)
            assert place is not None
            node.signal(signal.SIGTERM)
            refused_ms = await refused(node)
            newcomer = TalkingPeer(f"{node.url}/whip/{session.id}", await cluster.ticket(session, eve.id, place), None)
            with pytest.raises(RefusedError, match="503 node_draining"):
                await newcomer.connect()
            assert await http_status(f"{node.url}/readyz") == HTTPStatus.SERVICE_UNAVAILABLE
            other = await cluster.place(await cluster.session())
            assert other is not None
            assert other.node != node.name
            await bob.peer.vanish()
            assert (await bob.came_back()).node == node.name  # whose call it is may still come back
            assert (await ann.came_back()).was_told
            assert await node.ended() == 0
            async with eve.staying():  # whom the node that stopped refused
                await bob.came_back(2)
                finals = len(ann.of_type("transcript.final"))
                await ann.saw("transcript.final", finals)
                await eve.saw("transcript.final", finals)
                assert {(await cluster.node_of(session)).name, ann.returns[0].node, bob.returns[1].node} == {other.node}
                await cluster.start(node.name).ready()
                # The other one is told twice: it ends at once, and everybody is back on the first.
                heir = await cluster.node_of(session)
                heir.signal(signal.SIGTERM)
                await refused(heir)
                assert heir.process.poll() is None
                told_at = asyncio.get_running_loop().time()
                heir.signal(signal.SIGTERM)
                await heir.ended()
                exit_s = asyncio.get_running_loop().time() - told_at
                assert (await ann.came_back(2)).node == (await bob.came_back(3)).node == node.name
                await eve.came_back()
                await bob.saw("transcript.final", len(bob.of_type("transcript.final")))
        await assert_nothing_lost(cluster, ann, bob, eve)
        joined = [entry for entry in await cluster.log(session) if entry["type"] == "participant.joined"]
        assert len(joined) == 3
    figures("a node drains", refused_ms=round(refused_ms), second_signal_exit_s=round(exit_s, 2))
    assert not IS_CHAOS or (refused_ms <= 100 and exit_s <= 1.0)


@pytest.mark.parametrize("is_away", [False, True])
async def test_a_moved_call_is_handed_over_with_all_that_was_said(
    database: Database, tmp_path: Path, is_away: bool
) -> None:
    """Unless Postgres is away: then its people are sent on all the same, and the words follow."""
    alice = (await make_people(database.owner_url)).alice
    async with small_node(database, tmp_path) as node:
        session = await make_session(node.api, alice)
        ticket = await node.ticket(alice, session, await node.speaker(alice, session))
        ann = TalkingPeer(node.media_url(session), ticket, TALK, last_seq=0)
        await ann.start()
        await ann.wait_for("transcript.partial")
        node.postgres.is_away = is_away
        node.calls._calls[session.id].move(within_ms=700)
        moved = await ann.wait_for("call.moved")
        seen = {message["seq"] for message in ann.messages if "seq" in message}
        async with transaction(node.media) as conn:
            stored = {row["seq"] for row in await conn.fetch("SELECT seq FROM session_events")}
            is_free = await conn.fetchval("SELECT lease_until <= now() FROM calls")
        assert (moved["within_ms"], is_free, seen <= stored) == (700, True, not is_away)
        assert ann.of_type("transcript.final")  # what was being said
        node.postgres.is_away = False
        assert await node.recorder.drain(20)
        await ann.vanish()

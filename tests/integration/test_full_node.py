"""A node that is full says so to whoever is new, and keeps a place for whoever comes back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from media_server.settings import Limits
from tests.conftest import Database
from tests.people import make_people, make_session
from tests.small_node import small_node
from tests.talking_peer import RefusedError, TalkingPeer

pytestmark = pytest.mark.slow


async def test_whoever_is_new_is_refused_and_whoever_comes_back_is_not(database: Database, tmp_path: Path) -> None:
    alice = (await make_people(database.owner_url)).alice
    async with small_node(database, tmp_path, environ={"LIVECONVO_NODE_PARTICIPANTS": "1"}) as node:
        session, other = await make_session(node.api, alice), await make_session(node.api, alice)
        ann = await node.speaker(alice, session)
        async with TalkingPeer(node.media_url(session), await node.ticket(alice, session, ann), None):
            for where in (session, other):
                ticket = await node.ticket(alice, where, await node.speaker(alice, where))
                with pytest.raises(RefusedError) as refused:
                    await TalkingPeer(node.media_url(where), ticket, None).connect()
                assert (refused.value.status, refused.value.code) == (503, "node_full")
            async with aiohttp.ClientSession() as http:
                headers = {"Authorization": f"Bearer {ticket}", "Content-Type": "application/sdp"}
                async with http.post(node.media_url(other), data=OFFER, headers=headers) as response:
                    assert (response.status, response.headers["Retry-After"]) == (503, "2")
            again = TalkingPeer(node.media_url(session), await node.ticket(alice, session, ann), None)
            await again.connect()
            await again.close()


@pytest.mark.parametrize("spare_bytes", [0, 2**60])
async def test_a_node_that_is_short_of_memory_takes_nobody_new(
    database: Database, tmp_path: Path, spare_bytes: int
) -> None:
    alice = (await make_people(database.owner_url)).alice
    async with small_node(database, tmp_path, limits=replace(Limits(), spare_bytes=spare_bytes)) as node:
        async with asyncio.timeout(10):
            while node.calls.admission.free_bytes is None:
                await asyncio.sleep(0.01)
        session = await make_session(node.api, alice)
        peer = TalkingPeer(
            node.media_url(session), await node.ticket(alice, session, await node.speaker(alice, session)), None
        )
        if spare_bytes:
            with pytest.raises(RefusedError) as refused:
                await peer.connect()
            assert (refused.value.status, refused.value.code) == (503, "node_full")
        else:
            await peer.connect()
            await peer.close()


async def test_offers_at_the_same_moment_are_no_more_than_the_places(database: Database, tmp_path: Path) -> None:
    alice = (await make_people(database.owner_url)).alice
    async with small_node(database, tmp_path, environ={"LIVECONVO_NODE_PARTICIPANTS": "2"}) as node:
        peers = []
        for _ in range(6):
            session = await make_session(node.api, alice)
            ticket = await node.ticket(alice, session, await node.speaker(alice, session))
            peers.append(TalkingPeer(node.media_url(session), ticket, None))
        refusals = await asyncio.gather(*(peer.connect() for peer in peers), return_exceptions=True)
        codes = [refusal.code for refusal in refusals if isinstance(refusal, RefusedError)]
        assert (codes, refusals.count(None)) == (["node_full"] * 4, 2)
        await asyncio.gather(*(peer.close() for peer in peers))


async def test_a_call_takes_no_more_at_the_same_moment_either(database: Database, tmp_path: Path) -> None:
    alice = (await make_people(database.owner_url)).alice
    async with small_node(database, tmp_path, limits=replace(Limits(), participants=2)) as node:
        session = await make_session(node.api, alice)
        tickets = [await node.ticket(alice, session, await node.speaker(alice, session)) for _ in range(4)]
        peers = [TalkingPeer(node.media_url(session), ticket, None) for ticket in tickets]
        refusals = await asyncio.gather(*(peer.connect() for peer in peers), return_exceptions=True)
        codes = [refusal.code for refusal in refusals if isinstance(refusal, RefusedError)]
        assert (codes, refusals.count(None)) == (["call_full"] * 2, 2)
        await asyncio.gather(*(peer.close() for peer in peers))


OFFER = (
    "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\na=fingerprint:sha-256 "
    + "AB:" * 31
    + "AB\r\n"
)

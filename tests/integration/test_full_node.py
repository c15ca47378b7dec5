"""A node that is full says so to whoever is new, and keeps a place for whoever comes back."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from media_server.settings import Limits
from tests.chaos import figures
from tests.conftest import Database
from tests.people import make_people, make_session
from tests.small_node import small_node, tone
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


async def test_a_node_that_may_open_few_more_files_takes_nobody_new_and_loses_nobody(
    database: Database, tmp_path: Path, lowered: Callable[[int], None]
) -> None:
    """R56: first few are left, then none at all, as if somebody held them."""
    alice = (await make_people(database.owner_url)).alice
    async with (
        small_node(database, tmp_path, limits=replace(Limits(), spare_files=64)) as node,
        AsyncExitStack() as held,
    ):
        session = await make_session(node.api, alice)
        tickets = [await node.ticket(alice, session, await node.speaker(alice, session)) for _ in range(3)]
        address = node.media_url(session)
        async with TalkingPeer(address, tickets[0], tone(60.0)) as here:
            await here.wait_for("session.state")
            lowered(40)
            with pytest.raises(RefusedError) as refused:
                await TalkingPeer(address, tickets[1], None).connect()
            assert (refused.value.status, refused.value.code) == (503, "node_full")
            with suppress(OSError):
                while True:
                    held.callback(os.close, os.dup(0))
            known = list(here.messages)
            here.send({"type": "ping"})
            for type_ in ("pong", "transcript.partial"):
                await here.wait_for(type_, where=lambda message: message not in known)
            assert await node.recorder.drain(10)
            assert not here.is_closed
            await held.aclose()
            lowered(1_000)
            async with TalkingPeer(address, tickets[2], None, last_seq=0) as late:
                await late.wait_for("participant.joined")
            assert not here.is_closed
    figures("R56", spare_files=64, calls_lost=0, refused=1)


@pytest.fixture
def lowered() -> Iterator[Callable[[int], None]]:
    """So many more files than are open now may be opened; afterwards as many as before."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def allow(more: int) -> None:
        opened = len(list(Path("/proc/self/fd").iterdir()))
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(opened + more, before[1]), before[1]))

    yield allow
    resource.setrlimit(resource.RLIMIT_NOFILE, before)

"""Calls that only a TURN server lets through: over UDP and TCP, for long, and when that server is killed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from aioice import turn
from aiortc import RTCIceServer

from db.records import Session
from tests.chaos import figures, often
from tests.conftest import Database
from tests.coturn import Coturn, Echo, Inbox, credentials, require_coturn, running_coturn
from tests.people import Person, make_people, make_session
from tests.small_node import SmallNode, small_node, tone
from tests.talking_peer import TalkingPeer

pytestmark = [pytest.mark.slow]

STEP_S = 0.02
BACK_S = 60.0
KILLED_FOR_S = 1.0


@contextlib.contextmanager
def relaying_to_loopback(folder: Path, *arguments: str, like: Coturn | None = None) -> Iterator[Coturn]:
    folder.mkdir()
    with running_coturn(
        folder, "--allow-loopback-peers", *arguments, like=like, LIVECONVO_TURN_MEDIA_ADDRESSES="127.0.0.1"
    ) as server:
        yield server


@dataclass
class Scene:
    node: SmallNode
    alice: Person
    session: Session
    participant_id: UUID

    async def peer(self, server: Coturn, transport: str, *, last_seq: int = 0) -> TalkingPeer:
        """A participant whose packets all go through the relay."""
        username, password = credentials(server.secret, participant_id=self.participant_id)
        host, port = server.address
        relay = RTCIceServer(f"turn:{host}:{port}?transport={transport}", username, password)
        ticket = await self.node.ticket(self.alice, self.session, self.participant_id)
        return TalkingPeer(self.node.media_url(self.session), ticket, tone(60), last_seq=last_seq, relay=relay)


@asynccontextmanager
async def scene(database: Database, folder: Path) -> AsyncIterator[Scene]:
    require_coturn()
    alice = (await make_people(database.owner_url)).alice
    async with small_node(database, folder) as node:
        session = await make_session(node.api, alice)
        yield Scene(node, alice, session, await node.speaker(alice, session))


async def test_a_call_that_nothing_but_tcp_lets_through_is_relayed(database: Database, tmp_path: Path) -> None:
    """Over UDP the test of a killed server shows it."""
    async with scene(database, tmp_path / "node") as call:
        with relaying_to_loopback(tmp_path / "turn") as server:
            async with await call.peer(server, "tcp") as peer:
                assert peer._pc is not None
                offered = peer._pc.localDescription.sdp
                assert "typ relay" in offered
                assert "typ host" not in offered
                await peer.wait_for("transcript.partial", 20)


@pytest.mark.chaos
@pytest.mark.timeout(400)
async def test_a_killed_turn_server_costs_a_pause(database: Database, tmp_path: Path) -> None:
    """What the page does when its connection brings nothing more, done here: join again, with the last seq."""
    gaps_s, loop = [], asyncio.get_running_loop()
    async with scene(database, tmp_path / "node") as call, contextlib.AsyncExitStack() as servers:
        server = servers.enter_context(relaying_to_loopback(tmp_path / "turn-0"))
        peer = await call.peer(server, "udp")
        await peer.start()
        await peer.wait_for("transcript.partial", 20)
        for kill in range(1, often(1, 10) + 1):
            server.kill()
            killed_at = loop.time()
            await asyncio.sleep(KILLED_FOR_S)
            server = servers.enter_context(relaying_to_loopback(tmp_path / f"turn-{kill}", like=server))
            last_seq = max(message["seq"] for message in peer.messages if "seq" in message)
            await peer.vanish()
            peer = await call.peer(server, "udp", last_seq=last_seq)
            await peer.start()
            await peer.wait_for("transcript.partial", BACK_S)
            gaps_s.append(round(loop.time() - killed_at, 1))
            assert not peer.of_type("participant.left"), "nobody but the one concerned notices"
        await peer.close()
    figures("turnserver killed", kills=len(gaps_s), gaps_s=gaps_s)


@pytest.mark.chaos
@pytest.mark.timeout(400)
async def test_a_relayed_line_loses_nothing_when_nonces_grow_stale_and_credentials_expire(tmp_path: Path) -> None:
    require_coturn()
    stale_s, long_s = often(1, 30), often(3, 300)
    loop, lost, nonces = asyncio.get_running_loop(), 0, set()
    with relaying_to_loopback(tmp_path / "turn", f"--stale-nonce={stale_s}") as server:
        transport, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
        username, password = credentials(server.secret, age_s=300 - 2 * stale_s)
        relay, inbox = await turn.create_turn_endpoint(
            Inbox, server.address, username, password, lifetime=stale_s, channel_refresh_time=stale_s
        )
        client = relay._TurnTransport__inner_protocol
        client.refresh_task.cancel()
        client.refresh_task = asyncio.create_task(client.refresh(stale_s))
        sent, ends_at = 0, loop.time() + long_s
        while loop.time() < ends_at:
            relay.sendto(b"%d" % sent, transport.get_extra_info("sockname"))
            sent += 1
            nonces.add(client.nonce)
            try:
                async with asyncio.timeout(5):
                    while await inbox.received.get() != b"%d" % (sent - 1):
                        pass
            except TimeoutError:
                lost += 1
            await asyncio.sleep(STEP_S)
        await relay._close()
        transport.close()
    figures("stale nonces", seconds=long_s, packets=sent, lost=lost, nonces=len(nonces))
    assert lost == 0
    assert len(nonces) >= often(2, 4)

"""What a connection may read and reach: its own session, and of that what its role may; whatever it asks for."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest

from db.pool import transaction
from db.records import Session
from media_server.errors import TicketError
from media_server.events import CLIENT_MESSAGES, Evidence, GuidanceShown, MetricsUpdated, ParticipantMetrics
from media_server.settings import Limits
from tests.chaos import figures, often
from tests.conftest import Database
from tests.people import Person, make_people, make_session
from tests.small_node import SmallNode, silence, small_node
from tests.talking_peer import TalkingPeer

pytestmark = [pytest.mark.slow, pytest.mark.chaos]

CANARIES = often(ci=50, chaos=1_000)
QUESTIONS = often(ci=70, chaos=1_000)
TICKETS = often(ci=30, chaos=1_000)
CANARY = "canary"
IN_TIME_S = 30.0


@dataclass(frozen=True, slots=True)
class Scene:
    node: SmallNode
    alice: Person

    async def peer(self, session: Session, person: UUID, audio: Any = None) -> TalkingPeer:
        ticket = await self.node.ticket(self.alice, session, person)
        return TalkingPeer(self.node.media_url(session), ticket, audio, last_seq=0)

    async def plant(self, session: Session, count: int) -> list[str]:
        """Guidance and metrics of a live call; the ids of the guidance."""
        call = self.node.calls._calls[session.id]
        metrics = ParticipantMetrics(CANARY, 0.0, 0, 0, None, None, 0, 0, 0.0)
        shown = []
        for number in range(count):
            guidance = GuidanceShown(
                str(uuid4()), "ask", 1, f"{CANARY} {number}", [Evidence(str(uuid4()), CANARY)], CANARY, 60_000
            )
            call._journal.live(MetricsUpdated([metrics], 0, 0))
            assert await call._journal.append(guidance)
            shown.append(guidance.guidance_id)
        return shown


@pytest.fixture
async def scene(database: Database, tmp_path: Path) -> AsyncIterator[Scene]:
    alice = (await make_people(database.owner_url)).alice
    limits = replace(Limits(), messages_per_s=100_000, dtls_records_per_s=100_000)
    async with small_node(database, tmp_path, limits=limits) as node:
        yield Scene(node, alice)


def canaries(peer: TalkingPeer) -> list[dict[str, Any]]:
    return [message for message in peer.messages if CANARY in str(message)]


async def test_a_guest_gets_no_guidance_whether_they_were_here_or_come_later(scene: Scene) -> None:
    node, session = scene.node, await make_session(scene.node.api, scene.alice)
    host = await node.speaker(scene.alice, session)
    guests = [await node.speaker(scene.alice, session, name=role, role=role) for role in ("participant", "customer")]
    async with AsyncExitStack() as stack:
        hosts = await stack.enter_async_context(await scene.peer(session, host))
        theirs = [await stack.enter_async_context(await scene.peer(session, guest)) for guest in guests]
        for peer in (hosts, *theirs):
            await peer.wait_for("participant.joined", IN_TIME_S)
        await scene.plant(session, CANARIES)
        assert await node.recorder.drain(IN_TIME_S)
        theirs += [await stack.enter_async_context(await scene.peer(session, guest)) for guest in guests]
        await hosts.wait_for("guidance.shown", IN_TIME_S, lambda m: m["content"] == f"{CANARY} {CANARIES - 1}")
        await hosts.wait_for("metrics.updated", IN_TIME_S)
        for peer in theirs[2:]:
            peer.send({"type": "audio.set", "muted": True})  # what comes back stands after all canaries
            await peer.wait_for("participant.audio", IN_TIME_S)
        assert len(hosts.of_type("guidance.shown")) == CANARIES
        assert [canaries(peer) for peer in theirs] == [[]] * 4
    figures("guidance for guests", canaries=CANARIES, guests=4, received=0)


HOST, EVERYBODY = frozenset({"host"}), frozenset({"customer", "participant", "supervisor", "host"})
MAY = {
    "hello": EVERYBODY, "ping": EVERYBODY, "recording.set": EVERYBODY, "audio.set": EVERYBODY,
    "participant.mute": HOST, "session.pause": HOST, "session.unpause": HOST, "session.end": HOST,
    "guidance.feedback": HOST | {"supervisor"},
}  # fmt: skip
"""Who may send what; in this call guidance is granted to the host and the supervisor."""
FIELDS = {
    "last_seq": None, "guidance_id": str(uuid4()), "action": "helpful", "on_record": True, "muted": True,
    "deafened": False, "participant_id": str(uuid4()),
}  # fmt: skip


async def test_each_may_ask_what_their_role_allows_and_nothing_else(scene: Scene) -> None:
    """G2: every message a client has × every role."""
    assert MAY.keys() == CLIENT_MESSAGES.keys()
    session = await make_session(scene.node.api, scene.alice)
    async with AsyncExitStack() as stack:
        peers = {}
        for role in EVERYBODY:
            coached = role in MAY["guidance.feedback"]
            place = await scene.node.speaker(scene.alice, session, name=role, role=role, coached=coached)
            peers[role] = await stack.enter_async_context(await scene.peer(session, place))
        for role, peer in peers.items():
            asked = [type_ for type_ in MAY if (role, type_) != ("host", "session.end")]
            assert await forbidden(peer, asked) == {type_ for type_ in asked if role not in MAY[type_]}, role
        peers["host"].send({"type": "session.end"})
        await peers["customer"].wait_for("session.state", IN_TIME_S)


async def forbidden(peer: TalkingPeer, asked: Sequence[str]) -> set[str]:
    """What of these was refused; after each comes what is no message, so that an answer is known by its place."""
    for type_ in asked:
        takes = CLIENT_MESSAGES[type_].__dataclass_fields__
        peer.send({"type": type_, **{name: value for name, value in FIELDS.items() if name in takes}})
        peer.send({"type": "mark"})
    async with asyncio.timeout(IN_TIME_S):
        while [m["code"] for m in peer.of_type("error")].count("message_unknown") < len(asked):
            await asyncio.sleep(0.02)
    refused, number = set(), 0
    for code in (m["code"] for m in peer.of_type("error")):
        if code == "forbidden":
            refused.add(asked[number])
        number += code == "message_unknown"
    return refused


async def test_whoever_asks_for_another_session_gets_nothing_of_it(scene: Scene) -> None:
    node = scene.node
    mine, other = [await make_session(node.api, scene.alice) for _ in range(2)]
    me, victim = await node.speaker(scene.alice, mine), await node.speaker(scene.alice, other)
    async with await scene.peer(mine, me, silence(60)) as asking, await scene.peer(other, victim) as theirs:
        await theirs.wait_for("participant.joined", IN_TIME_S)
        guidance = await scene.plant(other, 3)
        ids = {"session_id": str(other.id), "participant_id": str(victim), "guidance_id": guidance[0]}
        questions: list[dict[str, Any]] = [
            {"type": "hello", "last_seq": 0},
            {"type": "participant.mute"},
            {"type": "guidance.feedback", "action": "dismissed"},
            {"type": "subscribe"},
            {"type": "transcript.get"},
            {"type": "session.pause"},
            {"type": "session.unpause"},
        ]
        for number, question in zip(range(QUESTIONS), itertools.cycle(questions), strict=False):
            asking.send(question | ids)
            if number % 20 == 19:
                await asyncio.sleep(0.02)
        asking.send({"type": "audio.set", "deafened": True})
        await asking.wait_for("participant.audio", IN_TIME_S)
        assert not canaries(asking)
        assert {m["participant_id"] for m in asking.of_type("participant.joined")} == {str(me)}
        assert not theirs.of_type("participant.audio")
        assert not theirs.of_type("session.state")
        await tickets_open_their_own_session_only(scene, asking, theirs, mine, other)
        assert await node.recorder.drain(IN_TIME_S)
        async with transaction(node.media) as conn:
            rows = await conn.fetch("SELECT user_feedback FROM guidance WHERE session_id = $1", other.id)
        assert [row["user_feedback"] for row in rows] == [None] * 3
    figures("another session's ids", questions=QUESTIONS, tickets=TICKETS, answered=0)


async def tickets_open_their_own_session_only(
    scene: Scene, asking: TalkingPeer, theirs: TalkingPeer, mine: Session, other: Session
) -> None:
    assert asking._pc is not None
    offer = asking._pc.localDescription.sdp
    fresh = await scene.node.ticket(scene.alice, mine, await scene.node.speaker(scene.alice, mine))
    for number in range(TICKETS):
        with pytest.raises(TicketError):
            await scene.node.calls.join(other.id, fresh if number % 2 else asking.ticket, offer)
    assert theirs.resource_url is not None
    for token in (fresh, asking.ticket):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
        async with aiohttp.ClientSession(headers=headers) as http:
            for answer in (
                http.post(scene.node.media_url(other), data=offer),
                http.delete(theirs.resource_url),
                http.patch(theirs.resource_url, data="a=ice-ufrag:x\r\n"),
            ):
                async with answer as response:
                    assert response.status in {401, 405}
    assert not theirs.is_closed

"""What a client may say over its channel: small messages, and few of them; beyond that it is told, and then closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import pytest

from db.records import Session
from media_server.events import MAX_MESSAGE_BYTES
from media_server.settings import Limits
from tests.conftest import Database
from tests.people import Person, make_people, make_session
from tests.small_node import SmallNode, small_node
from tests.talking_peer import Message, TalkingPeer

pytestmark = pytest.mark.slow

IN_TIME_S = 15.0
FLOOD_S = 2


@dataclass(frozen=True, slots=True)
class Scene:
    node: SmallNode
    alice: Person
    session: Session
    ann: UUID
    bob: UUID

    @asynccontextmanager
    async def joined(self, person: UUID, last_seq: int = 0) -> AsyncIterator[TalkingPeer]:
        ticket = await self.node.ticket(self.alice, self.session, person)
        async with TalkingPeer(self.node.media_url(self.session), ticket, None, last_seq=last_seq) as peer:
            await peer.wait_for("participant.joined", where=lambda m: m["participant_id"] == str(person))
            assert peer._pc is not None
            assert peer._pc.sctp is not None
            assert peer._pc.sctp._remote_max_message_size == MAX_MESSAGE_BYTES
            peer._pc.sctp._remote_max_message_size = 0  # it sends what it likes
            yield peer


@pytest.fixture
async def scene(database: Database, tmp_path: Path) -> AsyncIterator[Scene]:
    alice = (await make_people(database.owner_url)).alice
    async with small_node(database, tmp_path, limits=replace(Limits(), flood_messages_s=FLOOD_S)) as node:
        session = await make_session(node.api, alice)
        ann, bob = [await node.speaker(alice, session, name=name) for name in ("Ann", "Bob")]
        yield Scene(node, alice, session, ann, bob)


async def answers(peer: TalkingPeer) -> None:
    """It is heard and told."""
    known = len(peer.of_type("pong"))
    async with asyncio.timeout(IN_TIME_S):
        while len(peer.of_type("pong")) == known:
            peer.send({"type": "ping"})
            await asyncio.sleep(0.1)


async def closed(peer: TalkingPeer) -> None:
    async with asyncio.timeout(IN_TIME_S):
        while not peer.is_closed:
            await asyncio.sleep(0.02)


async def told(peer: TalkingPeer, code: str, *, fatal: bool) -> Message:
    return await peer.wait_for("error", IN_TIME_S, lambda m: (m["code"], m["fatal"]) == (code, fatal))


async def test_a_message_of_16_kb_is_read_and_a_larger_one_is_not(scene: Scene) -> None:
    async with scene.joined(scene.ann) as ann:
        ann.send("{" + " " * (MAX_MESSAGE_BYTES - 2) + "}")
        await told(ann, "message_not_json", fatal=False)
        ann.send('{"type":"session.end"' + " " * MAX_MESSAGE_BYTES + "}")
        await told(ann, "message_too_large", fatal=False)
        await answers(ann)


async def test_whoever_sends_a_megabyte_is_told_and_closed_and_the_call_goes_on(scene: Scene) -> None:
    async with scene.joined(scene.ann) as ann:
        async with scene.joined(scene.bob) as bob:
            bob.send("x" * 1024 * 1024)
            await closed(bob)
        await ann.wait_for("participant.left", IN_TIME_S, lambda m: m["participant_id"] == str(scene.bob))
        await answers(ann)
        async with scene.joined(scene.bob) as back:
            await told(back, "message_too_large", fatal=True)
        assert not ann.of_type("error")


async def test_a_burst_of_a_seconds_worth_passes(scene: Scene) -> None:
    async with scene.joined(scene.ann) as ann:
        await asyncio.sleep(1)  # its hello is paid for
        for _ in range(Limits().messages_per_s):
            ann.send({"type": "ping"})
        async with asyncio.timeout(IN_TIME_S):
            while len(ann.of_type("pong")) < Limits().messages_per_s:
                await asyncio.sleep(0.02)
        assert not ann.of_type("error")


async def test_ten_thousand_at_once_are_dropped_and_told_of_in_few_words(scene: Scene) -> None:
    async with scene.joined(scene.ann) as ann, scene.joined(scene.bob) as bob:
        for _ in range(10_000):
            bob.send({"type": "ping"})
        await told(bob, "too_many_messages", fatal=False)
        await answers(ann)
        assert not ann.of_type("error")
        assert len(bob.of_type("pong")) < 1_000


async def test_whoever_floods_for_long_is_told_once_a_second_and_closed(scene: Scene) -> None:
    loop = asyncio.get_running_loop()
    async with scene.joined(scene.ann) as ann:
        async with scene.joined(scene.bob) as bob:
            began = loop.time()
            while not bob.is_closed:
                assert loop.time() - began < IN_TIME_S
                for _ in range(20):
                    bob.send({"type": "ping"})
                await asyncio.sleep(0.02)
            lasted_s = loop.time() - began
        warnings = [m for m in bob.of_type("error") if not m["fatal"]]
        assert {m["code"] for m in warnings} == {"too_many_messages"}
        assert FLOOD_S <= len(warnings) <= lasted_s + 1
        await answers(ann)
        async with scene.joined(scene.bob) as back:
            await told(back, "too_many_messages", fatal=True)

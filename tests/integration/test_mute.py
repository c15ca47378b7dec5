"""Who is muted is neither heard nor written down, whatever the client sends; who is deafened hears nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import orjson
import pytest

from db.pool import transaction
from db.records import Session
from tests.conftest import Database
from tests.light_people import light_people, talking, tone_packets
from tests.people import Person, make_people, make_session
from tests.small_node import SmallNode, silence, small_node, tone
from tests.talking_peer import Message, TalkingPeer

pytestmark = pytest.mark.slow

SPEECH = np.concatenate([np.concatenate((tone(0.6), silence(0.7)))] * 40)
"""A short utterance again and again."""
LOUD = 0.05
ON_ITS_WAY_S = 0.5
"""What was mixed before a switch is still played after it."""
WHILE_S = 1.6
"""Longer than an utterance and the pause after it."""
IN_TIME_S = 15.0


@dataclass(frozen=True, slots=True)
class Scene:
    node: SmallNode
    alice: Person
    session: Session

    async def person(self, name: str, role: Any = "participant", **options: Any) -> UUID:
        return await self.node.speaker(self.alice, self.session, name=name, role=role, **options)

    @asynccontextmanager
    async def joined(self, person: UUID, *, talks: bool = True) -> AsyncIterator[TalkingPeer]:
        ticket = await self.node.ticket(self.alice, self.session, person)
        audio = SPEECH if talks else None
        async with TalkingPeer(self.node.media_url(self.session), ticket, audio, last_seq=0) as peer:
            await peer.wait_for("participant.joined", where=lambda m: m["participant_id"] == str(person))
            yield peer

    async def log(self, type_: str) -> list[dict[str, Any]]:
        assert await self.node.recorder.drain(IN_TIME_S)
        async with transaction(self.node.media) as conn:
            rows = await conn.fetch("SELECT payload FROM session_events WHERE type = $1 ORDER BY seq", type_)
        return [orjson.loads(row["payload"]) for row in rows]


@pytest.fixture
async def scene(database: Database, tmp_path: Path) -> AsyncIterator[Scene]:
    alice = (await make_people(database.owner_url)).alice
    async with small_node(database, tmp_path) as node:
        yield Scene(node, alice, await make_session(node.api, alice))


async def audio_of(peer: TalkingPeer, person: UUID, *, muted: bool, deafened: bool = False) -> Message:
    """The news that this person has that switched off."""

    def fits(m: Message) -> bool:
        return (m["participant_id"], m["muted"], m["deafened"]) == (str(person), muted, deafened)

    return await peer.wait_for("participant.audio", IN_TIME_S, fits)


async def hears_somebody(peer: TalkingPeer) -> None:
    before = len(peer.heard())
    async with asyncio.timeout(IN_TIME_S):
        while not np.any(np.abs(peer.heard()[before:]) > LOUD):
            await asyncio.sleep(0.05)


async def hears_nobody(peer: TalkingPeer) -> None:
    await asyncio.sleep(ON_ITS_WAY_S)
    before = len(peer.heard())
    await asyncio.sleep(WHILE_S)
    assert not np.any(np.abs(peer.heard()[before:]) > LOUD)


async def next_final(peer: TalkingPeer) -> Message:
    known = len(peer.of_type("transcript.final"))
    return await peer.wait_for("transcript.final", IN_TIME_S, lambda m: m in peer.of_type("transcript.final")[known:])


async def test_who_is_muted_is_not_heard_written_down_or_metered(scene: Scene) -> None:
    ann, bob = await scene.person("Ann", "host"), await scene.person("Bob")
    async with scene.joined(ann, talks=False) as hers, scene.joined(bob) as his:
        await hears_somebody(hers)
        await hers.wait_for("transcript.partial", IN_TIME_S)
        his.send({"type": "audio.set", "muted": True})
        muted = await audio_of(hers, bob, muted=True)
        assert muted["by"] == str(bob)
        said = {m["utterance_id"] for m in hers.of_type("transcript.partial")}
        await hears_nobody(hers)
        finals = hers.of_type("transcript.final")
        assert said <= {m["utterance_id"] for m in finals}  # what was in progress ended
        assert all(m["end_ms"] <= muted["at_ms"] + 100 for m in finals)
        spans = await scene.log("usage.recorded")
        assert spans
        assert all(span["to_ms"] <= muted["at_ms"] + 100 for span in spans)

        his.send({"type": "audio.set", "muted": False})
        unmuted = await audio_of(hers, bob, muted=False)
        await hears_somebody(hers)
        again = await hers.wait_for("transcript.final", IN_TIME_S, lambda m: m["start_ms"] > muted["at_ms"] + 100)
        assert again["start_ms"] >= unmuted["at_ms"] - 100


async def test_the_host_mutes_and_only_oneself_unmutes(scene: Scene) -> None:
    ann, bob = await scene.person("Ann", "host"), await scene.person("Bob")
    async with scene.joined(ann, talks=False) as hers, scene.joined(bob) as his:
        his.send({"type": "participant.mute", "participant_id": str(ann)})
        await his.wait_for("error", where=lambda m: m["code"] == "forbidden")
        for nobody in (str(uuid4()), "nobody"):
            seen = len(hers.of_type("error"))
            hers.send({"type": "participant.mute", "participant_id": nobody})
            unknown = await hers.wait_for("error", where=lambda m, n=seen: m in hers.of_type("error")[n:])
            assert unknown["code"] == "participant_unknown"
        hers.send({"type": "participant.mute", "participant_id": str(bob)})
        assert (await audio_of(his, bob, muted=True))["by"] == str(ann)
        hers.send({"type": "audio.set", "muted": False})  # is about herself
        hers.send({"type": "participant.mute", "participant_id": str(bob), "muted": False})
        await hears_nobody(hers)
        his.send({"type": "audio.set", "muted": False})
        await audio_of(hers, bob, muted=False)
        await hears_somebody(hers)
        assert [(m["muted"], m["by"]) for m in hers.of_type("participant.audio")] == [
            (True, str(ann)),
            (False, str(bob)),
        ]


async def test_a_switch_outlives_the_connection_and_late_comers_know_of_it(scene: Scene) -> None:
    ann, bob = await scene.person("Ann", "host"), await scene.person("Bob")
    async with scene.joined(ann, talks=False) as hers:
        async with scene.joined(bob) as his:
            await hears_somebody(hers)
            his.send({"type": "audio.set", "muted": True})
            await audio_of(hers, bob, muted=True)
        carol = await scene.person("Carol", "customer")
        async with scene.joined(bob) as his, scene.joined(carol, talks=False) as carols:
            await audio_of(carols, bob, muted=True)
            await his.wait_for("participant.left", where=lambda m: m["participant_id"] == str(bob))
            finals = len(hers.of_type("transcript.final"))
            await hears_nobody(hers)
            assert len(hers.of_type("transcript.final")) == finals


async def test_who_has_no_data_channel_unmutes_by_publishing_anew(scene: Scene) -> None:
    """An encoder that speaks WHIP and nothing else, muted by the host."""
    ann, bob = await scene.person("Ann", "host"), await scene.person("Bob")
    async with scene.joined(ann, talks=False) as hers, light_people(scene.node, scene.alice, scene.session) as encoders:
        first = await encoders.join_as(bob)
        async with talking(first, tone_packets(440)):
            await hears_somebody(hers)
            hers.send({"type": "participant.mute", "participant_id": str(bob)})
            await audio_of(hers, bob, muted=True)
            await hears_nobody(hers)
        await encoders.vanish(first)
        second = await encoders.join_as(bob)  # a line that was lost, and came back by itself
        async with talking(second, tone_packets(440)):
            await hears_nobody(hers)
        await encoders.leave(second)
        await hers.wait_for("participant.left", where=lambda m: m["participant_id"] == str(bob))
        async with talking(await encoders.join_as(bob), tone_packets(440)):
            assert (await audio_of(hers, bob, muted=False))["by"] == str(bob)
            await hears_somebody(hers)


async def test_who_is_deafened_hears_nobody_and_is_heard(scene: Scene) -> None:
    ann, bob = await scene.person("Ann", "host"), await scene.person("Bob")
    async with scene.joined(ann) as hers, scene.joined(bob) as his:
        await asyncio.gather(hears_somebody(hers), hears_somebody(his))
        his.send({"type": "audio.set", "deafened": True})
        await audio_of(his, bob, muted=False, deafened=True)
        await asyncio.gather(hears_nobody(his), hears_somebody(hers))
        his.send({"type": "audio.set", "deafened": False})
        await hears_somebody(his)


async def test_who_only_listens_is_announced_as_that(scene: Scene) -> None:
    ann, bob = await scene.person("Ann", "host"), await scene.person("Bob", consents=False)
    async with scene.joined(ann) as hers, scene.joined(bob):
        for person, listens_only in ((ann, False), (bob, True)):
            joined = await hers.wait_for("participant.joined", where=lambda m, p=person: m["participant_id"] == str(p))
            assert joined["listens_only"] is listens_only


@pytest.mark.parametrize("field", ["muted", "deafened"])
async def test_a_switch_that_is_neither_on_nor_off_is_refused(scene: Scene, field: str) -> None:
    async with scene.joined(await scene.person("Ann", "host"), talks=False) as hers:
        hers.send({"type": "audio.set", field: "yes"})
        await hers.wait_for("error", where=lambda m: m["code"] == "message_invalid")
        assert not hers.of_type("participant.audio")

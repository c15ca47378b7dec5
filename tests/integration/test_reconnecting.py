"""Whoever loses the connection: their place is kept for a while, and the others notice no more than a pause."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import orjson
import pytest

from db.pool import transaction
from db.records import Session
from media_server.settings import Limits
from tests.chaos import IS_CHAOS, figures, often
from tests.conftest import Database
from tests.peer_audio import Samples
from tests.people import Person, make_people, make_session
from tests.small_node import SmallNode, silence, small_node, tone
from tests.talking_peer import TalkingPeer

IN_TIME_S = 20.0
SENT_FOR_S = 10.0
"""To somebody who is gone, at most."""
LIMITS = replace(Limits(), alive_s=2.5)
TALK = np.concatenate([np.concatenate((tone(0.7), silence(0.8)))] * 60)

pytestmark = [pytest.mark.slow]


@dataclass(frozen=True, slots=True)
class Scene:
    node: SmallNode
    alice: Person
    session: Session
    ann: UUID
    bob: UUID
    pinging: list[asyncio.Task[None]]

    async def peer(self, who: UUID, audio: Samples | None = None, *, last_seq: int = 0) -> TalkingPeer:
        ticket = await self.node.ticket(self.alice, self.session, who)
        peer = TalkingPeer(self.node.media_url(self.session), ticket, audio, last_seq=last_seq)
        await peer.start()
        self.pinging.append(asyncio.create_task(ping(peer)))
        return peer

    @asynccontextmanager
    async def in_call(self, who: UUID, audio: Samples | None = None) -> AsyncIterator[TalkingPeer]:
        peer = await self.peer(who, audio)
        try:
            yield peer
        finally:
            await peer.close()

    async def log(self, until: Callable[[list[tuple[str, dict[str, Any]]]], bool]) -> list[tuple[str, dict[str, Any]]]:
        """The stored log, once it is as wanted."""
        async with asyncio.timeout(IN_TIME_S):
            while True:
                async with transaction(self.node.media) as conn:
                    rows = await conn.fetch("SELECT type, payload FROM session_events ORDER BY seq")
                log = [(row["type"], orjson.loads(row["payload"])) for row in rows]
                if until(log):
                    return log
                await asyncio.sleep(0.05)

    async def charged(self, at_least_ms: int) -> int:
        """Where the last interval of usage ends, once it has come so far."""

        def told(log: list[tuple[str, dict[str, Any]]]) -> list[int]:
            return [fields["to_ms"] for type_, fields in log if type_ == "usage.recorded"]

        return told(await self.log(lambda log: any(to_ms >= at_least_ms for to_ms in told(log))))[-1]


@asynccontextmanager
async def a_scene(database: Database, folder: Path, limits: Limits = LIMITS, **settings: str) -> AsyncIterator[Scene]:
    alice = (await make_people(database.owner_url)).alice
    environ = {f"LIVECONVO_{name}": value for name, value in settings.items()}
    async with small_node(database, folder, environ=environ, limits=limits) as node:
        session = await make_session(node.api, alice)
        ann = await node.speaker(alice, session)
        scene = Scene(node, alice, session, ann, await node.speaker(alice, session, "Bob", "customer"), [])
        try:
            yield scene
        finally:
            for task in scene.pinging:
                task.cancel()


async def ping(peer: TalkingPeer) -> None:
    """As the page does, only more often: here nobody may be silent for longer than LIMITS says."""
    while not peer.is_closed:
        peer.send({"type": "ping"})
        await asyncio.sleep(0.25)


def cut_the_line(peer: TalkingPeer) -> None:
    """Nothing of this peer gets out any more: as if its machine lost its network."""
    assert peer._pc is not None
    for protocol in peer._pc.sctp.transport.transport._connection._protocols:
        protocol.transport.abort()


def comings(log: list[tuple[str, dict[str, Any]]], who: UUID) -> list[str]:
    """What the log says of a person's presence, in words."""
    return [
        fields.get("state", type_.removeprefix("participant."))
        for type_, fields in log
        if type_.startswith("participant.") and fields["participant_id"] == str(who)
    ]


async def test_who_is_back_in_time_never_left_and_misses_nothing(database: Database, tmp_path: Path) -> None:
    async with a_scene(database, tmp_path, RECONNECT_S="600") as scene, scene.in_call(scene.ann) as ann:
        bob = await scene.peer(scene.bob, np.concatenate((silence(0.5), tone(60))))
        bob.send({"type": "recording.set", "on_record": True})
        await ann.wait_for("transcript.partial", IN_TIME_S)
        cut_the_line(bob)
        away = await ann.wait_for("participant.connection", IN_TIME_S)
        assert (away["participant_id"], away["state"]) == (str(scene.bob), "reconnecting")
        said = await ann.wait_for("transcript.final", IN_TIME_S)  # what was being said is over
        charged_ms = await scene.charged(said["end_ms"] - 1_100)  # LATE_MS, and a window of silence
        assert charged_ms <= away["at_ms"] - 1_000 * LIMITS.alive_s + 200  # it ends with the last packet
        seen = max(message["seq"] for message in bob.messages if "seq" in message)
        back = await scene.peer(scene.bob, last_seq=seen)
        await ann.wait_for("participant.connection", IN_TIME_S, where=lambda m: m["state"] == "connected")
        await back.wait_for("participant.connection", IN_TIME_S, where=lambda m: m["state"] == "connected")
        missed = [message["seq"] for message in back.messages if "seq" in message]
        assert missed == sorted({m["seq"] for m in ann.messages if m.get("seq", 0) > seen})
        assert len(scene.node.calls._calls[scene.session.id].seats) == 2
        cut_the_line(back)
        await ann.wait_for("participant.connection", IN_TIME_S, where=lambda m: m["seq"] > missed[-1])
        await back.close()  # the DELETE of a connection that is lost already
        await ann.wait_for("participant.left", IN_TIME_S)
        await bob.vanish()
        log = await scene.log(lambda log: "left" in comings(log, scene.bob))
    assert comings(log, scene.bob) == ["joined", "reconnecting", "connected", "reconnecting", "left"]


@pytest.mark.chaos
async def test_whose_program_is_killed_is_noticed_and_sent_nothing_more(database: Database, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    limits = Limits() if IS_CHAOS else LIMITS
    async with a_scene(database, tmp_path, limits) as scene, scene.in_call(scene.ann) as ann:
        ticket = await scene.node.ticket(scene.alice, scene.session, scene.bob)
        argv = [sys.executable, "-m", "tests.lone_peer", scene.node.media_url(scene.session), ticket]
        bob = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
        try:
            assert bob.stdout is not None
            port = int(await bob.stdout.readline())
            await ann.wait_for("transcript.partial", IN_TIME_S)
        finally:
            bob.kill()
        killed_at = loop.time()
        await bob.wait()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as heir:
            heir.bind(("127.0.0.1", port))
            heir.setblocking(False)
            away = await ann.wait_for("participant.connection", IN_TIME_S)
            said = await ann.wait_for("transcript.final", IN_TIME_S)
            charged_ms = await scene.charged(said["end_ms"] - 1_100)  # LATE_MS, and a window of silence
            assert charged_ms <= away["at_ms"] - 1_000 * limits.alive_s + 700  # it pinged twice a second
            last_at = killed_at
            async with asyncio.timeout(IN_TIME_S):
                while await arrived(heir, 1.0):
                    last_at = loop.time()
            assert not await arrived(heir, often(ci=2, chaos=20))
    detection_s = away["arrived_at"] - killed_at
    sent_for_s = last_at - killed_at
    figures("a client is killed", detection_s=round(detection_s, 2), sent_for_s=round(sent_for_s, 2),
            billed_after_last_packet_ms=0)  # fmt: skip
    assert not IS_CHAOS or (detection_s <= limits.alive_s + 0.5 and sent_for_s <= SENT_FOR_S)


async def arrived(heir: socket.socket, within_s: float) -> bool:
    """Whether anything still came to the address of somebody who is gone."""
    try:
        async with asyncio.timeout(within_s):
            await asyncio.get_running_loop().sock_recv(heir, 2_048)
    except TimeoutError:
        return False
    return True


async def test_the_last_one_finds_the_call_as_it_was_and_an_empty_one_has_its_time(
    database: Database, tmp_path: Path
) -> None:
    async with a_scene(database, tmp_path, EMPTY_CALL_S="600") as scene:
        ann = await scene.peer(scene.ann, TALK)
        await ann.wait_for("session.state", IN_TIME_S)
        call = scene.node.calls._calls[scene.session.id]
        cut_the_line(ann)
        await scene.log(lambda log: "reconnecting" in comings(log, scene.ann))
        assert call.empty_since is not None
        async with scene.in_call(scene.ann):
            assert scene.node.calls._calls[scene.session.id] is call
            assert call.empty_since is None
        await scene.log(lambda log: "left" in comings(log, scene.ann))
        await asyncio.sleep(1.5)  # more than one look
        assert not call.is_over
        await ann.vanish()


async def test_a_call_whose_last_one_is_away_ends_in_time_and_says_goodbye(database: Database, tmp_path: Path) -> None:
    async with a_scene(database, tmp_path, EMPTY_CALL_S="1.5") as scene:
        ann = await scene.peer(scene.ann, TALK)
        await ann.wait_for("transcript.final", IN_TIME_S)
        cut_the_line(ann)
        log = await scene.log(lambda log: "left" in comings(log, scene.ann))
        await ann.vanish()
    assert comings(log, scene.ann) == ["joined", "reconnecting", "left"]
    states = [(fields["state"], fields["reason"]) for type_, fields in log if type_ == "session.state"]
    assert states[-1] == ("finalizing", "everybody left")


async def test_a_call_that_lasts_too_long_is_warned_and_ends(database: Database, tmp_path: Path) -> None:
    async with a_scene(database, tmp_path, MAX_CALL_S="4") as scene, scene.in_call(scene.ann, TALK) as ann:
        warning = await ann.wait_for("session.ending", IN_TIME_S)
        assert warning["ends_at_ms"] > warning["at_ms"]
        end = await ann.wait_for("session.state", IN_TIME_S, where=lambda m: m["state"] == "finalizing")
        assert (end["reason"], len(ann.of_type("session.ending"))) == ("maximum duration", 1)
        assert end["at_ms"] >= warning["ends_at_ms"] - 100
        async with asyncio.timeout(IN_TIME_S), transaction(scene.node.media) as conn:
            while await conn.fetchval("SELECT status FROM sessions WHERE id = $1", scene.session.id) != "completed":
                await asyncio.sleep(0.05)

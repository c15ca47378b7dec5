"""A node whose disk takes no more: people are told at once, nobody new comes, and nothing that was shown is lost."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from db.live import Live
from db.pool import transaction
from db.records import LogEntry, Session
from media_server import app, telemetry
from media_server.spool import Spool
from media_server.spool_errors import SpoolFullError
from media_server.spool_file import FILE_NAME
from tests.conftest import Database
from tests.log_entries import entry
from tests.peer_audio import Samples
from tests.people import Person, make_people, make_session
from tests.small_node import SmallNode, silence, small_node, tone
from tests.talking_peer import RefusedError, TalkingPeer

SPOOL_BYTES = 1024**2
IN_TIME_S = 10.0

pytestmark = [pytest.mark.slow]


@dataclass(frozen=True, slots=True)
class Scene:
    node: SmallNode
    alice: Person
    session: Session
    participant_id: UUID

    async def fill(self) -> None:
        """The rest of the spool, with entries of the session's own log, while Postgres is away."""
        self.node.postgres.is_away = True
        seqs = itertools.count(5000)
        for size in (20_000, 100):
            with contextlib.suppress(SpoolFullError):
                while True:
                    await self.node.spool.append(self.entry(next(seqs), size))

    def entry(self, seq: int, size: int) -> LogEntry:
        text = f'{{"x": "{"x" * size}"}}'
        return entry(seq, session_id=self.session.id, organization_id=self.session.organization_id, text=text)

    @asynccontextmanager
    async def peer(self, audio: Samples | None = None) -> AsyncIterator[TalkingPeer]:
        ticket = await self.node.ticket(self.alice, self.session, self.participant_id)
        peer = TalkingPeer(self.node.media_url(self.session), ticket, audio, last_seq=0)
        await peer.connect()
        try:
            await peer.wait_for("participant.joined")
            yield peer
        finally:
            await peer.close()


@pytest.fixture
async def scene(database: Database, tmp_path: Path) -> AsyncIterator[Scene]:
    alice = (await make_people(database.owner_url)).alice
    async with small_node(database, tmp_path, spool_bytes=SPOOL_BYTES) as node:
        session = await make_session(node.api, alice)
        yield Scene(node, alice, session, await node.speaker(alice, session))


async def test_people_are_told_and_nobody_comes_until_there_is_room_again(scene: Scene) -> None:
    other = await make_session(scene.node.api, scene.alice)
    ticket = await scene.node.ticket(scene.alice, other, await scene.node.speaker(scene.alice, other))
    late = TalkingPeer(scene.node.media_url(other), ticket, None, last_seq=0)
    async with scene.peer(np.concatenate([np.concatenate((tone(0.7), silence(0.8)))] * 40)) as peer:
        assert await scene.node.ready() == (200, {"status": "ok", "reasons": [], "notes": ["redis_away"]})
        lost = telemetry.ENTRIES_LOST._value.get()
        await scene.fill()
        assert (await peer.wait_for("log.status"))["state"] == "full"
        assert await scene.node.ready() == (
            503,
            {"status": "unavailable", "reasons": ["spool_full"], "notes": ["redis_away"]},
        )
        with pytest.raises(RefusedError) as refused:
            await late.connect()
        assert (refused.value.status, refused.value.code) == (503, "node_not_ready")
        peer.play()
        # What was said is heard, shown while it is heard, and taken back: it could not be kept.
        said = await peer.wait_for("transcript.partial", where=lambda m: bool(m["stable"] + m["unstable"]))
        await peer.wait_for(
            "transcript.partial", where=lambda m: m["utterance_id"] == said["utterance_id"] and m["unstable"] == ""
        )
        assert not peer.of_type("transcript.final")
        kept = {m["seq"] for m in peer.messages if "seq" in m}
        scene.node.postgres.is_away = False
        await peer.wait_for("log.status", where=lambda m: m["state"] == "kept")
        assert (await scene.node.ready())[0] == 200
        assert (await peer.wait_for("session.state"))["state"] == "active"
        await peer.wait_for("error", where=lambda m: m["code"] == "text_not_kept")
        assert telemetry.ENTRIES_LOST._value.get() > lost
        await peer.wait_for("transcript.final")
        async with TalkingPeer(scene.node.media_url(other), ticket, None, last_seq=0) as new:
            await new.wait_for("participant.joined")
        peer.send({"type": "recording.set", "on_record": False})
        assert (await peer.wait_for("recording.state"))["state"] == "off_record"
        assert await scene.node.recorder.drain(IN_TIME_S)
    async with transaction(scene.node.media) as conn:
        stored = {row["seq"] for row in await conn.fetch("SELECT seq FROM session_events")}
    assert kept <= stored


async def test_a_spool_that_was_mended_is_no_reason_to_stay_away(database: Database, tmp_path: Path) -> None:
    (tmp_path / "spool" / "host-0").mkdir(parents=True)
    (tmp_path / "spool" / "host-0" / FILE_NAME).write_bytes(b"this is no database" * 1000)
    async with small_node(database, tmp_path) as node:
        assert await node.ready() == (200, {"status": "ok", "reasons": [], "notes": ["spool_damaged", "redis_away"]})


async def test_a_node_in_trouble_is_offered_to_nobody(
    database: Database, valkey: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "REGISTER_EVERY_S", 0.02)
    live = Live(valkey)
    async with small_node(database, tmp_path) as node:
        registering = asyncio.ensure_future(node.register(live))
        async with asyncio.timeout(IN_TIME_S):
            while not await live.node_loads():
                await asyncio.sleep(0.01)
            monkeypatch.setattr(Spool, "trouble", "spool_full")
            while await live.node_loads():
                await asyncio.sleep(0.01)
        registering.cancel()
    await live.aclose()

"""A call on a node that cannot keep up: what people are told and what is written down; nothing is missing unmarked.

Times of the ladder are a fifth of what they are in a node.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import numpy as np
import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from control_api.summaries.finalize import _lines
from db import transcripts
from db.pool import transaction
from db.records import Session, Transcript
from media_server.conversation import ladder, patience
from tests.conftest import Database
from tests.people import Person, make_people, make_session
from tests.recognizers import ScriptedRecognizer
from tests.small_node import SmallNode, silence, small_node, tone
from tests.talking_peer import Message, TalkingPeer

pytestmark = pytest.mark.slow

SCALE = 5
IN_TIME_S = 20.0
SPEECH = np.concatenate([np.concatenate((tone(0.6), silence(0.7)))] * 60)
"""A short utterance again and again."""
LEVELS = list(ladder.LEVELS)


@dataclass(frozen=True, slots=True)
class Scene:
    node: SmallNode
    alice: Person
    session: Session
    recognizer: ScriptedRecognizer

    async def person(self, name: str, role: Any = "participant") -> UUID:
        return await self.node.speaker(self.alice, self.session, name=name, role=role)

    @asynccontextmanager
    async def joined(self, person: UUID, *, talks: bool = True, last_seq: int | None = 0) -> AsyncIterator[TalkingPeer]:
        ticket = await self.node.ticket(self.alice, self.session, person)
        audio = SPEECH if talks else None
        async with TalkingPeer(self.node.media_url(self.session), ticket, audio, last_seq=last_seq) as peer:
            yield peer

    async def log(self, type_: str) -> list[dict[str, Any]]:
        assert await self.node.recorder.drain(IN_TIME_S)
        async with transaction(self.node.media) as conn:
            rows = await conn.fetch("SELECT payload FROM session_events WHERE type = $1 ORDER BY seq", type_)
        return [orjson.loads(row["payload"]) for row in rows]

    async def lines(self) -> list[Transcript]:
        async with transaction(self.node.api, user_id=self.alice.user_id) as conn:
            return await transcripts.list_transcripts(conn, self.session.id, limit=1000)

    async def figure(self, name: str) -> float:
        """Summed over its labels."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.node.url}/metrics") as response:
            text = await response.text()
        samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
        return sum(one.value for one in samples if one.name == name)


@pytest.fixture
async def scene(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr(ladder, "UP_LAG_S", tuple(lag_s / SCALE for lag_s in ladder.UP_LAG_S))
    for name in ("CALM_S", "LONGEST_CALM_S", "STEP_S", "RELAPSE_S"):
        monkeypatch.setattr(ladder, name, getattr(ladder, name) / SCALE)
    for name in ("PATIENCE_S", "PATIENCE_UNDER_OVERLOAD_S", "FRESH_S"):
        monkeypatch.setattr(patience, name, getattr(patience, name) / SCALE)
    alice = (await make_people(database.owner_url)).alice
    recognizer = ScriptedRecognizer()
    async with small_node(database, tmp_path, recognizer=recognizer) as node:
        yield Scene(node, alice, await make_session(node.api, alice), recognizer)
        recognizer.gate.set()


async def level(peer: TalkingPeer, wanted: str, *, after: int = 0) -> Message:
    """The entry that announces it."""
    return await peer.wait_for(
        "pipeline.status", IN_TIME_S, lambda m: m["level"] == wanted and m.get("seq", -1) > after
    )


def is_marked(final: Message) -> bool:
    return final["failure"] is not None


async def test_people_are_told_of_every_level_and_every_gap_is_marked(scene: Scene) -> None:
    gaps = await scene.figure("liveconvo_media_transcript_gaps_total")
    ann, bob, eve = await scene.person("Ann", "host"), await scene.person("Bob"), await scene.person("Eve")
    async with scene.joined(ann) as hers, scene.joined(bob) as his:
        await hers.wait_for("transcript.final", IN_TIME_S)
        scene.recognizer.gate.clear()
        overloaded = await level(hers, "metrics_only")
        await hers.wait_for("transcript.final", IN_TIME_S, is_marked)
        assert await scene.figure("liveconvo_media_transcription_level") == LEVELS.index("metrics_only")
        async with asyncio.timeout(IN_TIME_S):
            while not await scene.figure("liveconvo_media_transcription_lag_ms"):
                await asyncio.sleep(0.02)
        again = await hers.wait_for(
            "pipeline.status", IN_TIME_S, lambda m: "seq" not in m and m["at_ms"] > overloaded["at_ms"]
        )
        assert again["channel"] == "live"
        async with scene.joined(eve, talks=False, last_seq=None) as late:
            told = await late.wait_for("pipeline.status", IN_TIME_S)
            assert (told["level"] == "full", "seq" in told) == (False, False)
        scene.recognizer.gate.set()
        full = await level(hers, "full", after=overloaded["seq"])
        await hers.wait_for("transcript.final", IN_TIME_S, lambda m: m["seq"] > full["seq"] and not is_marked(m))
        assert [m for m in his.of_type("pipeline.status") if m.get("seq") == full["seq"]]
        metrics = await hers.wait_for("metrics.updated", IN_TIME_S, lambda m: m["at_ms"] > full["at_ms"])
    assert await scene.figure("liveconvo_media_transcript_gaps_total") > gaps
    await every_utterance_is_there_once(scene, {str(ann): 0, str(bob): 0}, metrics)


async def every_utterance_is_there_once(scene: Scene, talked_ms: dict[str, int], metrics: Message) -> None:
    """In order, as an entry and as a row; talk, which is counted from speech alone, is what they add up to."""
    finals, lines = await scene.log("transcript.final"), await scene.lines()
    for person in talked_ms:
        own = [final for final in finals if final["participant_id"] == person]
        starts = [final["start_ms"] for final in own]
        assert len(own) >= 4
        assert starts == sorted(starts)
        assert all(bool(final["text"]) == (final["failure"] is None) for final in own)
        rows = [line for line in lines if str(line.participant_id) == person]
        assert [(row.content, row.confidence_score is None) for row in rows] == [
            (final["text"], is_marked(final)) for final in own
        ]
        talked_ms[person] = sum(f["end_ms"] - f["start_ms"] for f in own if f["end_ms"] <= metrics["at_ms"])
    told = {one["participant_id"]: one["talk_ms"] for one in metrics["participants"]}
    assert all(abs(told[person] - ms) <= 1_500 for person, ms in talked_ms.items())
    assert any(is_marked(final) for final in finals)
    async with transaction(scene.node.api, user_id=scene.alice.user_id) as conn:
        summarized = await _lines(conn, scene.session.id)
    assert [line.is_gap for line in summarized] == [not line.content for line in lines]

"""What a call says of its lines is what happened on them, and only those are told whom it concerns."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
from aiortc.rtp import is_rtcp

from db import participants
from db.pool import transaction
from db.records import NewParticipant, Session
from tests.conftest import Database
from tests.people import Person, make_people, make_session
from tests.small_node import SmallNode, small_node, tone
from tests.talking_peer import Message, TalkingPeer

pytestmark = [pytest.mark.slow]

SPEECH_S = 5.0
LOST_ONE_OF = 8
DELAY_S = 0.03
ROUND_TRIP_S = 0.15


@dataclass
class Truth:
    """What a client's line did to its audio."""

    sent: int = 0
    lost: int = 0


def bend(peer: TalkingPeer, on_rtp: Callable[[], float | None], rtcp_delay_s: float = 0.0) -> Truth:
    """Have a client's packets pass a line: each after as many seconds as `on_rtp` says, None loses it."""
    assert peer._pc is not None
    transport: Any = peer._pc.getSenders()[0].transport
    send, truth, loop = transport._send_rtp, Truth(), asyncio.get_running_loop()

    async def arrive(data: bytes) -> None:
        with contextlib.suppress(ConnectionError):  # closed meanwhile
            await send(data)

    def later(delay_s: float, data: bytes) -> None:
        loop.call_later(delay_s, lambda: asyncio.ensure_future(arrive(data)))

    async def on_line(data: bytes) -> None:
        delay_s: float | None = rtcp_delay_s
        if not is_rtcp(data):
            truth.sent += 1
            delay_s = on_rtp()
        if delay_s is None:
            truth.lost += 1
        elif delay_s:
            later(delay_s, data)
        else:
            await send(data)

    transport._send_rtp = on_line
    return truth


async def somebody(node: SmallNode, person: Person, session: Session, name: str, *, coached: bool) -> UUID:
    participant = NewParticipant(
        id=uuid4(),
        session_id=session.id,
        organization_id=session.organization_id,
        name=name,
        role="host" if coached else "customer",
        coached=coached,
        consent_version="test",
        consented_at=datetime.now(UTC),
    )
    async with transaction(node.api, user_id=person.user_id) as conn:
        await participants.insert_participant(conn, participant)
    return participant.id


def lines(peer: TalkingPeer, participant_id: UUID) -> list[Message]:
    return [
        line
        for message in peer.of_type("quality.updated")
        for line in message["participants"]
        if line["participant_id"] == str(participant_id)
    ]


async def metrics(node: SmallNode) -> str:
    async with aiohttp.ClientSession() as http, http.get(f"{node.url}/metrics") as response:
        return await response.text()


async def test_loss_jitter_and_round_trip_are_what_the_line_did(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    alice = (await make_people(database.owner_url)).alice
    numbers, delaying = itertools.count(1), random.Random(13)
    caplog.set_level(logging.INFO, logger="media_server.quality_watch")
    async with small_node(database, tmp_path) as node:
        session = await make_session(node.api, alice)
        ids = {
            name: await somebody(node, alice, session, name, coached=name == "Host") for name in ("Host", "Bo", "Cy")
        }
        audio = {"Host": None, "Bo": tone(SPEECH_S), "Cy": tone(SPEECH_S) * 0.125}
        peers = {}
        for name, participant_id in ids.items():
            ticket = await node.ticket(alice, session, participant_id)
            peers[name] = TalkingPeer(node.media_url(session), ticket, audio[name], last_seq=0)
            await peers[name].connect()
        truth = bend(peers["Bo"], lambda: 0.0 if next(numbers) % LOST_ONE_OF else None)
        bend(peers["Cy"], lambda: delaying.uniform(0.0, DELAY_S), ROUND_TRIP_S)
        for peer in peers.values():
            peer.play()
        await peers["Bo"].played(60)
        seen = len(lines(peers["Host"], ids["Bo"]))
        await peers["Host"].wait_for(
            "quality.updated", 20, lambda _: len(lines(peers["Host"], ids["Bo"])) > seen and truth.lost > 0
        )
        exposed = await metrics(node)
        for peer in reversed(peers.values()):
            await peer.close()

    lost, late, shaken = lines(peers["Host"], ids["Bo"]), lines(peers["Bo"], ids["Bo"]), lines(peers["Host"], ids["Cy"])
    judged = [line for line in lost if line["loss_ratio"] is not None]
    assert judged[-1]["loss_ratio"] == pytest.approx(1 / LOST_ONE_OF, abs=0.02)
    assert judged[-1]["rating"] == "poor"
    assert late, "the owner of a line is told"
    # A busy machine adds to both.
    rtt_ms = [line["rtt_ms"] for line in shaken if line["rtt_ms"] is not None]
    assert ROUND_TRIP_S * 1000 <= min(rtt_ms) < ROUND_TRIP_S * 1000 + 1_000
    jitter_ms = [line["jitter_ms"] for line in shaken if line["jitter_ms"] is not None]
    assert DELAY_S * 1000 / 6 < min(jitter_ms) < DELAY_S * 1000 * 10
    levels = [line["level_dbfs"] for line in lines(peers["Host"], ids["Cy"]) if line["level_dbfs"] is not None]
    assert levels[0] == pytest.approx(-26, abs=1.5)  # a tone of 0.1 that its sender made stereo
    # whom it concerns
    assert {line["participant_id"] for m in peers["Bo"].of_type("quality.updated") for line in m["participants"]} == {
        str(ids["Bo"])
    }
    assert {line["participant_id"] for m in peers["Host"].of_type("quality.updated") for line in m["participants"]} == {
        str(participant_id) for participant_id in ids.values()
    }
    # the last word on each
    (total,) = [r.getMessage() for r in caplog.records if f"participant={ids['Bo']}" in r.getMessage()]
    figures = dict(re.findall(r"(\w+)=(\S+)", total))
    assert float(figures["lost"]) == pytest.approx(truth.lost / truth.sent, abs=0.01)
    assert int(figures["packets"]) == pytest.approx(truth.sent, abs=3)
    assert not any(name in record.getMessage() for record in caplog.records for name in ("Host", "Bo", "Cy"))
    # the node's own figures grow with neither people nor calls
    assert not any(str(participant_id) in exposed for participant_id in (*ids.values(), session.id))
    assert "liveconvo_media_line_loss_ratio_bucket" in exposed

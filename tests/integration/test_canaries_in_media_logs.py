"""T24 at a node: what is said, sent or shown at its door stands in no log line and in no refusal."""

from __future__ import annotations

import logging
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from tests.conftest import Database
from tests.people import make_people, make_session
from tests.recognizers import ScriptedRecognizer
from tests.small_node import silence, small_node, tone
from tests.talking_peer import TalkingPeer

pytestmark = pytest.mark.slow

CANARY = "canary-77b1d0e4"
MESSAGES = (
    CANARY, f'{{"type":"{CANARY}"}}', f'["{CANARY}"]', f'{{"type":"guidance.feedback","guidance_id":"{CANARY}"}}',
    f'{{"type":"participant.mute","participant_id":"{CANARY}"}}', f'{{"type":"hello","last_seq":"{CANARY}"}}',
    f'{{"type":"recording.set","on_record":"{CANARY}"}}', f'"{CANARY}' * 800,
)  # fmt: skip
OFFERS = (CANARY, f"v=0\r\ns={CANARY}\r\nm=audio 9 UDP/TLS/RTP/SAVPF {CANARY}\r\n", f"{CANARY}\r\n" * 20_000)
IN_TIME_S = 15.0


async def test_nothing_that_is_sent_or_said_stands_in_a_log(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    alice = (await make_people(database.owner_url)).alice
    recognizer = ScriptedRecognizer(lambda _audio, _is_final: CANARY)
    async with small_node(database, tmp_path, recognizer=recognizer) as node:
        session = await make_session(node.api, alice, title=CANARY)
        person = await node.speaker(alice, session, name=CANARY)
        ticket = await node.ticket(alice, session, person)
        url = node.media_url(session)
        async with TalkingPeer(url, ticket, np.concatenate((tone(0.6), silence(20))), last_seq=0) as peer:
            final = await peer.wait_for("transcript.final", IN_TIME_S)
            assert final["text"] == CANARY  # so it was there to be logged
            for message in MESSAGES:
                peer.send(message)
            await peer.wait_for("error", IN_TIME_S)
            async with aiohttp.ClientSession() as http:
                fresh = [await node.ticket(alice, session, person) for _ in OFFERS]
                said = [await refused(http, url, bearer, offer) for bearer in (CANARY, ticket) for offer in OFFERS]
                said += [await refused(http, url, bearer, offer) for bearer, offer in zip(fresh, OFFERS, strict=True)]
                said += [await refused(http, f"{url}/{CANARY}?q={CANARY}", CANARY, OFFERS[0])]
        assert await node.recorder.drain(IN_TIME_S)
    lines = [record.getMessage() + str(record.exc_text or "") for record in caplog.records]
    assert len(lines) > 5
    for secret in (CANARY, ticket, *fresh):
        assert not [line for line in lines if secret in line]
        assert not [text for text in said if secret in text]


async def refused(http: aiohttp.ClientSession, url: str, bearer: str, offer: str) -> str:
    headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/sdp", "User-Agent": CANARY}
    async with http.post(url, data=offer, headers=headers) as response:
        assert 400 <= response.status < 500, response.status
        return str(response.headers) + await response.text()

"""A loudspeaker that a microphone hears: its owner is told, and nobody else."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from deploy.call.audio_file import read_recording
from tests.conftest import Database
from tests.peer_audio import RATE_HZ, Samples
from tests.people import make_people, make_session
from tests.small_node import small_node
from tests.talking_peer import TalkingPeer

pytestmark = pytest.mark.slow

HOST = Path(__file__).parents[2] / "deploy" / "demo" / "host.opus"
LOUDNESS = 0.3
LATER_S = 0.3
"""From one microphone through the node, a loudspeaker and the air to the other."""
FOUND_S = 45.0


async def test_whose_microphone_returns_the_others_is_told_and_nobody_else(database: Database, tmp_path: Path) -> None:
    """Bob's plays what Ann says, quieter and later; not through his client's buffer, which grows on a busy machine."""
    alice = (await make_people(database.owner_url)).alice
    speech = np.tile(read_recording(HOST).for_listening()[16 * RATE_HZ : 26 * RATE_HZ], 6)
    async with small_node(database, tmp_path) as node:
        session = await make_session(node.api, alice)

        async def person(name: str, role: str, audio: Samples | None) -> TalkingPeer:
            guest = await node.speaker(alice, session, name=name, role=role)
            return TalkingPeer(node.media_url(session), await node.ticket(alice, session, guest), audio, last_seq=0)

        ann, cat = await person("Ann", "host", speech), await person("Cat", "customer", None)
        bob = await person("Bob", "participant", LOUDNESS * speech)
        try:
            for peer in (ann, bob, cat):
                await peer.connect()
            begins_at = asyncio.get_running_loop().time() + 0.5
            ann.play(begins_at)
            bob.play(begins_at + LATER_S)
            await bob.wait_for("microphone.state", FOUND_S, lambda m: m["state"] == "echoing")
        finally:
            await asyncio.gather(*(peer.close() for peer in (ann, bob, cat)))
        assert "echoing" not in {m["state"] for peer in (ann, cat) for m in peer.of_type("microphone.state")}

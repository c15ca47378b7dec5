"""A node that is full says so to whoever is new, and keeps a place for whoever comes back."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from tests.conftest import Database
from tests.people import make_people, make_session
from tests.small_node import small_node
from tests.talking_peer import RefusedError, TalkingPeer

pytestmark = pytest.mark.slow


async def test_whoever_is_new_is_refused_and_whoever_comes_back_is_not(database: Database, tmp_path: Path) -> None:
    alice = (await make_people(database.owner_url)).alice
    async with small_node(database, tmp_path, environ={"LIVECONVO_NODE_PARTICIPANTS": "1"}) as node:
        session, other = await make_session(node.api, alice), await make_session(node.api, alice)
        ann = await node.speaker(alice, session)
        async with TalkingPeer(node.media_url(session), await node.ticket(alice, session, ann), None):
            for where in (session, other):
                ticket = await node.ticket(alice, where, await node.speaker(alice, where))
                with pytest.raises(RefusedError) as refused:
                    await TalkingPeer(node.media_url(where), ticket, None).connect()
                assert (refused.value.status, refused.value.code) == (503, "node_full")
            again = TalkingPeer(node.media_url(session), await node.ticket(alice, session, ann), None)
            await again.connect()
            await again.close()
            async with aiohttp.ClientSession() as http:
                headers = {"Authorization": f"Bearer {ticket}", "Content-Type": "application/sdp"}
                async with http.post(node.media_url(other), data=OFFER, headers=headers) as response:
                    assert (response.status, response.headers["Retry-After"]) == (503, "2")


OFFER = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"

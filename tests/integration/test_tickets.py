"""Who may begin a connection, and who may end one: whoever holds its ticket, once, in time, for this session."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from db.pool import owner_connection
from media_server.call import Call
from media_server.participant import Guest
from tests.chaos import figures, often
from tests.conftest import Database
from tests.people import make_people, make_session
from tests.small_node import small_node
from tests.talking_peer import RefusedError, TalkingPeer

AT_ONCE = often(ci=10, chaos=50)

pytestmark = [pytest.mark.slow, pytest.mark.chaos]


async def test_a_ticket_makes_one_connection_however_often_it_is_shown(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = 0
    answer = Call.answer

    async def counted(call: Call, guest: Guest, offer: str) -> Any:
        nonlocal answered
        answered += 1
        return await answer(call, guest, offer)

    monkeypatch.setattr(Call, "answer", counted)
    alice = (await make_people(database.owner_url)).alice
    async with small_node(database, tmp_path) as node:
        session, other = await make_session(node.api, alice), await make_session(node.api, alice)
        ann = await node.speaker(alice, session)
        ticket = await node.ticket(alice, session, ann)
        peers = [TalkingPeer(node.media_url(session), ticket, None, last_seq=0) for _ in range(AT_ONCE)]
        refusals = await asyncio.gather(*(peer.connect() for peer in peers), return_exceptions=True)
        (staying,) = (peer for peer, refusal in zip(peers, refusals, strict=True) if refusal is None)
        codes = [(error.status, error.code) for error in refusals if isinstance(error, RefusedError)]
        assert codes == [(401, "ticket_invalid")] * (AT_ONCE - 1)
        assert answered == len(node.calls._calls[session.id].participants) == 1

        fresh, late = [await node.ticket(alice, session, ann) for _ in range(2)]
        elsewhere = await node.ticket(alice, session, ann, node="host-1")
        async with owner_connection(database.owner_url) as conn:
            await conn.execute("UPDATE join_tickets SET expires_at = now() WHERE used_at IS NULL AND token_hash = "
                               "sha256($1::bytea)", late.encode())  # fmt: skip
        for where, token in (
            (session, ticket),
            (other, fresh),
            (session, late),
            (session, elsewhere),
            (session, "made up"),
        ):
            with pytest.raises(RefusedError, match="401 ticket_invalid"):
                await TalkingPeer(node.media_url(where), token, None).connect()

        url = staying.resource_url
        assert url is not None
        for method, address, token, status in (
            ("DELETE", url, fresh, 401),
            ("PATCH", url, fresh, 401),
            ("DELETE", url + "0", ticket, 404),
            ("PATCH", url[:-1], ticket, 404),
            ("DELETE", url.replace(str(session.id), str(other.id)), ticket, 404),
            ("DELETE", url, None, 401),
        ):
            assert await ask(method, address, token) == status, (method, address)
        staying.send({"type": "ping"})
        await staying.wait_for("pong")  # nothing of that touched the call
        await staying.close()
    figures("one ticket at once", offers=AT_ONCE, connections=1)


async def ask(method: str, url: str, token: str | None) -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as http, http.request(method, url, headers=headers) as response:
        return response.status

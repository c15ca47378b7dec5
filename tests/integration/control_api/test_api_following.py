"""A session is followed over SSE and WebSocket: without a gap, without a repetition, by whom it is for, as long as."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import orjson
import pytest
from aiohttp import WSMsgType

from control_api.followers.following import FEEDS
from db import calls, participants, session_log, sessions
from db.pool import owner_connection, transaction
from db.records import LogEntry, NewParticipant
from tests.api import Api, MakeApi
from tests.integration.control_api.test_api_members import member_path
from tests.integration.control_api.test_api_organizations import make_admin

IN_TIME_S = 20.0
pytestmark = pytest.mark.slow


@dataclass(slots=True)
class Stream:
    """What came of a stream of server-sent events."""

    response: aiohttp.ClientResponse
    messages: list[dict[str, Any]] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    retries: list[int] = field(default_factory=list)
    end: dict[str, Any] | None = None

    async def read(self) -> bool:
        """One event; False when there is nothing more."""
        lines: dict[str, str] = {}
        async for raw in self.response.content:
            line = raw.decode().rstrip("\n")
            if not line:
                break
            name, _, value = line.partition(":")
            lines[name] = value.removeprefix(" ")
        else:
            return False
        if "retry" in lines:
            self.retries.append(int(lines["retry"]))
        if lines.get("event") == "end":
            self.end = orjson.loads(lines["data"])
        elif "data" in lines:
            self.messages.append(orjson.loads(lines["data"]))
        if "id" in lines:
            self.ids.append(int(lines["id"]))
        return True

    async def until(self, *seqs: int) -> None:
        async with asyncio.timeout(IN_TIME_S):
            while not set(seqs) <= {message["seq"] for message in self.messages}:
                assert await self.read(), self.end

    async def until_end(self) -> str | None:
        async with asyncio.timeout(IN_TIME_S):
            try:
                while await self.read():
                    pass
            except aiohttp.ClientPayloadError:
                return "cut"
        return None if self.end is None else str(self.end["reason"])

    @property
    def seqs(self) -> list[int]:
        return [message["seq"] for message in self.messages]


@asynccontextmanager
async def following(
    api: Api, session_id: str, who: str = "alice", last_seq: int | None = None, **params: Any
) -> AsyncIterator[Stream]:
    headers = {"Authorization": f"Bearer {api.tokens[who]}"}
    if last_seq is not None:
        headers["Last-Event-ID"] = str(last_seq)
    path = f"/v1/sessions/{session_id}/events"
    async with api.client.get(path, headers=headers, params=params) as response:
        assert response.status == 200, await response.text()
        stream = Stream(response)
        assert await stream.read()
        yield stream


@asynccontextmanager
async def socket(
    api: Api, session_id: str, who: str = "alice", **params: Any
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    headers = {"Authorization": f"Bearer {api.tokens[who]}"}
    async with api.client.ws_connect(f"/v1/sessions/{session_id}/events/ws", headers=headers, params=params) as ws:
        yield ws


async def received(ws: aiohttp.ClientWebSocketResponse, count: int) -> list[int]:
    async with asyncio.timeout(IN_TIME_S):
        return [orjson.loads((await ws.receive()).data)["seq"] for _ in range(count)]


async def closed(ws: aiohttp.ClientWebSocketResponse) -> int | None:
    async with asyncio.timeout(IN_TIME_S):
        while (message := await ws.receive()).type is WSMsgType.TEXT:
            pass
    assert message.type in {WSMsgType.CLOSE, WSMsgType.CLOSED}, message
    return ws.close_code


def entries(
    api: Api, session_id: str, seqs: Iterable[int], audience: str = "everyone", *, epoch: int = 1, text: str = "x"
) -> list[LogEntry]:
    organization_id = api.people.alice.organization_id
    return [
        LogEntry(
            UUID(session_id), organization_id, seq, epoch, "pipeline.status", seq, audience,
            orjson.dumps({"canary": text}),
        )
        for seq in seqs
    ]  # fmt: skip


async def store(api: Api, log: list[LogEntry], *, is_published: bool = True) -> None:
    """As a node's recorder does it."""
    async with transaction(api.media) as conn:
        appended = await session_log.append(conn, log)
    assert len(appended.new) == len(log), appended.refused
    if is_published:
        await api.state.live.publish_entries(log)


async def live_session(api: Api) -> str:
    session_id = await api.new_session()
    await api.start_call(session_id)
    return session_id


def feeds_of(api: Api) -> Any:
    return api.client.server.app[FEEDS]  # type: ignore[union-attr]


async def settled(api: Api, total: int) -> None:
    async with asyncio.timeout(IN_TIME_S):
        while feeds_of(api).total != total:
            await asyncio.sleep(0.02)


async def test_history_comes_first_and_then_what_is_said(api: Api) -> None:
    session_id = await live_session(api)
    await store(api, entries(api, session_id, range(1, 1201)))
    async with following(api, session_id) as stream:
        headers = stream.response.headers
        assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert headers["Cache-Control"] == "no-store, no-transform"
        assert headers["X-Accel-Buffering"] == "no"
        assert 1000 <= stream.retries[0] <= 4000
        await stream.until(1200)
        for seq in range(1201, 1220):
            await store(api, entries(api, session_id, [seq]))
        await stream.until(1219)
        assert stream.seqs == [*range(1, 1220)]
        assert stream.ids == stream.seqs
        assert stream.messages[0] == {"type": "pipeline.status", "at_ms": 1, "seq": 1, "canary": "x"}


async def test_whoever_comes_back_gets_what_they_missed(api: Api) -> None:
    session_id = await live_session(api)
    await store(api, entries(api, session_id, range(1, 31)))
    async with following(api, session_id, last_seq=20) as stream:
        await stream.until(30)
        assert stream.seqs == [*range(21, 31)]
    for name in ("last_seq", "lastEventId"):
        async with following(api, session_id, **{name: "28"}) as stream:
            await stream.until(30)
            assert stream.seqs == [29, 30]
    async with following(api, session_id, last_seq=10**15) as stream:  # a number of nowhere
        await store(api, entries(api, session_id, [31]))
        await stream.until(31)
        assert stream.seqs == [31]


async def test_a_place_that_is_no_number_is_refused(api: Api) -> None:
    session_id = await api.new_session()
    for header in ("x", "-1", "1.5", "9" * 19):
        answer = await api.get(f"/v1/sessions/{session_id}/events", headers={"Last-Event-ID": header})
        assert (answer.status, answer.code) == (422, "invalid_request"), header
    for params in ({"last_seq": "-1"}, {"last_seq": "a"}, {"last": "1"}, {"lastEventId": "9" * 30}):
        assert (await api.get(f"/v1/sessions/{session_id}/events", params=params)).status == 422, params


async def test_what_redis_lost_is_read_from_postgres_in_its_turn(api: Api) -> None:
    session_id = await live_session(api)
    await store(api, entries(api, session_id, [1]))
    async with following(api, session_id) as stream:
        await stream.until(1)
        await store(api, entries(api, session_id, [2, 3]), is_published=False)
        await store(api, entries(api, session_id, [4]))
        await stream.until(4)
        await store(api, entries(api, session_id, [5, 6]), is_published=False)  # and nothing after it
        await stream.until(6)
        assert stream.seqs == [1, 2, 3, 4, 5, 6]


async def test_without_redis_nothing_is_lost(make_api: MakeApi) -> None:
    async with make_api(redis_url="redis://127.0.0.1:1/0") as api:
        session_id = await live_session(api)
        await store(api, entries(api, session_id, range(1, 6)))
        async with following(api, session_id) as stream, socket(api, session_id, last_seq=5) as ws:
            for seq in range(6, 9):
                await store(api, entries(api, session_id, [seq]))
            await stream.until(8)
            assert stream.seqs == [*range(1, 9)]
            assert await received(ws, 3) == [6, 7, 8]


async def test_what_a_lost_node_left_is_passed_on_out_of_its_turn(api: Api) -> None:
    session_id = await live_session(api)
    await store(api, entries(api, session_id, [1]))
    async with following(api, session_id) as stream:
        await stream.until(1)
        async with transaction(api.media) as conn:
            await calls.release_lease(conn, UUID(session_id), "host-0", 1)
        await api.start_call(session_id)  # epoch 2
        await store(api, entries(api, session_id, [10_001], epoch=2))
        await stream.until(10_001)
        await store(api, entries(api, session_id, [2]))
        await stream.until(2)
        assert stream.seqs == [1, 10_001, 2]
        assert stream.ids == [1, 10_001]


async def test_guidance_is_for_whom_it_is_for(api: Api) -> None:
    """T36: the session's creator and who may supervise it read it; a colleague reads what a participant reads."""
    session_id = await live_session(api)
    bob = NewParticipant(
        id=uuid4(), session_id=UUID(session_id), organization_id=api.people.bob.organization_id, name="Bob",
        role="participant", user_id=api.people.bob.user_id, coached=True,
    )  # fmt: skip
    audiences = [
        "everyone", "coached", "server", "role:host", "role:supervisor", "role:participant", f"participant:{uuid4()}",
        f"participant:{bob.id}",
    ]  # fmt: skip
    for seq, audience in enumerate(audiences, 1):
        await store(api, entries(api, session_id, [seq], audience))
    for base, who, seqs in ((100, "alice", [1, 2, 4, 5]), (200, "bob", [1])):
        async with following(api, session_id, who) as stream, socket(api, session_id, who, last_seq=0) as ws:
            await stream.until(1)
            for seq, audience in enumerate(audiences, base + 1):
                await store(api, entries(api, session_id, [seq], audience))
            live = [base + seq for seq in seqs]
            await stream.until(*live)
            assert stream.seqs[: len(seqs)] == seqs
            assert [seq for seq in stream.seqs if seq > base] == live
            assert await received(ws, len(stream.seqs)) == stream.seqs
    async with transaction(api.state.pool, user_id=api.people.bob.user_id) as conn:
        await participants.insert_participant(conn, bob)
    async with following(api, session_id, "bob") as stream:
        await stream.until(1, 2, 6, 8)
        assert stream.seqs[:4] == [1, 2, 6, 8]


async def test_another_session_is_not_followed(api: Api) -> None:
    """T37."""
    session_id = await live_session(api)
    await store(api, entries(api, session_id, [1]))
    for path in ("events", "events/ws"):
        answer = await api.get(f"/v1/sessions/{session_id}/{path}", "charlie", params={"last_seq": "0"})
        assert (answer.status, answer.code) == (404, "not_found")


async def test_a_websocket_says_hello_or_names_its_place(api: Api) -> None:
    session_id = await live_session(api)
    await store(api, entries(api, session_id, range(1, 6)))
    for hello, old in ((0, [1, 2, 3, 4, 5]), (3, [4, 5]), (None, [])):
        async with socket(api, session_id) as ws:
            await ws.send_json({"type": "hello", "last_seq": hello})
            assert await received(ws, len(old)) == old
            await ws.send_json({"type": "ping"})
            async with asyncio.timeout(IN_TIME_S):
                assert (await ws.receive()).data == '{"type":"pong"}'
    async with socket(api, session_id, last_seq=4) as ws:
        assert await received(ws, 1) == [5]
    for message in ("nothing", '{"type":"ping"}', '{"type":"hello","last_seq":"5"}', '{"type":"hello","last_seq":-1}'):
        async with socket(api, session_id) as ws:
            await ws.send_str(message)
            assert await closed(ws) == 1008, message


async def test_a_page_of_another_site_opens_no_websocket(api: Api) -> None:
    session_id = await api.new_session()
    for headers in ({"Origin": "https://elsewhere.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = await api.get(f"/v1/sessions/{session_id}/events/ws", headers=headers)
        assert (answer.status, answer.code) == (403, "cross_site")
    answer = await api.get(f"/v1/sessions/{session_id}/events/ws")
    assert (answer.status, answer.code) == (400, "no_websocket")


async def test_whoever_is_let_in_no_more_is_cut_off_within_two_seconds(api: Api) -> None:
    """T04. The time is measured from the answer of the request that removed them."""
    loop = asyncio.get_running_loop()
    session_id = await live_session(api)
    async with following(api, session_id, "bob") as stream, socket(api, session_id, "bob", last_seq=0) as ws:
        assert (await api.send("DELETE", member_path(api, "bob"))).status == 204
        began_at = loop.time()
        await store(api, entries(api, session_id, [1]), is_published=False)
        assert await stream.until_end() == "not_found"
        assert await closed(ws) == 4404
        assert loop.time() - began_at < IN_TIME_S
    await settled(api, 0)


async def test_a_sign_in_that_ended_and_a_session_that_was_deleted_end_the_stream(api: Api) -> None:
    session_id = await live_session(api)
    async with following(api, session_id, "bob") as stream, socket(api, session_id, "bob", last_seq=0) as ws:
        assert (await api.post("/v1/auth/sign-out", who="bob")).status == 204
        assert await stream.until_end() == "signed_out"
        assert await closed(ws) == 4401
    async with following(api, session_id) as stream, socket(api, session_id, last_seq=0) as ws:
        async with owner_connection(api.database.owner_url) as conn:
            await conn.execute("UPDATE sessions SET deleted_at = now() WHERE id = $1", UUID(session_id))
        assert await stream.until_end() == "not_found"
        assert await closed(ws) == 4404


async def test_other_rights_are_another_stream(api: Api) -> None:
    session_id = await live_session(api)
    async with following(api, session_id, "bob") as stream, socket(api, session_id, "bob", last_seq=0) as ws:
        await make_admin(api)
        assert await stream.until_end() == "rights_changed"
        assert await closed(ws) == 4409
    await store(api, entries(api, session_id, [1], "coached"))
    async with following(api, session_id, "bob") as stream:
        await stream.until(1)


async def test_a_session_that_is_over_ends_its_streams_after_its_last_word(api: Api) -> None:
    session_id = await live_session(api)
    async with following(api, session_id) as stream, socket(api, session_id, last_seq=0) as ws:
        await store(api, entries(api, session_id, range(1, 6)), is_published=False)
        await store(api, entries(api, session_id, [6], "server"), is_published=False)
        async with transaction(api.media) as conn:
            await sessions.complete_session(conn, UUID(session_id), datetime.now(UTC))
            await calls.release_lease(conn, UUID(session_id), "host-0", 1)
        assert await stream.until_end() == "session_over"
        assert stream.seqs == [1, 2, 3, 4, 5]
        assert stream.ids[-1] == 6
        assert await closed(ws) == 1000
    answer = await api.get(f"/v1/sessions/{session_id}/events", headers={"Last-Event-ID": "6"})
    assert answer.status == 204  # an EventSource does not come back after that
    async with following(api, session_id, last_seq=3) as stream:
        assert await stream.until_end() == "session_over"
        assert stream.seqs == [4, 5]


async def test_there_is_an_end_to_how_many_follow(make_api: MakeApi) -> None:
    async with make_api(followers=3, followers_per_session=2, followers_per_person=2) as api:
        one, two, three = [await live_session(api) for _ in range(3)]

        async def refused(session_id: str, who: str) -> None:
            for path in ("events", "events/ws"):
                headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
                answer = await api.get(f"/v1/sessions/{session_id}/{path}", who, headers=headers)
                assert (answer.status, answer.code) == (503, "too_many_followers")
                assert 2 <= int(answer.headers["Retry-After"]) <= 10

        async with following(api, one), following(api, one):
            await refused(one, "bob")
            await refused(two, "alice")
            async with following(api, two, "bob"):
                await refused(three, "bob")
        await settled(api, 0)
        async with following(api, one):
            pass


async def test_who_does_not_read_is_cut_off_and_holds_nobody_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("control_api.followers.handlers.WRITE_S", 0.5)
    session_id = await live_session(api)
    text = "y" * 20_000
    reader, writer = await asyncio.open_connection("127.0.0.1", api.client.port, limit=1024)
    request = f"GET /v1/sessions/{session_id}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {api.tokens['alice']}"
    writer.write(f"{request}\r\n\r\n".encode())
    await reader.readline()
    async with following(api, session_id) as stream:
        for first in range(1, 601, 50):
            await store(api, entries(api, session_id, range(first, first + 50), text=text))
            await stream.until(first + 49)
        await settled(api, 1)
        assert stream.seqs == [*range(1, 601)]
    writer.close()


async def test_whoever_falls_behind_is_told_to_come_back(api: Api) -> None:
    session_id = await live_session(api)
    async with following(api, session_id) as stream:
        await store(api, entries(api, session_id, [1]))
        await stream.until(1)
        feed = next(iter(feeds_of(api)._feeds.values()))
        feed.window.extend(entries(api, session_id, range(2, 3000)))  # more than the window holds, all at once
        feed.wake()
        assert await stream.until_end() == "too_slow"
        last = stream.ids[-1]
    await store(api, entries(api, session_id, range(2, 2002)))
    async with following(api, session_id, last_seq=last) as stream:
        await stream.until(2001)
        assert stream.seqs == [*range(2, 2002)]


async def test_a_server_that_stops_says_so(api: Api) -> None:
    session_id = await live_session(api)
    async with following(api, session_id) as stream, socket(api, session_id, last_seq=0) as ws:
        await api.client.server.app.shutdown()  # type: ignore[union-attr]
        assert await stream.until_end() == "server_stopping"
        assert len(stream.retries) == 2
        assert await closed(ws) == 1001
    answer = await api.get(f"/v1/sessions/{session_id}/events")
    assert (answer.status, answer.code) == (503, "too_many_followers")


async def test_a_silent_stream_shows_that_it_lives(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("control_api.followers.following.HEARTBEAT_S", 0.1)
    session_id = await live_session(api)
    async with following(api, session_id) as stream, asyncio.timeout(IN_TIME_S):
        assert await stream.response.content.readline() == b": \n"

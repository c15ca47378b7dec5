"""Calls as their participants see them: who gets in, who is heard, what is written, how it ends."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import numpy as np
import pytest
import pytest_asyncio

from deploy.call.api import Api, ApiError
from deploy.stack import Stack, throwaway_stack
from media_server.rtc.addresses import offer_addresses
from tests.likeness import best_correlation, likeness
from tests.peer_audio import Samples
from tests.talking_peer import RefusedError, TalkingPeer

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

DEMO = Path(__file__).parents[2] / "deploy" / "demo"
SAMPLE_RATE_HZ = 16_000
BROKEN_OFFER = (
    "v=0\r\no=- 0 0 IN IP4 0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
    "a=rtpmap:111 opus/48000/2\r\na=fingerprint:sha-256 AB:CD\r\n"
)
"""Passes every guard, and no parser."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack() -> AsyncIterator[Stack]:
    """A whole running stack; its programs live in the loop of this module's tests."""
    async with throwaway_stack(settings={"LIVECONVO_EMPTY_CALL_S": "3", "LIVECONVO_RECONNECT_S": "1"}) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def api(stack: Stack) -> AsyncIterator[Api]:
    """Signed in as the owner."""
    offer_addresses(("127.0.0.1",))
    async with Api(stack.url, stack.token) as client:
        yield client


def demo(name: str, start_s: float, end_s: float) -> Samples:
    """A piece of the demo conversation with silence after it."""
    from deploy.call.audio_file import read_recording

    samples = read_recording(DEMO / f"{name}.opus").for_listening()
    piece = samples[int(start_s * SAMPLE_RATE_HZ) : int(end_s * SAMPLE_RATE_HZ)]
    return np.concatenate((piece, np.zeros(SAMPLE_RATE_HZ * 3 // 2, np.float32)))


async def joining(
    api: Api, session_id: str, name: str, role: str = "host", *, consents: bool = True, shared_mic: bool = False
) -> dict[str, Any]:
    consent = {"version": "test", "at": "2026-01-01T00:00:00Z"} if consents else None
    body = {"name": name, "role": role, "shared_mic": shared_mic, "consent": consent}
    return dict(await api.request("POST", f"/v1/sessions/{session_id}/join", body))


@asynccontextmanager
async def in_call(
    api: Api, session_id: str, name: str, audio: Samples | None, role: str = "host", **options: Any
) -> AsyncIterator[TalkingPeer]:
    joined = await joining(api, session_id, name, role, **options)
    peer = TalkingPeer(joined["media_url"], joined["ticket"], audio, last_seq=0)
    await peer.connect()
    try:
        yield peer
    finally:
        await peer.close()


async def new_session(api: Api) -> str:
    return await api.create_session("A call", "sales")


async def transcript(api: Api, session_id: str) -> list[dict[str, Any]]:
    return list((await api.request("GET", f"/v1/sessions/{session_id}/transcript"))["items"])


async def summary_of(api: Api, session_id: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            if (summary := await api.summary(session_id)) is not None:
                return summary
            await asyncio.sleep(0.1)


# who gets in


async def test_a_ticket_is_good_for_one_offer(api: Api) -> None:
    joined = await joining(api, await new_session(api), "Ann")
    async with TalkingPeer(joined["media_url"], joined["ticket"], None):
        with pytest.raises(RefusedError) as refused:
            await TalkingPeer(joined["media_url"], joined["ticket"], None).connect()
    assert (refused.value.status, refused.value.code) == (401, "ticket_invalid")


async def test_a_made_up_ticket_is_refused(api: Api) -> None:
    joined = await joining(api, await new_session(api), "Ann")
    with pytest.raises(RefusedError) as refused:
        await TalkingPeer(joined["media_url"], "made-up", None).connect()
    assert (refused.value.status, refused.value.code) == (401, "ticket_invalid")


async def test_a_ticket_of_another_session_is_refused(api: Api) -> None:
    mine, other = await joining(api, await new_session(api), "Ann"), await joining(api, await new_session(api), "Ann")
    with pytest.raises(RefusedError) as refused:
        await TalkingPeer(other["media_url"], mine["ticket"], None).connect()
    assert refused.value.status == 401


async def test_a_malformed_offer_does_not_use_up_the_ticket(api: Api) -> None:
    joined = await joining(api, await new_session(api), "Ann")
    for body, status in (("hello", 400), ("v=0\r\nm=audio 9 X 1\r\n" + "a=x\r\n" * 2_000, 413), ("v=0\r\n", 400)):
        assert (await post(joined, body))[0] == status
    assert await post(joined, BROKEN_OFFER) == (400, "offer_invalid")
    assert await post(joined, BROKEN_OFFER.replace("opus", "other")) == (400, "offer_without_opus")
    async with TalkingPeer(joined["media_url"], joined["ticket"], None, last_seq=0) as peer:
        await peer.wait_for("participant.joined")


async def test_an_offer_of_another_type_is_refused(api: Api) -> None:
    joined = await joining(api, await new_session(api), "Ann")
    assert await post(joined, "v=0", content_type="text/plain") == (415, "offer_type")


async def test_an_unknown_session_is_refused(stack: Stack, api: Api) -> None:
    joined = await joining(api, await new_session(api), "Ann")
    for path in (f"/whip/{uuid4()}", "/whip/nonsense"):
        elsewhere = joined | {"media_url": stack.media_urls[0] + path}
        status, code = await post(elsewhere, BROKEN_OFFER)
        assert (status, code) in {(401, "ticket_invalid"), (404, "session_unknown")}


async def test_a_completed_session_is_refused(api: Api) -> None:
    session_id = await new_session(api)
    joined = await joining(api, session_id, "Ann")
    async with in_call(api, session_id, "Ann", np.zeros(SAMPLE_RATE_HZ, np.float32)) as ann:
        ann.play()
        await ann.wait_for("session.state", where=lambda m: m["state"] == "active")
        ann.send({"type": "session.end"})
        await summary_of(api, session_id)
    with pytest.raises(RefusedError) as refused:
        await TalkingPeer(joined["media_url"], joined["ticket"], None).connect()
    assert (refused.value.status, refused.value.code) == (409, "session_completed")
    with pytest.raises(ApiError, match="session_completed"):
        await joining(api, session_id, "Ann")


async def test_only_the_bearer_may_delete_what_it_made(api: Api) -> None:
    joined = await joining(api, await new_session(api), "Ann")
    async with TalkingPeer(joined["media_url"], joined["ticket"], None) as peer:
        assert peer.resource_url is not None
        assert await send("DELETE", peer.resource_url, "another") == 401
        assert await send("DELETE", peer.resource_url + "0", joined["ticket"]) == 404
        assert await send("PATCH", peer.resource_url, joined["ticket"]) == 405
        assert await send("DELETE", peer.resource_url, joined["ticket"]) == 200
        assert await send("DELETE", peer.resource_url, joined["ticket"]) == 404


async def test_only_the_public_origin_gets_cors(stack: Stack) -> None:
    url = f"{stack.media_urls[0]}/whip/{uuid4()}"
    async with aiohttp.ClientSession() as http:
        async with http.options(url, headers={"Origin": stack.url}) as response:
            assert response.headers["Access-Control-Allow-Origin"] == stack.url
            assert "Location" in response.headers["Access-Control-Expose-Headers"]
        for origin in ("https://evil.example", stack.url + ".evil.example", "null"):
            async with http.options(url, headers={"Origin": origin}) as response:
                assert "Access-Control-Allow-Origin" not in response.headers


# who is heard, and by whom


async def test_two_people_hear_each_other_and_not_themselves(api: Api) -> None:
    session_id = await new_session(api)
    hers, his = demo("host", 1.0, 5.2), demo("guest", 5.7, 10.7)
    async with in_call(api, session_id, "Ann", hers) as ann, in_call(api, session_id, "Bob", his, "customer") as bob:
        start = asyncio.get_running_loop().time() + 0.2
        ann.play(start)
        bob.play(start)
        await asyncio.gather(ann.played(20), bob.played(20))
        assert likeness(ann.heard(), his) > 0.6
        assert likeness(bob.heard(), hers) > 0.6
        assert best_correlation(ann.heard(), hers) < 0.1
        assert best_correlation(bob.heard(), his) < 0.1


async def test_coaching_is_for_the_host_only(api: Api) -> None:
    session_id = await new_session(api)
    async with (
        in_call(api, session_id, "Ann", demo("host", 16.0, 43.0)) as ann,
        in_call(api, session_id, "Bob", None, "customer") as bob,
    ):
        ann.play()
        await ann.wait_for("guidance.shown", 40)
        await ann.wait_for("metrics.updated")
        await bob.wait_for("transcript.final")
        await bob.wait_for("transcript.partial")
        assert not bob.of_type("guidance.shown")
        assert not bob.of_type("metrics.updated")


async def test_without_consent_nothing_of_a_person_is_taken(api: Api) -> None:
    session_id = await new_session(api)
    words = demo("guest", 5.7, 10.7)
    async with (
        in_call(api, session_id, "Ann", demo("host", 1.0, 3.0)) as ann,
        in_call(api, session_id, "Bob", words, "customer", consents=False) as bob,
    ):
        bob.play()
        ann.play()
        await bob.played(15)
        await ann.wait_for("transcript.final")
        assert best_correlation(ann.heard(), words) < 0.1
        assert {final["speaker"] for final in ann.of_type("transcript.final")} == {"Ann"}


# what is written


async def test_partials_come_before_the_final_and_both_under_the_right_name(api: Api) -> None:
    session_id = await new_session(api)
    async with in_call(api, session_id, "Ann", demo("host", 1.0, 5.2)) as ann:
        ann.play()
        final = await ann.wait_for("transcript.final")
        partials = [p for p in ann.of_type("transcript.partial") if p["utterance_id"] == final["utterance_id"]]
        assert partials
        assert partials[0]["arrived_at"] < final["arrived_at"]
        assert {p["speaker"] for p in partials} == {final["speaker"]} == {"Ann"}
        assert "taking the time" in " ".join(f["text"] for f in ann.of_type("transcript.final"))
        words = final["words"]
        assert words[0]["start_ms"] >= final["start_ms"] - 300
        assert all(a["start_ms"] <= a["end_ms"] <= b["end_ms"] for a, b in itertools.pairwise(words))
    assert next(row["transcript_id"] for row in await stored_rows(api, session_id, 1)) == final["transcript_id"]


async def test_silence_and_noise_say_nothing(api: Api) -> None:
    session_id = await new_session(api)
    noise = np.random.default_rng(1).normal(0, 0.05, 5 * SAMPLE_RATE_HZ).astype(np.float32)
    sound = np.concatenate((np.zeros(3 * SAMPLE_RATE_HZ, np.float32), noise, np.zeros(SAMPLE_RATE_HZ, np.float32)))
    async with in_call(api, session_id, "Ann", sound) as ann:
        ann.play()
        await ann.played(15)
        ann.send({"type": "session.end"})
        await ann.wait_for("session.state", where=lambda m: m["state"] == "finalizing")
        assert not ann.of_type("transcript.final")
    summary = await summary_of(api, session_id)
    assert summary["generation_status"] == "completed"
    assert await transcript(api, session_id) == []
    assert summary["action_items"] == summary["key_decisions"] == []


async def test_who_comes_back_is_the_same_participant(api: Api) -> None:
    session_id = await new_session(api)
    async with in_call(api, session_id, "Ann", None) as ann:
        first = await api.join(session_id, "Bob", "supervisor", shared_mic=False)
        bob = TalkingPeer(first.media_url, first.ticket, None)
        await bob.connect()
        again = await api.join(session_id, "Bob", "supervisor", shared_mic=False, previous_ticket=first.ticket)
        async with TalkingPeer(again.media_url, again.ticket, None):
            await bob.wait_for("call.taken_over")
        left = await ann.wait_for("participant.left", where=lambda m: m["name"] == "Bob")
        assert again.participant_id == left["participant_id"] == first.participant_id
        assert len([m for m in ann.of_type("participant.joined") if m["name"] == "Bob"]) == 1
        await bob.vanish()


async def test_off_the_record_is_heard_and_not_written(api: Api) -> None:
    session_id = await new_session(api)
    hers = demo("host", 1.0, 5.2)
    async with in_call(api, session_id, "Ann", hers) as ann, in_call(api, session_id, "Bob", None, "customer") as bob:
        ann.send({"type": "recording.set", "on_record": False})
        state = await bob.wait_for("recording.state")
        assert state["state"] == "off_record"
        ann.play()
        await ann.played(15)
        assert likeness(bob.heard(), hers) > 0.6
        assert not ann.of_type("transcript.final")
        assert not ann.of_type("transcript.partial")


async def test_a_paused_call_writes_nothing_until_it_goes_on(api: Api) -> None:
    session_id = await new_session(api)
    words = demo("host", 1.0, 5.2)
    async with in_call(api, session_id, "Ann", np.concatenate((words, words))) as ann:
        ann.play()
        await ann.wait_for("session.state", where=lambda m: m["state"] == "active")
        ann.send({"type": "session.pause"})
        paused = await ann.wait_for("session.state", where=lambda m: m["state"] == "paused")
        await asyncio.sleep(4)
        ann.send({"type": "session.unpause"})
        resumed = await ann.wait_for("session.state", where=lambda m: m["seq"] > paused["seq"])
        assert resumed["state"] == "active"
        await ann.played(15)
        await ann.wait_for("transcript.final", where=lambda m: m["start_ms"] >= resumed["at_ms"] - 300)
        while_paused = [
            f for f in ann.of_type("transcript.final") if paused["at_ms"] + 300 < f["start_ms"] < resumed["at_ms"] - 300
        ]
        assert not while_paused
        ann.send({"type": "session.end"})
        await ann.wait_for("session.state", where=lambda m: m["state"] == "finalizing")
    await summary_of(api, session_id)
    session = await api.request("GET", f"/v1/sessions/{session_id}")
    heard_s = 2 * len(words) / SAMPLE_RATE_HZ - (resumed["at_ms"] - paused["at_ms"]) / 1000
    assert abs(session["recording_duration_seconds"] - heard_s) < 1.5


# messages


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("no json", "message_not_json"),
        ('{"type":"dance"}', "message_unknown"),
        ('{"type":"hello","last_seq":"x"}', "message_invalid"),
    ],
)
async def test_a_bad_message_is_an_error_and_the_call_goes_on(api: Api, message: str, code: str) -> None:
    async with in_call(api, await new_session(api), "Ann", None) as ann:
        ann.send(message)
        assert (await ann.wait_for("error"))["code"] == code
        ann.send({"type": "ping"})
        await ann.wait_for("pong")


async def test_a_pong_is_for_the_one_who_asked(api: Api) -> None:
    session_id = await new_session(api)
    async with in_call(api, session_id, "Ann", None) as ann, in_call(api, session_id, "Bob", None, "customer") as bob:
        bob.send({"type": "ping"})
        await bob.wait_for("pong")
        ann.send({"type": "recording.set", "on_record": True})
        await ann.wait_for("recording.state")
        assert not ann.of_type("pong")


async def test_a_flood_of_messages_is_cut_and_the_call_goes_on(api: Api) -> None:
    async with in_call(api, await new_session(api), "Ann", None) as ann:
        for _ in range(300):
            ann.send({"type": "ping"})
        assert (await ann.wait_for("error"))["code"] == "too_many_messages"
        await asyncio.sleep(1)
        ann.send({"type": "recording.set", "on_record": True})
        await ann.wait_for("recording.state")


async def test_an_error_is_told_to_nobody_else(api: Api) -> None:
    session_id = await new_session(api)
    async with in_call(api, session_id, "Ann", None) as ann, in_call(api, session_id, "Bob", None, "customer") as bob:
        bob.send("no json")
        await bob.wait_for("error")
        ann.send({"type": "recording.set", "on_record": True})
        await ann.wait_for("recording.state")
        assert not ann.of_type("error")


@pytest.mark.parametrize("kind", ["session.end", "session.pause", "session.unpause"])
async def test_a_customer_may_not_run_the_call(api: Api, kind: str) -> None:
    async with in_call(api, await new_session(api), "Bob", None, "customer") as bob:
        bob.send({"type": kind})
        assert (await bob.wait_for("error"))["code"] == "forbidden"


async def test_who_comes_back_gets_what_was_missed_once(api: Api) -> None:
    session_id = await new_session(api)
    async with in_call(api, session_id, "Ann", demo("host", 1.0, 5.2)) as ann:
        ann.play()
        await ann.wait_for("transcript.final")
        seen = ann.of_type("transcript.final")[0]["seq"]
        async with in_call(api, session_id, "Bob", None, "customer"):
            await ann.wait_for("participant.joined", where=lambda m: m["name"] == "Bob")
        await ann.wait_for("participant.left", where=lambda m: m["name"] == "Bob")
        joined = await joining(api, session_id, "Eve", "supervisor")
        async with TalkingPeer(joined["media_url"], joined["ticket"], None, last_seq=seen) as eve:
            await eve.wait_for("participant.left", where=lambda m: m["name"] == "Bob")
            numbers = [m["seq"] for m in eve.messages if "seq" in m]
            assert min(numbers) > seen
            assert numbers == sorted(set(numbers))


# the end


async def test_the_host_ends_the_call_for_everybody(api: Api) -> None:
    session_id = await new_session(api)
    async with (
        in_call(api, session_id, "Ann", demo("host", 1.0, 5.2)) as ann,
        in_call(api, session_id, "Bob", None, "customer") as bob,
    ):
        ann.play()
        await asyncio.sleep(3.5)
        ann.send({"type": "session.end"})  # in the middle of a sentence
        state = await bob.wait_for("session.state", where=lambda m: m["state"] == "finalizing")
        finals = [m for m in bob.of_type("transcript.final") if m["seq"] < state["seq"]]
        assert finals  # what was being said became final first
    summary = await summary_of(api, session_id)
    session = await api.request("GET", f"/v1/sessions/{session_id}")
    assert session["status"] == "completed"
    assert session["total_words_spoken"] > 0
    assert 2 <= session["recording_duration_seconds"] <= 8
    assert finals[0]["text"] in summary["full_transcript"]


async def test_the_api_ends_a_live_call(api: Api) -> None:
    session_id = await new_session(api)
    async with in_call(api, session_id, "Ann", demo("host", 1.0, 5.2)) as ann:
        ann.play()
        await ann.wait_for("transcript.partial")
        await api.end(session_id)
        await ann.wait_for("session.state", where=lambda m: m["state"] == "finalizing")
    assert (await summary_of(api, session_id))["generation_status"] == "completed"


async def test_a_call_that_everybody_left_ends(api: Api) -> None:
    session_id = await new_session(api)
    async with in_call(api, session_id, "Ann", demo("host", 1.0, 3.0)) as ann:
        ann.play()
        await ann.wait_for("transcript.final")
    assert (await summary_of(api, session_id))["generation_status"] == "completed"


async def test_a_call_that_nobody_spoke_in_leaves_a_draft(api: Api) -> None:
    session_id = await new_session(api)
    for _ in range(2):  # the second one is told how the first one ended, and goes on
        async with in_call(api, session_id, "Ann", None) as ann:
            own = await ann.wait_for("participant.joined")
            ann.send({"type": "session.end"})
            ended = await ann.wait_for("session.state", where=lambda m, own=own: m["seq"] > own["seq"])
            assert (ended["state"], ended["reason"]) == ("draft", "ended by host")
    session = await api.request("GET", f"/v1/sessions/{session_id}")
    assert (session["status"], session["recording_duration_seconds"]) == ("draft", 0)


async def test_a_vanished_participant_is_noticed_within_seven_seconds(api: Api) -> None:
    session_id = await new_session(api)
    async with in_call(api, session_id, "Ann", np.zeros(20 * SAMPLE_RATE_HZ, np.float32)) as ann:
        ann.play()
        joined = await joining(api, session_id, "Bob", "customer")
        bob = TalkingPeer(joined["media_url"], joined["ticket"], None)
        await bob.connect()
        await ann.wait_for("participant.joined", where=lambda m: m["name"] == "Bob")
        cut_the_line(bob)
        await ann.wait_for("participant.connection", 8, where=lambda m: m["state"] == "reconnecting")
        await ann.wait_for("participant.left", where=lambda m: m["name"] == "Bob")
        await bob.vanish()


def cut_the_line(peer: TalkingPeer) -> None:
    """Nothing of this peer gets out any more: as if its machine lost its network."""
    pc = peer._pc
    assert pc is not None
    for protocol in pc.sctp.transport.transport._connection._protocols:
        protocol.transport.abort()


async def stored_rows(api: Api, session_id: str, at_least: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(10):
        while True:
            if len(rows := await transcript(api, session_id)) >= at_least:
                return rows
            await asyncio.sleep(0.1)


async def post(joined: dict[str, Any], body: str, *, content_type: str = "application/sdp") -> tuple[int, str | None]:
    headers = {"Authorization": f"Bearer {joined['ticket']}", "Content-Type": content_type}
    async with (
        aiohttp.ClientSession() as http,
        http.post(joined["media_url"], data=body.encode(), headers=headers) as response,
    ):
        return response.status, (await response.json(content_type=None)).get("code")


async def send(method: str, url: str, token: str) -> int:
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, url, headers={"Authorization": f"Bearer {token}"}) as response,
    ):
        return response.status

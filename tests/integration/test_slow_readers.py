"""What is sent to a reader that is behind: events wait for it up to a limit, live messages are replaced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from media_server.events import ParticipantConnection, TranscriptPartial, encode, payload
from media_server.settings import Limits
from tests.conftest import Database
from tests.hostile import AttackedPeer, attacked_peer, stop_reading
from tests.people import make_people, make_session
from tests.small_node import small_node
from tests.talking_peer import TalkingPeer

pytestmark = pytest.mark.slow

IN_TIME_S = 15.0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(IN_TIME_S):
        while not condition():
            await asyncio.sleep(0.01)


async def open_channels(call: AttackedPeer, max_message_bytes: int | None = None) -> None:
    await call.answer(max_message_bytes=max_message_bytes)
    await call.connect()
    await call.opened()
    await until(lambda: not call.peer.outbox.is_opening)
    if max_message_bytes != 10:
        call.peer.outbox.send_event(entry(1, 0))  # so that the time to send again after is measured, and short
        await until(lambda: bool(call.read))
        call.read.clear()


def say(call: AttackedPeer, utterance: str, text: str) -> None:
    partial = TranscriptPartial(utterance, "p", "Ann", 0, 1, "", text)
    call.peer.outbox.send_live(encode(partial.type, payload(partial), 0), partial.place)


def entry(seq: int, size: int) -> bytes:
    return encode("error", {"code": "x", "message": "y" * size, "fatal": False}, 0, seq)


def read(call: AttackedPeer, type_: str) -> list[dict[str, object]]:
    return [message for message in map(orjson.loads, call.read) if message["type"] == type_]


async def test_partials_are_replaced_and_not_queued() -> None:
    async with attacked_peer() as call:
        await open_channels(call)
        go_on = call.stop_reading()
        for number in range(1_000):
            for utterance in ("a", "b", "c"):
                say(call, utterance, f"{number} {'word ' * 20}")
            await asyncio.sleep(0)
        say(call, "a", "newest")
        say(call, "b", "newest")
        assert len(call.peer.outbox._waiting) == 3
        call.peer.outbox.forget_live(TranscriptPartial("c", "", "", 0, 0, "", "").place)
        go_on()
        await until(lambda: sum(m["unstable"] == "newest" for m in read(call, "transcript.partial")) == 2)
        assert len(call.read) < 200
        assert not any(str(m["unstable"]).startswith("999 ") for m in read(call, "transcript.partial"))


async def test_what_waits_has_a_bound_and_the_oldest_goes() -> None:
    async with attacked_peer(replace(Limits(), live_places=5)) as call:
        await open_channels(call)
        go_on = call.stop_reading()
        for number in range(100):
            say(call, f"u{number}", "word " * 40)
            await asyncio.sleep(0)
        assert len(call.peer.outbox._waiting) == 5
        go_on()
        kept = {f"u{number}" for number in range(95, 100)}
        await until(lambda: kept <= {m["utterance_id"] for m in read(call, "transcript.partial")})
        assert "u94" not in {m["utterance_id"] for m in read(call, "transcript.partial")}


async def test_a_live_message_does_not_wait_in_line_behind_events() -> None:
    async with attacked_peer() as call:
        await open_channels(call)
        go_on = call.stop_reading()
        for seq in range(1, 51):
            call.peer.outbox.send_event(entry(seq, 1_000))
        for number in range(20):
            say(call, "a", str(number))
        assert next(iter(call.peer.outbox._waiting.values())).count(b'"19"') == 1
        go_on()
        await until(lambda: len(read(call, "error")) == 50 and bool(read(call, "transcript.partial")))
        assert [m["unstable"] for m in read(call, "transcript.partial")] == ["19"]


async def test_events_wait_up_to_a_limit_and_then_the_reader_is_closed() -> None:
    async with attacked_peer(replace(Limits(), events_buffered_bytes=100_000)) as call:
        await open_channels(call)
        call.stop_reading()
        for seq in range(1, 100):
            call.peer.outbox.send_event(entry(seq, 1_000))
            await asyncio.sleep(0)
        assert not call.is_leaving
        for seq in range(100, 110):
            call.peer.outbox.send_event(entry(seq, 1_000))
        assert call.is_leaving
        assert call.peer.outbox.buffered_bytes < 110_000


async def test_a_replay_waits_for_its_reader() -> None:
    async with attacked_peer() as call:
        await open_channels(call)
        assert await call.peer.outbox.room()
        go_on = call.stop_reading()
        for seq in range(1, 30):
            call.peer.outbox.send_event(entry(seq, 1_000))
        waiting = asyncio.create_task(call.peer.outbox.room())
        await asyncio.sleep(0.1)
        assert not waiting.done()
        go_on()
        assert await waiting
        assert not call.is_leaving


async def test_a_replay_gives_up_on_a_reader_that_is_stuck() -> None:
    async with attacked_peer(replace(Limits(), reader_stalled_s=0.3)) as call:
        await open_channels(call)
        call.stop_reading()
        for seq in range(30, 60):
            call.peer.outbox.send_event(entry(seq, 1_000))
        assert not await call.peer.outbox.room()
        assert call.is_leaving


@pytest.mark.parametrize("max_message_bytes", [500, 0, None], ids=["small", "any", "default"])
async def test_a_reader_gets_what_it_can_take_and_is_told_of_the_rest(max_message_bytes: int | None) -> None:
    async with attacked_peer() as call:
        await open_channels(call, max_message_bytes)
        call.peer.outbox.send_event(entry(1, 1_000))
        call.peer.outbox.send_event(entry(2, 10))
        say(call, "a", "word " * 200)
        say(call, "a", "short")
        await until(lambda: len(read(call, "error")) == 2 and bool(read(call, "transcript.partial")))
        first, second = read(call, "error")
        is_small = max_message_bytes == 500
        assert (first["seq"], first["code"]) == (1, "event_too_large" if is_small else "x")
        assert (second["seq"], second["code"]) == (2, "x")
        assert len(read(call, "transcript.partial")) == (1 if is_small else 2)


async def test_a_reader_that_takes_nothing_at_all_is_no_harm() -> None:
    async with attacked_peer() as call:
        await open_channels(call, max_message_bytes=10)
        call.peer.outbox.send_event(entry(1, 1_000))
        call.peer.outbox.send_event(entry(2, 1))
        await call.reads("still here")
        assert call.read == []


async def test_a_stuck_reader_delays_nobody_and_misses_nothing_when_it_is_back(
    database: Database, tmp_path: Path
) -> None:
    alice = (await make_people(database.owner_url)).alice
    limits = replace(Limits(), events_buffered_bytes=20_000, messages_per_s=1_000)
    async with small_node(database, tmp_path, limits=limits) as node:
        session = await make_session(node.api, alice)
        ann, bob = await node.speaker(alice, session, name="Ann"), await node.speaker(alice, session, name="Bob")

        async def peer_of(person: object, last_seq: int) -> TalkingPeer:
            ticket = await node.ticket(alice, session, person)  # type: ignore[arg-type]
            return TalkingPeer(node.media_url(session), ticket, None, last_seq=last_seq)

        async with await peer_of(ann, 0) as hers:
            slow = await peer_of(bob, 0)
            await slow.start()
            await slow.wait_for("participant.joined", where=lambda m: m["participant_id"] == str(bob))
            assert slow._pc is not None
            stop_reading(slow._pc)
            switched = 0
            while not hers.of_type(ParticipantConnection.type):
                switched += 1
                hers.send({"type": "audio.set", "muted": bool(switched % 2)})
                await until(lambda: len(hers.of_type("participant.audio")) == switched)  # noqa: B023
            last_seq = max(message.get("seq", 0) for message in slow.messages)
            await slow.vanish()
            async with await peer_of(bob, last_seq) as back:
                last = hers.of_type("participant.audio")[-1]["seq"]
                await back.wait_for("participant.audio", where=lambda m: m["seq"] == last)
                read_before = [m["seq"] for m in slow.of_type("participant.audio")]
                read_after = [m["seq"] for m in back.of_type("participant.audio")]
                assert read_before + read_after == [m["seq"] for m in hers.of_type("participant.audio")]

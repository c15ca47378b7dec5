"""Everybody hears all the others and never themselves."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from media_server.conversation.playout import FRAME_SAMPLES as TICK_SAMPLES
from media_server.rtc import mix_stream
from media_server.rtc.mix_stream import FRAME_SAMPLES
from media_server.rtc.mixer import Mixer, next_due
from media_server.rtc.opus import Decoder, Encoder, carries_fec
from tests.voice import voice

RATE_HZ = 48_000


def tone(hz: float, ticks: int, amplitude: int = 8_000) -> npt.NDArray[np.int16]:
    t = np.arange(ticks * FRAME_SAMPLES) / RATE_HZ
    return (amplitude * np.sin(2 * np.pi * hz * t)).astype(np.int16)


class Room:
    """A mixer whose people all say something, tick by tick, and what each of them is sent."""

    def __init__(self, talkers: dict[str, npt.NDArray[np.int16]], listeners: list[str]) -> None:
        self.mixer = Mixer()
        self._voices = {name: (self.mixer.add_talker(name), voice) for name, voice in talkers.items()}
        self.sent: dict[str, list[bytes]] = {name: [] for name in listeners}
        self.times: dict[str, list[int]] = {name: [] for name in listeners}
        for name in listeners:
            self.mixer.add_listener(name, partial(self._keep, name))
        self._tick = 0

    def _keep(self, name: str, packet: bytes, pts: int) -> None:
        self.sent[name].append(packet)
        self.times[name].append(pts)

    def run(self, ticks: int) -> Room:
        for _ in range(ticks):
            now = self._tick * TICK_SAMPLES
            for talker, said in self._voices.values():
                frame = said[self._tick * FRAME_SAMPLES : (self._tick + 1) * FRAME_SAMPLES]
                talker.write(now, frame, (now + TICK_SAMPLES) / 16_000)
            self.mixer.tick(now + TICK_SAMPLES + 100)
            self._tick += 1
        return self

    def heard(self, name: str) -> npt.NDArray[np.float64]:
        """Without the first 200 ms, in which the voices begin."""
        decoder = Decoder(RATE_HZ)
        decoded = [decoder.decode_pcm(packet) for packet in self.sent[name]]
        return np.concatenate(decoded).astype(float)[10 * FRAME_SAMPLES :]


def strength(samples: npt.NDArray[np.float64], hz: float) -> float:
    """Amplitude of one frequency."""
    t = np.arange(len(samples)) / RATE_HZ
    return float(2 * abs(np.mean(samples * np.exp(-2j * np.pi * hz * t)))) if len(samples) else 0.0


PITCHES = {"alice": 400.0, "bob": 700.0, "carol": 1100.0}


def heard_pitches(room: Room, name: str) -> str:
    """Initials of those who are heard."""
    return "".join(other[0] for other, hz in PITCHES.items() if strength(room.heard(name), hz) > 2_500)


def three_people(ticks: int) -> Room:
    return Room({name: tone(hz, ticks) for name, hz in PITCHES.items()}, list(PITCHES))


def test_three_people_hear_the_two_others() -> None:
    room = three_people(50).run(50)
    assert {name: heard_pitches(room, name) for name in PITCHES} == {"alice": "bc", "bob": "ac", "carol": "ab"}
    for name, hz in PITCHES.items():
        assert strength(room.heard(name), hz) < 400


def test_who_only_listens_hears_everybody() -> None:
    room = Room({name: tone(hz, 50) for name, hz in PITCHES.items()}, ["dora"]).run(50)
    assert heard_pitches(room, "dora") == "abc"


def test_nobody_hears_who_is_muted() -> None:
    room = three_people(50)
    room.mixer.audibility = room.mixer.audibility.muting("bob")
    room.run(50)
    assert {name: heard_pitches(room, name) for name in PITCHES} == {"alice": "c", "bob": "ac", "carol": "a"}


def test_who_is_deafened_hears_nobody() -> None:
    room = three_people(50)
    room.mixer.audibility = room.mixer.audibility.deafening("bob")
    room.run(50)
    assert {name: heard_pitches(room, name) for name in PITCHES} == {"alice": "bc", "bob": "", "carol": "ab"}


def test_a_supervisor_is_heard_by_the_one_who_is_advised() -> None:
    room = three_people(50)
    room.mixer.audibility = room.mixer.audibility.confining("carol", ["alice"])
    room.run(50)
    assert {name: heard_pitches(room, name) for name in PITCHES} == {"alice": "bc", "bob": "a", "carol": "ab"}


def test_a_talker_is_wanted_while_somebody_may_hear() -> None:
    mixer = Mixer()
    alice = mixer.add_talker("alice")
    mixer.add_listener("alice", lambda packet, pts: None)
    assert not alice.is_wanted
    mixer.add_listener("bob", lambda packet, pts: None)
    assert alice.is_wanted
    mixer.audibility = mixer.audibility.muting("alice")
    assert not alice.is_wanted
    mixer.audibility = mixer.audibility.muting("alice", is_muted=False)
    mixer.audibility = mixer.audibility.deafening("bob")
    assert not alice.is_wanted
    mixer.add_listener("carol", lambda packet, pts: None)
    assert alice.is_wanted
    mixer.remove("carol")
    assert not alice.is_wanted


def test_of_who_left_no_rule_stays() -> None:
    mixer = Mixer()
    mixer.add_talker("alice")
    mixer.audibility = mixer.audibility.muting("alice")
    mixer.remove("alice")
    assert not mixer.audibility.muted


def test_who_left_is_not_heard_any_more() -> None:
    room = three_people(100).run(30)
    room.mixer.remove("bob")
    before = len(room.sent["alice"])
    room.run(50)
    room.sent["alice"] = room.sent["alice"][before:]
    assert heard_pitches(room, "alice") == "c"


def test_loud_people_together_do_not_wrap_around_or_jump() -> None:
    loud = {name: tone(300, 50, 32_000) for name in ("alice", "bob", "carol", "dora")}
    heard = Room(loud, ["eve"]).run(50).heard("eve")
    assert strength(heard, 300) > 20_000
    assert np.abs(np.diff(heard)).max() < 6_000


@pytest.fixture
def encodes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for every frame that is encoded."""
    counted: list[int] = []

    class Counting(Encoder):
        def encode(self, pcm: npt.NDArray[np.int16]) -> bytes:
            counted.append(len(pcm))
            return super().encode(pcm)

    monkeypatch.setattr(mix_stream, "Encoder", Counting)
    return counted


def test_twenty_listeners_share_one_encode(encodes: list[int]) -> None:
    people = [f"person {number}" for number in range(20)]
    room = Room({"alice": tone(400, 100)}, people).run(20)
    encodes.clear()
    room.run(50)
    assert len(encodes) == 50
    assert all(len(room.sent[name]) == 70 for name in people)
    assert len({id(room.sent[name][-1]) for name in people}) == 1


def test_two_who_talk_cost_three_encodes(encodes: list[int]) -> None:
    people = [f"person {number}" for number in range(20)]
    room = Room({name: tone(400, 100) for name in people[:2]}, people).run(20)
    encodes.clear()
    room.run(50)
    assert len(encodes) == 150


def test_a_quiet_room_costs_no_encode(encodes: list[int]) -> None:
    people = [f"person {number}" for number in range(20)]
    hiss = np.random.default_rng(1).normal(0, 20, 200 * FRAME_SAMPLES).astype(np.int16)
    room = Room(dict.fromkeys(people, hiss), people).run(50)
    encodes.clear()
    room.run(100)
    assert not encodes


def test_beginning_to_talk_leaves_what_one_hears_as_it_was() -> None:
    rng = np.random.default_rng(3)
    bob = (tone(700, 60) + rng.normal(0, 300, 60 * FRAME_SAMPLES)).astype(np.int16)
    late = np.concatenate((np.zeros(30 * FRAME_SAMPLES, np.int16), tone(400, 30)))
    alone = Room({"bob": bob}, ["alice"]).run(60)
    together = Room({"bob": bob, "alice": late}, ["alice"]).run(60)
    assert together.sent["alice"] == alone.sent["alice"]


def test_who_talked_shares_again_afterwards(encodes: list[int]) -> None:
    voice = np.concatenate((tone(400, 30), np.zeros(70 * FRAME_SAMPLES, np.int16)))
    bursts = np.tile(np.concatenate((tone(700, 10), np.zeros(5 * FRAME_SAMPLES, np.int16))), 10)
    room = Room({"alice": voice, "bob": bursts}, ["alice", "bob", "carol"]).run(80)
    encodes.clear()
    room.run(10)
    assert len(encodes) == 10


def test_only_who_loses_packets_gets_them_repeated() -> None:
    """Alice and bob talk, so each hears a mix of their own; alice's line is bad."""
    room = Room({"alice": voice(120), "bob": voice(120)}, ["alice", "bob"])
    room.mixer.add_listener("alice", partial(room._keep, "alice"), lambda: 0.1)
    room.run(120)
    repeated = {name: sum(carries_fec(packet) for packet in room.sent[name]) for name in ("alice", "bob")}
    assert repeated["bob"] == 0
    assert repeated["alice"] > 20


def test_packets_are_960_samples_apart_and_all_listeners_have_the_same_time() -> None:
    room = Room({"alice": tone(400, 20)}, ["bob", "carol"]).run(20)
    assert np.diff(room.times["bob"]).tolist() == [FRAME_SAMPLES] * 19
    assert room.times["carol"] == room.times["bob"]


def test_a_tick_comes_every_20_ms() -> None:
    assert next_due(1_000, 1_010) == 1_000 + TICK_SAMPLES


def test_a_late_tick_is_made_up_for() -> None:
    assert next_due(1_000, 1_000 + 5 * TICK_SAMPLES) == 1_000 + TICK_SAMPLES


def test_a_very_late_tick_is_left_out() -> None:
    now = 1_000 + 100 * TICK_SAMPLES
    assert now - next_due(1_000, now) == 5 * TICK_SAMPLES


def test_who_judges_an_echo_is_told_what_each_listener_is_sent() -> None:
    room = Room({"bob": tone(440, 30), "eve": tone(0, 30)}, ["ann", "bob"]).run(30)
    sent = {name: list(room.mixer.echo_of(name)._sent) for name in ("ann", "bob")}
    assert sent["bob"] == []
    assert 20 < len(sent["ann"]) <= 30
    times = [at for at, _ in sent["ann"]]
    assert {later - at for at, later in pairwise(times)} == {TICK_SAMPLES}
    assert all(np.abs(pcm).max() > 1_000 for _, pcm in sent["ann"][3:])

"""What of a participant's audio is recorded time: what is listened to on the record, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from media_server.call_clock import CallClock
from media_server.conversation.types import ms_to_samples
from media_server.conversation.usage import Interval
from media_server.participant import Guest, Participant
from media_server.rtc.audio_input import AudioBlock
from media_server.settings import Limits

BLOCK_MS = 20


class Loop:
    def __init__(self) -> None:
        self.now_s = 0.0

    def time(self) -> float:
        return self.now_s


class Listener:
    has_ended = False

    def write(self, start: int, samples: Any) -> None:
        pass

    def finish(self) -> None:
        self.has_ended = True


class Talking:
    """One participant who talks all the time."""

    def __init__(self, *, is_consented: bool = True) -> None:
        self._loop = Loop()
        clock = CallClock(self._loop.time, datetime.now(UTC), None)
        clock.start()
        guest = Guest(uuid4(), "Ann", "host", "browser", shared_mic=False, is_coached=True, is_consented=is_consented)
        self.participant = Participant(guest, clock, outbox=None, limits=Limits())  # type: ignore[arg-type]
        self.participant.stream = Listener()  # type: ignore[assignment]
        self._pts = 0

    def talk(self, ms: int, *, is_listening: bool = True, peak: float = 0.0) -> None:
        samples = np.full(ms_to_samples(BLOCK_MS), peak, np.float32)
        for _ in range(0, ms, BLOCK_MS):
            self._loop.now_s += BLOCK_MS / 1000
            block = AudioBlock(self._pts, samples, np.zeros(0, np.int16))
            self.participant.hear(block, is_listening=is_listening)
            self._pts += len(samples)

    def skip(self, ms: int) -> None:
        """The sender's clock jumps."""
        self._pts += ms_to_samples(ms)

    def told(self) -> list[Interval]:
        self.participant.usage.end()
        return self.participant.usage.take()


async def test_talking_is_recorded_to_the_millisecond() -> None:
    ann = Talking()
    ann.talk(2_000)
    assert ann.told() == [Interval(0, 2_000)]


async def test_off_the_record_is_not_recorded_time() -> None:
    ann = Talking()
    ann.talk(500)
    ann.participant.seat.is_on_record = False
    first = ann.told()
    ann.talk(600)
    ann.participant.seat.is_on_record = True
    ann.talk(400)
    assert first + ann.told() == [Interval(0, 500), Interval(1_100, 1_500)]


async def test_a_pause_is_not_recorded_time() -> None:
    ann = Talking()
    ann.talk(500, is_listening=False)
    ann.talk(100)
    assert ann.told() == [Interval(500, 600)]


@pytest.mark.parametrize("lie_ms", [-3_600_000, -1_500, 1_500, 3_600_000])
async def test_a_client_that_lies_about_its_time_is_charged_for_what_it_sent(lie_ms: int) -> None:
    ann = Talking()
    ann.talk(10_000)
    ann.skip(lie_ms)
    ann.talk(20_000)
    assert ann.told() == [Interval(0, 30_000)]


@pytest.mark.parametrize("why", ["without consent", "not listened to yet"])
async def test_who_only_listens_is_not_metered(why: str) -> None:
    ann = Talking(is_consented=why != "without consent")
    if why == "not listened to yet":
        ann.participant.stream = None
    ann.talk(3_000)
    assert ann.told() == []


async def test_its_owner_is_told_of_a_silent_microphone_and_reminded_until_it_is_well_for_a_while() -> None:
    ann = Talking()
    told = []
    for second in range(16):
        ann.talk(1_000, peak=0.0 if second < 10 else 0.1)
        told.append(ann.participant.microphone_news(float(second)))
    assert told == [None] * 7 + ["silent"] * 4 + ["ok"] * 4 + [None]


async def test_news_of_a_microphone_come_once_a_second() -> None:
    ann = Talking()
    ann.talk(9_000)
    assert [ann.participant.microphone_news(now_s) for now_s in (5.0, 5.5, 5.9, 6.0)] == [
        "silent",
        None,
        None,
        "silent",
    ]


async def test_what_a_muted_microphone_sends_is_not_recorded() -> None:
    talking = Talking()
    talking.talk(2_000)
    talking.participant.mute(True)
    talking.talk(3_000)
    talking.participant.mute(False)
    talking.talk(1_000)
    assert talking.participant.stream.has_ended  # type: ignore[union-attr]  # what was being said
    assert talking.told() == [Interval(0, 2_000), Interval(5_000, 6_000)]


async def test_a_muted_microphone_is_not_called_silent() -> None:
    talking = Talking()
    talking.participant.mute(True)
    talking.talk(10_000)
    assert talking.participant.microphone.state == "ok"

"""What a participant is sent and what their microphone returns are compared at the right times."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from deploy.call.audio_file import read_recording
from media_server.call_clock import CallClock
from media_server.conversation.echo import EchoWatch
from media_server.participant import Guest, Participant
from media_server.pipeline.listen import Stream
from media_server.rtc.audio_input import AudioBlock
from media_server.settings import Limits

HOST = Path(__file__).parents[2] / "deploy" / "demo" / "host.opus"
FRAME = 320
BEGAN_S = 1_234.567
"""The loop's clock when the call's began."""


class Loop:
    def __init__(self) -> None:
        self.now_s = BEGAN_S

    def time(self) -> float:
        return self.now_s


def told(delay_ms: int, *, is_muted: bool = False) -> str:
    """After ten seconds in which the host talks, and comes back so much later, as received from the loop's clock on."""
    loop = Loop()
    clock = CallClock(loop.time, datetime.now(UTC), None)
    clock.start()
    guest = Guest(uuid4(), "Bob", "customer", "browser", shared_mic=False, is_coached=False, is_consented=True)
    bob = Participant(guest, clock, outbox=None, limits=Limits())  # type: ignore[arg-type]
    bob._loop = loop  # type: ignore[assignment]
    bob.stream = Stream(lambda speech: None, object)
    bob.echo = EchoWatch()
    bob.mute(is_muted)
    speech = read_recording(HOST).for_listening()[16 * 16_000 : 26 * 16_000].reshape(-1, FRAME)
    late = delay_ms // 20
    for number, frame in enumerate(speech):
        loop.now_s = BEGAN_S + (number + 1) * 0.02
        bob.echo.sent(round(loop.now_s * 16_000), np.repeat((frame * 32_767).astype(np.int16), 3))
        came = 0.2 * speech[number - late] if number >= late else np.zeros(FRAME, np.float32)
        bob.hear(AudioBlock(number * FRAME, came.astype(np.float32), np.zeros(0, np.int16)), is_listening=True)
        if number % 25 == 0:
            bob.judge_echo()
    return str(bob.microphone_news(loop.now_s))


@pytest.mark.parametrize(("delay_ms", "state"), [(0, "None"), (40, "None"), (100, "echoing"), (500, "echoing")])
async def test_what_comes_back_after_it_was_sent_is_an_echo(delay_ms: int, state: str) -> None:
    assert told(delay_ms) == state


async def test_a_muted_microphone_returns_nothing() -> None:
    assert told(200, is_muted=True) == "None"

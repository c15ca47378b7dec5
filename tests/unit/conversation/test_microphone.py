"""A microphone is silent or too loud only when it is so for a while, and is well again soon."""

from __future__ import annotations

import numpy as np
import pytest

from media_server.conversation.microphone import MicrophoneState, MicrophoneWatch

BLOCK = 320


def second(peak: float, *, clipped: float = 0.0) -> list[np.ndarray]:
    """A second in blocks of 20 ms: a tone, of which a part is at full scale."""
    samples = (peak * np.sin(2 * np.pi * 200 * np.arange(16_000) / 16_000)).astype(np.float32)
    samples[: int(clipped * 16_000)] = 1.0
    return list(np.random.default_rng(0).permutation(samples).reshape(-1, BLOCK))


QUIET_ROOM, SPEECH, NOTHING = second(0.002), second(0.3), second(0.0)
TOO_LOUD = second(0.8, clipped=0.03)


def after(*seconds: list[np.ndarray]) -> MicrophoneState:
    watch = MicrophoneWatch()
    for blocks in seconds:
        for block in blocks:
            watch.hear(block)
    return watch.state


def test_a_quiet_room_is_no_silence() -> None:
    assert after(*[QUIET_ROOM] * 30) == "ok"


@pytest.mark.parametrize(("seconds", "state"), [(7, "ok"), (8, "silent"), (60, "silent")])
def test_nothing_for_eight_seconds_is_silence(seconds: int, state: MicrophoneState) -> None:
    assert after(SPEECH, *[NOTHING] * seconds) == state


def test_it_is_well_again_after_two_seconds_of_sound() -> None:
    assert after(*[NOTHING] * 8, SPEECH) == "silent"
    assert after(*[NOTHING] * 8, SPEECH, QUIET_ROOM) == "ok"


@pytest.mark.parametrize(
    ("seconds", "state"),
    [
        ([TOO_LOUD, SPEECH, TOO_LOUD, SPEECH, SPEECH], "ok"),
        ([TOO_LOUD, SPEECH, TOO_LOUD, SPEECH, TOO_LOUD], "clipping"),
        ([TOO_LOUD] * 3, "clipping"),
        ([TOO_LOUD] * 3 + [SPEECH], "clipping"),
        ([TOO_LOUD] * 3 + [SPEECH] * 3, "ok"),
    ],
)
def test_three_of_five_seconds_too_loud_are_clipping(seconds: list[list[np.ndarray]], state: MicrophoneState) -> None:
    assert after(*seconds) == state


def test_a_single_click_is_not_too_loud() -> None:
    assert after(*[second(0.3, clipped=0.001)] * 10) == "ok"


def test_blocks_of_any_length_make_seconds() -> None:
    watch = MicrophoneWatch()
    for _ in range(9):
        watch.hear(np.zeros(16_037, np.float32))
    assert watch.state == "silent"


def test_loudness_adds_up_talk_and_clipping_apart_from_a_quiet_room() -> None:
    watch = MicrophoneWatch()
    for block in [*SPEECH, *QUIET_ROOM, *second(0.3, clipped=0.02)]:
        watch.hear(block)
    loudness = watch.loudness
    assert (loudness.heard, loudness.clipped, loudness.loud) == (48_000, 320, 32_000)
    assert loudness.energy == pytest.approx(32_000 * 0.045 + 320 * 0.955, rel=0.02)


def test_what_was_before_a_mute_is_forgotten_and_the_totals_go_on() -> None:
    watch = MicrophoneWatch()
    for block in [*NOTHING] * 7:
        watch.hear(block)
    watch.forget()
    heard = watch.loudness.heard
    watch.hear(NOTHING[0])
    assert (watch.state, watch.loudness.heard) == ("ok", heard + len(NOTHING[0]))
    for block in [*NOTHING] * 8:
        watch.hear(block)
    assert watch.state == "silent"

"""A microphone that returns what its owner is sent is found, and nothing else that people do is taken for it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from deploy.call.audio_file import read_recording
from media_server.conversation.echo import CHUNK_FRAMES, FRAME_SAMPLES, SECONDS, EchoWatch
from media_server.conversation.types import SAMPLE_RATE_HZ, ms_to_samples

Floats = npt.NDArray[np.float32]

DEMO = Path(__file__).parents[3] / "deploy" / "demo"
TALK_S = 24
LATEST_S = 8
"""Of the others' talk, until an echo is known."""


@cache
def voice(name: str) -> Floats:
    """One person of the demo, all the time: without most of what lies between the turns."""
    samples = read_recording(DEMO / f"{name}.opus").for_listening().astype(np.float32)
    tenths = samples[: len(samples) // 1_600 * 1_600].reshape(-1, 1_600)
    loud = np.abs(tenths).max(axis=1) > 0.02
    kept = loud | np.roll(loud, 1) | np.roll(loud, 2) | np.roll(loud, 3)
    talk = tenths[kept].reshape(-1)
    return np.resize(talk, TALK_S * SAMPLE_RATE_HZ)


def turns() -> tuple[Floats, Floats]:
    """The two of them in turn, four seconds each, half a second of it at the same time."""
    host, guest = voice("host").copy(), voice("guest").copy()
    at = np.arange(len(host)) % (8 * SAMPLE_RATE_HZ)
    host[at > 4.25 * SAMPLE_RATE_HZ] = 0
    guest[(at < 3.75 * SAMPLE_RATE_HZ) & (at > 0.25 * SAMPLE_RATE_HZ)] = 0
    return host, guest


def noise(dbfs: float, seed: int = 0) -> Floats:
    hiss = np.random.default_rng(seed).standard_normal(TALK_S * SAMPLE_RATE_HZ)
    return (hiss * 10 ** (dbfs / 20)).astype(np.float32)


def room(sound: Floats, delay_ms: int, attenuation_db: float, seed: int = 0) -> Floats:
    """What a microphone gets of a loudspeaker: later, quieter, thinner, with 0.3 s of reverberation."""
    at = np.arange(SAMPLE_RATE_HZ // 4) / SAMPLE_RATE_HZ
    response = np.random.default_rng(seed).standard_normal(len(at)) * 10 ** (-10 * at)
    response[0] = 5.0
    size = 1 << (len(sound) + len(response)).bit_length()
    echo = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(response, size), size)[: len(sound)]
    echo[1:] -= 0.9 * echo[:-1]
    echo *= np.linalg.norm(sound) / np.linalg.norm(echo) * 10 ** (-attenuation_db / 20)
    return later(echo.astype(np.float32), delay_ms)


def later(sound: Floats, delay_ms: int) -> Floats:
    """A negative delay: sooner."""
    samples = ms_to_samples(abs(delay_ms))
    hole = np.zeros(samples, np.float32)
    return np.concatenate((hole, sound[:-samples])) if delay_ms > 0 else np.concatenate((sound[samples:], hole))


def watch(sent: Floats, came: Floats) -> list[bool]:
    """What a watch says after each second of the others' talk."""
    echo, said = EchoWatch(), []
    frames = sent.reshape(-1, FRAME_SAMPLES)
    talk = np.abs(frames).max(axis=1) > 0.005
    for number, frame in enumerate(frames):
        if talk[max(0, number - 10) : number + 1].any():
            echo.sent(number * FRAME_SAMPLES, np.repeat((frame * 32_767).astype(np.int16), 3))
        while (span := echo.due(number * FRAME_SAMPLES)) is not None:
            echo.judge(came[max(0, span[0]) : span[1]])
            said.append(echo.is_echoing)
    return said


@pytest.mark.parametrize(
    ("delay_ms", "attenuation_db"), [(100, 6), (300, 6), (180, 12), (480, 12), (300, 18), (100, 25), (200, 25)]
)
def test_an_echo_is_known_after_some_seconds_of_the_others_talk(delay_ms: int, attenuation_db: int) -> None:
    host, guest = turns()
    for sent, own in ((voice("host"), noise(-90)), (host, guest)):
        said = watch(sent, room(sent, delay_ms, attenuation_db) + own + noise(-60))
        assert any(said[:LATEST_S])
        assert all(said[LATEST_S:])


OTHERWISE = {
    "taking turns": lambda: (*turns(),),
    "talking at the same time": lambda: (voice("host"), voice("guest")),
    "listening in silence": lambda: (voice("host"), noise(-60)),
    "nothing": lambda: (voice("host"), noise(-200)),
    "saying the same a second later": lambda: (voice("host"), later(voice("host"), 1_000)),
    "in one room with the talker": lambda: (voice("host"), room(voice("host"), 10, 6)),
    "in one room with the talker, heard sooner": lambda: (voice("host"), later(room(voice("host"), 10, 6), -80)),
    "in one noise": lambda: (voice("host") + noise(-40), noise(-40)),
    "music on hold": lambda: (music(), noise(-60)),
    "talking over music": lambda: (music(), voice("guest")),
    "playing music": lambda: (voice("host"), music()),
    "two musics": lambda: (music(), music(beat_s=0.37, seed=1)),
}


def music(beat_s: float = 0.5, seed: int = 0) -> Floats:
    """Notes that begin on a beat and fade."""
    at = np.arange(TALK_S * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    heights = np.random.default_rng(seed).integers(0, 24, int(TALK_S / beat_s) + 1)
    hz = 220 * 2 ** (heights[(at / beat_s).astype(int)] / 12)
    return (0.2 * np.sin(2 * np.pi * hz * at) * np.exp(-4 * (at % beat_s))).astype(np.float32)


@pytest.mark.parametrize("what", OTHERWISE)
def test_nothing_else_is_an_echo(what: str) -> None:
    sent, came = OTHERWISE[what]()
    said = watch(sent, came + noise(-65, seed=2))
    assert len(said) > TALK_S / 4
    assert not any(said)


def test_it_is_well_again_when_the_echo_ends() -> None:
    sent = voice("host")
    came = room(sent, 150, 10)
    came[TALK_S // 2 * SAMPLE_RATE_HZ :] = 0
    said = watch(sent, came + noise(-60))
    assert said[len(said) // 2 - 2]
    assert not said[-1]


def test_one_second_proves_nothing() -> None:
    sent = voice("host")
    came = room(sent, 150, 6) + noise(-60)
    assert not any(watch(sent, came)[: SECONDS - 1])


def test_what_is_not_there_whole_is_left_out() -> None:
    echo = EchoWatch()
    for number in range(CHUNK_FRAMES):
        echo.sent(number * FRAME_SAMPLES, np.ones(960, np.int16))
    span = echo.due(10**6)
    assert span is not None
    echo.judge(np.ones(span[1] - span[0] - 1, np.float32))
    assert (echo.likeness, echo.due(10**6)) == (0.0, None)


def test_nothing_is_due_before_it_can_have_come_back() -> None:
    echo = EchoWatch()
    for number in range(CHUNK_FRAMES):
        echo.sent(number * FRAME_SAMPLES, np.ones(960, np.int16))
    span = echo.due(10**6)
    assert span is not None
    assert (echo.due(span[1] - 1), echo.due(span[1])) == (None, span)


def test_a_word_now_and_then_is_not_put_together() -> None:
    echo = EchoWatch()
    for number in range(10 * CHUNK_FRAMES):
        echo.sent(number * 10 * FRAME_SAMPLES, np.ones(960, np.int16))
    assert echo.due(10**8) is None

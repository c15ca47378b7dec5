"""One encoded mix: when it is sent, when it rests, and what a decoder makes of two in turn."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from media_server.rtc.mix_stream import CALM_S, FRAME_SAMPLES, KEEP_ALIVE_TICKS, MixStream, Pcm
from media_server.rtc.opus import Decoder, carries_fec

DEMO = Path(__file__).parents[2] / "deploy" / "demo" / "host.opus"


def speech(seconds: int) -> list[Pcm]:
    """Frames of a voice."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=48_000)
    parts: list[Pcm] = []
    with av.open(str(DEMO)) as container:
        for frame in container.decode(audio=0):
            parts += [part.to_ndarray().reshape(-1) for part in resampler.resample(frame)]
            if sum(map(len, parts)) > (seconds + 1) * 48_000:
                break
    whole = np.concatenate(parts)[48_000:]
    return list(whole[: seconds * 48_000].reshape(-1, FRAME_SAMPLES))


def sent(stream: MixStream, frames: list[Pcm | None]) -> list[bytes | None]:
    return [stream.encode(frame) for frame in frames]


def test_a_voice_is_sent_every_20_ms() -> None:
    assert None not in sent(MixStream(), list(speech(2)[:20]))


def test_a_voice_takes_no_more_than_40_kbit_s() -> None:
    packets = [packet for packet in sent(MixStream(), list(speech(4))) if packet is not None]
    assert sum(len(packet) for packet in packets) * 8 / 4 < 40_000


def test_silence_is_sent_every_400_ms() -> None:
    packets = sent(MixStream(), [*speech(1), *[None] * 200])
    ticks = [number for number, packet in enumerate(packets) if packet is not None]
    assert ticks[:55] == list(range(55))
    assert ticks[55:] == list(range(55, 250, KEEP_ALIVE_TICKS))
    assert all(len(packets[tick] or b"") == 1 for tick in ticks[55:])


def test_a_rest_is_silence_to_a_decoder() -> None:
    packets = sent(MixStream(), [*speech(1), *[None] * 200])
    assert np.abs(decoded(packets)[-5 * FRAME_SAMPLES :]).max() <= 2


def test_a_steady_tone_is_no_silence() -> None:
    tone = (8_000 * np.sin(2 * np.pi * 400 * np.arange(150 * FRAME_SAMPLES) / 48_000)).astype(np.int16)
    packets = sent(MixStream(), list(tone.reshape(-1, FRAME_SAMPLES)))
    assert np.abs(decoded(packets)[-10 * FRAME_SAMPLES :]).max() > 6_000


def test_silence_is_not_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = MixStream()
    sent(stream, [*speech(1), *[None] * 10])
    monkeypatch.delattr(stream._encoder, "_lib")
    sent(stream, [None] * 100)


def repeating(packets: list[bytes | None]) -> int:
    return sum(carries_fec(packet) for packet in packets if packet is not None)


def test_on_a_good_line_nothing_is_repeated_and_from_two_percent_on_speech_is() -> None:
    frames: list[Pcm | None] = [*speech(2)]
    stream = MixStream()
    stream.expect_loss(0.019)
    assert repeating(sent(stream, frames)) == 0
    stream.expect_loss(0.02)
    assert repeating(sent(stream, frames)) > 40


def test_after_ten_calm_seconds_nothing_is_repeated_any_more() -> None:
    frames: list[Pcm | None] = [*speech(1)]
    stream = MixStream()
    stream.expect_loss(0.1)
    for _ in range(CALM_S - 1):
        stream.expect_loss(0.0)
    assert repeating(sent(stream, frames)) > 10
    stream.expect_loss(0.0)
    sent(stream, frames)
    assert repeating(sent(stream, frames)) == 0


def test_a_fork_repeats_as_its_origin_did() -> None:
    stream = MixStream()
    stream.expect_loss(0.1)
    assert repeating(sent(stream.fork(), [*speech(2)])) > 40


def test_a_lost_packet_is_heard_from_the_next_one() -> None:
    """Every tenth is lost."""
    frames: list[Pcm | None] = [*speech(8)]
    errors = []
    for fraction in (0.0, 0.1):
        stream = MixStream()
        stream.expect_loss(fraction)
        packets = [packet or b"" for packet in sent(stream, frames)]
        whole, lossy = Decoder(48_000), Decoder(48_000)
        pairs = []
        for number, packet in enumerate(packets[:-1]):
            is_lost = number % 10 == 5
            heard = lossy.recover_pcm(packets[number + 1], FRAME_SAMPLES) if is_lost else lossy.decode_pcm(packet)
            pairs.append((is_lost, whole.decode_pcm(packet).astype(float), heard.astype(float)))
        lost = [(said, heard) for is_lost, said, heard in pairs if is_lost]
        errors.append(sum(np.sum((a - b) ** 2) for a, b in lost) / sum(np.sum(a**2) for a, _ in lost))
    without, repaired = errors
    assert repaired < 0.5 * without


def test_who_speaks_after_a_rest_is_sent_at_once() -> None:
    stream = MixStream()
    sent(stream, [None] * 105)
    voice = speech(2)
    assert all(packet is not None for packet in sent(stream, list(voice[:10])))


def decoded(packets: list[bytes | None]) -> npt.NDArray[np.float64]:
    decoder = Decoder(48_000)
    return np.concatenate([decoder.decode_pcm(packet) for packet in packets if packet is not None]).astype(float)


def test_a_fork_goes_on_as_if_it_were_the_same() -> None:
    frames = speech(2)
    stream = MixStream()
    sent(stream, list(frames[:60]))
    fork = stream.fork()
    ours, theirs = (sent(one, list(frames[60:])) for one in (stream, fork))
    assert ours == theirs


def test_what_a_fork_says_does_not_change_the_stream() -> None:
    frames = speech(2)
    straight, forked = MixStream(), MixStream()
    sent(forked, list(frames[:60]))
    sent(forked.fork(), [None] * 30)
    sent(straight, list(frames[:60]))
    ours, theirs = (sent(one, list(frames[60:])) for one in (straight, forked))
    assert ours == theirs


@pytest.mark.slow
def test_coming_back_to_a_stream_that_went_on_is_hardly_heard() -> None:
    """Even in the middle of speech: 20 dB below it at least, and no louder frame."""
    frames = speech(8)
    shared = sent(MixStream(), list(frames))
    for at in range(60, 360, 20):
        own = sent(MixStream(), list(frames[:at]))
        changed, straight = decoded([*own, *shared[at:]]), decoded(shared)
        after = slice(at * FRAME_SAMPLES, (at + 10) * FRAME_SAMPLES)
        error = np.mean((changed - straight)[after] ** 2)
        assert error < 0.01 * np.mean(straight[after] ** 2) + 100
        assert np.abs(changed[after]).max() < 1.2 * np.abs(straight[after]).max() + 100

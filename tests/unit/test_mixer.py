"""Everybody hears all the others and never themselves."""

import av
import numpy as np
import numpy.typing as npt

from media_server.rtc.mixer import FRAME_SAMPLES, PLAYOUT_FRAMES, PLAYOUT_LIMIT_FRAMES, Mixer, MixTrack, Talker


def tone(hz: float, frames: int) -> npt.NDArray[np.int16]:
    t = np.arange(frames * FRAME_SAMPLES) / 48_000
    return (8_000 * np.sin(2 * np.pi * hz * t)).astype(np.int16)


async def heard(track: MixTrack, frames: int) -> npt.NDArray[np.float64]:
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.format, decoder.layout = 48_000, "s16", "mono"
    parts = []
    for _ in range(frames):
        packet = await track.recv()
        parts += [frame.to_ndarray().reshape(-1) for frame in decoder.decode(av.Packet(bytes(packet)))]
    return np.concatenate(parts).astype(float)


def strength(samples: npt.NDArray[np.float64], hz: float) -> float:
    """Amplitude of one frequency."""
    t = np.arange(len(samples)) / 48_000
    return float(2 * abs(np.mean(samples * np.exp(-2j * np.pi * hz * t))))


async def test_three_people_hear_the_two_others() -> None:
    mixer = Mixer()
    pitches = {"alice": 400.0, "bob": 700.0, "carol": 1100.0}
    talkers = {name: mixer.add_talker(name) for name in pitches}
    tracks = {name: mixer.add_listener(name) for name in pitches}
    for name, hz in pitches.items():
        talkers[name].write(tone(hz, 8))
    for _ in range(8):
        mixer.tick()
    for name, track in tracks.items():
        samples = (await heard(track, 8))[2 * FRAME_SAMPLES :]
        for other, hz in pitches.items():
            if other == name:
                assert strength(samples, hz) < 800
            else:
                assert strength(samples, hz) > 4_000


async def test_loud_people_together_do_not_wrap_around() -> None:
    mixer = Mixer()
    loud = np.full(8 * FRAME_SAMPLES, 30_000, np.int16)
    for name in ("alice", "bob"):
        mixer.add_talker(name).write(loud)
    track = mixer.add_listener("carol")
    for _ in range(8):
        mixer.tick()
    assert (await heard(track, 8))[2 * FRAME_SAMPLES :].min() > -5_000


async def test_a_listener_that_takes_nothing_keeps_the_newest_packets() -> None:
    mixer = Mixer()
    track = mixer.add_listener("alice")
    for _ in range(30):
        mixer.tick()
    assert (await track.recv()).pts == 20 * FRAME_SAMPLES


async def test_who_left_is_not_heard_any_more() -> None:
    mixer = Mixer()
    mixer.add_talker("alice").write(tone(400, 8))
    track = mixer.add_listener("bob")
    mixer.remove("alice")
    for _ in range(4):
        mixer.tick()
    assert abs(await heard(track, 4)).max() < 100


def test_a_talker_plays_only_with_frames_in_reserve() -> None:
    talker = Talker()
    talker.write(tone(400, PLAYOUT_FRAMES - 1))
    assert talker.read() is None
    talker.write(tone(400, 1))
    assert talker.read() is not None


def test_frames_of_any_length_become_ticks() -> None:
    talker = Talker()
    samples = tone(400, 6)
    for start in range(0, len(samples), 500):
        talker.write(samples[start : start + 500])
    played = [frame for _ in range(6) if (frame := talker.read()) is not None]
    assert np.array_equal(np.concatenate(played), samples)


def test_a_fast_talker_loses_the_oldest() -> None:
    talker = Talker()
    samples = tone(400, PLAYOUT_LIMIT_FRAMES + 5)
    talker.write(samples)
    assert np.array_equal(talker.read(), samples[5 * FRAME_SAMPLES : 6 * FRAME_SAMPLES])

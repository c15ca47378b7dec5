"""One decoder at a time, and whoever listens notices nothing when another takes over."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from media_server.conversation.jitter import Packet, Piece
from media_server.errors import OpusError
from media_server.rtc import track_decoder
from media_server.rtc.opus import Decoder, Encoder
from media_server.rtc.track_decoder import LATE_SAMPLES, SETTLED_SAMPLES, TrackDecoder
from tests.voice import voice

FRAME = 960
FRAMES = 250
SETTLED = SETTLED_SAMPLES // FRAME
Floats = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def pieces() -> list[Piece]:
    encoder = Encoder(32_000, 5, loss_percent=10, has_dtx=False)
    payloads = [encoder.encode(frame) for frame in voice(FRAMES).reshape(-1, FRAME)]
    return [
        Piece(place * FRAME, FRAME, Packet(1, place, place * FRAME, FRAME, payload))
        for place, payload in enumerate(payloads)
    ]


class Counted(Decoder):
    made: list[Counted]

    def __init__(self, rate_hz: int) -> None:
        super().__init__(rate_hz)
        self.packets = 0
        self.made.append(self)

    def _decode_floats(self, *args: Any, **more: Any) -> Floats:
        self.packets += 1
        return super()._decode_floats(*args, **more)

    def _decode_pcm(self, *args: Any, **more: Any) -> npt.NDArray[np.int16]:
        self.packets += 1
        return super()._decode_pcm(*args, **more)


@pytest.fixture
def decoders(monkeypatch: pytest.MonkeyPatch) -> list[Counted]:
    Counted.made = []
    monkeypatch.setattr(track_decoder, "Decoder", Counted)
    return Counted.made


def unlike(one: Floats, other: Floats) -> list[int]:
    """The frames of the first in which something is said that are not the second's."""
    lines = [line.reshape(FRAMES, -1) for line in (one, other)]
    spoken = [number for number in range(FRAMES) if np.abs(lines[1][number]).max() > 0.02]
    assert len(spoken) > 150
    return [number for number in spoken if np.corrcoef(lines[0][number], lines[1][number])[0, 1] < 0.97]


@pytest.mark.parametrize("turns", [(60,), (30, 45, 90, 101, 120, 124, 200, 215)], ids=["once", "again and again"])
def test_who_listens_does_not_notice_whether_somebody_hears_it(pieces: list[Piece], turns: tuple[int, ...]) -> None:
    track, alone = TrackDecoder(), TrackDecoder()
    is_heard, listened, heard = False, [], []
    for number, piece in enumerate(pieces):
        is_heard ^= number in turns
        samples, wide = track.decode(piece, lambda _, is_heard=is_heard: is_heard)  # type: ignore[misc]
        listened.append(samples)
        heard.append(len(wide) == FRAME)
        assert len(samples) == FRAME // 3
        assert heard[-1] == is_heard
    reference = np.concatenate([alone.decode(piece, lambda _: False)[0] for piece in pieces])
    assert unlike(np.concatenate(listened), reference) == []


def test_what_is_heard_is_decoded_once(pieces: list[Piece], decoders: list[Counted]) -> None:
    track = TrackDecoder()
    for piece in pieces:
        track.decode(piece, lambda _: True)
    assert [(one.rate_hz, one.packets) for one in decoders] == [(16_000, 1 + SETTLED), (48_000, FRAMES)]


def test_what_nobody_hears_any_more_is_decoded_once(pieces: list[Piece], decoders: list[Counted]) -> None:
    track = TrackDecoder()
    for number, piece in enumerate(pieces):
        track.decode(piece, lambda _, number=number: number < 100)  # type: ignore[misc]
    assert [(one.rate_hz, one.packets) for one in decoders] == [
        (16_000, 1 + SETTLED),
        (48_000, 101 + SETTLED),
        (16_000, FRAMES - 100),
    ]


def test_a_change_of_mind_costs_no_third_decoder(pieces: list[Piece], decoders: list[Counted]) -> None:
    track = TrackDecoder()
    for number, piece in enumerate(pieces[:60]):
        track.decode(piece, lambda _, number=number: number not in (20, 40))  # type: ignore[misc]
    assert [one.rate_hz for one in decoders] == [16_000, 48_000, 16_000, 16_000]


def test_silence_is_silent_and_decodes_nothing(pieces: list[Piece], decoders: list[Counted]) -> None:
    track = TrackDecoder()
    track.decode(pieces[0], lambda _: True)
    samples, heard = track.decode(Piece(FRAME, 2 * FRAME, None, is_silence=True), lambda _: True)
    assert (len(samples), samples[2 * LATE_SAMPLES :].any(), len(heard)) == (640, False, 0)
    assert [one.packets for one in decoders] == [1, 1]


def test_a_loss_is_repaired_at_either_rate(pieces: list[Piece]) -> None:
    for is_heard in (False, True):
        track = TrackDecoder()
        for piece in pieces[:50]:
            track.decode(piece, lambda _: is_heard)  # noqa: B023
        after = pieces[51].packet
        for lost in (Piece(50 * FRAME, FRAME, None), Piece(50 * FRAME, FRAME, None, after=after)):
            samples, heard = track.decode(lost, lambda _: is_heard)  # noqa: B023
            assert (len(samples), len(heard)) == (320, FRAME * is_heard)


def test_what_is_no_packet_says_so_and_the_next_one_is_decoded(pieces: list[Piece]) -> None:
    broken = Piece(0, FRAME, Packet(1, 0, 0, FRAME, b"\xff\xff" + bytes(40)))
    for is_heard in (False, True):
        track = TrackDecoder()
        for piece in pieces[:30]:
            track.decode(piece, lambda _: is_heard)  # noqa: B023
        with pytest.raises(OpusError):
            track.decode(broken, lambda _: is_heard)  # noqa: B023
        assert len(track.decode(pieces[31], lambda _: is_heard)[0]) == 320  # noqa: B023

"""One track's audio at 16 kHz for listening, and at 48 kHz while somebody may hear it.

Rules:
- What nobody hears is decoded at 16 kHz. What somebody hears is decoded once, at 48 kHz, and listened to at every third
  sample of it: 5 µs instead of 25 to 40 for a second decoder. Both come equally late.
- A decoder that begins in the middle of a stream says something else at first: -50 dB off after 40 ms mostly, after
  200 ms always. For so long the one before it goes on, and what is listened to is still its; then it fades over within
  one block. What is heard comes from the new one at once, since nothing else is there.

States:
    LISTENING  16 kHz alone          heard → OPENING
    OPENING    both, 16 kHz counts   200 ms → HEARD · not heard → LISTENING
    HEARD      48 kHz alone          not heard → CLOSING
    CLOSING    both, 48 kHz counts   200 ms → LISTENING · heard → HEARD
Algorithmic latency: none in what is heard, 15 samples in what is listened to.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from media_server.conversation.jitter import Piece
from media_server.conversation.thirds import RATIO, Thirds
from media_server.conversation.types import SAMPLE_RATE_HZ
from media_server.rtc.audio_input import HEARD_RATE_HZ, NOTHING_HEARD
from media_server.rtc.opus import Decoder, Floats, Pcm

SETTLED_SAMPLES = HEARD_RATE_HZ // 5
LATE_SAMPLES = 15
"""Of 16 kHz: `thirds.DELAY`, less what Opus is sooner at 48 kHz."""


class TrackDecoder:
    def __init__(self) -> None:
        self._narrow: _Narrow | None = None
        self._wide: _Wide | None = None
        self._is_wide_first = False
        """Of two decoders, which one counts."""
        self._together = 0
        """Samples of 48 kHz that both have decoded since the newer one began."""

    def decode(self, piece: Piece, is_heard: Callable[[Floats], bool]) -> tuple[Floats, Pcm]:
        """A piece at 16 kHz, and at 48 kHz if it is heard, which is judged by the first.

        Raises:
            OpusError: it is no Opus packet.
        """
        if self._narrow is None and self._wide is None:
            self._narrow = _Narrow()  # not before: who never says anything takes no memory
        heard, listened = NOTHING_HEARD, None if self._narrow is None else self._narrow.decode(piece)
        if self._wide is not None:
            heard, thirds = self._wide.decode(piece)
            listened = thirds if listened is None else self._listened(piece, listened, thirds)
        assert listened is not None  # noqa: S101 - there is always one of the decoders
        if not is_heard(listened):
            self._close(piece)
            return listened, NOTHING_HEARD
        if self._wide is None:
            heard = self._open(piece)
        elif self._is_wide_first:
            self._narrow = None
        return listened, NOTHING_HEARD if piece.is_silence else heard

    def _listened(self, piece: Piece, narrow: Floats, thirds: Floats) -> Floats:
        """While there are both."""
        older, newer = (thirds, narrow) if self._is_wide_first else (narrow, thirds)
        self._together += 0 if piece.is_silence else piece.samples
        if self._together < SETTLED_SAMPLES:
            return older
        self._is_wide_first = not self._is_wide_first
        if self._is_wide_first:
            self._narrow = None
        else:
            self._wide = None
        return _faded(older, newer)

    def _open(self, piece: Piece) -> Pcm:
        self._wide, self._is_wide_first, self._together = _Wide(), False, 0
        heard, _ = self._wide.decode(piece)
        return heard

    def _close(self, piece: Piece) -> None:
        if self._narrow is None:
            self._narrow, self._is_wide_first, self._together = _Narrow(), True, 0
            self._narrow.decode(piece)
        elif not self._is_wide_first:
            self._wide = None


class _Narrow:
    """16 kHz, as late as what is taken of 48 kHz."""

    def __init__(self) -> None:
        self._decoder = Decoder(SAMPLE_RATE_HZ)
        self._held = np.zeros(LATE_SAMPLES, np.float32)

    def decode(self, piece: Piece) -> Floats:
        samples = np.concatenate((self._held, self._decoded(piece)))
        self._held = samples[-LATE_SAMPLES:]
        return samples[:-LATE_SAMPLES]

    def _decoded(self, piece: Piece) -> Floats:
        if piece.is_silence:
            return np.zeros(piece.samples // RATIO, np.float32)
        if piece.packet is not None:
            return self._decoder.decode(piece.packet.payload)
        if piece.after is not None:
            return self._decoder.recover(piece.after.payload, piece.samples // RATIO)
        return self._decoder.conceal(piece.samples // RATIO)


class _Wide:
    """48 kHz, and every third sample of it."""

    def __init__(self) -> None:
        self._decoder = Decoder(HEARD_RATE_HZ)
        self._thirds = Thirds()

    def decode(self, piece: Piece) -> tuple[Pcm, Floats]:
        heard = self._decoded(piece)
        return heard, self._thirds.take(heard)

    def _decoded(self, piece: Piece) -> Pcm:
        if piece.is_silence:
            return np.zeros(piece.samples, np.int16)
        if piece.packet is not None:
            return self._decoder.decode_pcm(piece.packet.payload)
        if piece.after is not None:
            return self._decoder.recover_pcm(piece.after.payload, piece.samples)
        return self._decoder.conceal_pcm(piece.samples)


def _faded(one: Floats, other: Floats) -> Floats:
    return one + (other - one) * np.linspace(0, 1, len(one), dtype=np.float32)

"""Whether a microphone returns what its owner is sent: a loudspeaker without echo cancellation.

Method: the loudness of six bands in frames of 20 ms, in what was sent while others talked and in what came back, is
correlated for every delay from -200 to 640 ms; sums are kept with a memory of some seconds of talk. Speech that only
takes turns with other speech agrees at no delay for long, and an echo agrees at one.

Rules:
- Only frames in which somebody was sent count, so it costs nothing while nobody talks, and the owner's own turns do not
  count.
- An echo comes 60 ms after it was sent at the least: networks, buffers and sound cards take that long. What agrees
  sooner is no echo: two microphones in one room hear the same, and each before it was sent anything.
- It is an echo from `ECHO_FROM` on, in three seconds of others' talk in a row, and none any more below `WELL_BELOW`,
  in as many.

Times are samples of 16 kHz on one clock. Algorithmic latency: `LONGEST_FRAMES` and a second of others' talk.
"""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

from media_server.conversation.types import SAMPLE_RATE_HZ, ms_to_samples

Pcm = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float32]

FRAME_SAMPLES = ms_to_samples(20)
SEEN_SAMPLES = FRAME_SAMPLES // 2
"""Every other one: what folds down from above 4 kHz does so on both sides."""
SOONEST_FRAMES, ECHO_FRAMES, LONGEST_FRAMES = -10, 3, 32
"""Delays that are looked at, and the first that can be an echo's."""
CHUNK_FRAMES = 50
KEPT_FRAMES = 200
MEMORY = 0.8
"""What is left of the sums after another second of talk."""
ECHO_FROM, WELL_BELOW = 0.45, 0.3
SECONDS = 3
BAND_EDGES_HZ = (100, 300, 500, 900, 1_500, 2_500, 4_000)
FLOOR = 10**-6.5
"""Power of a band in which nothing is heard, 65 dB below full scale."""
MOST_SAMPLES = ms_to_samples(3_000)
"""In which a second of talk must come to be judged."""
LEAST_CHANGE = 0.01
"""Mean square of log10 power below which nothing is said."""

_HERTZ = np.fft.rfftfreq(SEEN_SAMPLES, 2 / SAMPLE_RATE_HZ)
_BAND_OF = np.digitize(_HERTZ, BAND_EDGES_HZ)
_BANDS = np.stack([band == _BAND_OF for band in range(1, len(BAND_EDGES_HZ))], axis=1).astype(np.float32)
_WINDOW = np.hanning(SEEN_SAMPLES).astype(np.float32)
_BANDS *= np.float32(2 / (SEEN_SAMPLES * float(np.square(_WINDOW).sum())))
_DELAYS = np.arange(SOONEST_FRAMES, LONGEST_FRAMES + 1)


class EchoWatch:
    """Of one participant. States: well ⇄ echoing."""

    def __init__(self) -> None:
        self.is_echoing = False
        self.likeness = 0.0
        """Of the delay that agrees best, among those of an echo; -1 … 1."""
        self._sent: deque[tuple[int, Pcm]] = deque(maxlen=KEPT_FRAMES)
        self._together, self._came_square = np.zeros(len(_DELAYS)), np.zeros(len(_DELAYS))
        self._sent_square = 0.0
        self._in_a_row = 0

    def sent(self, at: int, mix: Pcm) -> None:
        """A frame in which others talk was sent at this time: int16, shape (960,), 48 kHz."""
        self._sent.append((at, mix[::6].copy()))  # a view would keep all of the mix

    def due(self, heard_until: int) -> tuple[int, int] | None:
        """What is to be judged of a microphone that was heard so far: from and to a time; None: nothing yet."""
        while len(self._sent) >= CHUNK_FRAMES:
            first, last = self._sent[0][0], self._sent[CHUNK_FRAMES - 1][0]
            if last - first <= MOST_SAMPLES:
                span = first + SOONEST_FRAMES * FRAME_SAMPLES, last + (LONGEST_FRAMES + 1) * FRAME_SAMPLES
                return span if span[1] <= heard_until else None
            self._sent.popleft()  # too few in too long a time
        return None

    def judge(self, came: Floats) -> None:
        """Take the stretch that was due: float32, 16 kHz; a stretch of another length is left out."""
        chunk = [self._sent.popleft() for _ in range(CHUNK_FRAMES)]
        places = (np.array([at for at, _ in chunk]) - chunk[0][0]) // FRAME_SAMPLES
        frames = int(places[-1]) + len(_DELAYS)
        if len(came) != frames * FRAME_SAMPLES:
            return
        pcm = np.stack([mix for _, mix in chunk])
        sent = _loudness(pcm.astype(np.float32) / np.float32(32_768))
        sent -= sent.mean(axis=0)
        back = _loudness(came[::2].reshape(-1, SEEN_SAMPLES))[np.arange(len(_DELAYS))[:, None] + places]
        back -= back.mean(axis=1, keepdims=True)
        lines = back.reshape(len(_DELAYS), -1)
        self._together = MEMORY * self._together + lines @ sent.reshape(-1)
        self._came_square = MEMORY * self._came_square + np.square(lines).sum(axis=1)
        self._sent_square = MEMORY * self._sent_square + float(np.vdot(sent, sent))
        self._decide()

    def _decide(self) -> None:
        least = LEAST_CHANGE * CHUNK_FRAMES * len(_BANDS[0])
        alike = self._together / np.sqrt((self._came_square + least) * (self._sent_square + least))
        self.likeness = float(alike[ECHO_FRAMES - SOONEST_FRAMES :].max())
        is_sooner = float(alike[: ECHO_FRAMES - SOONEST_FRAMES].max()) >= self.likeness
        if self.is_echoing:
            is_news = self.likeness < WELL_BELOW or is_sooner
        else:
            is_news = self.likeness >= ECHO_FROM and not is_sooner
        self._in_a_row = self._in_a_row + 1 if is_news else 0
        if self._in_a_row == SECONDS:
            self.is_echoing, self._in_a_row = not self.is_echoing, 0


def _loudness(frames: Floats) -> npt.NDArray[np.float32]:
    """log10 of the power of each band, shape (frames, bands)."""
    spectrum = np.fft.rfft(frames * _WINDOW)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    loudness: npt.NDArray[np.float32] = np.log10(power.astype(np.float32) @ _BANDS + np.float32(FLOOR))
    return loudness

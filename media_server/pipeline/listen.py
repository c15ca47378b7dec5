"""Listening: rings of samples on the call's timeline, one voice activity batch per 32 ms, speech events out.

Writing never waits. A hole is silence, never a shift; what was there already is kept. Algorithmic latency: up to one
window (32 ms) until the next tick, then that of `conversation/endpointing`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import numpy as np

from media_server.conversation.endpointing import Endpointer
from media_server.conversation.types import SAMPLE_RATE_HZ, WINDOW_SAMPLES, Speech
from media_server.engines.protocols import Samples, VoiceActivity

RING_SAMPLES = 60 * SAMPLE_RATE_HZ
MAX_HOLE_SAMPLES = 2 * SAMPLE_RATE_HZ
"""A longer hole ends the speech in progress, and listening goes on after it."""
MAX_WINDOWS_PER_TICK = 8
"""How fast a stream that fell behind catches up: eight times as fast as speech."""
QUIET = 0.35
FORGET_AFTER_WINDOWS = 62
"""Voice activity forgets what it heard after 2 s of quiet: what it carries over from louder speech makes it deaf to the
first seconds of a quiet voice (it missed 23 % of one recording's speech, and none of it so)."""
TICK_S = WINDOW_SAMPLES / SAMPLE_RATE_HZ

log = logging.getLogger(__name__)


class Stream:
    """One participant's last 60 s on the call's timeline, in samples of 16 kHz."""

    def __init__(self, on_speech: Callable[[Speech], None], new_vad_state: Callable[[], object]) -> None:
        self._on_speech = on_speech
        self._endpointer = Endpointer()
        self._ring: Samples = np.zeros(RING_SAMPLES, dtype=np.float32)
        self._first: int | None = None
        """Where the stream began on the timeline; None before anything was written."""
        self._end = 0
        self._heard = 0
        """Up to here voice activity has listened."""
        self._quiet_windows = 0
        self._new_vad_state = new_vad_state
        self.vad_state = new_vad_state()

    @property
    def end_sample(self) -> int:
        """End of what was written."""
        return self._end

    def write(self, start_sample: int, samples: Samples) -> None:
        """Put samples at their place; what overlaps with earlier ones is dropped."""
        if self._first is None:
            self._first = self._end = self._heard = start_sample
        if start_sample - self._end > MAX_HOLE_SAMPLES:
            self._jump(start_sample)
        self.advance(start_sample)
        self._append(samples[max(0, self._end - start_sample) :])

    def advance(self, to_sample: int) -> None:
        """Fill with silence up to there: packets stopped, time did not."""
        if self._first is None or to_sample <= self._end:
            return
        if to_sample - self._end > RING_SAMPLES:
            self._jump(to_sample)
            return
        self._append(np.zeros(to_sample - self._end, dtype=np.float32))

    def read(self, start_sample: int, end_sample: int) -> Samples:
        """A copy of that stretch, as far as it was written and is still in the ring."""
        oldest = max(self._end - RING_SAMPLES, self._first or 0)
        start = max(start_sample, oldest)
        end = max(min(end_sample, self._end), start)
        first, last = start % RING_SAMPLES, end % RING_SAMPLES
        if start == end:
            return np.zeros(0, dtype=np.float32)
        if first < last:
            return self._ring[first:last].copy()
        return np.concatenate([self._ring[first:], self._ring[:last]])

    def next_window(self) -> Samples | None:
        """The next 512 samples that voice activity has not heard; shape (512,)."""
        if self._end - self._heard < WINDOW_SAMPLES:
            return None
        self._heard = max(self._heard, self._end - RING_SAMPLES)
        return self.read(self._heard, self._heard + WINDOW_SAMPLES)

    def accept(self, probability: float) -> None:
        """Take the speech probability of the window that `next_window` gave."""
        start, self._heard = self._heard, self._heard + WINDOW_SAMPLES
        self._quiet_windows = self._quiet_windows + 1 if probability < QUIET else 0
        if self._quiet_windows == FORGET_AFTER_WINDOWS:
            self._quiet_windows = 0
            self.vad_state = self._new_vad_state()
        self._tell(self._endpointer.accept(probability, start))

    def finish(self) -> None:
        """End the speech in progress."""
        self._tell(self._endpointer.flush(self._heard))

    def _append(self, samples: Samples) -> None:
        kept = samples[-RING_SAMPLES:]
        start = self._end + len(samples) - len(kept)
        first = start % RING_SAMPLES
        at_end = min(len(kept), RING_SAMPLES - first)
        self._ring[first : first + at_end] = kept[:at_end]
        self._ring[: len(kept) - at_end] = kept[at_end:]
        self._end += len(samples)

    def _jump(self, to_sample: int) -> None:
        self.finish()
        self._ring[:] = 0.0
        self._end = self._heard = to_sample

    def _tell(self, speech: list[Speech]) -> None:
        for event in speech:
            self._on_speech(event)


class Listener:
    """Every stream of a node, heard in one batch."""

    def __init__(self, vad: VoiceActivity) -> None:
        self._vad = vad
        self._streams: list[Stream] = []

    def add_stream(self, on_speech: Callable[[Speech], None]) -> Stream:
        """A new stream; `on_speech` is called on the event loop and must not wait."""
        stream = Stream(on_speech, self._vad.new_state)
        self._streams.append(stream)
        return stream

    def remove_stream(self, stream: Stream) -> None:
        """Stop listening to a stream; the speech in progress ends. A stream that was removed before is left alone."""
        if stream in self._streams:
            self._streams.remove(stream)
            stream.finish()

    async def run(self) -> None:
        """Listen until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + TICK_S, loop.time())
            await asyncio.sleep(due - loop.time())
            self.tick()

    def tick(self) -> None:
        """Hear what is there: one batch a round over all streams that have a full window."""
        for _ in range(MAX_WINDOWS_PER_TICK):
            heard = [(stream, window) for stream in self._streams if (window := stream.next_window()) is not None]
            if not heard:
                return
            windows = np.stack([window for _, window in heard])
            probabilities = self._vad.probabilities(windows, [stream.vad_state for stream, _ in heard])
            for (stream, _), probability in zip(heard, probabilities, strict=True):
                stream.accept(probability)

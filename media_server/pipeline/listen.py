"""Listening: rings of samples on the call's timeline, voice activity in batches over all streams, speech events out.

Writing never waits. A hole is silence, never a shift; what was there already is kept. Algorithmic latency: up to one
window (32 ms) until the next tick, then that of `conversation/endpointing`.

A stream is heard every window (32 ms) while something about it may be decided, else three windows at a time: whoever
begins or stops is heard in time to be looked at closely, and a process that wakes up less often computes cheaper.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from media_server.conversation.endpointing import Endpointer
from media_server.conversation.types import SAMPLE_RATE_HZ, WINDOW_SAMPLES, Speech
from media_server.engines.protocols import Samples, VoiceActivity
from media_server.pipeline.hearing import Hearing

RING_SAMPLES = 60 * SAMPLE_RATE_HZ
MAX_HOLE_SAMPLES = 2 * SAMPLE_RATE_HZ
"""A longer hole ends the speech in progress, and listening goes on after it."""
MAX_WINDOWS_PER_TICK = 8
"""How fast a stream that fell behind catches up: eight times as fast as speech."""
TICK_S = WINDOW_SAMPLES / SAMPLE_RATE_HZ
UNHURRIED_WINDOWS = 3
"""No more than endpointing needs for a start or a pause, or those would come late."""

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
        self.behind_s = 0.0
        """How much more than the next window it had not listened to, when it was asked for."""
        self.hearing = Hearing(new_vad_state)

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
        self.behind_s = max(0, self._end - self._heard - WINDOW_SAMPLES) / SAMPLE_RATE_HZ
        if self._end - self._heard < WINDOW_SAMPLES:
            return None
        self._heard = max(self._heard, self._end - RING_SAMPLES)
        return self.read(self._heard, self._heard + WINDOW_SAMPLES)

    @property
    def is_urgent(self) -> bool:
        """Whether it must be heard at the next tick: something may be decided, or it fell behind."""
        return self._endpointer.is_deciding or self._end - self._heard > UNHURRIED_WINDOWS * WINDOW_SAMPLES

    @property
    def is_pausing(self) -> bool:
        """Whoever speaks here is silent at the moment."""
        return self._endpointer.is_pausing

    def accept(self, probability: float) -> None:
        """Take the speech probability of the window that `next_window` gave; 0 for one that was not heard."""
        start, self._heard = self._heard, self._heard + WINDOW_SAMPLES
        self.hearing.heard(probability)
        self._tell(self._endpointer.accept(probability, start))

    def expect(self, end_sample: int, hangover_ms: int) -> None:
        """How long the pause that began there must be to end the utterance; forgotten when somebody speaks on."""
        self._tell(self._endpointer.expect(end_sample, hangover_ms))

    def finish(self) -> None:
        """End the speech in progress; what would be heard at the next tick belongs to it."""
        if self._end - self._heard <= UNHURRIED_WINDOWS * WINDOW_SAMPLES:
            self._heard = self._end
        self._tell(self._endpointer.flush(self._heard))

    def _append(self, samples: Samples) -> None:
        kept = _finite(samples[-RING_SAMPLES:])
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
        due, number = loop.time(), 0
        while True:
            is_urgent = any(stream.is_urgent for stream in self._streams)
            ticks = 1 if is_urgent else UNHURRIED_WINDOWS - number % UNHURRIED_WINDOWS
            due, number = max(due + ticks * TICK_S, loop.time()), number + ticks
            await asyncio.sleep(due - loop.time())
            if number % UNHURRIED_WINDOWS == 0:
                self.tick()
            else:
                self._listen([stream for stream in self._streams if stream.is_urgent])

    def tick(self) -> None:
        """Hear what is there: one batch a round over all streams that have a full window."""
        self._listen(self._streams)

    def _listen(self, streams: Sequence[Stream]) -> None:
        for _ in range(MAX_WINDOWS_PER_TICK):
            waiting = [(stream, window) for stream in streams if (window := stream.next_window()) is not None]
            if not waiting:
                return
            heard: list[_Hearer] = []
            for stream, window in waiting:
                states = stream.hearing.states(window)
                heard += [_Hearer(stream, window, state, number == 0) for number, state in enumerate(states)]
                if not states:
                    stream.accept(0.0)
            if heard:
                self._hear(heard)

    def _hear(self, heard: list[_Hearer]) -> None:
        windows = np.concatenate([one.window for one in heard]).reshape(len(heard), WINDOW_SAMPLES)
        probabilities = self._vad.probabilities(windows, [one.state for one in heard])
        for one, probability in zip(heard, probabilities, strict=True):
            if one.counts:
                one.stream.accept(probability)


@dataclass(frozen=True, slots=True)
class _Hearer:
    """One row of a batch."""

    stream: Stream
    window: Samples
    state: object
    counts: bool


def _finite(samples: Samples) -> Samples:
    """One sample that is no number would make voice activity deaf for the rest of the call."""
    if math.isfinite(samples.dot(samples)):  # a third of the cost of looking at each
        return samples
    return np.clip(np.nan_to_num(samples, nan=0.0), -1.0, 1.0)

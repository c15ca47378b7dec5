"""Where an utterance begins and ends: speech probabilities of windows in, speech events out.

Sounds: a window is `speech` at or above `enter`, `silence` below `leave`, and `unsure` between.

States:
    SILENT    nobody speaks            speech → STARTING
    STARTING  perhaps speech           silence → SILENT · `min_speech_ms` of it → SPEAKING (SpeechStarted)
    SPEAKING  an utterance runs        silence → PAUSING · too long → SPEAKING (SpeechEnded forced, SpeechStarted)
    PAUSING   a gap between words      speech → SPEAKING · `pause_ms` of it → PAUSED (SpeechPaused)
    PAUSED    probably the end         speech → SPEAKING · the hangover of it → SILENT (SpeechEnded)

`unsure` keeps the state: it prolongs STARTING and SPEAKING, and does not end a pause.
Utterances never overlap, and a forced cut leaves no gap: one ends at the sample where the next one starts.
Algorithmic latency: `min_speech_ms` for a start, `pause_ms` for a pause, the hangover for an end: `hangover_ms`, or
what `expect` made of it for this pause, less in a long utterance.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from media_server.conversation.completion import Completion
from media_server.conversation.types import (
    WINDOW_SAMPLES,
    Speech,
    SpeechEnded,
    SpeechPaused,
    SpeechStarted,
    ms_to_samples,
    samples_to_ms,
)


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """Times are best multiples of one window (32 ms); others act at the next window's end."""

    enter: float = 0.5
    leave: float = 0.35
    min_speech_ms: int = 96
    """Three windows: a click is shorter, a "yes" is longer."""
    pause_ms: int = 160
    hangover_ms: int = 448
    patient_ms: int = 8_000
    """From this length of an utterance on the hangover shrinks: a long speech is cut at its own pauses, which costs no
    delay, before it must be cut by force. It is `least_hangover_ms` where a forced cut would begin to look."""
    least_hangover_ms: int = 192
    max_utterance_ms: int = 15_000
    cut_search_ms: int = 3_000
    """How far back a forced cut looks for the best pause."""
    cut_context_ms: int = 800
    """So much must have been spoken after the cut: the word before it is recognized by what follows."""


HANGOVER_MS: Mapping[Completion, int] = {"finished": 352, "unsure": 544, "open": 704}
"""Of a pause, by what was said before it. Chosen by the table in docs/endpointing.md."""
LONGEST_HANGOVER_MS = max(HANGOVER_MS.values()) + 50
"""Whoever seems to speak may have stopped this long ago: the hangover, and the tick that hears it."""


class State(Enum):
    SILENT = auto()
    STARTING = auto()
    SPEAKING = auto()
    PAUSING = auto()
    PAUSED = auto()


class Endpointer:
    """One stream's endpointing; windows are given once each, in order."""

    def __init__(self, settings: EndpointSettings | None = None) -> None:
        self._settings = settings or EndpointSettings()
        self._state = State.SILENT
        self._position = 0
        self._start = 0
        self._end = 0
        self._expected_ms = self._settings.hangover_ms
        self._recent: deque[tuple[int, float]] = deque(
            maxlen=ms_to_samples(self._settings.cut_search_ms) // WINDOW_SAMPLES
        )

    @property
    def is_deciding(self) -> bool:
        """Whether the next windows may begin or end something; else several can be waited for and lose no time."""
        return self._state not in (State.SILENT, State.SPEAKING)

    @property
    def is_pausing(self) -> bool:
        """Nobody speaks at the moment, and the utterance may go on."""
        return self._state in (State.PAUSING, State.PAUSED)

    def accept(self, probability: float, window_start_sample: int) -> list[Speech]:
        """What one window of 512 samples changes; windows that were skipped count as silence.

        Raises:
            ValueError: the window begins before the end of the one before it.
        """
        if window_start_sample < self._position:
            raise ValueError(f"window at {window_start_sample} after {self._position}")
        speech: list[Speech] = []
        if window_start_sample > self._position:
            speech += self._step(0.0, self._position, window_start_sample)
        return speech + self._step(probability, window_start_sample, window_start_sample + WINDOW_SAMPLES)

    def expect(self, end_sample: int, hangover_ms: int) -> list[Speech]:
        """The hangover of the pause that began at `end_sample`, if it still runs; it ends at once when that is over."""
        if self._state is not State.PAUSED or self._end != end_sample:
            return []
        self._expected_ms = hangover_ms
        return self._rest(self._position)

    def flush(self, end_sample: int) -> list[Speech]:
        """End the speech in progress where the stream ends; what did not yet count as speech is dropped."""
        was, self._state = self._state, State.SILENT
        self._position = max(self._position, end_sample)
        self._recent.clear()
        match was:
            case State.SPEAKING:
                return [SpeechEnded(self._start, self._position)]
            case State.PAUSING | State.PAUSED:
                return [SpeechEnded(self._start, self._end)]
            case _:
                return []

    def _step(self, probability: float, start: int, end: int) -> list[Speech]:
        self._position = end
        self._recent.append((start, probability))
        is_speech = probability >= self._settings.enter
        is_silence = probability < self._settings.leave
        match self._state:
            case State.SILENT if is_speech:
                self._start = start
                return self._begin(end)
            case State.STARTING if is_silence:
                self._state = State.SILENT
            case State.STARTING:
                return self._begin(end)
            case State.SPEAKING if is_silence:
                return self._rest(end)
            case State.SPEAKING:
                return self._go_on(end)
            case State.PAUSING | State.PAUSED if is_speech:
                return self._go_on(end)
            case State.PAUSING | State.PAUSED:
                return self._rest(end)
        return []

    def _begin(self, end: int) -> list[Speech]:
        self._state = State.STARTING
        self._end = end
        if end - self._start < ms_to_samples(self._settings.min_speech_ms):
            return []
        self._state = State.SPEAKING
        return [SpeechStarted(self._start)]

    def _go_on(self, end: int) -> list[Speech]:
        self._state = State.SPEAKING
        self._expected_ms = self._settings.hangover_ms
        self._end = end
        if end - self._start < ms_to_samples(self._settings.max_utterance_ms):
            return []
        cut = self._best_pause()
        ended = SpeechEnded(self._start, cut, is_forced=True)
        self._start = cut
        return [ended, SpeechStarted(cut)]

    def _rest(self, end: int) -> list[Speech]:
        silence = end - self._end
        speech: list[Speech] = []
        if self._state is State.SPEAKING:
            self._state = State.PAUSING
        if self._state is State.PAUSING and silence >= ms_to_samples(self._settings.pause_ms):
            self._state = State.PAUSED
            speech.append(SpeechPaused(self._start, self._end))
        if self._state is State.PAUSED and silence >= self._hangover():
            self._state = State.SILENT
            self._expected_ms = self._settings.hangover_ms
            speech.append(SpeechEnded(self._start, self._end))
        return speech

    def _hangover(self) -> int:
        """In samples, for an utterance of this length."""
        settings = self._settings
        shrinks_for_ms = settings.max_utterance_ms - settings.cut_search_ms - settings.patient_ms
        over_ms = samples_to_ms(self._end - self._start) - settings.patient_ms
        shrunk = min(1.0, max(0.0, over_ms / max(1, shrinks_for_ms)))
        return ms_to_samples(round(self._expected_ms - shrunk * (self._expected_ms - settings.least_hangover_ms)))

    def _best_pause(self) -> int:
        """Start of the quietest recent window, by the mean with its neighbours: one window alone may be a plosive."""
        latest = self._position - ms_to_samples(self._settings.cut_context_ms)
        recent = [(at, probability) for at, probability in self._recent if self._start <= at <= latest]
        triples = zip(recent, recent[1:], recent[2:], strict=False)
        quietest = min((a + b + c, -at) for (_, a), (at, b), (_, c) in triples)
        return -quietest[1]

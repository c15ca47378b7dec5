"""One participant's utterances on their way to text: when to guess, what to show, what goes out and in which order.

States of an utterance:
    SPEAKING  partials at a cadence   SpeechPaused → a guess is decoded · SpeechEnded → ENDED
    ENDED     its end is certain      the guess for that end is the final, else one is asked for · recognized → SETTLED
    SETTLED   waits for earlier ones  all earlier ones are out → delivered

The guess is why a final is ready when the hangover is over: it is decoded while the hangover runs. Speech that goes on
makes it worthless as a final, and it is shown as a partial.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol
from uuid import uuid4

from media_server.conversation.hypothesis import LocalAgreement
from media_server.conversation.types import (
    Speech,
    SpeechEnded,
    SpeechPaused,
    SpeechStarted,
    SpokenWord,
    ms_to_samples,
    samples_to_ms,
)
from media_server.engines.protocols import Recognition, Samples
from media_server.pipeline.listen import Stream

PRE_ROLL_SAMPLES = ms_to_samples(250)
"""Voice activity misses the first consonant."""
TAIL_SAMPLES = ms_to_samples(160)
"""Less than `pause_ms` of endpointing, so that it is there when a guess is made."""
FIRST_PARTIAL_SAMPLES = ms_to_samples(500)
"""Of speech."""
PARTIAL_STEP_SAMPLES = ms_to_samples(750)
"""Of new audio."""
REST_PER_WORK = 5
"""A track's partials take at most one part in so many of a core, however slow they are."""
TRIES = 2
OVERLOADED = "recognizer_overloaded"

Kind = Literal["partial", "guess", "final"]


@dataclass(frozen=True, slots=True)
class Partial:
    """What an utterance seems to say so far."""

    utterance_id: str
    start_ms: int
    end_ms: int
    stable: str
    unstable: str


@dataclass(frozen=True, slots=True)
class Final:
    """What an utterance said; an empty text: nothing that can be believed."""

    utterance_id: str
    start_ms: int
    end_ms: int
    text: str
    words: tuple[SpokenWord, ...]
    confidence: float
    language: str
    provider: str
    decode_ms: int
    failure: str | None = None
    """A code when recognition failed; the text is empty then."""


@dataclass(eq=False, slots=True)
class Spoken:
    """One utterance while it is worked on."""

    start_sample: int
    audio_start: int
    """With the pre-roll, but never before the end of the utterance before it."""
    id: str = field(default_factory=lambda: str(uuid4()))
    agreement: LocalAgreement = field(default_factory=LocalAgreement)
    next_partial: int = 0
    """When the stream ends here, a partial is due."""
    shown_to: int = 0
    """End of the audio that the newest partial stands for."""
    is_partial_asked: bool = False
    guess: Request | None = None
    guessed: Recognition | None = None
    guess_ms: int = 0
    ended: SpeechEnded | None = None
    audio_end: int = 0
    ended_at_s: float = 0.0
    """On the loop's clock."""
    final: Final | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One stretch of audio to recognize."""

    kind: Kind
    track: Track
    spoken: Spoken
    end_sample: int
    kept: Samples | None = None
    """None: read when it is taken, so that a partial is as new as can be."""
    tries_left: int = 1

    @property
    def is_final(self) -> bool:
        """Whether its text may go out as final."""
        return self.kind != "partial"

    def is_wanted(self) -> bool:
        """Whether anybody still waits for the answer."""
        match self.kind:
            case "partial":
                return self.spoken.ended is None
            case "guess":
                return self.spoken.guess is self
            case "final":
                return True

    def audio(self) -> Samples:
        if self.kept is not None:
            return self.kept
        return self.track.stream.read(self.spoken.audio_start, self.track.stream.end_sample)


class Desk(Protocol):
    """Where a track leaves its requests and its finals."""

    def ask(self, request: Request) -> bool:
        """Whether it was taken."""

    def withdraw(self, track: Track) -> bool:
        """Forget the track's guess and partial that wait; whether there was a guess."""

    def ask_again(self, request: Request) -> None:
        """Try a final once more, before others."""

    def began(self, track: Track) -> None:
        """Somebody speaks: partials will be due."""

    def ended(self, track: Track, spoken: Spoken) -> None:
        """An utterance's final is owed from now on."""

    def settled(self, track: Track) -> None:
        """A final may go out."""


class Track:
    """One stream's utterances, delivered in order."""

    def __init__(
        self,
        stream: Stream,
        desk: Desk,
        on_partial: Callable[[Partial], None],
        on_final: Callable[[Final], Awaitable[None]],
    ) -> None:
        self.stream = stream
        self.on_final = on_final
        self.undelivered: deque[Spoken] = deque()
        self.is_delivering = False
        self._desk = desk
        self._on_partial = on_partial
        self._speaking: Spoken | None = None
        self._audio_end = 0
        """End of the audio that went into the last final."""

    def on_speech(self, speech: Speech) -> None:
        """Take what the listener heard; never waits."""
        match speech:
            case SpeechStarted(start_sample):
                self._begin(start_sample)
            case SpeechPaused(_, end_sample):
                self._guess(end_sample)
            case SpeechEnded():
                self._end(speech)

    def ask_for_partial(self) -> None:
        """Ask for a partial when one is due; called often while somebody speaks."""
        spoken = self._speaking
        if spoken is None or spoken.is_partial_asked:
            return
        end = self.stream.end_sample
        if end < spoken.next_partial:
            return
        spoken.next_partial = end + PARTIAL_STEP_SAMPLES
        spoken.is_partial_asked = self._desk.ask(Request("partial", self, spoken, end))

    def recognized(self, request: Request, recognition: Recognition, decode_ms: int) -> None:
        """Take an answer."""
        spoken = request.spoken
        match request.kind:
            case "partial":
                spoken.is_partial_asked = False
                rested = request.end_sample + ms_to_samples(decode_ms * REST_PER_WORK)
                spoken.next_partial = max(spoken.next_partial, rested)
                self._show(spoken, recognition.text, request.end_sample)
            case "guess" if spoken.guess is request:
                spoken.guessed, spoken.guess_ms = recognition, decode_ms
                if spoken.ended is None:
                    self._show(spoken, recognition.text, request.end_sample)
                else:
                    self._settle(spoken, recognition, decode_ms)
            case "final":
                self._settle(spoken, recognition, decode_ms)

    def failed(self, request: Request, code: str) -> None:
        """Take the news that recognition failed: a final is tried once more, then it is marked."""
        spoken = request.spoken
        match request.kind:
            case "partial":
                spoken.is_partial_asked = False
            case "guess" if spoken.guess is request:
                spoken.guess = None
                if spoken.ended is not None:
                    self._ask_for_final(spoken, spoken.ended, tries=TRIES - 1)
            case "final" if request.tries_left > 1:
                self._desk.ask_again(replace(request, tries_left=request.tries_left - 1))
            case "final":
                self._give_up(spoken, code)

    def _begin(self, start_sample: int) -> None:
        audio_start = max(0, start_sample - PRE_ROLL_SAMPLES, self._audio_end)
        self._speaking = Spoken(start_sample, audio_start, next_partial=start_sample + FIRST_PARTIAL_SAMPLES)
        self._desk.began(self)

    def _guess(self, end_sample: int) -> None:
        spoken = self._speaking
        if spoken is None:
            return
        audio = self.stream.read(spoken.audio_start, end_sample + TAIL_SAMPLES)
        spoken.guess, spoken.guessed = Request("guess", self, spoken, end_sample, audio), None
        spoken.next_partial = self.stream.end_sample + PARTIAL_STEP_SAMPLES
        self._desk.ask(spoken.guess)

    def _end(self, ended: SpeechEnded) -> None:
        spoken, self._speaking = self._speaking, None
        if spoken is None:
            return
        spoken.ended = ended
        spoken.audio_end = ended.end_sample if ended.is_forced else ended.end_sample + TAIL_SAMPLES
        self._audio_end = spoken.audio_end
        self.undelivered.append(spoken)
        self._desk.ended(self, spoken)
        still_waits = self._desk.withdraw(self)
        if spoken.guess is None or spoken.guess.end_sample != ended.end_sample or still_waits:
            self._ask_for_final(spoken, ended, tries=TRIES)
        elif spoken.guessed is not None:
            self._settle(spoken, spoken.guessed, spoken.guess_ms)

    def _ask_for_final(self, spoken: Spoken, ended: SpeechEnded, *, tries: int) -> None:
        spoken.guess = None
        audio = self.stream.read(spoken.audio_start, spoken.audio_end)
        if not self._desk.ask(Request("final", self, spoken, ended.end_sample, audio, tries)):
            self._give_up(spoken, OVERLOADED)

    def _show(self, spoken: Spoken, text: str, end_sample: int) -> None:
        if spoken.ended is not None or not text or end_sample < spoken.shown_to:
            return
        spoken.shown_to = end_sample
        stable, unstable = spoken.agreement.update(text)
        start_ms = samples_to_ms(spoken.start_sample)
        self._on_partial(Partial(spoken.id, start_ms, samples_to_ms(end_sample), stable, unstable))

    def _settle(self, spoken: Spoken, recognition: Recognition, decode_ms: int) -> None:
        self._finish(spoken, recognition, decode_ms, None)

    def _give_up(self, spoken: Spoken, code: str) -> None:
        self._finish(spoken, Recognition("", (), 0.0, "", ""), 0, code)

    def _finish(self, spoken: Spoken, recognition: Recognition, decode_ms: int, failure: str | None) -> None:
        assert spoken.ended is not None  # noqa: S101 - only ended utterances are settled
        start_ms, end_ms = samples_to_ms(spoken.start_sample), samples_to_ms(spoken.ended.end_sample)
        spoken.final = Final(
            utterance_id=spoken.id,
            start_ms=start_ms,
            end_ms=end_ms,
            text=recognition.text,
            words=_words_in_media_time(recognition, spoken.audio_start, start_ms, end_ms),
            confidence=recognition.confidence,
            language=recognition.language,
            provider=recognition.provider,
            decode_ms=decode_ms,
            failure=failure,
        )
        self._desk.settled(self)


def _words_in_media_time(
    recognition: Recognition, audio_start: int, start_ms: int, end_ms: int
) -> tuple[SpokenWord, ...]:
    """Words on the call's timeline; none begins before its utterance or ends after it, whatever the padding held."""
    offset_ms = samples_to_ms(audio_start)

    def place(time_s: float) -> int:
        return min(max(start_ms, offset_ms + round(time_s * 1000)), end_ms)

    return tuple(
        SpokenWord(word.text.strip(), place(word.start_s), place(word.end_s), round(word.probability, 3))
        for word in recognition.words
    )

"""One participant's utterances on their way to text: when to guess, what to show, what goes out and in which order.

States of an utterance:
    SPEAKING  partials at a cadence   SpeechPaused → a guess is decoded · SpeechEnded → ENDED
    ENDED     its end is certain      the guess for that end is the final, else one is asked for · recognized → SETTLED
    SETTLED   waits for earlier ones  all earlier ones are out → delivered

The guess is why a final is ready when the hangover is over: it is decoded while the hangover runs. What it says decides
how long that is. Speech that goes on makes it worthless as a final, and it is shown as a partial.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Protocol
from uuid import uuid4

from media_server.conversation.completion import Completion, completion
from media_server.conversation.endpointing import HANGOVER_MS
from media_server.conversation.hallucination import Doubt
from media_server.conversation.hypothesis import Draft
from media_server.conversation.ladder import Level
from media_server.conversation.language import SpokenLanguage
from media_server.conversation.types import (
    SAMPLE_RATE_HZ,
    Speech,
    SpeechEnded,
    SpeechPaused,
    SpeechStarted,
    SpokenWord,
    ms_to_samples,
    samples_to_ms,
)
from media_server.engines.protocols import Excerpt, Recognition, Samples
from media_server.pipeline.handoff import Kind
from media_server.pipeline.listen import Stream

PRE_ROLL_SAMPLES = ms_to_samples(250)
"""Voice activity misses the first consonant."""
TAIL_SAMPLES = ms_to_samples(160)
"""No more than `pause_ms` of endpointing, so that it is there when a guess is made."""
FIRST_PARTIAL_SAMPLES = ms_to_samples(400)
"""Of speech."""
PARTIAL_STEP_SAMPLES = ms_to_samples(1_000)
"""Of new audio, or a third of what a partial decodes, whichever is more: long ones cost more and change less."""
LONGEST_STEP_SAMPLES = ms_to_samples(1_500)
COALESCED = 2
"""At the level `coalesced` a step is so many times as long."""
TRIM_SAMPLES = ms_to_samples(6_000)
"""When a partial would decode more than this, what is settled is left out from the next one on. From 4 s on, short
utterances paid for it with every tenth word of their partials, at the seam; from here on nothing could be measured."""
WITHOUT_PARTIALS: frozenset[Level] = frozenset({"finals_only", "metrics_only"})
"""At these levels nothing is recognized before its end is certain."""
UNTOLD_SAMPLES = ms_to_samples(1_500)
"""Whisper sometimes stops long before the end of what it is given. Where a forced cut ends an utterance there is no
pause, so that much without a word is speech that was not recognized."""
REST_PER_WORK = 5
"""A track's partials take at most one part in so many of a core, however slow they are."""
FATAL = ("recognizer_crashed", "recognizer_timeout")
"""Codes of failures that cost a recognizer."""
OVERLOADED = "recognizer_overloaded"


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
    """A code when recognition failed or was given up: a marked gap, whose text is empty and whose times hold."""
    dropped: Doubt | None = None
    """Why what was recognized is not believed; the text is empty then."""
    dropped_text: str = ""
    """For review, never for a log."""


@dataclass(eq=False, slots=True)
class Spoken:
    """One utterance while it is worked on."""

    start_sample: int
    audio_start: int
    """With the pre-roll, but never before the end of the utterance before it."""
    draft: Draft
    id: str = field(default_factory=lambda: str(uuid4()))
    next_partial: int = 0
    """When the stream ends here, a partial is due."""
    shown_to: int = 0
    """End of the audio that the newest partial stands for."""
    is_partial_asked: bool = False
    is_suspect: bool = False
    """It was in a batch that failed, and is recognized alone from then on."""
    is_fatal: bool = False
    """It ended a recognizer, or was in a batch that did: nothing more is asked for before its final."""
    failed_end: int = -1
    """Where the audio of a guess that failed ended: that was the first of a final's two tries."""
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
    audio_start: int
    end_sample: int
    kept: Samples | None = None
    """None: read when it is taken, so that a partial is as new as can be."""
    is_second_try: bool = False

    @property
    def call(self) -> Hashable:
        return self.track.call

    @property
    def key(self) -> Hashable:
        return self if self.kind == "final" else self.track

    @property
    def seconds(self) -> float:
        """Of its audio, as far as it was there when it was asked for."""
        samples = self.end_sample - self.audio_start if self.kept is None else len(self.kept)
        return samples / SAMPLE_RATE_HZ

    @property
    def is_alone(self) -> bool:
        return self.spoken.is_suspect

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

    def excerpt(self) -> Excerpt:
        language = self.track.spoken_language.choice
        if self.kept is not None:
            return Excerpt(self.kept, is_final=True, language=language)
        audio = self.track.stream.read(self.audio_start, self.track.stream.end_sample)
        return Excerpt(audio, is_final=False, language=language, is_timed=len(audio) >= TRIM_SAMPLES)


class Desk(Protocol):
    """Where a track leaves its requests and its finals."""

    @property
    def level(self) -> Level:
        """What is left out now."""

    def left_out(self, track: Track) -> None:
        """A partial was due that nobody will make."""

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
        *,
        call: Hashable = None,
        language: str | None = None,
    ) -> None:
        """Args: call, whose speakers share its turns; None: a call of its own. language, that is expected."""
        self.stream = stream
        self.call = self if call is None else call
        self.on_final = on_final
        self.undelivered: deque[Spoken] = deque()
        self.is_delivering = False
        self.spoken_language = SpokenLanguage(language)
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
        if spoken is None or spoken.is_partial_asked or spoken.is_fatal:
            return
        end = self.stream.end_sample
        if end < spoken.next_partial or self.stream.is_pausing:  # a guess comes soon, or more to say
            return
        level = self._desk.level
        audio_start = spoken.draft.audio_start
        spoken.next_partial = end + _partial_step(end - audio_start) * (1 if level == "full" else COALESCED)
        if level in WITHOUT_PARTIALS:
            self._desk.left_out(self)
        else:
            spoken.is_partial_asked = self._desk.ask(Request("partial", self, spoken, audio_start, end))

    def leave_out(self) -> None:
        """Forget what was asked for before the end of the utterance and was not begun."""
        spoken = self._speaking
        if spoken is None:
            return
        if self._desk.withdraw(self):
            spoken.guess = None
        if spoken.is_partial_asked:
            spoken.is_partial_asked = False
            self._desk.left_out(self)

    def give_up(self, request: Request) -> None:
        """Take the news that a final will not be recognized: its utterance becomes a marked gap."""
        self._give_up(request.spoken, OVERLOADED)

    def recognized(self, request: Request, recognition: Recognition, decode_ms: int) -> None:
        """Take an answer."""
        spoken = request.spoken
        match request.kind:
            case "partial":
                spoken.is_partial_asked = False
                rested = request.end_sample + ms_to_samples(decode_ms * REST_PER_WORK)
                spoken.next_partial = max(spoken.next_partial, rested)
                self._show(request, recognition)
            case "guess" if spoken.guess is request:
                spoken.guessed, spoken.guess_ms = recognition, decode_ms
                if spoken.ended is None:
                    self._show(request, recognition)
                    self.stream.expect(request.end_sample, HANGOVER_MS[_completion(recognition)])
                else:
                    self._settle(spoken, recognition, decode_ms)
            case "final":
                self._settle(spoken, recognition, decode_ms)

    def failed(self, request: Request, code: str) -> None:
        """Take the news that recognition failed: a final is tried once more, then it is marked."""
        spoken = request.spoken
        spoken.is_suspect = True
        spoken.is_fatal = spoken.is_fatal or code in FATAL
        match request.kind:
            case "partial":
                spoken.is_partial_asked = False
            case "guess" if spoken.guess is request:
                spoken.guess, spoken.failed_end = None, request.end_sample
                if spoken.ended is not None:
                    self._ask_for_final(spoken, spoken.ended, is_second_try=True)
            case "final" if not request.is_second_try:
                self._desk.ask_again(replace(request, is_second_try=True))
            case "final":
                self._give_up(spoken, code)

    def _begin(self, start_sample: int) -> None:
        audio_start = max(0, start_sample - PRE_ROLL_SAMPLES, self._audio_end)
        self._speaking = Spoken(start_sample, audio_start, Draft(audio_start))
        self._speaking.next_partial = start_sample + FIRST_PARTIAL_SAMPLES
        self._desk.began(self)

    def _guess(self, end_sample: int) -> None:
        spoken = self._speaking
        if spoken is None or self._desk.level in WITHOUT_PARTIALS:
            return
        if spoken.is_fatal:
            return
        audio = self.stream.read(spoken.audio_start, end_sample + TAIL_SAMPLES)
        spoken.guess, spoken.guessed = Request("guess", self, spoken, spoken.audio_start, end_sample, audio), None
        spoken.next_partial = self.stream.end_sample + PARTIAL_STEP_SAMPLES
        self._desk.ask(spoken.guess)
        spoken.is_partial_asked = False  # a partial that waits gives its place to the guess, and is not answered

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
            self._ask_for_final(spoken, ended, is_second_try=spoken.failed_end == ended.end_sample)
        elif spoken.guessed is not None:
            self._settle(spoken, spoken.guessed, spoken.guess_ms)

    def _ask_for_final(self, spoken: Spoken, ended: SpeechEnded, *, is_second_try: bool) -> None:
        spoken.guess = None
        audio = self.stream.read(spoken.audio_start, spoken.audio_end)
        final = Request("final", self, spoken, spoken.audio_start, ended.end_sample, audio, is_second_try)
        if not self._desk.ask(final):
            self._give_up(spoken, OVERLOADED)

    def _show(self, request: Request, recognition: Recognition) -> None:
        spoken, end_sample = request.spoken, request.end_sample
        if spoken.ended is not None or not recognition.text or end_sample < spoken.shown_to:
            return
        if request.kind == "guess":
            stable, unstable = spoken.draft.add_whole(recognition.text, end_sample, recognition.confidence)
        elif request.audio_start == spoken.draft.audio_start:
            stable, unstable = spoken.draft.add(recognition.text, recognition.words, end_sample, recognition.confidence)
        else:  # some of it is kept meanwhile
            return
        spoken.shown_to = end_sample
        start_ms, end_ms = samples_to_ms(spoken.start_sample), samples_to_ms(end_sample)
        self._on_partial(Partial(spoken.id, start_ms, end_ms, stable, unstable))

    def _settle(self, spoken: Spoken, recognition: Recognition, decode_ms: int) -> None:
        if spoken.ended is not None and spoken.ended.is_forced:
            self._hand_over(spoken, recognition)
        self._finish(spoken, recognition, decode_ms, None)

    def _hand_over(self, spoken: Spoken, recognition: Recognition) -> None:
        """Leave what was not recognized before a forced cut to the utterance that goes on there."""
        following = self._speaking
        if following is None or following.audio_start != spoken.audio_end or following.guess or not recognition.words:
            return
        told_to = spoken.audio_start + ms_to_samples(round(recognition.words[-1].end_s * 1000))
        if spoken.audio_end - told_to >= UNTOLD_SAMPLES:
            spoken.ended = SpeechEnded(spoken.start_sample, told_to, is_forced=True)
            following.start_sample = following.audio_start = told_to

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
            dropped=recognition.dropped,
            dropped_text=recognition.dropped_text,
        )
        if recognition.heard_language is not None:
            self.spoken_language.heard(*recognition.heard_language, end_ms - start_ms)
        self._desk.settled(self)


def _completion(recognition: Recognition) -> Completion:
    return completion(recognition.text, recognition.language, recognition.confidence)


def _partial_step(decoded: int) -> int:
    return min(LONGEST_STEP_SAMPLES, max(PARTIAL_STEP_SAMPLES, decoded // 3))


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

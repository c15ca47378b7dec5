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
from media_server.conversation.context import Told, context
from media_server.conversation.endpointing import HANGOVER_MS
from media_server.conversation.hallucination import Doubt
from media_server.conversation.hypothesis import Draft
from media_server.conversation.ladder import Level
from media_server.conversation.language import SpokenLanguage
from media_server.conversation.seam import Seam, joined, split
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
from media_server.engines.protocols import Context, Excerpt, Recognition, RecognizedWord, Samples
from media_server.pipeline.handoff import Kind
from media_server.pipeline.listen import Stream
from media_server.pipeline.words import in_media_time, of_words, placed

PRE_ROLL_SAMPLES = ms_to_samples(250)
"""Voice activity misses the first consonant."""
TAIL_SAMPLES = ms_to_samples(160)
"""No more than `pause_ms` of endpointing, so that it is there when a guess is made."""
FIRST_PARTIAL_SAMPLES = ms_to_samples(400)
"""Of speech."""
PARTIAL_STEP_SAMPLES = ms_to_samples(1_000)
"""Of new audio, or a third of what a partial decodes, whichever is more: long ones cost more and change less."""
LONGEST_STEP_SAMPLES = ms_to_samples(1_500)
UNSHOWN_STEP_SAMPLES = ms_to_samples(300)
"""While nothing could be shown of an utterance, up to `UNSHOWN_SAMPLES` of it: there is often no word to recognize in
half a second of speech, and nobody wants to wait another second for one."""
UNSHOWN_SAMPLES = ms_to_samples(2_000)
COALESCED = 2
"""At the level `coalesced` a step is so many times as long."""
TRIM_SAMPLES = ms_to_samples(6_000)
"""When a partial would decode more than this, what is settled is left out from the next one on. From 4 s on, short
utterances paid for it with every tenth word of their partials, at the seam; from here on nothing could be measured."""
WITHOUT_PARTIALS: frozenset[Level] = frozenset({"finals_only", "metrics_only"})
"""At these levels nothing is recognized before its end is certain."""
OVERLAP_SAMPLES = ms_to_samples(5_000)
"""Both sides of a forced cut are recognized so far beyond it, as far as that was spoken already."""
LONGEST_SAMPLES = ms_to_samples(30_000)
"""That a recognizer hears at a time."""
UNTOLD_SAMPLES = ms_to_samples(1_500)
"""Whisper sometimes stops long before the end of what it is given. Where a forced cut ends an utterance there is no
pause, so that much without a word is speech that was not recognized."""
LATEST_TOLD = 8
"""Utterances that may be the context of the next one."""
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
    guessed: Answer | None = None
    ended: SpeechEnded | None = None
    audio_end: int = 0
    ended_at_s: float = 0.0
    """On the loop's clock."""
    before: Spoken | None = None
    """What was cut by force where this begins, until it is known what belongs to which."""
    is_heard_from_cut: bool = False
    """Nothing before that cut is listened to any more."""
    seam: Seam[RecognizedWord] | None = None
    """What was heard around the forced cut that ended this."""
    held: Answer | None = None
    """What came back for this before `before` was settled."""
    told: Told | None = None
    """What the next ones can know of it, from its end on."""
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
    context: Context | None = None

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
            return Excerpt(self.kept, is_final=True, language=language, context=self.context)
        audio = self.track.stream.read(self.audio_start, self.track.stream.end_sample)
        return Excerpt(audio, is_final=False, language=language, is_timed=len(audio) >= TRIM_SAMPLES)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request for a text that may go out as final."""

    request: Request
    recognition: Recognition
    decode_ms: int


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
        """End of the audio that is the last final's own."""
        self._cut: Spoken | None = None
        """The last utterance, if it was cut by force."""
        self._told: deque[Told] = deque(maxlen=LATEST_TOLD)
        """The last utterances, the latest first."""

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
                self._show(request, recognition)
                if not spoken.shown_to and request.end_sample < spoken.start_sample + UNSHOWN_SAMPLES:
                    spoken.next_partial = min(spoken.next_partial, request.end_sample + UNSHOWN_STEP_SAMPLES)
                rested = request.end_sample + ms_to_samples(decode_ms * REST_PER_WORK)
                spoken.next_partial = max(spoken.next_partial, rested)
            case "guess" if spoken.guess is request:
                spoken.guessed = Answer(request, recognition, decode_ms)
                if spoken.ended is None:
                    own = _own(spoken, placed(recognition, request.audio_start))
                    if own is not None:
                        self._show(request, own)
                    self.stream.expect(request.end_sample, HANGOVER_MS[_completion(own or recognition)])
                else:
                    self._settle(spoken.guessed)
            case "final":
                self._settle(Answer(request, recognition, decode_ms))

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
                self._desk.ask_again(replace(request, is_second_try=True, context=None))
            case "final":
                self._give_up(spoken, code)

    def _begin(self, start_sample: int) -> None:
        audio_start = max(0, start_sample - PRE_ROLL_SAMPLES, self._audio_end)
        self._speaking = Spoken(start_sample, audio_start, Draft(audio_start), before=self._cut)
        self._speaking.next_partial = start_sample + FIRST_PARTIAL_SAMPLES
        self._desk.began(self)

    def _guess(self, end_sample: int) -> None:
        spoken = self._speaking
        if spoken is None or self._desk.level in WITHOUT_PARTIALS:
            return
        if spoken.is_fatal:
            return
        audio_start = _heard_from(spoken, end_sample + TAIL_SAMPLES)
        audio = self.stream.read(audio_start, end_sample + TAIL_SAMPLES)
        before = self._context(spoken, audio_start, audio_start + len(audio))
        spoken.guess = Request("guess", self, spoken, audio_start, end_sample, audio, context=before)
        spoken.guessed = None
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
        self._cut = spoken if ended.is_forced else None
        self.undelivered.append(spoken)
        spoken.told = Told(spoken.start_sample / SAMPLE_RATE_HZ, ended.end_sample / SAMPLE_RATE_HZ)
        self._told.appendleft(spoken.told)
        self._desk.ended(self, spoken)
        still_waits = self._desk.withdraw(self)
        if spoken.guess is None or spoken.guess.end_sample != ended.end_sample or still_waits:
            self._ask_for_final(spoken, ended, is_second_try=spoken.failed_end == ended.end_sample)
        elif spoken.guessed is not None:
            self._settle(spoken.guessed)

    def _ask_for_final(self, spoken: Spoken, ended: SpeechEnded, *, is_second_try: bool) -> None:
        spoken.guess = None
        audio_start = _heard_from(spoken, spoken.audio_end)
        audio_end = spoken.audio_end + (OVERLAP_SAMPLES if ended.is_forced else 0)
        audio = self.stream.read(audio_start, min(audio_end, audio_start + LONGEST_SAMPLES))
        before = None if is_second_try else self._context(spoken, audio_start, audio_start + len(audio))
        final = Request("final", self, spoken, audio_start, ended.end_sample, audio, is_second_try, before)
        if not self._desk.ask(final):
            self._give_up(spoken, OVERLOADED)

    def _context(self, spoken: Spoken, audio_start: int, audio_end: int) -> Context | None:
        """What was said before that audio, if it helps and there is time for it."""
        if spoken.before is not None or self._desk.level in WITHOUT_PARTIALS:
            return None
        start_s, end_s = audio_start / SAMPLE_RATE_HZ, audio_end / SAMPLE_RATE_HZ
        earlier = [told for told in self._told if told.start_s < start_s]
        found = context(earlier, start_s, end_s, self.spoken_language.choice)
        if found is None:
            return None
        begins_s, text = found
        return Context(self.stream.read(round(begins_s * SAMPLE_RATE_HZ), audio_start), text)

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

    def _settle(self, answer: Answer) -> None:
        spoken = answer.request.spoken
        assert spoken.ended is not None  # noqa: S101 - only ended utterances are settled
        if spoken.before is not None and spoken.before.final is None:
            spoken.held = answer
            return
        recognition = _own(spoken, placed(answer.recognition, answer.request.audio_start))
        if recognition is None:
            spoken.is_heard_from_cut = True
            self._ask_for_final(spoken, spoken.ended, is_second_try=answer.request.is_second_try)
            return
        if spoken.ended.is_forced and recognition.words:
            told, spoken.seam = split(recognition.words, spoken.audio_end / SAMPLE_RATE_HZ)
            recognition = of_words(recognition, told)
            self._hand_over(spoken, spoken.seam)
        self._finish(spoken, recognition, answer.decode_ms, None)

    def _hand_over(self, spoken: Spoken, seam: Seam[RecognizedWord]) -> None:
        """Leave what was not recognized before a forced cut to the utterance that goes on there."""
        following = self._speaking
        if following is None or following.audio_start != spoken.audio_end or following.guess or not seam.told:
            return
        told_to = ms_to_samples(round(seam.told[-1].end_s * 1000))
        if spoken.audio_end - told_to >= UNTOLD_SAMPLES:
            spoken.ended = SpeechEnded(spoken.start_sample, told_to, is_forced=True)
            spoken.seam = Seam(told_to / SAMPLE_RATE_HZ, seam.told, ahead=())
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
            words=in_media_time(recognition.words, start_ms, end_ms),
            confidence=recognition.confidence,
            language=recognition.language,
            provider=recognition.provider,
            decode_ms=decode_ms,
            failure=failure,
            dropped=recognition.dropped,
            dropped_text=recognition.dropped_text,
        )
        spoken.before = None
        if spoken.told is not None:
            spoken.told.words, spoken.told.language = recognition.words, recognition.language
        if recognition.heard_language is not None:
            self.spoken_language.heard(*recognition.heard_language, end_ms - start_ms)
        held = next((other.held for other in self.undelivered if other.before is spoken), None)
        self._desk.settled(self)
        if held is not None:
            self._settle(held)


def _completion(recognition: Recognition) -> Completion:
    return completion(recognition.text, recognition.language, recognition.confidence)


def _partial_step(decoded: int) -> int:
    return min(LONGEST_STEP_SAMPLES, max(PARTIAL_STEP_SAMPLES, decoded // 3))


def _heard_from(spoken: Spoken, audio_end: int) -> int:
    """Where the audio begins that a text of it, up to there, is made of."""
    if spoken.before is None or spoken.is_heard_from_cut:
        return spoken.audio_start
    return min(spoken.audio_start, max(0, spoken.audio_start - OVERLAP_SAMPLES, audio_end - LONGEST_SAMPLES))


def _own(spoken: Spoken, recognition: Recognition) -> Recognition | None:
    """Without what was said before the forced cut where it begins; None: it is to be recognized from there on."""
    if spoken.before is None or not recognition.words:
        return recognition
    seam = spoken.before.seam or Seam(spoken.audio_start / SAMPLE_RATE_HZ, (), ())
    words = joined(replace(seam, told=()) if spoken.is_heard_from_cut else seam, recognition.words)
    return None if words is None else of_words(recognition, words)

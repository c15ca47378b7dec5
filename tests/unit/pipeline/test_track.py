"""What a track asks to be recognized, and what it makes of the answers; no recognizer, and no time but the stream's."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest

from media_server.conversation.context import LEAD_S
from media_server.conversation.hypothesis import SETTLED_MS
from media_server.conversation.ladder import Level
from media_server.conversation.language import LONG_MS
from media_server.conversation.types import SpeechEnded, SpeechPaused, SpeechStarted, ms_to_samples
from media_server.engines.protocols import Recognition, RecognizedWord
from media_server.pipeline.listen import Stream
from media_server.pipeline.track import (
    FIRST_PARTIAL_SAMPLES,
    LONGEST_STEP_SAMPLES,
    PARTIAL_STEP_SAMPLES,
    PRE_ROLL_SAMPLES,
    TRIM_SAMPLES,
    UNSHOWN_SAMPLES,
    UNSHOWN_STEP_SAMPLES,
    Final,
    Partial,
    Request,
    Spoken,
    Track,
)
from tests.recognizers import loud, quiet

SECOND = 16_000


class Desk:
    """Keeps what it is asked; nothing waits."""

    level: Level = "full"

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.partials: list[Partial] = []
        self.finals: list[Final] = []

    def ask(self, request: Request) -> bool:
        self.asked.append(request)
        return True

    def withdraw(self, track: Track) -> bool:
        return False

    def ask_again(self, request: Request) -> None:
        self.asked.append(request)

    def began(self, track: Track) -> None: ...

    def left_out(self, track: Track) -> None: ...

    def ended(self, track: Track, spoken: Spoken) -> None: ...

    def settled(self, track: Track) -> None:
        final = track.undelivered.popleft().final
        assert final is not None
        self.finals.append(final)


class Talk:
    """Somebody who speaks from the first second on."""

    def __init__(self, language: str | None = None) -> None:
        self.desk = Desk()
        self.stream = Stream(lambda speech: None, object)
        self.stream.write(0, quiet(SECOND))
        self.track = Track(self.stream, self.desk, self.desk.partials.append, asyncio.sleep, language=language)  # type: ignore[arg-type]
        self.track.on_speech(SpeechStarted(SECOND))

    def speak(self, samples: int) -> Request | None:
        """And look whether a partial is due."""
        self.stream.write(self.stream.end_sample, loud(samples))
        before = len(self.desk.asked)
        self.track.ask_for_partial()
        return self.desk.asked[-1] if len(self.desk.asked) > before else None

    def next_partial(self) -> Request:
        while (request := self.speak(320)) is None:
            pass
        return request

    def say(self, request: Request) -> Request:
        """Answer with a word for each second from the beginning of its audio on."""
        excerpt = request.excerpt()
        first = -(-(request.audio_start - SECOND) // SECOND)
        last = (request.audio_start + len(excerpt.samples)) // SECOND - 1
        offset_s = 1 - request.audio_start / SECOND
        words = tuple(
            RecognizedWord(f" w{n}", n + offset_s, n + offset_s + 0.8, 0.9) for n in range(max(0, first), last)
        )
        text = "".join(word.text for word in words).strip()
        self.track.recognized(
            request, Recognition(text, words if excerpt.is_timed or excerpt.is_final else (), 0.9, "en", "test"), 1
        )
        return request

    def cut(self, at: int) -> Request:
        """Speech goes on there, and what was before is to be recognized."""
        self.track.on_speech(SpeechEnded(SECOND, at, is_forced=True))
        final = self.desk.asked[-1]
        self.track.on_speech(SpeechStarted(at))
        return final

    def end(self, start: int) -> Request:
        end = self.stream.end_sample
        self.stream.write(end, quiet(SECOND))
        self.track.on_speech(SpeechEnded(start, end))
        return self.desk.asked[-1]

    @property
    def said(self) -> list[str]:
        return [word for final in self.desk.finals for word in final.text.split()]


def test_the_first_partial_comes_early_and_the_next_ones_less_often_the_more_they_decode() -> None:
    talk = Talk()
    assert talk.speak(FIRST_PARTIAL_SAMPLES - 1) is None
    request = talk.speak(1)
    assert request is not None
    talk.say(request)
    while not talk.desk.partials:
        request = talk.say(talk.next_partial())
    ends = [request.end_sample]
    ends += [talk.say(talk.next_partial()).end_sample for _ in range(5)]
    steps = [after - before for before, after in pairwise(ends)]
    assert steps[0] == PARTIAL_STEP_SAMPLES
    assert steps == sorted(steps)
    assert steps[-1] == LONGEST_STEP_SAMPLES


def test_while_nothing_can_be_shown_the_next_partial_comes_soon_but_not_for_ever() -> None:
    talk, ends = Talk(), []
    while talk.stream.end_sample < 6 * SECOND:
        request = talk.next_partial()
        talk.track.recognized(request, Recognition("", (), 0.0, "en", "test", dropped="no_speech"), 1)
        ends.append(request.end_sample)
    steps = [after - before for before, after in pairwise(ends)]
    soon = [step for end, step in zip(ends, steps, strict=False) if end < SECOND + UNSHOWN_SAMPLES]
    assert {UNSHOWN_STEP_SAMPLES <= step < UNSHOWN_STEP_SAMPLES + 320 for step in soon} == {True}
    assert all(step >= PARTIAL_STEP_SAMPLES for step in steps[len(soon) :])


def test_no_partial_is_decoded_while_its_speaker_pauses_and_it_is_made_up_for_at_once() -> None:
    talk = Talk()
    for probability in (0.9, 0.9, 0.9, 0.0):
        talk.stream.accept(probability)
    assert talk.speak(FIRST_PARTIAL_SAMPLES) is None
    talk.stream.accept(0.9)
    assert talk.speak(1) is not None


def test_a_long_utterance_is_not_decoded_from_its_beginning_again_and_loses_no_word() -> None:
    talk = Talk()
    longest = 0
    while talk.stream.end_sample < 20 * SECOND:
        request = talk.say(talk.next_partial())
        longest = max(longest, len(request.excerpt().samples))
        shown = talk.desk.partials[-1] if talk.desk.partials else None
        if shown is not None and shown.end_ms == request.end_sample // 16:
            words = f"{shown.stable} {shown.unstable}".split()
            assert words == [f"w{number}" for number in range(len(words))]
    assert request.audio_start > SECOND
    assert longest < TRIM_SAMPLES + ms_to_samples(SETTLED_MS) + 2 * LONGEST_STEP_SAMPLES
    assert len(f"{shown.stable} {shown.unstable}".split()) >= 17


def test_a_partial_that_was_asked_for_before_some_of_it_was_settled_is_not_shown() -> None:
    talk = Talk()
    request = talk.say(talk.next_partial())
    while request.audio_start == SECOND - PRE_ROLL_SAMPLES:
        old, request = request, talk.say(talk.next_partial())
    shown = len(talk.desk.partials)
    talk.track.recognized(
        replace(old, end_sample=talk.stream.end_sample), Recognition("w0 w1", (), 0.9, "en", "test"), 1
    )
    assert len(talk.desk.partials) == shown


def test_the_final_is_decoded_whole() -> None:
    talk = Talk()
    while talk.stream.end_sample < 14 * SECOND:
        talk.say(talk.next_partial())
    end = talk.stream.end_sample
    talk.stream.write(end, quiet(SECOND))
    talk.track.on_speech(SpeechPaused(SECOND, end))
    assert len(talk.desk.asked[-1].excerpt().samples) > end - SECOND


def test_a_guess_that_takes_the_place_of_a_partial_is_not_the_last_that_is_shown() -> None:
    talk = Talk()
    talk.next_partial()
    talk.track.on_speech(SpeechPaused(SECOND, talk.stream.end_sample))
    assert any(talk.speak(320) for _ in range(200))


CUT = 13 * SECOND + 5_000


def test_words_around_a_forced_cut_are_said_once() -> None:
    talk = Talk()
    talk.speak(14 * SECOND)
    talk.say(talk.cut(CUT))
    talk.speak(5 * SECOND)
    talk.say(talk.end(CUT))
    assert [(final.start_ms, final.end_ms) for final in talk.desk.finals] == [(1000, CUT // 16), (CUT // 16, 20_000)]
    assert talk.said == [f"w{number}" for number in range(19)]


def test_what_follows_a_forced_cut_waits_for_what_was_before_it() -> None:
    talk = Talk()
    talk.speak(14 * SECOND)
    before = talk.cut(CUT)
    talk.speak(5 * SECOND)
    talk.say(talk.end(CUT))
    assert talk.desk.finals == []
    talk.say(before)
    assert talk.said == [f"w{number}" for number in range(19)]


def test_a_guess_after_a_forced_cut_shows_no_word_of_before() -> None:
    talk = Talk()
    talk.speak(14 * SECOND)
    talk.say(talk.cut(CUT))
    talk.speak(5 * SECOND)
    talk.track.on_speech(SpeechPaused(CUT, talk.stream.end_sample))
    talk.say(talk.desk.asked[-1])
    shown = talk.desk.partials[-1]
    assert f"{shown.stable} {shown.unstable}".split() == [f"w{number}" for number in range(12, 19)]


def test_after_a_gap_that_ended_at_a_forced_cut_only_what_was_said_behind_it_counts() -> None:
    talk = Talk()
    talk.speak(14 * SECOND)
    talk.track.give_up(talk.cut(CUT))
    talk.speak(5 * SECOND)
    talk.say(talk.end(CUT))
    assert [final.failure for final in talk.desk.finals] == ["recognizer_overloaded", None]
    assert talk.said == [f"w{number}" for number in range(12, 19)]


@pytest.mark.parametrize("expected", [None, "de"])
def test_the_language_that_is_expected_goes_with_every_request(expected: str | None) -> None:
    talk = Talk(language=expected)
    assert talk.next_partial().excerpt().language == expected


def test_the_language_that_was_heard_goes_with_later_requests() -> None:
    talk = Talk()
    end = SECOND + ms_to_samples(LONG_MS)
    talk.speak(end - SECOND)
    talk.stream.write(end, quiet(SECOND))
    talk.track.on_speech(SpeechEnded(SECOND, end))
    final = talk.desk.asked[-1]
    assert (final.kind, final.excerpt().language) == ("final", None)
    talk.track.recognized(final, Recognition("ja", (), 0.9, "de", "test", heard_language=("de", 0.95)), 1)
    talk.track.on_speech(SpeechStarted(talk.stream.end_sample))
    assert talk.next_partial().excerpt().language == "de"


def test_a_final_that_was_dropped_says_why() -> None:
    talk = Talk()
    talk.speak(SECOND)
    talk.stream.write(2 * SECOND, quiet(SECOND))
    talk.track.on_speech(SpeechEnded(SECOND, 2 * SECOND))
    dropped = Recognition("", (), 0.0, "en", "test", dropped="known_phrase", dropped_text="Thanks for watching!")
    talk.track.recognized(talk.desk.asked[-1], dropped, 1)
    [final] = talk.desk.finals
    assert (final.text, final.dropped, final.dropped_text) == ("", "known_phrase", "Thanks for watching!")


class Turns(Talk):
    """Somebody who says a second at a time, and nothing for as long in between."""

    def __init__(self) -> None:
        super().__init__()
        self._start = SECOND

    def pause(self) -> Request:
        """After a second of speech; the guess."""
        self.speak(SECOND)
        end = self.stream.end_sample
        self.stream.write(end, quiet(SECOND))
        self.track.on_speech(SpeechPaused(self._start, end))
        return self.desk.asked[-1]

    def stop(self) -> Request:
        """What was asked for last, after the end of that speech; the next one begins."""
        self.track.on_speech(SpeechEnded(self._start, self.stream.end_sample - SECOND))
        self._start = self.stream.end_sample
        self.track.on_speech(SpeechStarted(self._start))
        return self.desk.asked[-1]

    def answer(self, request: Request, *texts: str, language: str = "en") -> None:
        words = tuple(RecognizedWord(f" {text}", 0.2 + n / 4, 0.4 + n / 4, 0.9) for n, text in enumerate(texts))
        self.track.recognized(request, Recognition(" ".join(texts), words, 0.9, language, "test"), 1)


def test_what_was_said_before_goes_with_the_next_guess_up_to_where_that_begins() -> None:
    talk = Turns()
    guess = talk.pause()
    assert guess.excerpt().context is None
    talk.answer(guess, "answered", "he")
    talk.stop()
    following = talk.pause()
    context = following.excerpt().context
    assert context is not None
    assert context.text == " answered he"
    first_word = guess.audio_start + ms_to_samples(200)
    assert len(context.samples) == following.audio_start - first_word + round(LEAD_S * SECOND)
    talk.answer(following, "the", "same")
    talk.stop()
    assert [final.text for final in talk.desk.finals] == ["answered he", "the same"]
    assert [word.start_ms for word in talk.desk.finals[1].words] == [3000, 3200]


def test_nothing_goes_with_it_while_that_is_not_known_or_when_nothing_was_believed() -> None:
    talk = Turns()
    talk.pause()
    final = talk.stop()
    assert talk.pause().excerpt().context is None
    talk.answer(final)
    assert talk.pause().excerpt().context is None


def test_a_second_try_is_made_without_it_and_so_is_what_comes_under_load() -> None:
    talk = Turns()
    talk.answer(talk.pause(), "answered", "he")
    talk.stop()
    guess = talk.pause()
    assert guess.context is not None
    talk.track.failed(guess, "recognition_failed")
    again = talk.stop()
    assert (again.kind, again.is_second_try, again.context) == ("final", True, None)
    talk.answer(again, "the", "same")
    assert talk.pause().context is not None
    talk.desk.level = "finals_only"
    talk.speak(SECOND)
    assert talk.stop().context is None

"""Speech becomes partials and one final each, in order, whatever the recognizer does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from media_server.conversation.endpointing import EndpointSettings
from media_server.conversation.hypothesis import SETTLED_MS
from media_server.conversation.types import SpeechEnded, SpeechPaused, SpeechStarted, ms_to_samples, samples_to_ms
from media_server.engines import pace
from media_server.engines.protocols import Recognizer, Samples
from media_server.pipeline import transcribe
from media_server.pipeline.listen import Stream
from media_server.pipeline.track import (
    FIRST_PARTIAL_SAMPLES,
    OVERLAP_SAMPLES,
    PRE_ROLL_SAMPLES,
    TAIL_SAMPLES,
    UNTOLD_SAMPLES,
)
from media_server.pipeline.transcribe import Final, Partial, Track, Transcriber
from tests.recognizers import ScriptedRecognizer, loud, quiet

SECOND = 16_000
WAIT_S = 5.0


@dataclass
class Screen:
    """What one participant's call gets."""

    stream: Stream
    transcriber: Transcriber
    track: Track
    partials: asyncio.Queue[Partial] = field(default_factory=asyncio.Queue)
    finals: asyncio.Queue[Final] = field(default_factory=asyncio.Queue)

    async def next_partial(self) -> Partial:
        return await asyncio.wait_for(self.partials.get(), WAIT_S)

    async def next_final(self) -> Final:
        return await asyncio.wait_for(self.finals.get(), WAIT_S)

    def another_track(self) -> Track:
        """Of another call, which hears the same."""

        async def on_final(final: Final) -> None:
            self.finals.put_nowait(final)

        return self.transcriber.track(self.stream, lambda partial: None, on_final)

    def say(self, start: int, end: int) -> None:
        """Speech between two samples, and silence up to a second after it."""
        self.stream.write(start, loud(end - start))
        self.stream.write(end, quiet(SECOND))
        self.track.on_speech(SpeechStarted(start))


@asynccontextmanager
async def screen(recognizer: Recognizer, workers: int = 2, batch: int = 1) -> AsyncIterator[Screen]:
    transcriber = Transcriber([recognizer] * workers, batch)
    stream = Stream(lambda speech: None, object)
    stream.write(0, quiet(SECOND))

    async def on_final(final: Final) -> None:
        shown.finals.put_nowait(final)

    def on_partial(partial: Partial) -> None:
        shown.partials.put_nowait(partial)

    track = transcriber.track(stream, on_partial, on_final)
    shown = Screen(stream, transcriber, track)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(transcriber.run())
        await asyncio.sleep(0)
        yield shown
        running.cancel()


async def until_asked(recognizer: ScriptedRecognizer, count: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while len(recognizer.asked) < count:
            await asyncio.sleep(0.005)


async def test_an_utterance_becomes_one_final_with_its_times() -> None:
    async with screen(ScriptedRecognizer()) as shown:
        shown.say(SECOND, 2 * SECOND)
        shown.track.on_speech(SpeechEnded(SECOND, 2 * SECOND))
        final = await shown.next_final()
    assert (final.start_ms, final.end_ms, len(final.text.split())) == (1000, 2000, 10)
    assert (final.provider, final.failure) == ("scripted", None)


async def test_words_lie_inside_their_utterance_on_the_calls_timeline() -> None:
    async with screen(ScriptedRecognizer()) as shown:
        shown.say(SECOND, 2 * SECOND)
        shown.track.on_speech(SpeechEnded(SECOND, 2 * SECOND))
        words = (await shown.next_final()).words
    assert (words[0].text, words[0].start_ms) == ("w0", 1000)
    assert all(1000 <= word.start_ms <= word.end_ms <= 2000 for word in words)
    assert words[5].start_ms == 1000 - PRE_ROLL_SAMPLES // 16 + 500


async def test_the_audio_of_a_final_has_a_pre_roll_and_a_tail() -> None:
    recognizer = ScriptedRecognizer()
    async with screen(recognizer) as shown:
        shown.say(SECOND, 2 * SECOND)
        shown.track.on_speech(SpeechEnded(SECOND, 2 * SECOND))
        await shown.next_final()
    assert recognizer.asked[-1] == (SECOND + PRE_ROLL_SAMPLES + TAIL_SAMPLES, True)


async def test_both_sides_of_a_forced_cut_are_recognized_beyond_it() -> None:
    recognizer = ScriptedRecognizer(lambda audio, is_final: "w " * (len(audio) // 1600))
    async with screen(recognizer, workers=1) as shown:
        shown.say(3 * SECOND, 10 * SECOND)
        shown.track.on_speech(SpeechEnded(3 * SECOND, 6 * SECOND, is_forced=True))
        shown.track.on_speech(SpeechStarted(6 * SECOND))
        shown.track.on_speech(SpeechEnded(6 * SECOND, 10 * SECOND))
        times = [(final.start_ms, final.end_ms) for final in [await shown.next_final(), await shown.next_final()]]
    finals = [samples for samples, is_final in recognizer.asked if is_final]
    assert finals == [
        PRE_ROLL_SAMPLES + 3 * SECOND + OVERLAP_SAMPLES,
        OVERLAP_SAMPLES + 4 * SECOND + TAIL_SAMPLES,
    ]
    assert times == [(3000, 6000), (6000, 10_000)]


async def test_a_side_that_has_not_heard_what_was_before_its_cut_is_recognized_alone() -> None:
    texts = iter(["we ship on monday", "so you pay", "and so you pay and sign"])
    recognizer = ScriptedRecognizer(lambda audio, is_final: next(texts) if is_final else "")
    async with screen(recognizer, workers=1) as shown:
        shown.say(SECOND, 4 * SECOND)
        shown.track.on_speech(SpeechEnded(SECOND, 2 * SECOND, is_forced=True))
        shown.track.on_speech(SpeechStarted(2 * SECOND))
        shown.track.on_speech(SpeechEnded(2 * SECOND, 4 * SECOND))
        said = [(await shown.next_final()).text for _ in range(2)]
    assert said == ["we ship on monday", "and so you pay and sign"]
    assert recognizer.asked[-1] == (2 * SECOND + TAIL_SAMPLES, True)


@pytest.mark.parametrize(("words", "untold_samples"), [(7, UNTOLD_SAMPLES + 800), (8, 0)])
async def test_what_was_not_recognized_before_a_forced_cut_is_left_to_the_next_utterance(
    words: int, untold_samples: int
) -> None:
    recognizer = ScriptedRecognizer(lambda audio, is_final: " ".join("w" * words) if is_final else "")
    async with screen(recognizer, workers=1) as shown:
        shown.say(SECOND, 4 * SECOND)
        shown.track.on_speech(SpeechEnded(SECOND, 3 * SECOND, is_forced=True))
        shown.track.on_speech(SpeechStarted(3 * SECOND))
        first = await shown.next_final()
        shown.track.on_speech(SpeechEnded(3 * SECOND, 4 * SECOND))
        second = await shown.next_final()
    assert first.end_ms == second.start_ms == 3_000 - untold_samples // 16


async def test_partials_come_while_somebody_speaks() -> None:
    async with screen(ScriptedRecognizer()) as shown:
        shown.say(SECOND, 2 * SECOND)
        partial = await shown.next_partial()
    assert (partial.start_ms, partial.stable, len(partial.unstable.split())) == (1000, "", 10)


async def test_the_first_partial_waits_for_enough_speech() -> None:
    recognizer = ScriptedRecognizer()
    async with screen(recognizer) as shown:
        shown.stream.write(SECOND, loud(FIRST_PARTIAL_SAMPLES - 1))
        shown.track.on_speech(SpeechStarted(SECOND))
        await asyncio.sleep(0.1)
        assert recognizer.asked == []
        shown.stream.write(shown.stream.end_sample, loud(1))
        await shown.next_partial()


async def test_words_that_partials_agree_on_for_long_enough_are_stable() -> None:
    async with screen(ScriptedRecognizer()) as shown:
        shown.say(SECOND, 2 * SECOND)
        await shown.next_partial()
        shown.stream.write(shown.stream.end_sample, loud(ms_to_samples(SETTLED_MS)))
        partial = await shown.next_partial()
    assert partial.stable.split() == [f"w{number}" for number in range(10)]


async def test_only_one_partial_of_a_track_is_worked_on_at_a_time() -> None:
    recognizer = ScriptedRecognizer()
    recognizer.gate.clear()
    async with screen(recognizer) as shown:
        shown.say(SECOND, 2 * SECOND)
        await until_asked(recognizer, 1)
        shown.stream.write(shown.stream.end_sample, loud(5 * SECOND))
        await asyncio.sleep(0.2)
        asked = len(recognizer.asked)
        recognizer.gate.set()
        await shown.next_partial()
    assert asked == 1


async def test_a_guess_at_a_pause_is_the_final_when_the_end_is_certain() -> None:
    recognizer = ScriptedRecognizer()
    async with screen(recognizer, workers=1) as shown:
        shown.say(SECOND, 2 * SECOND)
        shown.track.on_speech(SpeechPaused(SECOND, 2 * SECOND))
        await until_asked(recognizer, 1)
        await shown.next_partial()
        shown.track.on_speech(SpeechEnded(SECOND, 2 * SECOND))
        final = await shown.next_final()
    assert len(final.text.split()) == 10
    assert [is_final for _, is_final in recognizer.asked] == [True]


async def test_a_guess_still_worked_on_at_the_end_is_not_asked_for_again() -> None:
    recognizer = ScriptedRecognizer()
    recognizer.gate.clear()
    async with screen(recognizer, workers=1) as shown:
        shown.say(SECOND, 2 * SECOND)
        shown.track.on_speech(SpeechPaused(SECOND, 2 * SECOND))
        await until_asked(recognizer, 1)
        shown.track.on_speech(SpeechEnded(SECOND, 2 * SECOND))
        recognizer.gate.set()
        await shown.next_final()
    assert len(recognizer.asked) == 1


async def test_speech_that_goes_on_discards_the_guess() -> None:
    async with screen(ScriptedRecognizer()) as shown:
        shown.say(SECOND, 2 * SECOND)
        shown.track.on_speech(SpeechPaused(SECOND, 2 * SECOND))
        await shown.next_partial()
        shown.stream.write(3 * SECOND, loud(SECOND))
        shown.stream.write(4 * SECOND, quiet(SECOND))
        shown.track.on_speech(SpeechEnded(SECOND, 4 * SECOND))
        final = await shown.next_final()
    assert (len(final.text.split()), shown.finals.empty()) == (20, True)


async def test_finals_go_out_in_the_order_of_their_speech() -> None:
    second_is_known = threading.Event()

    def script(audio: Samples, is_final: bool) -> str:
        if len(audio) > 2 * SECOND:
            second_is_known.wait(WAIT_S)
            return "first"
        second_is_known.set()
        return "second"

    async with screen(ScriptedRecognizer(script), workers=3) as shown:
        shown.say(SECOND, 4 * SECOND)
        shown.track.on_speech(SpeechEnded(SECOND, 4 * SECOND))
        shown.say(6 * SECOND, 7 * SECOND)
        shown.track.on_speech(SpeechEnded(6 * SECOND, 7 * SECOND))
        texts = [(await shown.next_final()).text for _ in range(2)]
    assert texts == ["first", "second"]


async def test_a_recognizer_that_raises_once_is_asked_again() -> None:
    tries = iter([ValueError("no memory"), None])

    def script(audio: Samples, is_final: bool) -> str:
        if (error := next(tries)) is not None:
            raise error
        return "recovered"

    async with screen(ScriptedRecognizer(script), workers=1) as shown:
        shown.say(SECOND, SECOND + 1600)
        shown.track.on_speech(SpeechEnded(SECOND, SECOND + 1600))
        final = await shown.next_final()
        assert (final.text, final.failure, shown.transcriber.failed_count) == ("recovered", None, 1)


async def test_an_utterance_that_fails_twice_is_marked_and_the_next_goes_on() -> None:
    def script(audio: Samples, is_final: bool) -> str:
        if len(audio) > 2 * SECOND:
            raise RuntimeError("poison")
        return "fine"

    async with screen(ScriptedRecognizer(script)) as shown:
        shown.say(SECOND, 4 * SECOND)
        shown.track.on_speech(SpeechEnded(SECOND, 4 * SECOND))
        failed = await shown.next_final()
        shown.say(6 * SECOND, 7 * SECOND)
        shown.track.on_speech(SpeechEnded(6 * SECOND, 7 * SECOND))
        following = await shown.next_final()
    assert (failed.text, failed.failure) == ("", "recognizer_failed")
    assert (following.text, following.failure) == ("fine", None)


async def test_finals_of_several_calls_are_recognized_together() -> None:
    recognizer = ScriptedRecognizer()
    recognizer.gate.clear()
    async with screen(recognizer, workers=1, batch=4) as shown:
        tracks = [shown.track, *(shown.another_track() for _ in range(3))]
        shown.say(SECOND, 2 * SECOND)
        shown.track.on_speech(SpeechEnded(SECOND, 2 * SECOND))
        await until_asked(recognizer, 1)
        for track in tracks[1:]:
            track.on_speech(SpeechStarted(SECOND))
            track.on_speech(SpeechEnded(SECOND, 2 * SECOND))
        recognizer.gate.set()
        texts = [(await shown.next_final()).text for _ in tracks]
    assert len(set(texts)) == 1
    assert recognizer.batches == [1, 3]


async def test_one_that_spoils_its_batch_is_tried_again_alone_and_its_neighbours_survive() -> None:
    asked: list[int] = []

    def script(audio: Samples, is_final: bool) -> str:
        asked.append(len(audio))
        if len(audio) > 2 * SECOND:
            raise RuntimeError("poison")
        return "fine"

    recognizer = ScriptedRecognizer(script)
    recognizer.gate.clear()
    async with screen(recognizer, workers=1, batch=4) as shown:
        poison, *others = (shown.another_track() for _ in range(3))
        shown.say(SECOND, 4 * SECOND)
        shown.track.on_speech(SpeechEnded(SECOND, 2 * SECOND))
        await until_asked(recognizer, 1)
        for track, end in [(others[0], 2), (poison, 4), (others[1], 2)]:
            track.on_speech(SpeechStarted(SECOND))
            track.on_speech(SpeechEnded(SECOND, end * SECOND))
        recognizer.gate.set()
        finals = [await shown.next_final() for _ in range(4)]
    assert recognizer.batches == [1, 3, 1, 1, 1]
    assert [final.failure for final in finals].count("recognizer_failed") == 1
    assert [final.text for final in finals].count("fine") == 3


async def test_a_guess_that_failed_is_the_first_of_two_tries() -> None:
    def script(audio: Samples, is_final: bool) -> str:
        raise RuntimeError("poison")

    recognizer = ScriptedRecognizer(script)
    async with screen(recognizer, workers=1) as shown:
        shown.say(SECOND, SECOND + 1600)
        shown.track.on_speech(SpeechPaused(SECOND, SECOND + 1600))
        await until_asked(recognizer, 1)
        shown.track.on_speech(SpeechEnded(SECOND, SECOND + 1600))
        final = await shown.next_final()
    assert (final.failure, len(recognizer.asked)) == ("recognizer_failed", 2)


async def test_it_says_how_much_of_the_time_its_workers_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcribe, "MEASURE_S", 0.05)
    recognizer = ScriptedRecognizer()
    async with screen(recognizer, workers=1) as shown:
        await asyncio.sleep(0.1)
        assert shown.transcriber.compute_ratio == 0
        recognizer.gate.clear()
        shown.say(SECOND, 2 * SECOND)
        shown.track.on_speech(SpeechEnded(SECOND, 2 * SECOND))
        async with asyncio.timeout(WAIT_S):
            while shown.transcriber.compute_ratio < 0.9:
                await asyncio.sleep(0.01)
        recognizer.gate.set()
        await shown.next_final()


async def test_a_partial_is_dropped_when_its_utterance_ends_before_its_turn() -> None:
    recognizer = ScriptedRecognizer()
    recognizer.gate.clear()
    async with screen(recognizer, workers=1) as shown:
        other = shown.another_track()
        shown.say(SECOND, 2 * SECOND)
        other.on_speech(SpeechStarted(SECOND))
        other.on_speech(SpeechEnded(SECOND, 2 * SECOND))
        await until_asked(recognizer, 1)
        async with asyncio.timeout(WAIT_S):
            while not shown.transcriber.queue.waiting("partial"):
                await asyncio.sleep(0.005)
        shown.track.on_speech(SpeechEnded(SECOND, 2 * SECOND))
        assert shown.transcriber.queue.waiting("partial") == 0
        recognizer.gate.set()
        await shown.next_final()
        await shown.next_final()
    assert [is_final for _, is_final in recognizer.asked] == [True, True]


async def test_a_recognizer_that_hangs_is_given_up_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "LEAST_S", 0.1)
    monkeypatch.setattr(pace, "LEAST_OF_SECOND_S", 0.1)
    monkeypatch.setattr(pace, "SLOWEST", 0.1)
    recognizer = ScriptedRecognizer()
    recognizer.gate.clear()
    async with screen(recognizer, workers=1) as shown:
        shown.say(SECOND, SECOND + 1600)
        shown.track.on_speech(SpeechEnded(SECOND, SECOND + 1600))
        final = await shown.next_final()
        recognizer.gate.set()
    assert (final.text, final.failure) == ("", "recognizer_timeout")


async def test_lag_grows_while_a_final_is_owed_and_drain_waits_for_it() -> None:
    recognizer = ScriptedRecognizer()
    recognizer.gate.clear()
    async with screen(recognizer) as shown:
        shown.say(SECOND, 2 * SECOND)
        shown.track.on_speech(SpeechEnded(SECOND, 2 * SECOND))
        assert not await shown.transcriber.drain(0.05)
        assert shown.transcriber.lag_ms >= 40
        recognizer.gate.set()
        assert await shown.transcriber.drain(WAIT_S)
        assert (shown.transcriber.lag_ms, shown.finals.qsize()) == (0, 1)


async def test_a_call_that_refuses_a_final_stops_nobody() -> None:
    async with screen(ScriptedRecognizer()) as shown:

        async def refuse(final: Final) -> None:
            raise ConnectionError

        other = shown.transcriber.track(shown.stream, lambda partial: None, refuse)
        shown.say(SECOND, 2 * SECOND)
        other.on_speech(SpeechStarted(SECOND))
        other.on_speech(SpeechEnded(SECOND, 2 * SECOND))
        shown.track.on_speech(SpeechEnded(SECOND, 2 * SECOND))
        await shown.next_final()
        assert await shown.transcriber.drain(WAIT_S)
        assert shown.transcriber.undelivered_count == 1


def test_an_idle_transcriber_looks_in_time_for_the_first_partial() -> None:
    begins_ms = EndpointSettings().min_speech_ms
    assert transcribe.IDLE_PACE_S * 1000 + begins_ms < samples_to_ms(FIRST_PARTIAL_SAMPLES)

"""Speech without a pause (half an hour in `make chaos`): steady finals, nothing lost between them, no growth."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from media_server.conversation.endpointing import EndpointSettings
from media_server.conversation.types import SAMPLE_RATE_HZ, WINDOW_SAMPLES, Speech, samples_to_ms
from media_server.pipeline.listen import Listener
from media_server.pipeline.track import OVERLAP_SAMPLES, UNTOLD_SAMPLES
from media_server.pipeline.transcribe import Final, Partial, Transcriber
from tests.chaos import figures, often
from tests.recognizers import LoudnessVad, ScriptedRecognizer, loud

SPEECH_S = often(5 * 60, 30 * 60)
WAIT_S = 30.0


@pytest.mark.chaos
async def test_speech_without_a_pause_gives_steady_finals() -> None:
    finals: list[Final] = []
    most_undelivered = 0
    recognizer = ScriptedRecognizer()
    listener = Listener(LoudnessVad())
    transcriber = Transcriber([recognizer])

    async def keep(final: Final) -> None:
        finals.append(final)

    def ignore(partial: Partial) -> None:
        """Only finals count here."""

    def on_speech(speech: Speech) -> None:
        track.on_speech(speech)

    stream = listener.add_stream(on_speech)
    track = transcriber.track(stream, ignore, keep)
    second = loud(SAMPLE_RATE_HZ)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(transcriber.run())
        await asyncio.sleep(0)
        for at_s in range(SPEECH_S):
            stream.write(at_s * SAMPLE_RATE_HZ, second)
            while stream.next_window() is not None:
                listener.tick()
            most_undelivered = max(most_undelivered, len(track.undelivered))
            if track.undelivered:
                assert await transcriber.drain(WAIT_S)
        listener.remove_stream(stream)
        assert await transcriber.drain(WAIT_S)
        running.cancel()
    times = [(final.start_ms, final.end_ms) for final in finals]
    longest_ms = EndpointSettings().max_utterance_ms + samples_to_ms(UNTOLD_SAMPLES)
    assert times[0][0] == 0
    assert times[-1][1] > SPEECH_S * 1000 - samples_to_ms(WINDOW_SAMPLES)
    assert all(one[1] == other[0] for one, other in itertools.pairwise(times))
    assert all(end_ms - start_ms <= longest_ms for start_ms, end_ms in times)
    assert most_undelivered == 1
    assert max(samples for samples, _ in recognizer.asked) <= longest_ms * 16 + WINDOW_SAMPLES + 2 * OVERLAP_SAMPLES
    figures("speech without a pause", seconds=SPEECH_S, finals=len(finals))

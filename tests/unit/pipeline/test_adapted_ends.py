"""What is recognized at a pause decides how long the pause must be."""

from __future__ import annotations

import asyncio

import pytest

from media_server.conversation.endpointing import HANGOVER_MS
from media_server.conversation.types import WINDOW_SAMPLES, Speech, SpeechEnded, SpeechPaused
from media_server.pipeline.listen import Listener
from media_server.pipeline.transcribe import Final, Partial, Transcriber
from tests.recognizers import LoudnessVad, ScriptedRecognizer, loud, quiet

WAIT_S = 5.0
SPOKEN_WINDOWS = 40
MOST_WINDOWS = 60


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("We ship it on Monday and not before.", HANGOVER_MS["finished"]),
        ("Ship it then", HANGOVER_MS["unsure"]),
        ("We ship it on Monday and the", HANGOVER_MS["open"]),
    ],
)
async def test_the_text_at_a_pause_decides_how_long_the_pause_must_be(text: str, expected_ms: int) -> None:
    heard: list[Speech] = []
    guesses: asyncio.Queue[Partial] = asyncio.Queue()
    finals: asyncio.Queue[Final] = asyncio.Queue()
    listener = Listener(LoudnessVad())
    transcriber = Transcriber([ScriptedRecognizer(lambda audio, is_final: text if is_final else "")])

    def on_speech(speech: Speech) -> None:
        heard.append(speech)
        track.on_speech(speech)

    stream = listener.add_stream(on_speech)
    track = transcriber.track(stream, guesses.put_nowait, finals.put)

    def listen(window: int, *, is_loud: bool) -> None:
        stream.write(window * WINDOW_SAMPLES, (loud if is_loud else quiet)(WINDOW_SAMPLES))
        listener.tick()

    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(transcriber.run())
        await asyncio.sleep(0)
        for window in range(SPOKEN_WINDOWS):
            listen(window, is_loud=True)
        window = SPOKEN_WINDOWS
        while not any(isinstance(speech, SpeechPaused) for speech in heard):
            listen(window, is_loud=False)
            window += 1
        assert (await asyncio.wait_for(guesses.get(), WAIT_S)).unstable == text
        while not any(isinstance(speech, SpeechEnded) for speech in heard):
            assert window < SPOKEN_WINDOWS + MOST_WINDOWS
            listen(window, is_loud=False)
            window += 1
        assert (await asyncio.wait_for(finals.get(), WAIT_S)).text == text
        running.cancel()
    assert (window - SPOKEN_WINDOWS) * 32 == expected_ms

"""People who say constant sounds to a transcriber, and what they get for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from media_server.conversation.types import SpeechEnded, SpeechPaused, SpeechStarted
from media_server.pipeline.listen import Stream
from media_server.pipeline.transcribe import Final, Partial, Transcriber
from tests.dying_recognizer import sound
from tests.recognizers import LOUD, quiet

RATE_HZ = 16_000
PATIENCE_S = 60.0


class Speaker:
    def __init__(self, transcriber: Transcriber, call: Hashable = None) -> None:
        self.finals: list[Final] = []
        self.arrived_s: list[float] = []
        self.partials = 0
        self.spoken = 0
        """Utterances that ended."""
        self._news = asyncio.Event()
        self._stream = Stream(lambda speech: None, object)
        self._stream.write(0, quiet(RATE_HZ))
        self._track = transcriber.track(self._stream, self._show, self._keep, call)

    def begin(self, seconds: float, level: float = LOUD) -> int:
        start = self._stream.end_sample
        self._stream.write(start, sound(level, int(seconds * RATE_HZ)))
        self._track.on_speech(SpeechStarted(start))
        return start

    def go_on(self, seconds: float, level: float = LOUD) -> None:
        self._stream.write(self._stream.end_sample, sound(level, int(seconds * RATE_HZ)))

    def pause(self, start: int) -> None:
        end = self._stream.end_sample
        self._stream.write(end, quiet(RATE_HZ // 4))
        self._track.on_speech(SpeechPaused(start, end))

    def end(self, start: int, *, is_forced: bool = False) -> None:
        end = self._stream.end_sample
        if not is_forced:
            self._stream.write(end, quiet(RATE_HZ))
        self._track.on_speech(SpeechEnded(start, end, is_forced=is_forced))
        self.spoken += 1

    def say(self, seconds: float, level: float = LOUD) -> None:
        """All at once."""
        self.end(self.begin(seconds, level))

    async def answered(self) -> list[Final]:
        """The finals, when there is one for every utterance."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.finals) < self.spoken:
                self._news.clear()
                await self._news.wait()
        return self.finals

    def _show(self, partial: Partial) -> None:
        self.partials += 1

    async def _keep(self, final: Final) -> None:
        self.finals.append(final)
        self.arrived_s.append(asyncio.get_running_loop().time())
        self._news.set()


@asynccontextmanager
async def transcribing(transcriber: Transcriber) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(transcriber.run())
        yield
        running.cancel()

"""People who speak in real time into a listener, and what became of each of their utterances."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np

from media_server.conversation.types import SAMPLE_RATE_HZ, Speech, SpeechEnded, samples_to_ms
from media_server.engines.protocols import Samples
from media_server.pipeline.listen import Listener
from media_server.pipeline.transcribe import Final, Transcriber

FRAME_SAMPLES = 320


@dataclass
class Voice:
    """One stream that says `samples` over and over until it is told to stop."""

    samples: Samples
    listener: Listener
    transcriber: Transcriber
    call: Hashable = None
    ended: list[int] = field(default_factory=list)
    """Ends of utterances, in media time, ms."""
    came: list[int] = field(default_factory=list)
    """The same, of those whose final or marked gap came."""
    late_s: list[float] = field(default_factory=list)
    """Arrival of each final with a text, after the end of its utterance."""
    marked: int = 0
    partials: int = 0
    is_over: bool = False
    _owed: deque[tuple[float, float]] = field(default_factory=deque)
    """When the end was told, and when it was."""

    def __post_init__(self) -> None:
        self._began_s = 0.0
        self._stream = self.listener.add_stream(self._on_speech)
        self._track = self.transcriber.track(self._stream, self._on_partial, self._on_final, self.call)

    def lag_s(self, now_s: float) -> tuple[float, float]:
        """How long the oldest final is owed, at least and at most: since its end was told, and since it was.

        What is not listened to yet counts for the latter.
        """
        told_s, ended_s = self._owed[0] if self._owed else (now_s, now_s)
        return now_s - told_s, max(now_s - ended_s, self._stream.behind_s)

    @property
    def is_whole(self) -> bool:
        """Every utterance that ended has its final or its gap, once and in order."""
        return self.came == self.ended

    async def speak(self) -> None:
        loop = asyncio.get_running_loop()
        self._began_s, at = loop.time(), 0
        while not self.is_over:
            first = at % len(self.samples)
            frame = self.samples[first : first + FRAME_SAMPLES]
            await asyncio.sleep(max(0.0, self._began_s + (at + len(frame)) / SAMPLE_RATE_HZ - loop.time()))
            self._stream.write(at, frame)
            at += len(frame)
        self.listener.remove_stream(self._stream)

    def _on_speech(self, speech: Speech) -> None:
        if isinstance(speech, SpeechEnded):
            self.ended.append(samples_to_ms(speech.end_sample))
            ended_s = self._began_s + speech.end_sample / SAMPLE_RATE_HZ
            self._owed.append((asyncio.get_running_loop().time(), ended_s))
        self._track.on_speech(speech)

    def _on_partial(self, partial: object) -> None:
        self.partials += 1

    async def _on_final(self, final: Final) -> None:
        self.came.append(final.end_ms)
        self._owed.popleft()
        if final.failure is not None:
            self.marked += 1
        elif final.text:
            now_s = asyncio.get_running_loop().time()
            self.late_s.append(now_s - self._began_s - final.end_ms / 1000)


@asynccontextmanager
async def speaking(voices: list[Voice], listener: Listener, transcriber: Transcriber) -> AsyncIterator[None]:
    """Until the end of the block; then everything that is owed comes."""
    async with asyncio.TaskGroup() as tasks:
        background = [tasks.create_task(part) for part in (listener.run(), transcriber.run())]
        talking = [tasks.create_task(voice.speak()) for voice in voices]
        yield
        for voice in voices:
            voice.is_over = True
        await asyncio.wait(talking)
        assert await transcriber.drain(60.0)
        for task in background:
            task.cancel()


def spoken_and_silent(speech: Samples, pause_s: float) -> Samples:
    return np.append(speech, np.zeros(int(pause_s * SAMPLE_RATE_HZ), np.float32))

"""The engine of live calls on a recording: the same listener, endpointing, tracks and recognizer.

What differs: time is that of the file, nobody waits for partials or guesses, and reading stops while the recognizers
are behind, so that memory stays bounded however long a file is. A patient engine also stops at every pause until its
guess is there, which decides when an utterance ends: then all is as in a call on a machine that is never late.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from deploy.transcribe.audio import Block
from media_server.conversation.ladder import Level
from media_server.conversation.types import SAMPLE_RATE_HZ, WINDOW_SAMPLES
from media_server.engines.errors import RecognitionError
from media_server.engines.protocols import Recognizer, VoiceActivity
from media_server.engines.scheduler import Worker
from media_server.pipeline.listen import MAX_WINDOWS_PER_TICK, Listener
from media_server.pipeline.track import Final, Request, Spoken, Track

MAX_WAITING = 24
"""Utterances that wait for a recognizer: 23 MB of audio at most."""
DEADLINE_S = 600.0
"""For one batch: nobody waits at the other end, and a large model on a small machine takes its time."""


@dataclass(frozen=True, slots=True)
class Heard:
    channel: int
    final: Final


class Engine:
    """A few recognizers for all files; to be used inside `async with`."""

    def __init__(
        self,
        vad: VoiceActivity,
        recognizers: Sequence[Recognizer],
        batch: int,
        language: str | None = None,
        *,
        is_patient: bool = False,
    ) -> None:
        """Args: recognizers, one for each worker; batch, how many utterances one is given at a time, at most."""
        self._vad = vad
        self._workers = [Worker(recognizer) for recognizer in recognizers]
        self._batch = batch
        self._language = language
        self._is_patient = is_patient

    async def __aenter__(self) -> Self:
        """
        Raises:
            RecognizerUnusableError: a recognizer never will be ready.
            RecognitionError: one is not.
        """
        for worker in self._workers:
            await worker.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.close()

    async def transcribe(
        self, blocks: Iterable[Block], channels: int = 1, on_progress: Callable[[float], None] = lambda _: None
    ) -> list[Heard]:
        """Everything that was said, in the order of its beginnings.

        Args:
            on_progress: told often how many seconds have been read.

        Raises:
            What `blocks` or `on_progress` raise.
        """
        try:
            return await self._transcribe(blocks, channels, on_progress)
        except ExceptionGroup as failed:  # the task group's; what went wrong first says enough
            raise failed.exceptions[0] from failed

    async def _transcribe(
        self, blocks: Iterable[Block], channels: int, on_progress: Callable[[float], None]
    ) -> list[Heard]:
        desk = _Desk(is_patient=self._is_patient)
        step = WINDOW_SAMPLES if self._is_patient else MAX_WINDOWS_PER_TICK * WINDOW_SAMPLES
        heard: list[Heard] = []
        listener = Listener(self._vad)
        tracks = [_track(listener, desk, channel, heard, self._language) for channel in range(channels)]
        streams = [track.stream for track in tracks]
        async with asyncio.TaskGroup() as tasks:
            working = [tasks.create_task(self._work(worker, desk)) for worker in self._workers]
            end = 0
            for block in blocks:
                end = block.start_sample + block.samples.shape[1]
                for part in _parts(block, step):
                    for stream, samples in zip(streams, part.samples, strict=True):
                        stream.write(part.start_sample, samples)
                    listener.tick()
                    await desk.has_room()
                on_progress(end / SAMPLE_RATE_HZ)
            for stream in streams:
                stream.advance(end + WINDOW_SAMPLES)
            listener.tick()
            for stream in streams:
                listener.remove_stream(stream)
            await desk.is_idle()
            for track in tracks:
                await _deliver(track)
            for task in working:
                task.cancel()
        return sorted(heard, key=lambda one: (one.final.start_ms, one.channel))

    async def _work(self, worker: Worker, desk: _Desk) -> None:
        while True:
            requests = await desk.take(self._batch)
            await self._recognize(worker, requests)
            for request in requests:
                await _deliver(request.track)
            desk.done(requests)

    async def _recognize(self, worker: Worker, requests: Sequence[Request]) -> None:
        if not requests:
            return
        excerpts = [request.excerpt() for request in requests]
        try:
            await worker.start()
            recognitions = await worker.recognize(excerpts, deadline_s=DEADLINE_S)
        except RecognitionError as error:
            for request in requests:
                request.track.failed(request, error.code)
            return
        for request, recognition in zip(requests, recognitions, strict=True):
            request.track.recognized(request, recognition, 0)


class _Desk:
    """Where tracks leave what is to be recognized, in order."""

    def __init__(self, *, is_patient: bool) -> None:
        self.level: Level = "full" if is_patient else "finals_only"
        self._is_patient = is_patient
        self._waiting: deque[Request] = deque()
        self._again: deque[Request] = deque()
        """What failed with others is tried alone."""
        self._in_work = 0
        self._cut: set[Spoken] = set()
        """Utterances that were ended by force and may leave their last words to the next one."""
        self._changed = asyncio.Event()

    async def take(self, most: int) -> list[Request]:
        """What is wanted of the next few, which may be nothing."""
        await self._until(lambda: bool(self._again or self._waiting))
        if self._again:
            batch = [self._again.popleft()]
        else:
            batch = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        wanted = [request for request in batch if request.is_wanted()]
        self._in_work += len(wanted)
        self._changed.set()
        return wanted

    def done(self, requests: Sequence[Request]) -> None:
        self._in_work -= len(requests)
        self._cut -= {request.spoken for request in requests if request.spoken.final is not None}
        self._changed.set()

    async def has_room(self) -> None:
        """Lets others have their turn, too."""
        await asyncio.sleep(0)
        await self._until(self._may_read)

    async def is_idle(self) -> None:
        await self._until(self._has_nothing)

    def _may_read(self) -> bool:
        if self._is_patient:
            return self._has_nothing()
        return len(self._waiting) < MAX_WAITING and not self._cut

    def _has_nothing(self) -> bool:
        return not (self._waiting or self._again or self._in_work)

    async def _until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            self._changed.clear()
            await self._changed.wait()

    # what tracks ask for

    def ask(self, request: Request) -> bool:
        self._waiting.append(request)
        if request.spoken.ended is not None and request.spoken.ended.is_forced:
            self._cut.add(request.spoken)
        self._changed.set()
        return True

    def ask_again(self, request: Request) -> None:
        self._again.append(request)
        self._changed.set()

    def withdraw(self, track: Track) -> bool:
        guesses = [request for request in self._waiting if request.track is track and request.kind == "guess"]
        for guess in guesses:
            self._waiting.remove(guess)
        return bool(guesses)

    def left_out(self, track: Track) -> None:
        """Nobody asks for partials here."""

    def began(self, track: Track) -> None:
        """Nothing is due while somebody speaks."""

    def ended(self, track: Track, spoken: Spoken) -> None:
        """It will be asked for."""

    def settled(self, track: Track) -> None:
        """Who recognized it delivers it, or `transcribe` in the end."""


async def _deliver(track: Track) -> None:
    while track.undelivered and (final := track.undelivered[0].final) is not None:
        track.undelivered.popleft()
        await track.on_final(final)


def _track(listener: Listener, desk: _Desk, channel: int, heard: list[Heard], language: str | None) -> Track:
    async def keep(final: Final) -> None:
        heard.append(Heard(channel, final))

    stream = listener.add_stream(lambda speech: track.on_speech(speech))  # noqa: PLW0108 - there is no track yet
    track = Track(stream, desk, lambda _: None, keep, language=language)
    return track


def _parts(block: Block, step: int) -> Iterator[Block]:
    for begun in range(0, block.samples.shape[1], step):
        yield Block(block.start_sample + begun, block.samples[:, begun : begun + step])

"""Our listener and transcriber in this process, and clips played into them: what came back, when, and what it cost."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np

from deploy.bench.asr_score import Message
from deploy.bench.clips import Clip
from deploy.bench.process_cpu import tree_cpu_s
from media_server.conversation.hypothesis import taken_back
from media_server.conversation.ladder import LEVELS, Level
from media_server.conversation.types import SAMPLE_RATE_HZ, Speech
from media_server.engines import catalog
from media_server.engines.protocols import Samples
from media_server.pipeline.listen import Listener
from media_server.pipeline.transcribe import Final, Partial, Transcriber

FRAME_SAMPLES = 320
GAP_SAMPLES = 2 * SAMPLE_RATE_HZ
STAGGER_S = 0.37
"""Streams begin so far apart."""
DRAIN_S = 30.0
LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Engines:
    """What the catalog reads."""

    whisper_model: str = catalog.BUNDLED_MODEL
    whisper_device: str = "cpu"
    whisper_compute_type: str = ""
    asr_workers: int = 0
    asr_batch: int = 0
    asr_processes: bool = True
    language: str | None = None
    """That is expected; None: it is found out."""

    def __str__(self) -> str:
        name = self.whisper_model.rstrip("/").rpartition("/")[2] + (f", {self.language}," if self.language else "")
        return f"{name} {catalog.compute_type(self)} on {self.whisper_device}, {catalog.worker_count(self)} workers"


@dataclass(slots=True)
class Heard:
    """What came back for one clip."""

    clip: Clip
    texts: list[str] = field(default_factory=list)
    stable_words: int = 0
    retracted_words: int = 0
    """Of those: not in the final."""
    failures: int = 0

    @property
    def text(self) -> str:
        return " ".join(self.texts)


class Player:
    """Plays clips into one stream, and notes what comes back."""

    def __init__(self, clips: Sequence[Clip], listener: Listener, transcriber: Transcriber) -> None:
        self.clips = clips
        self.heard = [Heard(clip) for clip in clips]
        self.messages: list[Message] = []
        self.feeding_s = 0.0
        """CPU time that playing took."""
        self.starts_s, self._samples = joined(clips)
        self._listener = listener
        self._began_s = 0.0
        self._finals: list[str] = []
        self._stable: dict[str, str] = {}
        self._stream = listener.add_stream(self._on_speech)
        self._track = transcriber.track(self._stream, self._on_partial, self._on_final)

    async def play(self, delay_s: float) -> None:
        """In real time; nobody is waited for."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(delay_s)
        self._began_s = loop.time()
        for start in range(0, len(self._samples), FRAME_SAMPLES):
            due_s = self._began_s + (start + FRAME_SAMPLES) / SAMPLE_RATE_HZ
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            cpu_s = time.thread_time()
            self._stream.write(start, self._samples[start : start + FRAME_SAMPLES])
            self.feeding_s += time.thread_time() - cpu_s
        self._listener.remove_stream(self._stream)

    def _on_speech(self, speech: Speech) -> None:
        self._track.on_speech(speech)

    def _on_partial(self, partial: Partial) -> None:
        if partial.stable or partial.unstable:
            self._stable[partial.utterance_id] = partial.stable
            self._note(f"{partial.stable} {partial.unstable}")

    async def _on_final(self, final: Final) -> None:
        heard = self.heard[clip_of(self.starts_s, final.start_ms, final.end_ms)]
        heard.failures += final.failure is not None
        stable = self._stable.pop(final.utterance_id, "")
        heard.stable_words += len(stable.split())
        heard.retracted_words += taken_back(stable, final.text)
        if final.text:
            heard.texts.append(final.text)
            self._finals.append(final.text)
            self._note("")

    def _note(self, provisional: str) -> None:
        at_s = asyncio.get_running_loop().time() - self._began_s
        self.messages.append(Message(at_s, tuple(self._finals), provisional))


@dataclass(frozen=True, slots=True)
class Played:
    players: list[Player]
    cpu_s: float
    """Of this process and its children, playing included."""
    worst: Level
    """What was left out at the worst moment."""
    is_complete: bool
    """Every final came before the wait for them ended."""

    @property
    def feeding_s(self) -> float:
        return sum(player.feeding_s for player in self.players)

    @property
    def spoken_s(self) -> float:
        return sum(clip.seconds for player in self.players for clip in player.clips)


class Ours:
    """Running."""

    def __init__(self, listener: Listener, transcriber: Transcriber) -> None:
        self.listener = listener
        self.transcriber = transcriber

    async def play(self, shares: Sequence[Sequence[Clip]]) -> Played:
        """One stream a share, all at once."""
        players = [Player(share, self.listener, self.transcriber) for share in shares if share]
        cpu_s, worst = tree_cpu_s(os.getpid()), 0
        async with asyncio.TaskGroup() as tasks:
            playing = [tasks.create_task(player.play(STAGGER_S * number)) for number, player in enumerate(players)]
            while not all(task.done() for task in playing):
                await asyncio.sleep(LOOK_S)
                worst = max(worst, LEVELS.index(self.transcriber.level))
        is_complete = await self.transcriber.drain(DRAIN_S)
        return Played(players, tree_cpu_s(os.getpid()) - cpu_s, LEVELS[worst], is_complete)


@asynccontextmanager
async def ours(engines: Engines) -> AsyncIterator[Ours]:
    """Ready to be played to."""
    listener = Listener(catalog.voice_activity(engines))
    transcriber = Transcriber(catalog.recognizers(engines), catalog.batch_size(engines), engines.language)
    await transcriber.start()
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(transcriber.run()), tasks.create_task(listener.run())]
        yield Ours(listener, transcriber)
        for task in running:
            task.cancel()


def joined(clips: Sequence[Clip]) -> tuple[list[float], Samples]:
    """When each clip begins, and all of them with two seconds of digital silence after each."""
    lengths = [len(clip.samples) + GAP_SAMPLES for clip in clips]
    starts_s = [float(start) / SAMPLE_RATE_HZ for start in np.cumsum([0, *lengths])[:-1]]
    return starts_s, np.concatenate([np.append(clip.samples, np.zeros(GAP_SAMPLES, np.float32)) for clip in clips])


def clip_of(starts_s: Sequence[float], start_ms: int, end_ms: int) -> int:
    """Which clip an utterance is of: by its middle, since a clip that begins with speech is heard a moment early."""
    return max(0, int(np.searchsorted(starts_s, (start_ms + end_ms) / 2000, side="right")) - 1)


def shares_of(clips: Sequence[Clip], streams: int, each: int) -> list[list[Clip]]:
    """So many clips for each stream, every stream beginning at another one."""
    return [[clips[(number * each + at) % len(clips)] for at in range(each)] for number in range(streams)]


Say = Callable[[str], None]

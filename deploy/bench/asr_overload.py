"""Three times more speech than can be recognized, for two minutes: what is given, how late, and how soon it is over.

Method: the recognizer is given a known speed, `WORK_PER_SPEECH` seconds for each second of speech on each worker (it
recognizes, then sleeps the rest), so that this measures what is left out and not how fast this machine is. As many
streams speak, each with clips of its own in real time, as make `OVERLOAD` times the speech that finals alone leave time
for; after `seconds` all but one fall silent. `overload_p95_s` is the arrival of a final minus the end of its utterance
on the stream's own clock. Recovered is who is back at the level `full` with less than a second of lag. Lost is an
utterance that ended and has neither a final nor a marked gap, or not in its place.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from deploy.bench.clips import Clip
from deploy.bench.rows import Row, percentile
from media_server.conversation.types import SAMPLE_RATE_HZ, Speech, SpeechEnded, samples_to_ms
from media_server.engines.protocols import Excerpt, Recognition, Recognizer, VoiceActivity
from media_server.pipeline.listen import Listener
from media_server.pipeline.transcribe import Final, Transcriber

WORK_PER_SPEECH = 0.3
OVERLOAD = 3.0
SECONDS = 120.0
FRAME_SAMPLES = 960
GAP_SAMPLES = SAMPLE_RATE_HZ
RECOVERED_MS = 1_000
RECOVERY_S = 30.0
DRAIN_S = 60.0


class PacedRecognizer:
    """Takes `WORK_PER_SPEECH` of the audio's time, or as long as it takes if that is longer."""

    def __init__(self, recognizer: Recognizer) -> None:
        self._recognizer = recognizer

    def recognize(self, excerpts: Sequence[Excerpt]) -> list[Recognition]:
        done_s = time.monotonic() + WORK_PER_SPEECH * sum(len(one.samples) for one in excerpts) / SAMPLE_RATE_HZ
        answers = self._recognizer.recognize(excerpts)
        time.sleep(max(0.0, done_s - time.monotonic()))
        return answers


@dataclass
class Talker:
    """One stream that speaks clip after clip until it is told to stop."""

    clips: list[Clip]
    listener: Listener
    transcriber: Transcriber
    ended: list[int] = field(default_factory=list)
    """Ends of utterances, ms."""
    given: list[tuple[float, float]] = field(default_factory=list)
    """When a final came, and how late after its utterance, s."""
    marked: int = 0
    came: list[int] = field(default_factory=list)
    """Ends of the utterances whose finals or gaps came, in order, ms."""
    began_s: float = 0.0
    is_over: bool = False

    def __post_init__(self) -> None:
        self._stream = self.listener.add_stream(self._on_speech)
        self._track = self.transcriber.track(self._stream, lambda partial: None, self._on_final)

    async def speak(self, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(delay_s)
        self.began_s, at = loop.time(), 0
        silence = np.zeros(GAP_SAMPLES, np.float32)
        number = 0
        while not self.is_over:
            samples = np.append(self.clips[number % len(self.clips)].samples, silence)
            number += 1
            for start in range(0, len(samples), FRAME_SAMPLES):
                frame = samples[start : start + FRAME_SAMPLES]
                await asyncio.sleep(max(0.0, self.began_s + (at + len(frame)) / SAMPLE_RATE_HZ - loop.time()))
                if self.is_over:
                    break
                self._stream.write(at, frame)
                at += len(frame)
        self.listener.remove_stream(self._stream)

    def _on_speech(self, speech: Speech) -> None:
        if isinstance(speech, SpeechEnded):
            self.ended.append(samples_to_ms(speech.end_sample))
        self._track.on_speech(speech)

    async def _on_final(self, final: Final) -> None:
        self.came.append(final.end_ms)
        if final.failure is not None:
            self.marked += 1
            return
        now_s = asyncio.get_running_loop().time()
        self.given.append((now_s, now_s - self.began_s - final.end_ms / 1000))


async def overload_rows(
    clips: Sequence[Clip],
    recognizers: Sequence[Recognizer],
    batch: int,
    *,
    voice_activity: VoiceActivity,
    say: Callable[[str], None],
    seconds: float = SECONDS,
) -> list[Row]:
    """
    Args:
        recognizers: one for each worker, as fast as they are.
    """
    workers, speech_s = len(recognizers), sum(clip.seconds for clip in clips)
    density = speech_s / (speech_s + len(clips) * GAP_SAMPLES / SAMPLE_RATE_HZ)
    streams = round(OVERLOAD * workers / WORK_PER_SPEECH / density)
    say(f"{streams} streams speak for {seconds:.0f} s …")
    listener = Listener(voice_activity)
    transcriber = Transcriber([PacedRecognizer(one) for one in recognizers], batch)
    draw = random.Random(1)  # noqa: S311 - the same ones every time
    async with asyncio.TaskGroup() as tasks:
        background = [tasks.create_task(part) for part in (listener.run(), transcriber.run())]
        talkers = [Talker(draw.sample(clips, len(clips)), listener, transcriber) for _ in range(streams)]
        speaking = [tasks.create_task(one.speak(draw.uniform(0, 3))) for one in talkers]
        await asyncio.sleep(seconds)
        worst = transcriber.level
        for one in talkers[1:]:
            one.is_over = True
        fell_s = asyncio.get_running_loop().time()
        recovery_s = await _recovery(transcriber, fell_s)
        talkers[0].is_over = True
        await asyncio.wait(speaking)
        await transcriber.drain(DRAIN_S)
        for task in background:
            task.cancel()
    conditions = (
        f"{WORK_PER_SPEECH:g} s of work for a second of speech, {workers} workers, {streams} streams: {OVERLOAD:g}"
        f" times the speech that finals alone leave time for, {seconds:.0f} s; level at the end: {worst}"
    )
    return _rows(talkers, fell_s, recovery_s, conditions)


async def _recovery(transcriber: Transcriber, fell_s: float) -> float | None:
    loop = asyncio.get_running_loop()
    while loop.time() - fell_s < RECOVERY_S:
        if transcriber.level == "full" and transcriber.lag_ms < RECOVERED_MS:
            return loop.time() - fell_s
        await asyncio.sleep(0.05)
    return None


def _rows(talkers: Sequence[Talker], fell_s: float, recovery_s: float | None, conditions: str) -> list[Row]:
    late = [late_s for one in talkers for came_s, late_s in one.given if came_s < fell_s]
    ended, given = sum(len(one.ended) for one in talkers), sum(len(one.given) for one in talkers)
    marked = sum(one.marked for one in talkers)
    lost = ended - given - marked + sum(one.came != one.ended for one in talkers)
    shares = [len(one.given) / max(1, len(one.ended)) for one in talkers]
    fair = f"share of a stream: {min(shares):.2f} … {max(shares):.2f}"
    return [
        Row("overload_p95_s", "s p95", percentile(late, 95), len(late), conditions),
        Row("overload_p50_s", "s p50", percentile(late, 50), len(late), "of the same finals"),
        Row("recovery_s", "s", recovery_s, 1, "until the level is full and the lag below a second; one stream goes on"),
        Row("overload_given_percent", "%", 100 * given / max(1, ended), ended, f"of utterances; {fair}"),
        Row("overload_marked_percent", "%", 100 * marked / max(1, ended), ended, "of utterances: marked gaps"),
        Row("overload_lost", "utterances", lost, ended, "neither, or out of order"),
    ]

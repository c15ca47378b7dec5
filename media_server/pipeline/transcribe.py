"""Transcribing: every track's requests to a few workers, and finals out in order.

One worker of several takes finals and guesses only, so that a final never waits for partials to be done. Failures stay
with their utterance: it is tried once more, alone, and then delivered as failed; the call goes on. A worker whose
recognizer ended is away until that is back, and others go on. What is left out when there is more to recognize than
there is time says `conversation/ladder`, and which finals then become marked gaps `conversation/patience`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Hashable, Sequence

from media_server import telemetry
from media_server.conversation.ladder import Level, Load
from media_server.conversation.patience import is_hopeless, is_too_late
from media_server.engines.errors import RecognitionError, RecognitionTimeoutError, RecognizerUnusableError
from media_server.engines.pace import Pace
from media_server.engines.protocols import Recognizer
from media_server.engines.scheduler import Worker
from media_server.pipeline.handoff import KINDS, HandOff
from media_server.pipeline.listen import Stream
from media_server.pipeline.pressure import Pressure
from media_server.pipeline.track import WITHOUT_PARTIALS, Final, Partial, Request, Spoken, Track

__all__ = ["Final", "Partial", "Track", "Transcriber"]

PACE_S = 0.04
"""How often partials are looked for, and what to leave out is decided."""
IDLE_PACE_S = 0.2
"""The same while nobody speaks and nothing is owed; less than the speech that a first partial waits for."""
BATCH_S = 2.0
"""A batch should not take longer: its first would wait for the others."""
LOOK_S = 0.5
"""How often an idle worker looks whether its recognizer is still there."""
FIRST_REST_S, LONGEST_REST_S = 0.5, 5.0
"""Before a recognizer that could not be started is tried again, twice as long each time."""
DELIVERY_DEADLINE_S = 5.0
MEASURE_S = 2.0

log = logging.getLogger(__name__)


class Transcriber:
    """Turns the speech of all tracks of a node into partials and finals."""

    def __init__(self, recognizers: Sequence[Recognizer], batch: int = 1, language: str | None = None) -> None:
        """Args: recognizers, one for each worker; batch, how many excerpts one is given at a time, at most; language,
        that is expected."""
        self._workers = [Worker(recognizer) for recognizer in recognizers]
        self._batch = batch
        self._language = language
        self._pace: dict[bool, Pace] = {True: Pace(), False: Pace()}
        """Of finals and guesses, and of partials."""
        self._handoff: HandOff[Request] = HandOff()
        self._pressure = Pressure(len(recognizers), time.monotonic())
        self._partials_since: dict[Track, float] = {}
        """When each partial was asked for that is not there yet."""
        self._speaking: set[Track] = set()
        self._owed: dict[Spoken, asyncio.Event] = {}
        """Ended utterances that are not delivered yet, oldest first."""
        self._deliveries: asyncio.TaskGroup | None = None
        self.compute_ratio = 0.0
        """0 … 1: in which share of the last seconds workers worked; 1: they never rest."""
        self.failed_count = 0
        """Recognitions that raised or missed their deadline."""
        self.undelivered_count = 0
        """Finals that their call refused."""

    def track(
        self,
        stream: Stream,
        on_partial: Callable[[Partial], None],
        on_final: Callable[[Final], Awaitable[None]],
        call: Hashable = None,
    ) -> Track:
        """The utterances of one stream; its `on_speech` is for the listener. Tracks of one call share its turns."""
        return Track(stream, self, on_partial, on_final, call=call, language=self._language)

    @property
    def queue(self) -> HandOff[Request]:
        """What waits, and for how long."""
        return self._handoff

    @property
    def busy_s(self) -> float:
        """How long workers worked, all together, since the node began."""
        return sum(worker.busy_s for worker in self._workers)

    @property
    def workers(self) -> int:
        """How many there are, whether their recognizers are there or not."""
        return len(self._workers)

    @property
    def workers_ready(self) -> int:
        return sum(worker.is_ready for worker in self._workers)

    @property
    def lag_ms(self) -> int:
        """How long the oldest final that is owed has been waited for since its end was certain, or would have been if
        speech was listened to in time."""
        now_s = asyncio.get_running_loop().time()
        owed_s = max((now_s - spoken.ended_at_s for spoken in self._owed), default=0.0)
        return int(1000 * max(owed_s, max((track.stream.behind_s for track in self._speaking), default=0.0)))

    @property
    def level(self) -> Level:
        """What is left out now."""
        return self._pressure.level

    async def start(self) -> None:
        """Make all recognizers ready; `run` does it for those that are not.

        Raises:
            RecognizerUnusableError: one never will be.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                for worker in self._workers:
                    tasks.create_task(_start(worker))
        except* RecognizerUnusableError as errors:
            for worker in self._workers:
                worker.close()
            raise errors.exceptions[0] from None

    async def run(self) -> None:
        """Transcribe until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._deliveries = tasks
            for number, worker in enumerate(self._workers):
                tasks.create_task(self._work(worker, finals_only=number == 0 and len(self._workers) > 1))
            tasks.create_task(self._measure())
            while True:
                await asyncio.sleep(PACE_S if self._speaking or self._owed else IDLE_PACE_S)
                self._look()
                for track in self._speaking:
                    track.ask_for_partial()

    async def drain(self, timeout_s: float) -> bool:
        """Wait until every final that is owed now is out; whether it happened in time."""
        try:
            async with asyncio.timeout(timeout_s):
                for delivered in list(self._owed.values()):
                    await delivered.wait()
        except TimeoutError:
            return False
        return True

    # what tracks ask for

    def ask(self, request: Request) -> bool:
        if request.kind == "partial":
            self._partials_since[request.track] = asyncio.get_running_loop().time()
        elif request.kind == "guess":  # takes the place of a partial that waits
            self._partials_since.pop(request.track, None)
        return self._handoff.put(request)

    def ask_again(self, request: Request) -> None:
        self._handoff.put_back(request)

    def withdraw(self, track: Track) -> bool:
        self._partials_since.pop(track, None)
        return self._handoff.drop(track)

    def left_out(self, track: Track) -> None:
        telemetry.PARTIALS_LEFT_OUT.inc()

    def began(self, track: Track) -> None:
        self._speaking.add(track)

    def ended(self, track: Track, spoken: Spoken) -> None:
        self._speaking.discard(track)
        spoken.ended_at_s = asyncio.get_running_loop().time() - track.stream.behind_s
        self._owed[spoken] = asyncio.Event()

    def settled(self, track: Track) -> None:
        if self._deliveries is not None and not track.is_delivering:
            track.is_delivering = True
            self._deliveries.create_task(self._deliver(track))

    def _look(self) -> None:
        """Decide what to leave out from now on, and give up what would come too late."""
        now_s, before = asyncio.get_running_loop().time(), self.level
        partial_wait_s = now_s - min(self._partials_since.values(), default=now_s)
        given_up = self._give_up_finals(now_s)
        load = Load(self.lag_ms / 1000, partial_wait_s, self._pressure.busy(self.busy_s, now_s), given_up > 0)
        level = self._pressure.look(load, now_s)
        if level != before:
            log.info("transcription level=%s lag_ms=%d", level, self.lag_ms)
        if level in WITHOUT_PARTIALS and before not in WITHOUT_PARTIALS:
            for track in self._speaking:
                track.leave_out()

    def _give_up_finals(self, now_s: float) -> int:
        """Those that would come too late; how many those are."""
        work_s = {final: final.seconds / self._pace[True].audio_s(1.0) for final in self._handoff.finals()}
        can_hope = any(not is_hopeless(one) for one in work_s.values())

        def is_wanted(final: Request) -> bool:
            if can_hope and is_hopeless(work_s[final]):
                return False
            return not is_too_late(now_s - final.spoken.ended_at_s, work_s[final], self.level)

        given_up = self._handoff.shed_finals(is_wanted)
        for final in given_up:
            final.track.give_up(final)
        return len(given_up)

    async def _measure(self) -> None:
        """Say how busy the workers are, and what waits for them, every two seconds."""
        loop = asyncio.get_running_loop()
        while True:
            began_s, busy_s = loop.time(), self.busy_s
            await asyncio.sleep(MEASURE_S)
            self.compute_ratio = min(1.0, (self.busy_s - busy_s) / (loop.time() - began_s) / self.workers)
            telemetry.COMPUTE_RATIO.set(self.compute_ratio)
            telemetry.RECOGNIZERS_READY.set(self.workers_ready)
            for kind in KINDS:
                telemetry.RECOGNITIONS_WAITING.labels(kind).set(self._handoff.waiting(kind))
                telemetry.RECOGNITION_AGE.labels(kind).set(self._handoff.oldest_s(kind))

    async def _work(self, worker: Worker, *, finals_only: bool) -> None:
        try:
            while True:
                if not worker.is_ready:
                    await _restart(worker)
                most_s = min(pace.audio_s(BATCH_S) for pace in self._pace.values())
                batch = await self._handoff.take(self._batch, most_s, finals_only=finals_only, timeout_s=LOOK_S)
                if wanted := [request for request in batch if request.is_wanted()]:
                    await self._recognize(worker, wanted)
        finally:
            worker.close()

    async def _recognize(self, worker: Worker, batch: list[Request]) -> None:
        """Have a batch recognized, all of one kind; each of a batch that fails is told so."""
        loop = asyncio.get_running_loop()
        excerpts = [request.excerpt() for request in batch]
        seconds = sum(request.seconds for request in batch)
        pace = self._pace[batch[0].is_final]
        deadline_s = pace.deadline_s(seconds, is_second_try=batch[0].is_second_try)
        began_s = loop.time()
        try:
            recognitions = await worker.recognize(excerpts, deadline_s=deadline_s)
        except RecognitionError as error:
            if isinstance(error, RecognitionTimeoutError):
                pace.note(seconds, deadline_s)
            self._failed(batch, error)
            return
        finally:
            took_s = loop.time() - began_s
            telemetry.RECOGNIZER_BUSY.labels(batch[0].kind).inc(took_s)
            for request in batch:
                if request.kind == "partial":
                    self._partials_since.pop(request.track, None)
        pace.note(seconds, took_s)
        telemetry.RECOGNIZED.labels(batch[0].kind).inc(seconds)
        telemetry.BATCH.observe(len(batch))
        for request, recognition in zip(batch, recognitions, strict=True):
            request.track.recognized(request, recognition, int(took_s / len(batch) * 1000))

    def _failed(self, batch: list[Request], error: RecognitionError) -> None:
        self.failed_count += len(batch)
        telemetry.RECOGNITIONS_FAILED.labels(error.code).inc(len(batch))
        log.warning("recognition failed kind=%s code=%s batch=%d", batch[0].kind, error.code, len(batch))
        for request in batch:
            request.track.failed(request, error.code)

    async def _deliver(self, track: Track) -> None:
        """Give out the finals of one track, in the order of their speech."""
        while track.undelivered and (final := track.undelivered[0].final) is not None:
            spoken = track.undelivered.popleft()
            try:
                async with asyncio.timeout(DELIVERY_DEADLINE_S):
                    await track.on_final(final)
            except Exception as error:  # noqa: BLE001 - the task's edge: one call's trouble is not the node's
                self.undelivered_count += 1
                log.warning("final not delivered", extra={"cause": type(error).__name__})
            finally:
                self._owed.pop(spoken).set()
        track.is_delivering = False


async def _start(worker: Worker) -> None:
    """Make it ready; one that ends meanwhile is left to `_restart`."""
    try:
        await worker.start()
    except RecognitionError as error:
        log.warning("recognizer not started cause=%s", error)


async def _restart(worker: Worker) -> None:
    """Until it is ready. Whatever is wrong, the node has calls, and other workers."""
    rest_s = FIRST_REST_S
    telemetry.RECOGNIZER_RESTARTS.inc()
    while not worker.is_ready:
        try:
            await worker.start()
        except (RecognitionError, RecognizerUnusableError) as error:
            log.warning("recognizer not restarted cause=%s", error)
            await asyncio.sleep(rest_s)
            rest_s = min(2 * rest_s, LONGEST_REST_S)

"""Transcribing: every track's requests to a few worker threads, and finals out in order.

One worker of several takes finals and guesses only, so that a final never waits for partials to be done. Failures stay
with their utterance: it is tried once more and then delivered as failed; the call goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from media_server.engines.protocols import Recognizer
from media_server.engines.scheduler import RecognitionError, Worker, worker_count
from media_server.pipeline.handoff import HandOff
from media_server.pipeline.listen import Stream
from media_server.pipeline.track import Final, Partial, Request, Spoken, Track

__all__ = ["Final", "Partial", "Track", "Transcriber"]

PACE_S = 0.04
"""How often partials are looked for."""
PARTIAL_DEADLINE_S = 5.0
FINAL_DEADLINE_S = 20.0
DELIVERY_DEADLINE_S = 5.0

log = logging.getLogger(__name__)


class Transcriber:
    """Turns the speech of all tracks of a node into partials and finals."""

    def __init__(self, recognizer: Recognizer, workers: int) -> None:
        """Args: workers, how many recognitions run at a time; 0: by cores."""
        self._recognizer = recognizer
        self._workers = worker_count(workers)
        self._handoff: HandOff[Request] = HandOff()
        self._speaking: set[Track] = set()
        self._owed: dict[Spoken, asyncio.Event] = {}
        """Ended utterances that are not delivered yet, oldest first."""
        self._deliveries: asyncio.TaskGroup | None = None
        self.failed_count = 0
        """Recognitions that raised or missed their deadline."""
        self.undelivered_count = 0
        """Finals that their call refused."""

    def track(
        self, stream: Stream, on_partial: Callable[[Partial], None], on_final: Callable[[Final], Awaitable[None]]
    ) -> Track:
        """The utterances of one stream; its `on_speech` is for the listener."""
        return Track(stream, self, on_partial, on_final)

    @property
    def lag_ms(self) -> int:
        """How long the oldest final that is owed has been waited for since its end was certain."""
        if not self._owed:
            return 0
        oldest = next(iter(self._owed))
        return int((asyncio.get_running_loop().time() - oldest.ended_at_s) * 1000)

    async def run(self) -> None:
        """Transcribe until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._deliveries = tasks
            for number in range(self._workers):
                tasks.create_task(self._work(finals_only=number == 0 and self._workers > 1))
            while True:
                await asyncio.sleep(PACE_S)
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
        match request.kind:
            case "partial":
                self._handoff.put_partial(request.track, request)
            case "guess":
                self._handoff.put_guess(request.track, request)
            case "final":
                return self._handoff.put_final(request)
        return True

    def ask_again(self, request: Request) -> None:
        self._handoff.put_back(request)

    def withdraw(self, track: Track) -> bool:
        return self._handoff.drop(track)

    def began(self, track: Track) -> None:
        self._speaking.add(track)

    def ended(self, track: Track, spoken: Spoken) -> None:
        self._speaking.discard(track)
        spoken.ended_at_s = asyncio.get_running_loop().time()
        self._owed[spoken] = asyncio.Event()

    def settled(self, track: Track) -> None:
        if self._deliveries is not None and not track.is_delivering:
            track.is_delivering = True
            self._deliveries.create_task(self._deliver(track))

    async def _work(self, *, finals_only: bool) -> None:
        worker = Worker(self._recognizer)
        try:
            while True:
                request = await self._handoff.take(finals_only=finals_only)
                if request.is_wanted():
                    await self._recognize(worker, request)
        finally:
            worker.close()

    async def _recognize(self, worker: Worker, request: Request) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        deadline_s = FINAL_DEADLINE_S if request.is_final else PARTIAL_DEADLINE_S
        try:
            recognition = await worker.recognize(request.audio(), is_final=request.is_final, deadline_s=deadline_s)
        except RecognitionError as error:
            self.failed_count += 1
            log.warning("recognition failed", extra={"kind": request.kind, "code": error.code, "cause": str(error)})
            request.track.failed(request, error.code)
            return
        request.track.recognized(request, recognition, int((loop.time() - began_s) * 1000))

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

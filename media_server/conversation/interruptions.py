"""Who cut whom off: somebody begins while another has spoken for a second, and the other stops.

Rules, from speech times:
- The other speaks on for at least half a second after the start; less is the ordinary overlap at the end of a turn.
- The other then stops first, and the interrupter speaks for at least a second; or both talk for two seconds.
- "Yeah, okay" is a backchannel, however long: the text decides, so a short one waits for it (at most 3 s).
Latency: up to 3 s after the interrupter's end.
"""

from __future__ import annotations

from dataclasses import dataclass

from media_server.conversation.endpointing import LONGEST_HANGOVER_MS
from media_server.conversation.sentences import is_backchannel
from media_server.conversation.speech_times import SpeechTimes
from media_server.conversation.types import Utterance

SETTLED_MS = 1_000
OVERLAP_MS = 500
LONG_OVERLAP_MS = 2_000
MIN_SPEECH_MS = 1_000
CERTAIN_SPEECH_MS = 2_500
TEXT_WAIT_MS = 3_000


@dataclass(frozen=True, slots=True)
class Interruption:
    by: str
    of: str
    at_ms: int


@dataclass(slots=True)
class _Overlap:
    by: str
    of: str
    start_ms: int
    of_end_ms: int | None = None
    text: str = ""


class Interruptions:
    """The interruptions of one call, told of every start of speech after `SpeechTimes` was."""

    def __init__(self, times: SpeechTimes) -> None:
        self._times = times
        self._open: list[_Overlap] = []
        self._counts: dict[str, int] = {}

    def started(self, participant_id: str, at_ms: int) -> None:
        others = [other for other in self._times.participants if other != participant_id]
        starts = {other: run.start_ms for other in others if (run := self._times.run(other)) and run.end_ms is None}
        settled = [other for other, start_ms in starts.items() if at_ms - start_ms >= SETTLED_MS]
        if settled and not any(overlap.by == participant_id for overlap in self._open):
            self._open.append(_Overlap(participant_id, min(settled, key=lambda other: starts[other]), at_ms))

    def left(self, participant_id: str) -> None:
        self._open = [overlap for overlap in self._open if participant_id not in (overlap.by, overlap.of)]

    def transcript(self, utterance: Utterance) -> None:
        for overlap in self._open:
            if overlap.by == utterance.participant_id and utterance.end_ms > overlap.start_ms:
                overlap.text = f"{overlap.text} {utterance.text}".strip()

    def count(self, participant_id: str) -> int:
        return self._counts.get(participant_id, 0)

    def advance(self, now_ms: int) -> list[Interruption]:
        """The interruptions that are certain now."""
        verdicts = [(overlap, self._verdict(overlap, now_ms)) for overlap in self._open]
        self._open = [overlap for overlap, verdict in verdicts if verdict is None]
        found = [Interruption(o.by, o.of, o.start_ms) for o, verdict in verdicts if verdict]
        for interruption in found:
            self._counts[interruption.by] = self.count(interruption.by) + 1
        return found

    def _verdict(self, overlap: _Overlap, now_ms: int) -> bool | None:
        """Whether this is an interruption; None: not known yet."""
        by_end_ms = self._end_of(overlap.by)
        of_run = self._times.run(overlap.of)
        if of_run and of_run.start_ms <= overlap.start_ms:
            overlap.of_end_ms = of_run.end_ms
        of_end_ms = overlap.of_end_ms
        together_ms = min(now_ms if of_end_ms is None else of_end_ms, now_ms if by_end_ms is None else by_end_ms)
        if together_ms - overlap.start_ms >= LONG_OVERLAP_MS + (LONGEST_HANGOVER_MS if of_end_ms is None else 0):
            return not is_backchannel(overlap.text)
        if of_end_ms is None:
            return None if by_end_ms is None else False
        if of_end_ms - overlap.start_ms < OVERLAP_MS or (by_end_ms is not None and by_end_ms <= of_end_ms):
            return False
        return self._spoke_enough(overlap, by_end_ms, now_ms)

    def _spoke_enough(self, overlap: _Overlap, by_end_ms: int | None, now_ms: int) -> bool | None:
        if by_end_ms is None:
            return True if now_ms - overlap.start_ms >= CERTAIN_SPEECH_MS else None
        if by_end_ms - overlap.start_ms < MIN_SPEECH_MS or is_backchannel(overlap.text):
            return False
        is_certain = overlap.text or now_ms >= by_end_ms + TEXT_WAIT_MS
        return True if is_certain else None

    def _end_of(self, participant_id: str) -> int | None:
        run = self._times.run(participant_id)
        return run.end_ms if run else None

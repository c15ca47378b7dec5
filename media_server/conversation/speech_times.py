"""Who speaks when: talk time, runs of speech and silence, from voice activity alone; speech still going on counts.

A run is speech without a gap: an utterance that was cut for its length goes on in the same run. Whoever is heard to
stop stopped a little earlier, so the figures of running speech are right to within the hangover.
"""

from __future__ import annotations

from dataclasses import dataclass

from media_server.conversation.intervals import Union

SAME_RUN_MS = 50
KEEP_MS = 60_000


@dataclass(slots=True)
class Run:
    start_ms: int
    end_ms: int | None
    """None while it goes on."""


@dataclass(slots=True)
class _Voice:
    run: Run
    talk_ms: int = 0
    running_since_ms: int | None = None


class SpeechTimes:
    """Speech intervals of every participant of a call."""

    def __init__(self) -> None:
        self._voices: dict[str, _Voice] = {}
        self._union = Union()
        self._union_ms = 0
        self._first_ms: int | None = None
        self._last_end_ms = 0

    def started(self, participant_id: str, at_ms: int) -> None:
        self._first_ms = at_ms if self._first_ms is None else min(self._first_ms, at_ms)
        voice = self._voices.get(participant_id)
        if voice is None:
            voice = self._voices[participant_id] = _Voice(Run(at_ms, None))
        elif voice.run.end_ms is not None and at_ms - voice.run.end_ms > SAME_RUN_MS:
            voice.run = Run(at_ms, None)
        voice.run.end_ms = None
        voice.running_since_ms = at_ms

    def ended(self, participant_id: str, start_ms: int, end_ms: int) -> None:
        voice = self._voices.get(participant_id)
        if voice is None or voice.running_since_ms is None:
            self.started(participant_id, start_ms)
            voice = self._voices[participant_id]
        voice.talk_ms += end_ms - start_ms
        voice.running_since_ms = None
        voice.run.end_ms = end_ms
        self._union_ms += self._union.add(start_ms, end_ms)
        self._last_end_ms = max(self._last_end_ms, end_ms)
        self._union.forget_before(end_ms - KEEP_MS)

    def left(self, participant_id: str) -> None:
        """Whoever left speaks no more; the caller ends speech in progress before, with its times."""
        voice = self._voices.get(participant_id)
        if voice and voice.running_since_ms is not None:
            voice.run.end_ms = voice.running_since_ms
            voice.running_since_ms = None

    @property
    def participants(self) -> list[str]:
        """Whoever has spoken."""
        return list(self._voices)

    def run(self, participant_id: str) -> Run | None:
        """The latest run."""
        voice = self._voices.get(participant_id)
        return voice.run if voice else None

    def is_speaking(self, participant_id: str) -> bool:
        voice = self._voices.get(participant_id)
        return voice is not None and voice.running_since_ms is not None

    def talk_ms(self, participant_id: str, now_ms: int) -> int:
        voice = self._voices.get(participant_id)
        if voice is None:
            return 0
        running_ms = 0 if voice.running_since_ms is None else max(0, now_ms - voice.running_since_ms)
        return voice.talk_ms + running_ms

    def silent_since(self) -> int | None:
        """When the last speech ended; None while somebody speaks, and before anybody did."""
        if self._first_ms is None or any(voice.running_since_ms is not None for voice in self._voices.values()):
            return None
        return self._last_end_ms

    def silence_ms(self, now_ms: int) -> int:
        """How long nobody spoke, since somebody first did."""
        if self._first_ms is None:
            return 0
        running = [v.running_since_ms for v in self._voices.values() if v.running_since_ms is not None]
        spoken_ms = self._union_ms
        if running:
            since_ms = min(running)
            spoken_ms += now_ms - since_ms - self._union.covered(since_ms, now_ms)
        return max(0, now_ms - self._first_ms - spoken_ms)

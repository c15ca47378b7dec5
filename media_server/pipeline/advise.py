"""What the coached see, and when: cues become guidance, guidance is bounded, and goes when its reason is gone.

Rules:
- At most three pieces of guidance are visible; the most urgent, then the newest, gets a free place first.
- Ten seconds pass between two pieces, unless the newer has priority 1.
- What finds no place within eight seconds is dropped: late advice is no advice.
- Guidance whose quotes are not verbatim in their transcripts is never shown.
- Guidance ends at `expires_at_ms`, which its readers know, or earlier by a withdrawal that says why.
No I/O and no clock: the call gives media time.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from uuid import uuid4

from media_server.conversation.cues import Cues
from media_server.conversation.dialogue import Dialogue, Person
from media_server.conversation.evidence import Evidence
from media_server.conversation.types import Cue, CueKind, Utterance
from media_server.engines.protocols import Advice, Coach
from media_server.events import Event, GuidanceShown, GuidanceWithdrawn, MetricsUpdated, ParticipantMetrics
from media_server.events import Evidence as ShownEvidence

MAX_VISIBLE = 3
MIN_GAP_MS = 10_000
FRESH_MS = 8_000
METRICS_EVERY_MS = 1_000
VISIBLE_MS: dict[CueKind, int] = {
    "unanswered_question": 45_000,
    "interruption": 20_000,
    "long_monologue": 30_000,
    "talk_ratio": 60_000,
    "pace": 30_000,
    "fillers": 30_000,
    "silence": 30_000,
}


@dataclass(frozen=True, slots=True)
class _Waiting:
    cue: Cue
    advice: Advice


@dataclass(frozen=True, slots=True)
class _Visible:
    guidance_id: str
    cue: Cue
    expires_at_ms: int


class Advisor:
    """One call's advice; told of speech and transcripts as they come, asked by `tick`."""

    def __init__(self, coach: Coach, conversation_type: str) -> None:
        self._coach = coach
        self._dialogue = Dialogue()
        self._cues = Cues(self._dialogue, conversation_type)
        self._evidence = Evidence()
        self._waiting: list[_Waiting] = []
        self._visible: list[_Visible] = []
        self._last_shown_ms = -MIN_GAP_MS
        self._metrics: MetricsUpdated | None = None
        self._metrics_ms = -METRICS_EVERY_MS

    def participant_joined(self, participant_id: str, name: str, role: str) -> None:
        self._dialogue.joined(Person(participant_id, name, role))

    def participant_left(self, participant_id: str) -> None:
        self._dialogue.left(participant_id)

    def speech_started(self, participant_id: str, at_ms: int) -> None:
        self._dialogue.speech_started(participant_id, at_ms)

    def speech_ended(self, participant_id: str, start_ms: int, end_ms: int) -> None:
        self._dialogue.speech_ended(participant_id, start_ms, end_ms)

    def transcript(self, utterance: Utterance) -> None:
        """A final; an empty one was not transcribed."""
        if not utterance.text.strip():
            self._cues.untranscribed(utterance)
            return
        self._evidence.add(utterance.transcript_id, utterance.text)
        self._dialogue.transcript(utterance)
        self._cues.transcript(utterance)

    def dismissed(self, guidance_id: str) -> None:
        """Somebody closed it: its place is free."""
        self._visible = [shown for shown in self._visible if shown.guidance_id != guidance_id]

    def tick(self, now_ms: int) -> list[Event]:
        """What to send now; to be called about four times a second."""
        cues = self._cues.advance(now_ms, self._dialogue.advance(now_ms))
        names = {person.participant_id: person.name for person in self._dialogue.people.values()}
        for cue in cues:
            advice = self._coach.advise(cue, names)
            if advice and self._evidence.holds(advice.quotes):
                self._waiting.append(_Waiting(cue, advice))
        return [*self._withdraw(now_ms), *self._show(now_ms), *self._measure(now_ms)]

    def _withdraw(self, now_ms: int) -> list[Event]:
        self._visible = [shown for shown in self._visible if shown.expires_at_ms > now_ms]
        gone = {shown.guidance_id: self._cues.gone(shown.cue, now_ms) for shown in self._visible}
        self._visible = [shown for shown in self._visible if gone[shown.guidance_id] is None]
        return [GuidanceWithdrawn(guidance_id, reason) for guidance_id, reason in gone.items() if reason]

    def _show(self, now_ms: int) -> list[Event]:
        self._waiting = [
            waiting
            for waiting in self._waiting
            if now_ms - waiting.cue.at_ms < FRESH_MS and self._cues.gone(waiting.cue, now_ms) is None
        ]
        shown: list[Event] = []
        for waiting in sorted(self._waiting, key=lambda waiting: (waiting.advice.priority, -waiting.cue.at_ms)):
            is_due = waiting.advice.priority == 1 or now_ms - self._last_shown_ms >= MIN_GAP_MS
            if is_due and len(self._visible) < MAX_VISIBLE:
                self._waiting.remove(waiting)
                shown.append(self._place(waiting, now_ms))
        return shown

    def _place(self, waiting: _Waiting, now_ms: int) -> GuidanceShown:
        cue, advice = waiting.cue, waiting.advice
        guidance_id, expires_at_ms = str(uuid4()), now_ms + VISIBLE_MS[cue.kind]
        self._visible.append(_Visible(guidance_id, cue, expires_at_ms))
        self._last_shown_ms = now_ms
        return GuidanceShown(
            guidance_id=guidance_id,
            guidance_type=advice.guidance_type,
            priority=advice.priority,
            content=advice.content,
            evidence=[ShownEvidence(quote.transcript_id, quote.text) for quote in advice.quotes],
            cue=cue.kind,
            expires_at_ms=expires_at_ms,
        )

    def _measure(self, now_ms: int) -> list[Event]:
        if now_ms - self._metrics_ms < METRICS_EVERY_MS:
            return []
        self._metrics_ms = now_ms
        dialogue = self._dialogue
        figures = [dialogue.metrics.figures(participant_id, now_ms) for participant_id in dialogue.people]
        metrics = MetricsUpdated(
            participants=[ParticipantMetrics(**asdict(one)) for one in figures],
            silence_ms=dialogue.times.silence_ms(now_ms),
            turns=dialogue.turns.count,
        )
        if metrics == self._metrics:
            return []
        self._metrics = metrics
        return [metrics]

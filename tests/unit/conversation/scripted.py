"""Plays a written conversation through an Advisor, with the delays of a real pipeline, on media time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from media_server.conversation.types import Utterance
from media_server.engines.rule_coach import RuleCoach
from media_server.events import Event, GuidanceShown, GuidanceWithdrawn, MetricsUpdated
from media_server.pipeline.advise import Advisor

START_DELAY_MS = 100
HANGOVER_MS = 450
RECOGNITION_MS = 600
MAX_UTTERANCE_MS = 15_000
TICK_MS = 250


@dataclass(frozen=True, slots=True)
class Line:
    who: str
    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Played:
    """Everything the Advisor said, with its time."""

    events: list[tuple[int, Event]]

    @property
    def shown(self) -> list[GuidanceShown]:
        return [event for _, event in self.events if isinstance(event, GuidanceShown)]

    @property
    def withdrawn(self) -> list[GuidanceWithdrawn]:
        return [event for _, event in self.events if isinstance(event, GuidanceWithdrawn)]

    @property
    def metrics(self) -> MetricsUpdated:
        return [event for _, event in self.events if isinstance(event, MetricsUpdated)][-1]

    @property
    def cues(self) -> list[str]:
        return [event.cue for event in self.shown]

    def at(self, guidance: GuidanceShown) -> int:
        return next(now_ms for now_ms, event in self.events if event is guidance)


def pieces(line: Line) -> list[Line]:
    """The utterances that endpointing makes of a line: cut when it is long, between words."""
    count = -(-(line.end_ms - line.start_ms) // MAX_UTTERANCE_MS)
    words = line.text.split()
    cuts = [line.start_ms + (line.end_ms - line.start_ms) * number // count for number in range(count + 1)]
    parts = [words[len(words) * number // count : len(words) * (number + 1) // count] for number in range(count)]
    return [Line(line.who, start, end, " ".join(part)) for start, end, part in zip(cuts, cuts[1:], parts, strict=False)]


def play(
    lines: Sequence[Line],
    *,
    roles: dict[str, str],
    conversation_type: str = "sales",
    until_ms: int | None = None,
    advisor: Advisor | None = None,
) -> Played:
    advisor = advisor or Advisor(RuleCoach(), conversation_type)
    for name, role in roles.items():
        advisor.participant_joined(name, name, role)
    due: list[tuple[int, int, Callable[[], None]]] = []
    for number, line in enumerate(lines):
        for part, piece in enumerate(pieces(line)):
            due += _deliveries(advisor, piece, f"t{number}.{part}", is_last=piece.end_ms == line.end_ms)
    due.sort(key=lambda entry: entry[:2])
    end_ms = until_ms or max(line.end_ms for line in lines) + 3_000
    events: list[tuple[int, Event]] = []
    for now_ms in range(0, end_ms, TICK_MS):
        while due and due[0][0] <= now_ms:
            due.pop(0)[2]()
        events += [(now_ms, event) for event in advisor.tick(now_ms)]
    return Played(events)


def _deliveries(
    advisor: Advisor, piece: Line, transcript_id: str, *, is_last: bool
) -> list[tuple[int, int, Callable[[], None]]]:
    utterance = Utterance(transcript_id, piece.who, piece.who, piece.start_ms, piece.end_ms, piece.text)
    ended_ms = piece.end_ms + (HANGOVER_MS if is_last else 0)
    return [
        (piece.start_ms + START_DELAY_MS, 1, lambda: advisor.speech_started(piece.who, piece.start_ms)),
        (ended_ms, 0, lambda: advisor.speech_ended(piece.who, piece.start_ms, piece.end_ms)),
        (ended_ms + RECOGNITION_MS, 2, lambda: advisor.transcript(utterance)),
    ]

"""What the figures of a conversation are, for every participant: talk from speech times, the rest from texts.

Talk ratio is a participant's share of all talk, so that the ratios of a call add up to 1; silence counts for nobody.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from media_server.conversation.interruptions import Interruptions
from media_server.conversation.questions import count_questions
from media_server.conversation.sentences import fillers, words
from media_server.conversation.speech_times import SpeechTimes
from media_server.conversation.turns import Turns
from media_server.conversation.types import Utterance

PACE_SPEECH_MS = 60_000


@dataclass(frozen=True, slots=True)
class Figures:
    """One participant's figures; their meaning is declared in `events.ParticipantMetrics`."""

    participant_id: str
    talk_ratio: float
    talk_ms: int
    longest_monologue_ms: int
    pace_wpm: int | None
    patience_ms: int | None
    interruptions: int
    questions: int
    filler_rate: float


@dataclass(slots=True)
class _Texts:
    words: int = 0
    fillers: int = 0
    questions: int = 0
    recent: deque[tuple[int, int]] = field(default_factory=deque)
    """Milliseconds and words of the utterances of the last minute of own speech."""
    recent_ms: int = 0
    recent_words: int = 0


class Metrics:
    """The running figures of one call; a reading costs the same in the first minute and in the second hour."""

    def __init__(self, times: SpeechTimes, turns: Turns, interruptions: Interruptions) -> None:
        self._times = times
        self._turns = turns
        self._interruptions = interruptions
        self._texts: dict[str, _Texts] = {}

    def transcript(self, utterance: Utterance) -> None:
        texts = self._texts.setdefault(utterance.participant_id, _Texts())
        spoken_ms = max(1, utterance.end_ms - utterance.start_ms)
        count = len(words(utterance.text))
        texts.words += count
        texts.fillers += len(fillers(utterance.text))
        texts.questions += count_questions(utterance.text)
        texts.recent.append((spoken_ms, count))
        texts.recent_ms += spoken_ms
        texts.recent_words += count
        while texts.recent_ms - texts.recent[0][0] >= PACE_SPEECH_MS:
            old_ms, old_words = texts.recent.popleft()
            texts.recent_ms -= old_ms
            texts.recent_words -= old_words

    def talk_ratio(self, participant_id: str, now_ms: int) -> float:
        everybody_ms = sum(self._times.talk_ms(other, now_ms) for other in self._times.participants)
        return self._times.talk_ms(participant_id, now_ms) / everybody_ms if everybody_ms else 0.0

    def pace_wpm(self, participant_id: str) -> int | None:
        texts = self._texts.get(participant_id)
        return round(texts.recent_words * 60_000 / texts.recent_ms) if texts else None

    def recent_speech_ms(self, participant_id: str) -> int:
        """How much speech the pace rests on."""
        texts = self._texts.get(participant_id)
        return texts.recent_ms if texts else 0

    def word_count(self, participant_id: str) -> int:
        texts = self._texts.get(participant_id)
        return texts.words if texts else 0

    def filler_rate(self, participant_id: str) -> float:
        texts = self._texts.get(participant_id)
        return texts.fillers / texts.words if texts and texts.words else 0.0

    def figures(self, participant_id: str, now_ms: int) -> Figures:
        turn, texts = self._turns.turn, self._texts.get(participant_id)
        has_floor = turn is not None and turn.participant_id == participant_id
        running_ms = self._turns.monologue_ms(now_ms) if has_floor else 0
        return Figures(
            participant_id=participant_id,
            talk_ratio=round(self.talk_ratio(participant_id, now_ms), 4),
            talk_ms=self._times.talk_ms(participant_id, now_ms),
            longest_monologue_ms=max(self._turns.longest_ms(participant_id), running_ms),
            pace_wpm=self.pace_wpm(participant_id),
            patience_ms=self._turns.patience_ms(participant_id),
            interruptions=self._interruptions.count(participant_id),
            questions=texts.questions if texts else 0,
            filler_rate=round(self.filler_rate(participant_id), 4),
        )

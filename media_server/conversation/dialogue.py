"""Everything known about a conversation so far: who is in it, who speaks, what was said lately, and the figures."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from media_server.conversation.interruptions import Interruption, Interruptions
from media_server.conversation.metrics import Metrics
from media_server.conversation.sentences import sentences, short_quote
from media_server.conversation.speech_times import SpeechTimes
from media_server.conversation.turns import Turns
from media_server.conversation.types import Quote, Utterance

RECENT_UTTERANCES = 200
"""What rules may look back on; older ones are in the log."""


@dataclass(frozen=True, slots=True)
class Person:
    participant_id: str
    name: str
    role: str


class Dialogue:
    """The state of one conversation; time comes only from the caller."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}
        self.times = SpeechTimes()
        self.turns = Turns(self.times)
        self.interruptions = Interruptions(self.times)
        self.metrics = Metrics(self.times, self.turns, self.interruptions)
        self.recent: deque[Utterance] = deque(maxlen=RECENT_UTTERANCES)

    def joined(self, person: Person) -> None:
        self.people[person.participant_id] = person

    def left(self, participant_id: str) -> None:
        """The figures stay; who left speaks no more."""
        self.times.left(participant_id)
        self.turns.left(participant_id)
        self.interruptions.left(participant_id)

    def speech_started(self, participant_id: str, at_ms: int) -> None:
        self.times.started(participant_id, at_ms)
        self.turns.started(participant_id, at_ms)
        self.interruptions.started(participant_id, at_ms)

    def speech_ended(self, participant_id: str, start_ms: int, end_ms: int) -> None:
        self.times.ended(participant_id, start_ms, end_ms)
        self.turns.ended(participant_id, start_ms, end_ms)

    def transcript(self, utterance: Utterance) -> None:
        """Count what was said; the text must not be empty."""
        self.recent.append(utterance)
        self.turns.transcript(utterance)
        self.interruptions.transcript(utterance)
        self.metrics.transcript(utterance)

    def advance(self, now_ms: int) -> list[Interruption]:
        """Settle what time settles; returns the interruptions that are certain now."""
        self.turns.advance(now_ms)
        return self.interruptions.advance(now_ms)

    def latest(self, participant_id: str | None = None, since_ms: int = 0) -> Iterator[Utterance]:
        """Utterances, the newest first, that ended after `since_ms`; of one participant, or of all."""
        for utterance in reversed(self.recent):
            if participant_id in (None, utterance.participant_id) and utterance.end_ms > since_ms:
                yield utterance


def last_words(utterance: Utterance) -> Quote:
    """The utterance's last sentence, verbatim."""
    return Quote(utterance.transcript_id, short_quote(sentences(utterance.text)[-1]))


def first_words(utterance: Utterance) -> Quote:
    """The utterance's first sentence, verbatim."""
    return Quote(utterance.transcript_id, short_quote(sentences(utterance.text)[0]))

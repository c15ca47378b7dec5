"""When a conversation gives reason for a word to the host: seven rules, one table of thresholds.

Rules:
- A cue rests on exact quotes; a rule waits until it has one.
- Each kind has a cooldown, so that the same advice is not repeated; of questions, each is told once.
- long_monologue, talk_ratio, pace and fillers watch the hosts; interruption tells of a host who interrupts;
  unanswered_question and silence watch everybody.
- A host's own question is told only when it was evaded: whoever is asked may think for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from media_server.conversation.dialogue import Dialogue, first_words, last_words
from media_server.conversation.interruptions import Interruption
from media_server.conversation.open_questions import OpenQuestion, OpenQuestions
from media_server.conversation.questions import is_question
from media_server.conversation.sentences import fillers, sentences, short_quote
from media_server.conversation.types import Cue, CueKind, Quote, Utterance

Rule = Callable[[str, int], Iterator[Cue]]
"""A host and now, to the cues of that kind."""


@dataclass(frozen=True, slots=True)
class Bands:
    """What is usual in one type of conversation; beyond it a cue is raised."""

    monologue_ms: int
    """Of a host, without a question in it."""
    talk_percent: int
    """Of all talk, by a host, once `RATIO_AFTER_MS` of talk were heard."""
    question_wait_ms: int
    silence_ms: int
    pace_wpm: int = 220
    """Within speech, without its pauses: about forty more than the familiar figures, which count pauses."""
    filler_percent: int = 8


BANDS: dict[str, Bands] = {
    "sales": Bands(monologue_ms=25_000, talk_percent=65, question_wait_ms=4_000, silence_ms=8_000),
    "support": Bands(monologue_ms=40_000, talk_percent=70, question_wait_ms=5_000, silence_ms=15_000),
    "meeting": Bands(monologue_ms=90_000, talk_percent=70, question_wait_ms=5_000, silence_ms=12_000),
    "interview": Bands(monologue_ms=45_000, talk_percent=45, question_wait_ms=6_000, silence_ms=12_000),
}
COOLDOWN_MS: dict[CueKind, int] = {
    "long_monologue": 120_000,
    "talk_ratio": 300_000,
    "interruption": 60_000,
    "pace": 180_000,
    "fillers": 300_000,
    "silence": 60_000,
}
RATIO_AFTER_MS = 120_000
RATIO_SLACK = 0.03
"""A cue of the talk ratio ends this far below its threshold."""
PACE_AFTER_SPEECH_MS = 20_000
FILLERS_AFTER_WORDS = 100
SILENCE_AFTER_TURNS = 3
INTERRUPTION_TEXT_MS = 8_000
"""How long an interruption may wait for a transcript to rest on."""


class Cues:
    """The rules over one dialogue; told of every transcript after the dialogue was."""

    def __init__(self, dialogue: Dialogue, conversation_type: str) -> None:
        self._dialogue = dialogue
        self._bands = BANDS.get(conversation_type, BANDS["meeting"])  # a session may have no type; a meeting's are wide
        self._questions = OpenQuestions(dialogue.times, self._bands.question_wait_ms)
        self._raised_ms: dict[CueKind, int] = {}
        self._asked: dict[Quote, OpenQuestion] = {}
        self._cuts: list[Interruption] = []
        self._rules: dict[CueKind, Rule] = {
            "interruption": self._interruption,
            "silence": self._silence,
            "long_monologue": self._monologue,
            "talk_ratio": self._talk_ratio,
            "pace": self._pace,
            "fillers": self._fillers,
        }

    def untranscribed(self, utterance: Utterance) -> None:
        self._questions.untranscribed(utterance)

    def transcript(self, utterance: Utterance) -> None:
        self._questions.transcript(utterance)

    def advance(self, now_ms: int, interruptions: list[Interruption]) -> list[Cue]:
        """The cues that come up now."""
        hosts = [person.participant_id for person in self._dialogue.people.values() if person.role == "host"]
        self._cuts += [cut for cut in interruptions if cut.by in hosts]
        found = list(self._unanswered(now_ms, hosts))
        for kind, rule in self._rules.items():
            last_ms = self._raised_ms.get(kind)
            if last_ms is None or now_ms - last_ms >= COOLDOWN_MS[kind]:
                found += islice((cue for host_id in hosts for cue in rule(host_id, now_ms)), 1)
        self._raised_ms |= {cue.kind: now_ms for cue in found}
        return found

    def gone(self, cue: Cue, now_ms: int) -> str | None:
        """Why the reason for a cue is gone, or None while it stands."""
        match cue.kind:
            case "unanswered_question" if not self._questions.is_open(self._asked[cue.quotes[0]]):
                return "answered"
            case "long_monologue" if not self._has_floor(cue.participant_id):
                return "other_speaks"
            case "silence" if self._dialogue.times.silent_since() is None:
                return "speech"
            case "talk_ratio" if self._ratio(cue.participant_id, now_ms) < self._bands.talk_percent / 100 - RATIO_SLACK:
                return "balanced"
            case "pace" if (self._dialogue.metrics.pace_wpm(cue.participant_id) or 0) <= self._bands.pace_wpm:
                return "slower"
        return None

    def _unanswered(self, now_ms: int, hosts: list[str]) -> Iterator[Cue]:
        for waiting in self._questions.advance(now_ms):
            if waiting.asker_id in hosts and not waiting.was_evaded:
                continue
            self._asked[waiting.quote] = waiting
            waited_s, is_own = (now_ms - waiting.end_ms) // 1000, waiting.asker_id in hosts
            yield Cue("unanswered_question", waiting.asker_id, now_ms, (waiting.quote,), None, waited_s, is_own)

    def _interruption(self, host_id: str, now_ms: int) -> Iterator[Cue]:
        self._cuts = [cut for cut in self._cuts if now_ms - cut.at_ms < INTERRUPTION_TEXT_MS]
        for cut in [cut for cut in self._cuts if cut.by == host_id]:
            quotes = [last_words(u) for u in self._dialogue.latest(cut.of, cut.at_ms)][-1:]
            quotes += [first_words(u) for u in self._dialogue.latest(cut.by, cut.at_ms)][-1:]
            if quotes:
                self._cuts.remove(cut)
                yield Cue("interruption", cut.by, now_ms, tuple(quotes), cut.of, is_about_host=True)

    def _silence(self, _host_id: str, now_ms: int) -> Iterator[Cue]:
        since_ms = self._dialogue.times.silent_since()
        if since_ms is None or now_ms - since_ms < self._bands.silence_ms:
            return
        if self._dialogue.turns.count < SILENCE_AFTER_TURNS:
            return
        for utterance in self._newest():
            seconds = (now_ms - since_ms) // 1000
            yield Cue("silence", utterance.participant_id, now_ms, (last_words(utterance),), figure=seconds)

    def _monologue(self, host_id: str, now_ms: int) -> Iterator[Cue]:
        running_ms = self._dialogue.turns.monologue_ms(now_ms) if self._has_floor(host_id) else 0
        if running_ms < self._bands.monologue_ms:
            return
        said = list(self._dialogue.latest(host_id, now_ms - running_ms))
        if said and not any(is_question(sentence) for u in said for sentence in sentences(u.text)):
            yield Cue(
                "long_monologue", host_id, now_ms, (last_words(said[0]),), figure=running_ms // 1000, is_about_host=True
            )

    def _talk_ratio(self, host_id: str, now_ms: int) -> Iterator[Cue]:
        times, ratio = self._dialogue.times, self._ratio(host_id, now_ms)
        if ratio * 100 < self._bands.talk_percent or len(times.participants) < 2:
            return
        if sum(times.talk_ms(other, now_ms) for other in times.participants) < RATIO_AFTER_MS:
            return
        for utterance in self._newest(host_id):
            yield Cue(
                "talk_ratio", host_id, now_ms, (last_words(utterance),), figure=round(ratio * 100), is_about_host=True
            )

    def _pace(self, host_id: str, now_ms: int) -> Iterator[Cue]:
        metrics = self._dialogue.metrics
        pace_wpm = metrics.pace_wpm(host_id) or 0
        if pace_wpm <= self._bands.pace_wpm or metrics.recent_speech_ms(host_id) < PACE_AFTER_SPEECH_MS:
            return
        for utterance in self._newest(host_id):
            yield Cue("pace", host_id, now_ms, (last_words(utterance),), figure=pace_wpm, is_about_host=True)

    def _fillers(self, host_id: str, now_ms: int) -> Iterator[Cue]:
        metrics = self._dialogue.metrics
        percent = round(metrics.filler_rate(host_id) * 100)
        if percent < self._bands.filler_percent or metrics.word_count(host_id) < FILLERS_AFTER_WORDS:
            return
        for utterance in self._newest(host_id):
            quotes = [Quote(utterance.transcript_id, short_quote(s)) for s in sentences(utterance.text) if fillers(s)]
            if quotes:
                yield Cue("fillers", host_id, now_ms, tuple(quotes[:1]), figure=percent, is_about_host=True)

    def _newest(self, participant_id: str | None = None) -> list[Utterance]:
        """The newest utterance, or none."""
        return list(islice(self._dialogue.latest(participant_id), 1))

    def _has_floor(self, participant_id: str) -> bool:
        turn = self._dialogue.turns.turn
        return turn is not None and turn.participant_id == participant_id

    def _ratio(self, participant_id: str, now_ms: int) -> float:
        return self._dialogue.metrics.talk_ratio(participant_id, now_ms)

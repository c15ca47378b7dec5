"""Which questions wait for an answer, and which of them will not get one.

Rules:
- The asked side is everybody but who asked. Only the last of several questions in a row waits, and a question that its
  asker talks on from (eight words or more) was rhetorical.
- It is answered when the asked side's words answer it (`questions.answers`), or, once it was told as unanswered, when a
  later turn comes back to it (`questions.answers_later`).
- It is unanswered when nobody of the asked side speaks within `wait_ms` after the asker's last word; or when a
  reply ends (the asker speaks again for a second, or 2 s pass) or lasts 12 s, its text is here, and does not answer.
  A mere "okay" is no reply. What was said and not transcribed may have been the answer, so it counts as one.
- A question is told once, and forgotten after 90 s.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from media_server.conversation.questions import TRAILING_WORDS, Question, answers, answers_later, asked
from media_server.conversation.sentences import is_backchannel, short_quote, words
from media_server.conversation.speech_times import SpeechTimes
from media_server.conversation.types import Quote, Utterance

LEAD_MS = 500
"""A reply may begin this much before the question's end."""
REPLY_PAUSE_MS = 2_000
LONG_REPLY_MS = 12_000
TEXT_WAIT_MS = 3_000
BACK_MS = 1_000
HANGOVER_MS = 500
FORGET_MS = 90_000
KEPT_REPLIES = 20


@dataclass(slots=True, eq=False)
class OpenQuestion:
    question: Question
    asker_id: str
    transcript_id: str
    end_ms: int
    replies: list[Utterance] = field(default_factory=list)
    words_after: int = 0
    """What the asker said after it, before anybody replied."""
    is_told: bool = False
    was_evaded: bool = False
    """Somebody spoke, about something else."""

    @property
    def quote(self) -> Quote:
        return Quote(self.transcript_id, short_quote(self.question.text))

    @property
    def reply(self) -> str:
        return " ".join(utterance.text for utterance in self.replies)


class OpenQuestions:
    """The questions of one call that wait; told of every transcript."""

    def __init__(self, times: SpeechTimes, wait_ms: int) -> None:
        self._times = times
        self._wait_ms = wait_ms
        self._open: list[OpenQuestion] = []
        self._recent: deque[Utterance] = deque(maxlen=KEPT_REPLIES)

    def transcript(self, utterance: Utterance) -> None:
        self._recent.append(utterance)
        self._open = [waiting for waiting in self._open if not self._settles(utterance, waiting)]
        question = asked(utterance.text)
        if question is None:
            return
        fresh = OpenQuestion(question, utterance.participant_id, utterance.transcript_id, utterance.end_ms)
        earlier = [reply for reply in self._recent if reply is not utterance]
        if not any(self._settles(reply, fresh) for reply in earlier):
            self._open = [one for one in self._open if one.is_told or one.asker_id != fresh.asker_id] + [fresh]

    def untranscribed(self, utterance: Utterance) -> None:
        """Somebody said something that nobody can read."""
        self._open = [
            waiting
            for waiting in self._open
            if utterance.participant_id == waiting.asker_id or utterance.end_ms <= waiting.end_ms - LEAD_MS
        ]

    def advance(self, now_ms: int) -> list[OpenQuestion]:
        """The questions that are unanswered as of now."""
        self._open = [waiting for waiting in self._open if now_ms - waiting.end_ms < FORGET_MS]
        found = [waiting for waiting in self._open if not waiting.is_told and self._is_unanswered(waiting, now_ms)]
        for waiting in found:
            waiting.is_told = True
        return found

    def is_open(self, waiting: OpenQuestion) -> bool:
        return waiting in self._open

    def _settles(self, utterance: Utterance, waiting: OpenQuestion) -> bool:
        """Whether the utterance ends the wait: an answer, or proof that the question was rhetorical."""
        if utterance.participant_id == waiting.asker_id:
            return self._goes_on(utterance, waiting)
        if utterance.end_ms <= waiting.end_ms - LEAD_MS:
            return False
        if waiting.is_told:
            return answers_later(waiting.question, utterance.text)
        waiting.replies.append(utterance)
        return answers(waiting.question, waiting.reply)

    def _goes_on(self, utterance: Utterance, waiting: OpenQuestion) -> bool:
        if utterance.start_ms < waiting.end_ms - LEAD_MS or waiting.is_told or waiting.replies:
            return False
        if self._replied_since(waiting, utterance.start_ms):
            return False
        waiting.words_after += len(words(utterance.text))
        return waiting.words_after >= TRAILING_WORDS

    def _is_unanswered(self, waiting: OpenQuestion, now_ms: int) -> bool:
        last_reply_ms = self._last_reply_ms(waiting)
        if last_reply_ms is None or not waiting.replies or is_backchannel(waiting.reply):
            return self._is_met_with_silence(waiting, last_reply_ms, now_ms)
        if now_ms - waiting.end_ms < LONG_REPLY_MS and not self._reply_is_over(waiting, last_reply_ms, now_ms):
            return False
        waiting.was_evaded = self._text_is_here(waiting, last_reply_ms, now_ms)
        return waiting.was_evaded

    def _is_met_with_silence(self, waiting: OpenQuestion, last_reply_ms: int | None, now_ms: int) -> bool:
        if self._times.silent_since() is None:
            return False
        asker = self._times.run(waiting.asker_id)
        quiet_since = max(waiting.end_ms, (asker and asker.end_ms) or 0, last_reply_ms or 0)
        text_ms = 0 if last_reply_ms is None else TEXT_WAIT_MS
        return now_ms - quiet_since >= self._wait_ms + text_ms

    def _last_reply_ms(self, waiting: OpenQuestion) -> int | None:
        """End of the asked side's latest speech after the question, or its start while it goes on; None: no speech."""
        runs = [self._times.run(other) for other in self._times.participants if other != waiting.asker_id]
        ends = [run.start_ms if run.end_ms is None else run.end_ms for run in runs if run]
        goes_on = any(run and run.end_ms is None for run in runs)
        latest_ms = max(ends, default=0)
        return latest_ms if goes_on or latest_ms > waiting.end_ms else None

    def _replied_since(self, waiting: OpenQuestion, until_ms: int) -> bool:
        last_reply_ms = self._last_reply_ms(waiting)
        return last_reply_ms is not None and last_reply_ms <= until_ms

    def _text_is_here(self, waiting: OpenQuestion, last_reply_ms: int, now_ms: int) -> bool:
        heard_ms = max(reply.end_ms for reply in waiting.replies)
        return heard_ms >= last_reply_ms - HANGOVER_MS or now_ms - last_reply_ms >= TEXT_WAIT_MS

    def _reply_is_over(self, waiting: OpenQuestion, last_reply_ms: int, now_ms: int) -> bool:
        others = [other for other in self._times.participants if other != waiting.asker_id]
        if any(self._times.is_speaking(other) for other in others):
            return False
        return self._is_asker_back(waiting, last_reply_ms, now_ms) or now_ms - last_reply_ms >= REPLY_PAUSE_MS

    def _is_asker_back(self, waiting: OpenQuestion, last_reply_ms: int, now_ms: int) -> bool:
        """Whether the asker speaks after the reply, and for more than a "sure"."""
        run = self._times.run(waiting.asker_id)
        if run is None or run.start_ms < max(waiting.end_ms, last_reply_ms - LEAD_MS):
            return False
        return (now_ms if run.end_ms is None else run.end_ms) - run.start_ms >= BACK_MS

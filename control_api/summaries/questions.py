"""Questions that are still open when the conversation ends."""

from __future__ import annotations

import re

from control_api.summaries.actions import is_action, plain, without_lead
from control_api.summaries.sentences import Sentence

ANSWERED_WITHIN_MS = 15_000
"""Another person who begins to speak this soon after a question is taken to answer it."""

_SMALL_TALK = re.compile(
    r"\b(?:how\s+are\s+you|how's\s+it\s+going|how\s+is\s+it\s+going|can\s+you\s+hear|do\s+you\s+hear|is\s+this\s+on|"
    r"make\s+sense(?:\s+to\s+you)?\?|sounds?\s+good(?:\s+to\s+you)?\?|is\s+that\s+(?:okay|ok|all\s+right|fine)|you\s+know\s+what|what's\s+up|"
    r"isn't\s+it|don't\s+you|right\?|okay\?|anything\s+else|may\s+i|can\s+i\s+(?:ask|interrupt|stop)|can\s+you\s+repeat|pardon)",
    re.IGNORECASE,
)
_DEFERRAL = re.compile(
    r"\b(?:good\s+question|not\s+sure|don't\s+know|do\s+not\s+know|no\s+idea|have\s+to\s+(?:check|ask|look)|need\s+to\s+(?:check|ask|look)|"
    r"(?:i'll|i\s+will|let\s+me|we'll|i'd\s+have\s+to|i\s+would\s+have\s+to)\s+(?:have\s+to\s+)?(?:find\s+out|check|ask|look\s+into|get\s+back|"
    r"come\s+back|confirm|clarify|follow\s+up)|"
    r"come\s+(?:back\s+)?to\s+that|get\s+(?:back\s+)?to\s+that|park\s+that|later|another\s+time|next\s+(?:call|time|meeting)|"
    r"off\s+the\s+top\s+of\s+my\s+head)\b",
    re.IGNORECASE,
)
_SUBJECT_CHANGE = re.compile(
    r"^(?:(?:okay|ok|so|well|right|um+|uh+|yeah|sure)[,.]?\s+)*(?:anyway|by\s+the\s+way|moving\s+on|before\s+(?:that|we|i)|let's\s+(?:talk|move|turn)|"
    r"one\s+more\s+thing|speaking\s+of|let\s+me\s+(?:first|show|tell|just)|first\s+of\s+all|what\s+i\s+(?:really\s+)?(?:want|wanted)|"
    r"as\s+i\s+(?:said|was\s+saying)|the\s+(?:important|main)\s+thing)\b",
    re.IGNORECASE,
)
_HOW_MUCH = re.compile(
    r"\b(?:how\s+(?:much|many|big|far|old)|what\s+(?:price|does\s+it\s+cost)|what's\s+the\s+price)\b", re.IGNORECASE
)
_HOW_SOON = re.compile(r"\b(?:how\s+(?:long|often|soon|quickly)|what\s+time|when)\b", re.IGNORECASE)
_AMOUNT = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|seventy|"
    r"eighty|ninety|hundred|thousand|million|few|couple|dozen|half|none|nothing|free|depends|dollars?|euros?|pounds?)\b",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\b(?:every|daily|weekly|monthly|yearly|today|tomorrow|tonight|now|soon|never|always|next|last|since|ago|already|immediately|"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?|january|february|march|april|may|june|july|august|september|october|november|"
    r"december|morning|afternoon|evening|days?|weeks?|months?|years?|hours?|minutes?)\b",
    re.IGNORECASE,
)
_ASKED_AGAIN = re.compile(
    r"\b(?:didn't\s+answer|did\s+not\s+answer|haven't\s+answered|back\s+to\s+my\s+question|(?:as\s+)?i\s+asked|still\s+(?:open|don't\s+know))\b",
    re.IGNORECASE,
)


def open_questions(sentences: list[Sentence], *, limit: int = 5) -> list[str]:
    """Asked, and put off or passed over; in order of asking, the same question once."""
    open_now: list[Sentence] = []
    for sentence in sentences:
        if not _is_worth_answering(sentence) or _is_answered(sentence, sentences):
            continue
        if not any(_is_repetition(sentence, earlier) for earlier in open_now):
            open_now.append(sentence)
    return [without_lead(sentence.text) for sentence in open_now[-limit:]]


def _is_worth_answering(sentence: Sentence) -> bool:
    if not sentence.is_question or len(sentence.words) < 4 or not sentence.stems:
        return False
    return not _SMALL_TALK.search(plain(sentence.text)) and not is_action(sentence)


def _is_answered(question: Sentence, sentences: list[Sentence]) -> bool:
    reply = _reply(question, sentences)
    if not reply:
        return False
    opening = plain(" ".join(sentence.text for sentence in reply[:3]))
    if _DEFERRAL.search(opening) and not _has_substance(question, reply):
        return False
    if _SUBJECT_CHANGE.match(opening) and not any(sentence.stems & question.stems for sentence in reply):
        return False
    if not _fits(question, reply):
        return False
    if all(sentence.is_question for sentence in reply):
        return bool(_reply(reply[-1], sentences))  # a question back: the talk about it goes on
    return not any(
        _ASKED_AGAIN.search(plain(sentence.text)) and sentence.speaker == question.speaker
        for sentence in sentences[reply[-1].position + 1 : reply[-1].position + 3]
    )


def _reply(question: Sentence, sentences: list[Sentence]) -> list[Sentence]:
    """The next turn of somebody else, when it comes soon enough."""
    reply: list[Sentence] = []
    for sentence in sentences[question.position + 1 :]:
        if sentence.speaker == question.speaker:
            if reply:
                break
            continue
        if not reply and sentence.start_ms - question.start_ms > ANSWERED_WITHIN_MS:
            break
        if reply and sentence.speaker != reply[0].speaker:
            break
        reply.append(sentence)
    return reply


def _has_substance(question: Sentence, reply: list[Sentence]) -> bool:
    """A reply that defers one thing may still answer: it speaks of the question in a sentence without deferral."""
    return any(
        sentence.stems & question.stems and not _DEFERRAL.search(plain(sentence.text)) and not sentence.is_question
        for sentence in reply
    )


def _fits(question: Sentence, reply: list[Sentence]) -> bool:
    """Who asks how much or when is answered by an amount or a time, or by words of the question."""
    text = plain(question.text)
    wanted = [_AMOUNT] if _HOW_MUCH.search(text) else [_AMOUNT, _TIME] if _HOW_SOON.search(text) else []
    said = " ".join(sentence.text for sentence in reply)
    is_same_subject = any(sentence.stems & question.stems for sentence in reply)
    return not wanted or is_same_subject or any(pattern.search(said) for pattern in wanted)


def _is_repetition(sentence: Sentence, earlier: Sentence) -> bool:
    shared = len(sentence.stems & earlier.stems)
    return shared / max(1, min(len(sentence.stems), len(earlier.stems))) >= 0.7

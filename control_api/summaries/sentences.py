"""From utterances to sentences that still know who said them and when."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from control_api.summaries.content import Line

CONTINUES_WITHIN_MS = 2000
"""An utterance without a closing mark goes on in the same speaker's next one, when it comes this soon."""

_END = re.compile(r"(?<=[.?!])[\"”')]*\s+(?=[\"“'(]?[A-Z0-9])")
_ABBREVIATION = re.compile(r"\b(?:mr|mrs|ms|dr|vs|e\.g|i\.e|approx|no)\.$", re.IGNORECASE)
_INVERSION = r"(?:is|are|was|were|do|does|did|will|would|can|could|should|has|have|happens)\s+\w+"
_QUESTION_START = re.compile(
    r"^(?:(?:and|so|but|well|okay|um|uh),?\s+)*"
    rf"(?:(?:what|when|where|who|why|how|which)\s+{_INVERSION}|(?:how|which|what)\s+\w+\s+(?:\w+\s+)?{_INVERSION}|"
    r"(?:do|does|did|is|are|was|were|can|could|will|would|should|have|has)\s+"
    r"(?:you|we|it|they|that|this|i|there|the|your)\b)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z0-9$€£%']+")
_COMMON = """
a about after again all also am an and any are as at be because been before being but by can can't come could did
do does doesn't doing don't down even for from get gets getting give go goes going gonna good got great had has have
having he her here him his how i i'd i'll i'm i've if in into is isn't it it's its just kind know let let's like
little lot make maybe me mean more most much my need no not now of off oh okay on one only or other our out over
quite rather really right said say see she should so some something sort still sure take than thank thanks that
that's the their them then there there's these they they're thing things think this those though to today too um uh
under up us very want was we we'd we'll we're we've well were what what's when where which while who why will with
would yeah yes you you'd you'll you're you've your
"""
STOP_WORDS = frozenset(_COMMON.split())


@dataclass(frozen=True, slots=True)
class Sentence:
    """What is asked of a sentence again and again is found out once."""

    position: int
    speaker: str
    start_ms: int
    text: str
    words: tuple[str, ...]
    stems: frozenset[str]
    """Content words, with plain endings taken off, to compare sentences by."""
    is_question: bool
    """Said by its mark; a recognizer that drops the mark still keeps the word order."""

    @classmethod
    def of(cls, position: int, speaker: str, start_ms: int, text: str) -> Sentence:
        words = words_of(text)
        stems = frozenset(_stem(word) for word in words if word not in STOP_WORDS and len(word) > 2)
        is_question = text.endswith("?") or (not text.endswith("!") and bool(_QUESTION_START.match(text)))
        return cls(position, speaker, start_ms, text, tuple(words), stems, is_question)


def words_of(text: str) -> list[str]:
    return _WORD.findall(text.lower().replace("’", "'"))


def sentences_of(lines: Iterable[Line]) -> list[Sentence]:
    """All sentences in order; a sentence inside an utterance gets its share of the utterance's time."""
    sentences: list[Sentence] = []
    for line in _joined(lines):
        begin = 0
        for text in _split(line.text):
            begin = line.text.index(text, begin)
            start_ms = line.start_ms + (line.end_ms - line.start_ms) * begin // max(1, len(line.text))
            sentences.append(Sentence.of(len(sentences), line.speaker, start_ms, text))
            begin += len(text)
    return sentences


def _joined(lines: Iterable[Line]) -> list[Line]:
    joined: list[Line] = []
    for line in lines:
        text = " ".join(line.text.split())
        if not text:
            continue
        last = joined[-1] if joined else None
        if last and last.speaker == line.speaker and _goes_on(last, line):
            joined[-1] = Line(last.transcript_id, last.speaker, last.start_ms, line.end_ms, f"{last.text} {text}")
        else:
            joined.append(Line(line.transcript_id, line.speaker, line.start_ms, line.end_ms, text))
    return joined


def _goes_on(last: Line, line: Line) -> bool:
    is_open = last.text[-1] not in '.?!"”' or last.text.endswith("...")
    return is_open and line.start_ms - last.end_ms <= CONTINUES_WITHIN_MS


def _split(text: str) -> list[str]:
    parts: list[str] = []
    for part in _END.split(text):
        if parts and _ABBREVIATION.search(parts[-1]):
            parts[-1] = f"{parts[-1]} {part}"
        else:
            parts.append(part)
    return [part.strip() for part in parts if part.strip()]


def _stem(word: str) -> str:
    word = word.removesuffix("'s")
    for ending in ("ations", "ation", "ings", "ing", "ies", "ed", "es", "s", "y", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word

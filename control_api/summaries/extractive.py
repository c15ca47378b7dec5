"""A summary made of what was said: no language model, no invented word.

Sentences are ranked by how much of the conversation's own vocabulary they carry (Luhn, "The Automatic Creation of
Literature Abstracts", 1958) and chosen so that each adds something new (maximal marginal relevance, Carbonell and
Goldstein, SIGIR 1998). Decisions, promises and open questions are found by how they are said.
"""

from __future__ import annotations

import math
import re
from collections import Counter

from control_api.summaries.actions import action_items, plain, without_lead
from control_api.summaries.content import NO_SPEECH, NO_TEXT, Content, Highlight, Line
from control_api.summaries.questions import open_questions
from control_api.summaries.sentences import Sentence, sentences_of

_DECISION = re.compile(
    r"\b(?:we(?:'ve|\s+have)?\s+(?:agreed|decided|settled|chosen|chose)|(?:it's|that's|it\s+is|that\s+is)\s+(?:agreed|decided|settled|a\s+deal|a\s+go)|"
    r"let's\s+(?:go|do|start|use|take|make|keep|begin|try|stick|say|move\s+(?:ahead|forward)|drop|skip|plan|run|sign|agree)\b|"
    r"we'll\s+(?:go|take|use|start|keep|do|sign|buy|move|run|begin|try|stick)|we\s+will\s+(?:go|take|use|start|keep|sign|buy|run|begin)|"
    r"we're\s+going\s+(?:with|ahead|forward)|go\s+ahead\s+with|(?:i|we)\s+(?:approve|agree|accept|commit)|agreed|deal|"
    r"the\s+(?:plan|decision)\s+is|(?:i|we)\s+can\s+commit|(?:i'm|we're)\s+(?:in|on\s+board|fine\s+with|happy\s+with|comfortable\s+with)|"
    r"that\s+works\s+for\s+(?:me|us))\b",
    re.IGNORECASE,
)
_UNDECIDED = re.compile(
    r"\b(?:if|haven't|have\s+not|hasn't|didn't|not\s+(?:agreed|decided|sure)|don't|can't|cannot|before\s+we|unless|until\s+we|should\s+we|"
    r"let's\s+(?:see|say\s+that\s+again)|a\s+great\s+deal|a\s+good\s+deal|big\s+deal|deal\s+with|dealing)\b",
    re.IGNORECASE,
)
_WEIGHTY = re.compile(
    r"\d|\b(?:problem|issue|trouble|struggl\w+|frustrat\w+|worr\w+|concern\w*|risk\w*|expensive|cost\w*|price\w*|budget|deadline|lose|losing|lost|"
    r"slow|broken|fail\w*|important|most|biggest|because|need|goal|love|exactly|impress\w+|competitor|contract|percent|thousand|hundred|million|"
    r"refund|outage|experience|responsib\w+|launch\w*|customer\w*|hours|days|weeks|months)\b",
    re.IGNORECASE,
)
MIN_WORDS, FULL_WORDS, MAX_WORDS = 5, 10, 40
TLDR_SENTENCES, HIGHLIGHTS, DECISIONS = 3, 5, 6


def summarize(lines: list[Line]) -> Content:
    """The conversation in its own sentences; without speech it says so."""
    sentences = sentences_of(lines)
    if not sentences:
        return Content(tldr=NO_TEXT if lines else NO_SPEECH)
    weights = _vocabulary(sentences)
    decisions = [sentence for sentence in sentences if _is_decision(sentence)]
    chosen = _distinct(sentences, weights, TLDR_SENTENCES, favoured={sentence.position for sentence in decisions})
    highlights = _distinct(sentences, weights, HIGHLIGHTS, favoured=set())
    return Content(
        tldr=_tldr(sentences, lines, chosen),
        key_decisions=tuple(without_lead(sentence.text) for sentence in decisions[-DECISIONS:]),
        action_items=tuple(action_items(sentences)),
        follow_up_questions=tuple(open_questions(sentences)),
        conversation_highlights=tuple(Highlight(one.text, one.speaker, one.start_ms) for one in highlights),
    )


def _tldr(sentences: list[Sentence], lines: list[Line], chosen: list[Sentence]) -> str:
    speakers = list(dict.fromkeys(sentence.speaker for sentence in sentences))
    span_ms = max(line.end_ms for line in lines) - min(line.start_ms for line in lines)
    opening = f"{_listed(speakers)} spoke for {_duration(span_ms)}."
    if not chosen:
        chosen = sentences[:1]
    return " ".join([opening, *(f"{one.speaker}: “{without_lead(one.text)}”" for one in chosen)])


def _is_decision(sentence: Sentence) -> bool:
    text = plain(sentence.text)
    if sentence.is_question or len(sentence.words) < 3 or not sentence.stems:
        return False
    return bool(_DECISION.search(text)) and not _UNDECIDED.search(text)


def _vocabulary(sentences: list[Sentence]) -> dict[str, float]:
    """How much each word stands for this conversation: said in several sentences, and not in all of them."""
    counts = Counter(stem for sentence in sentences for stem in sentence.stems)
    total = len(sentences)
    return {stem: math.log1p(count) * math.log1p(total / count) for stem, count in counts.items()}


def _score(sentence: Sentence, weights: dict[str, float]) -> float:
    length = len(sentence.words)
    if length < MIN_WORDS or not sentence.stems:
        return 0.0
    density = sum(weights[stem] for stem in sentence.stems) / math.sqrt(max(length, FULL_WORDS))
    too_long = min(1.0, MAX_WORDS / length)
    weighty = 1.0 + 0.25 * min(3, len(_WEIGHTY.findall(sentence.text)))
    return density * too_long * weighty * (0.5 if sentence.is_question else 1.0)


def _distinct(
    sentences: list[Sentence], weights: dict[str, float], count: int, *, favoured: set[int]
) -> list[Sentence]:
    """The best sentences in the order they were said, none repeating another."""
    scores = {one.position: _score(one, weights) * (1.4 if one.position in favoured else 1.0) for one in sentences}
    left = [one for one in sentences if scores[one.position] > 0]
    chosen: list[Sentence] = []
    while left and len(chosen) < count:
        best = max(left, key=lambda one: scores[one.position] * (1.0 - _overlap(one, chosen)))
        left.remove(best)
        if _overlap(best, chosen) < 0.6:
            chosen.append(best)
    return sorted(chosen, key=lambda one: one.position)


def _overlap(sentence: Sentence, chosen: list[Sentence]) -> float:
    return max((len(sentence.stems & one.stems) / len(sentence.stems | one.stems) for one in chosen), default=0.0)


def _listed(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _duration(span_ms: int) -> str:
    minutes, seconds = divmod(max(1, round(span_ms / 1000)), 60)
    if not minutes:
        return f"{seconds} s"
    return f"{minutes} min {seconds} s" if minutes < 10 and seconds else f"{minutes} min"

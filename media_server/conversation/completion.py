"""How finished a text is that was recognized at a pause: whether its speaker has said it all, or only breathes.

Rules:
- A full stop alone proves nothing: Whisper ends what it hears with one, wherever it was cut. That it left one out, or
  wrote a comma or an ellipsis, does say something: it heard that more comes.
- English that ends in a filler, a conjunction, a preposition, an article or the like is open, unless it asks
  ("Where are you from?") or only looks like it ("I think so.").
- A clause that begins with "if" or "when" is open until the clause comes that it belongs to.
- Digits that are dictated in groups are open until there are as many as the shortest telephone number has.
- A text that begins with a small letter, or that is hardly certain, may be a piece of something, and two to four words
  that are no usual answer may be the beginning of more: nobody knows.
- Of other languages only punctuation, digits and sounds of hesitation are read. Where there are no words, nobody knows.
"""

from __future__ import annotations

import re
from typing import Literal

from media_server.conversation.sentences import is_backchannel, sentences

Completion = Literal["finished", "unsure", "open"]

MIN_DICTATED_GROUPS = 2
MIN_DICTATED_DIGITS = 3
"""One number alone, or a digit and another, is an answer."""
SHORTEST_NUMBER_DIGITS = 7
MIN_CONFIDENCE = 0.72
"""A text that is less certain is no evidence that everything was said; one word alone always looks uncertain."""
FEW_WORDS = 4


def _listed(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ENDS = ".!?。！？"
_GOES_ON = re.compile(r"(?:,|:|;|\.\.\.|…|[-–—]|、|，)$")
_NOT_IN_WORDS = re.compile(r"[^\w']")
_HESITATIONS = _listed("ah äh ähm eh ehm em er erm euh hm hmm mm öh uh uhm um umm")
_OPEN_WORDS = _listed(
    """
    a about although an and as at because between but by for from his if i'll i'm i've in into its like my nor of or our
    per than that's the their they're to under unless until via we'll we're we've whereas whether which while who's
    whose with without your you're
    """
)
_OPEN_UNLESS = {
    "so": re.compile(r"\b(?:think|hope|guess|suppose|believe|said|say|told|do|or|not|afraid) so$"),
    "like": re.compile(r"\b(?:look|looks|looked|sound|sounds|feel|feels|you|we|they|i|is|was) like$"),
    "to": re.compile(
        r"\b(?:want|wants|wanted|have|had|like|love|need|going|about|able|used|try|listen|talk|talked) to$"
    ),
    "in": re.compile(r"\b(?:come|came|coming|get|got|log|logged|sign|signed|check|let|move|moved|settle|settled) in$"),
    "for": re.compile(r"\b(?:what|look|looking|looked|ask|asked|asking|pay|paid|wait|waiting) \w* ?for$"),
    "about": re.compile(r"\b(?:talk|talked|talking|think|thinking|thought|care|know) about$"),
    "with": re.compile(r"\b(?:work|working|go|start|deal|come|agree|live) with$"),
    "of": re.compile(r"\b(?:think|thought|heard|know|dream|kind|sort) of$"),
}
"""Words that often end what people say, by the words before them."""
_SUBORDINATORS = _listed("if when whenever while although though unless whereas")
_LEAD_INS = _listed("and but so for or now well then")
_REPORTS = _listed("say says said")
_DIGIT_WORDS = _listed("zero oh one two three four five six seven eight nine double triple")


def completion(text: str, language: str, confidence: float) -> Completion:
    """How finished the text is.

    Args:
        language: as Whisper names it, "en" for English.
        confidence: mean token probability, 0 … 1.
    """
    text = text.strip()
    words = _words(text)
    if not words:
        return "unsure"
    asks = text.endswith(("?", "？"))
    if words[-1] in _HESITATIONS or _GOES_ON.search(text) or is_dictating(words):
        return "open"
    if language == "en" and not asks and _is_open_english(text, words):
        return "open"
    if not text.endswith(tuple(_ENDS)):
        return "open" if language == "en" and len(words) > FEW_WORDS else "unsure"
    if text[0].islower() or (language == "en" and words[-1] in _REPORTS):
        return "unsure"
    if len(words) == 1 or (language == "en" and is_backchannel(text)):
        return "finished"
    return "finished" if len(words) > FEW_WORDS and confidence >= MIN_CONFIDENCE else "unsure"


def is_dictating(words: list[str]) -> bool:
    """Whether the text ends in the first digits of a longer number, said one by one or in groups."""
    groups: list[str] = []
    for word in reversed(words):
        if not (word.isdigit() or word in _DIGIT_WORDS):
            break
        groups.append(word)
    digits = sum(len(group) if group.isdigit() else 1 for group in groups)
    return len(groups) >= MIN_DICTATED_GROUPS and MIN_DICTATED_DIGITS <= digits < SHORTEST_NUMBER_DIGITS


def _is_open_english(text: str, words: list[str]) -> bool:
    last = words[-1]
    if last in _OPEN_WORDS or last in _OPEN_UNLESS:
        usual = _OPEN_UNLESS.get(last)
        return usual is None or not usual.search(" ".join(words))
    return _is_half_a_condition(sentences(text)[-1])


def _is_half_a_condition(sentence: str) -> bool:
    words = _words(sentence)
    first = next((word for word in words if word not in _LEAD_INS), "")
    return first in _SUBORDINATORS and "," not in sentence


def _words(text: str) -> list[str]:
    """Lower case; what hyphens join counts apart, as in telephone numbers."""
    apart = text.casefold().replace("’", "'").replace("-", " ").split()
    return [bare for word in apart if (bare := _NOT_IN_WORDS.sub("", word))]

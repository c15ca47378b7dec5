"""Who promised or was asked to do what, and by when: commitments found by how they are said."""

from __future__ import annotations

import re

from control_api.summaries.content import ActionItem
from control_api.summaries.sentences import Sentence

_VERBS = (
    r"(?:send|share|e-?mail|mail|text|write|prepare|draft|call|ring|check|find\s+out|look\s+into|look\s+up|get\s+back|get\s+you|"
    r"come\s+back|follow\s+up|set\s+up|sign|schedule|book|ask|confirm|review|update|fix|create|build|add|test|order|ship|"
    r"forward|introduce|invite|talk\s+(?:to|with)|speak\s+(?:to|with)|discuss|bring|put\s+together|put\s+you|arrange|"
    r"make\s+sure|provide|submit|deliver|finish|take\s+care|open\s+(?:a|the)|escalate|refund|replace|reset|organi[sz]e|"
    r"document|investigate|pass\s+(?:it|that|this)|clarify|reach\s+out|walk\s+you|read|approve|pay|install|upload|export|"
    r"reply|answer|reserve|ping|loop|circle\s+back|include|have\s+(?:it|that|the))"
)
_ADVERBS = (
    r"(?:(?:definitely|also|then|just|personally|gladly|certainly|probably|please|go\s+ahead\s+and|try\s+to|"
    r"be\s+able\s+to|quickly|maybe)\s+)*"
)
_PROMISE = re.compile(
    rf"\b(?:i'll|i\s+will|i'm\s+going\s+to|i\s+am\s+going\s+to|i\s+can|i\s+could|i\s+promise\s+to|i\s+have\s+to|i\s+need\s+to|"
    rf"i'd\s+be\s+happy\s+to|i'm\s+happy\s+to)\s+{_ADVERBS}{_VERBS}\b",
    re.IGNORECASE,
)
_LET_ME = re.compile(
    rf"\blet\s+me\s+{_ADVERBS}(?:send|find\s+out|get\s+back|set\s+up|put\s+together|schedule|book|follow\s+up|look\s+into|"
    r"check\s+(?:with|on|that|this|and)|confirm|talk\s+to)\b",
    re.IGNORECASE,
)
_TOGETHER = re.compile(
    rf"\b(?:we'll|we\s+will|we\s+need\s+to|we\s+have\s+to|we\s+should|we're\s+going\s+to)\s+{_ADVERBS}{_VERBS}\b|"
    r"\blet's\s+(?:schedule|book|meet|talk|speak|set\s+up|catch\s+up|plan|arrange|reconvene)\b",
    re.IGNORECASE,
)
_REQUEST = re.compile(
    rf"\b(?:can|could|would|will)\s+you\s+{_ADVERBS}{_VERBS}\b|\bplease\s+{_ADVERBS}{_VERBS}\b|"
    rf"\byou\s+(?:should|need\s+to|have\s+to|must|'ll\s+need\s+to)\s+{_ADVERBS}{_VERBS}\b|"
    rf"\b(?:i'd\s+like|i\s+want|i\s+need)\s+you\s+to\s+{_ADVERBS}{_VERBS}\b",
    re.IGNORECASE,
)
_NOT_NOW = re.compile(
    r"\b(?:if\s+(?:i|we|you)\s+(?:could|had|were)|can't|cannot|won't|don't|not\s+going\s+to|share\s+my\s+screen|"
    r"ask\s+you|call\s+it|i\s+have\s+to\s+(?:ask|check)\s+you)\b",
    re.IGNORECASE,
)
_DAY = r"(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
_PART = r"(?:\s+(?:morning|afternoon|evening|night|noon))?"
_MONTH = r"(?:january|february|march|april|may|june|july|august|september|october|november|december)"
_SPAN = r"(?:day|week|month|quarter|year|hour)s?"
_COUNT = r"(?:a|an|one|two|three|four|five|six|seven|ten|a\s+few|a\s+couple\s+of|\d+)"
_CLOCK = (
    r"(?:\s+at\s+(?:\d{1,2}(?::\d\d)?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|noon)"
    r"(?:\s*(?:a\.?m\.?|p\.?m\.?|o'clock))?)?"
)
_DUE = re.compile(
    rf"\b(?:(?:by|before|until|no\s+later\s+than|on)\s+)?(?:the\s+)?(?:end\s+of\s+(?:the\s+|this\s+|next\s+)?{_SPAN}|"
    rf"(?:this\s+coming\s+|this\s+|next\s+|coming\s+)?{_DAY}{_PART}{_CLOCK}|tomorrow{_PART}{_CLOCK}|(?:later\s+)?today{_CLOCK}|tonight|"
    rf"(?:this|next)\s+(?:morning|afternoon|evening|week|month|quarter|year)|"
    rf"{_MONTH}\s+(?:the\s+)?\d{{1,2}}(?:st|nd|rd|th)?|\d{{1,2}}(?:st|nd|rd|th)\s+of\s+{_MONTH})\b|"
    rf"\b(?:within|in)\s+(?:the\s+next\s+)?{_COUNT}\s+(?:business\s+|working\s+)?{_SPAN}\b|"
    rf"\b(?:by|before|at)\s+(?:noon|midnight|\d{{1,2}}(?::\d\d)?\s*(?:a\.?m\.?|p\.?m\.?|o'clock))",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"^(?:(?:um+|uh+|okay|ok|so|well|yeah|yes|sure|right|alright|all\s+right|(?:great|perfect|good)(?=[,.!])|and|but|then|absolutely|of\s+course|"
    r"no\s+problem|thanks|thank\s+you)[,.!]?\s+)+",
    re.IGNORECASE,
)
MERGE_WITHIN_SENTENCES = 4


def action_items(sentences: list[Sentence], *, limit: int = 8) -> list[ActionItem]:
    """Promises, requests and joint plans in order; a promise that answers a request is one item with it."""
    speakers = list(dict.fromkeys(sentence.speaker for sentence in sentences))
    found: list[tuple[Sentence, ActionItem, bool]] = []
    for sentence in sentences:
        item = _item(sentence, speakers)
        if item is None:
            continue
        is_request = bool(_REQUEST.search(plain(sentence.text))) and item.owner != sentence.speaker
        if found and _answers(found[-1], sentence, item, is_request=is_request):
            asked, request, _ = found[-1]
            found[-1] = (asked, _merged(request, item), False)
        elif not any(_same(sentence, other, item, known) for other, known, _ in found):
            found.append((sentence, item, is_request))
    return [item for _, item, _ in found][:limit]


def is_action(sentence: Sentence) -> bool:
    text = plain(sentence.text)
    return any(pattern.search(text) for pattern in (_PROMISE, _LET_ME, _TOGETHER, _REQUEST)) and not _NOT_NOW.search(
        text
    )


def due_phrase(text: str) -> str | None:
    """The words that say by when, as they were said."""
    match = _DUE.search(plain(text))
    return match.group(0) if match else None


def without_lead(text: str) -> str:
    """The sentence without its opening fillers; what is left is still what was said."""
    shorter = _LEAD.sub("", text)
    return shorter[:1].upper() + shorter[1:] if len(shorter) >= 3 else text


def plain(text: str) -> str:
    """With typewriter apostrophes, same length."""
    return text.replace("’", "'")


def _item(sentence: Sentence, speakers: list[str]) -> ActionItem | None:
    if not is_action(sentence):
        return None
    text = plain(sentence.text)
    is_own = _PROMISE.search(text) or _LET_ME.search(text)
    if sentence.is_question and is_own and not _REQUEST.search(text):
        return None  # "Can I …?", "Will I …?": nobody has promised
    if is_own:
        owner: str | None = sentence.speaker
    elif _REQUEST.search(text):
        owner = _addressed(sentence, speakers)
    else:
        owner = None
    return ActionItem(without_lead(sentence.text), owner, due_phrase(sentence.text))


def _addressed(sentence: Sentence, speakers: list[str]) -> str | None:
    """Whom "you" means: somebody named in the sentence, or the only other person."""
    others = [speaker for speaker in speakers if speaker != sentence.speaker]
    words = set(sentence.words)
    named = [speaker for speaker in others if speaker and speaker.split()[0].lower() in words]
    if len(named) == 1:
        return named[0]
    return others[0] if len(others) == 1 else None


def _answers(
    last: tuple[Sentence, ActionItem, bool], sentence: Sentence, item: ActionItem, *, is_request: bool
) -> bool:
    asked, request, was_request = last
    is_near = sentence.position - asked.position <= MERGE_WITHIN_SENTENCES
    is_promise = not is_request and item.owner == sentence.speaker and request.owner in {None, item.owner}
    if not (was_request and is_near and is_promise):
        return False
    return bool(asked.stems & sentence.stems) or len(sentence.stems) <= 2


def _merged(request: ActionItem, promise: ActionItem) -> ActionItem:
    return ActionItem(request.task, promise.owner, promise.due or request.due)


def _same(sentence: Sentence, other: Sentence, item: ActionItem, known: ActionItem) -> bool:
    """The same thing promised again."""
    if item.owner != known.owner or not sentence.stems:
        return False
    shared = len(sentence.stems & other.stems)
    return shared / max(1, min(len(sentence.stems), len(other.stems))) >= 0.7

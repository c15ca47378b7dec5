"""What is a question, what it asks for, and whether a reply answers it: rules that can be explained in a sentence each.

A question is a sentence that ends with "?", or one that begins like a question (Whisper drops question marks):
a question word before an auxiliary ("how much does", "what is"), or an auxiliary before a pronoun ("can you").

It asks for one of four things, and a reply answers it
    amount  how much, how many     with a figure, or a word about money or quantity
    time    when, how long         with a figure, a day, a month, a span
    choice  yes or no              with yes or no, with a pronoun or an auxiliary that takes the question up, or briefly
    open    what, why, how …       with three words
and every kind with a promise to find out, with a counter-question, or by naming two content words of the question.
In doubt a reply answers: guidance that is wrong costs more than guidance that is missing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from media_server.conversation.sentences import is_backchannel, sentences, words
from media_server.conversation.vocabulary import AMOUNT_WORDS, CHOICE_WORDS, STOP_WORDS, TIME_WORDS

QuestionKind = Literal["amount", "time", "choice", "open"]

MIN_WORDS = 4
BRIEF_WORDS = 4
TRAILING_WORDS = 8
"""Whoever says this much after the own question did not wait for an answer."""

_AUXILIARIES = (
    "am|is|are|was|were|do|does|did|can|could|will|would|shall|should|may|might|must|have|has|had"
    "|isn't|aren't|wasn't|weren't|don't|doesn't|didn't|can't|couldn't|won't|wouldn't|shouldn't|haven't|hasn't"
)
_SUBJECTS = (
    "i|you|he|she|it|we|they|there|this|that|these|those|the|your|our|my|his|her|their|any|anyone|anybody|someone|all"
)
_LEAD = r"(?:(?:and|but|so|then|well|okay|ok|now|also|oh|um|uh|hi|hey|yes|yeah|no|sure|right|great|good|sorry)\b[ ,]*)*"
_WH = r"(?:what|which|who|whose|where|when|why|how)(?:'s|'re|'d|'ll)?"
_MEASURE = r"(?: (?:much|many|long|often|soon|big|far|old|fast|kind|sort|type|time|price|day)(?: \w+){0,2}?)?"
_BEGINS_LIKE_ONE = re.compile(
    rf"^{_LEAD}(?:{_WH}{_MEASURE} (?:{_AUXILIARIES})\b|(?:what|who|where|how|when|why)'(?:s|re|d|ll) "
    rf"|(?:{_AUXILIARIES}) (?:{_SUBJECTS})\b)"
    rf"|\b(?:but|and|so) how (?:much|many|long|soon|often) (?:\w+ )?(?:{_AUXILIARIES})\b",
)
_ORDERS = re.compile(rf"^{_LEAD}(?:do|have) (?:it|that|this|the)\b")
_AMOUNT = re.compile(
    r"\bhow (?:much|many)\b|\b(?:what|which)\b.*\b(?:price|prices|pricing|cost|costs|fee|budget|rate)\b"
)
_TIME = re.compile(
    r"\bhow (?:long|soon|often|quickly|fast)\b|\bwhen\b|\bwhat (?:time|day|date)\b"
    r"|\bhow many (?:days|weeks|months|hours)\b"
)
_OPEN = re.compile(rf"^{_LEAD}(?:\w+ ){{0,2}}{_WH}\b")
_NOT_MEANT = re.compile(
    rf"^{_LEAD}(?:"
    r"how are you|how's it going|how is it going|how do you do|what's up|how about (?:that|you)|what about you"
    r"|(?:can|could|do) you (?:hear|see) (?:me|my|us)|are you (?:there|ready)|does (?:that|this|it) make (?:any )?sense"
    r"|is that (?:okay|ok|right|fine|clear)|(?:can|may|could) i ask|you know what|you know|guess what|who knows|why not"
    r"|any questions|(?:isn't|aren't|don't|doesn't|wouldn't|won't|didn't|wasn't|haven't|hasn't) "
    r"|who (?:doesn't|wouldn't|needs|wants)"
    r")"
)
_TAG = re.compile(r"\b(?:right|okay|ok|yeah|isn't it|aren't they|don't you think|you know)\?$")

_DEFERS = re.compile(
    r"\b(?:let you know|get back to you|come back to (?:you|that|it)|look into (?:it|that)|not (?:quite )?sure"
    r"|i(?:'ll| will| can| have to|'d have to) (?:ask|check|find out|look|confirm)"
    r"|we(?:'ll| will| can) (?:check|find out|look into|get to that)"
    r"|don't know|no idea|good question|follow up)\b"
)


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    """Verbatim."""
    kind: QuestionKind


def is_question(sentence: str) -> bool:
    if sentence.rstrip().endswith("?"):
        return True
    plain = " ".join(words(sentence))
    return bool(_BEGINS_LIKE_ONE.search(plain)) and not _ORDERS.search(plain)


def count_questions(text: str) -> int:
    return sum(is_question(sentence) for sentence in sentences(text))


def asked(text: str) -> Question | None:
    """The last question of an utterance, if it waits for an answer: neither small talk, nor tag, nor rhetorical."""
    spoken = sentences(text)
    found = [number for number, sentence in enumerate(spoken) if is_question(sentence)]
    if not found or len(words(" ".join(spoken[found[-1] + 1 :]))) >= TRAILING_WORDS:
        return None
    sentence = spoken[found[-1]]
    plain = " ".join(words(sentence))
    if len(plain.split()) < MIN_WORDS or _NOT_MEANT.search(plain) or _TAG.search(sentence.casefold()):
        return None
    return Question(sentence, _kind(plain))


def answers(question: Question, reply: str) -> bool:
    """Whether what the asked side said at once takes the question up (the table above)."""
    said = words(reply)
    if not said:
        return False
    if _DEFERS.search(" ".join(said)) or count_questions(reply) or shared_content(question, reply) >= 2:
        return True
    match question.kind:
        case "amount":
            return _has_figure(said, AMOUNT_WORDS)
        case "time":
            return _has_figure(said, TIME_WORDS)
        case "choice":
            return len(said) <= BRIEF_WORDS or not CHOICE_WORDS.isdisjoint(said) or _takes_up_auxiliary(question, said)
        case "open":
            return len(said) >= 3 and not is_backchannel(reply)


def answers_later(question: Question, text: str) -> bool:
    """Whether a later turn comes back to the question: it answers, and names something of it."""
    if shared_content(question, text) >= 2:
        return True
    if question.kind == "amount" and re.search(
        r"[$€£]\s?\d|\d\s?[$€£]|\b(?:dollars|euros|pounds|price|cost|costs)\b", text.casefold()
    ):
        return True
    return shared_content(question, text) == 1 and answers(question, text)


def shared_content(question: Question, text: str) -> int:
    """How many content words of the question the text names."""
    return len(_content(question.text) & _content(text))


def _kind(plain: str) -> QuestionKind:
    if _TIME.search(plain):
        return "time"
    if _AMOUNT.search(plain):
        return "amount"
    return "open" if _OPEN.search(plain) else "choice"


def _has_figure(said: list[str], known: frozenset[str]) -> bool:
    if len(said) <= BRIEF_WORDS and "one" in said:
        return True
    return any(word in known or any(letter.isdigit() for letter in word) for word in said)


def _takes_up_auxiliary(question: Question, said: list[str]) -> bool:
    auxiliaries = set(_AUXILIARIES.split("|"))
    return not (set(words(question.text)) & auxiliaries).isdisjoint(said)


def _content(text: str) -> set[str]:
    return {_stem(word) for word in words(text) if (len(word) > 3 or word.isdigit()) and word not in STOP_WORDS}


def _stem(word: str) -> str:
    return re.sub(r"(?:'s|ing|ed|es|s)$", "", word)

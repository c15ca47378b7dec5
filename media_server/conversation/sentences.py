"""Sentences, words, fillers and backchannels of recognized English; every sentence is an exact stretch of its text."""

from __future__ import annotations

import re

from media_server.conversation.vocabulary import BACKCHANNELS

MAX_QUOTE_CHARACTERS = 200

_SENTENCE = re.compile(r"\S.*?(?:[.!?…]+(?=\s|$)|$)", re.DOTALL)
_FILLERS = re.compile(
    r"\b(?:um+|uh+|erm*|hmm+|basically|literally|you know(?=[,.])|i mean(?=,)|sort of|kind of|(?<=, )like(?=,))\b",
    re.IGNORECASE,
)
_NOT_IN_WORDS = re.compile(r"[^\w']")


def sentences(text: str) -> list[str]:
    """The text's sentences, verbatim and without the space around them."""
    return [found.group().strip() for found in _SENTENCE.finditer(text)]


def words(text: str) -> list[str]:
    """Lower-case words; apostrophes stay, other punctuation goes."""
    bare = (_NOT_IN_WORDS.sub("", word.replace("’", "'")) for word in text.casefold().split())
    return [word for word in bare if word]


def fillers(text: str) -> list[str]:
    """Filler words and phrases, verbatim."""
    return _FILLERS.findall(text)


def is_backchannel(text: str) -> bool:
    """Whether this only says "I am listening": up to five words such as "yeah, okay"."""
    said = [word.replace("'", "") for word in words(text)]
    return 0 < len(said) <= 5 and all(word in BACKCHANNELS for word in said)


def short_quote(sentence: str) -> str:
    """The sentence's beginning, verbatim, cut between words when it is long."""
    if len(sentence) <= MAX_QUOTE_CHARACTERS:
        return sentence
    return sentence[:MAX_QUOTE_CHARACTERS].rsplit(" ", 1)[0]

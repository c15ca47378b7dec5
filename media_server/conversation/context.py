"""What somebody said just before an utterance: a recognizer that hears and knows it mistakes fewer words.

A pause in the middle of a sentence leaves both its halves without the other: "answered he" and "the same that thou
seekest" is a sentence, and the second half alone was heard as "the same that Dow C-Kist".

Rules:
- Context is audio with all of its words, from a gap between two words on; so no word is told twice and none is lost.
- It is near: less than `NEAR_S` lies between one utterance and the next.
- It is short: with the utterance it fills what a recognizer listens to at least anyway, so listening costs nothing.
- An utterance of which nothing is known yet, or nothing could be believed, ends it: what it said would be told again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from media_server.conversation.hypothesis import TimedWord

NEAR_S = 1.5
LONGEST_S = 8.0
"""With the utterance. What is heard besides costs little; each word that was said before costs as much as a new one."""
LEAD_S = 0.25
"""Before the first word: times of words are vague."""


@dataclass(slots=True)
class Told:
    """One utterance and what became of it; times in seconds, on the clock of its words."""

    start_s: float
    end_s: float
    words: Sequence[TimedWord] = ()
    """None: not known yet, or not to be relied on."""
    language: str = ""


def context(earlier: Iterable[Told], start_s: float, end_s: float, language: str | None) -> tuple[float, str] | None:
    """Where the context of an utterance begins, and its text; None: there is none.

    Args:
        earlier: utterances of the same person, the latest first.
        start_s, end_s: of the utterance's audio.
        language: that it is expected in; None: not known.
    """
    words: list[TimedWord] = []
    following_s = start_s
    for one in earlier:
        if following_s - one.end_s > NEAR_S or not one.words or language not in (None, one.language):
            return _from_gap(words, one.end_s)
        for word in reversed(one.words):
            if end_s - word.start_s + LEAD_S > LONGEST_S:
                return _from_gap(words, word.end_s)
            words.insert(0, word)
        following_s = one.start_s
    return _from_gap(words, 0.0)


def _from_gap(words: Sequence[TimedWord], before_s: float) -> tuple[float, str] | None:
    """Args: before_s, where that ends which precedes the words."""
    if not words:
        return None
    first_s = words[0].start_s
    begins_s = max(first_s - LEAD_S, (before_s + first_s) / 2)
    return min(first_s, begins_s), "".join(word.text for word in words)

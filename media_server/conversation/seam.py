"""Where speech without a pause was cut by force: which words belong to which side, when both sides heard the cut.

Rules:
- Both sides are recognized some seconds beyond the cut, so that neither hears half a word, or begins in mid-sentence.
- The earlier side has the words whose middle lies before the cut; they are told before the later side is over.
- From the cut up to the first word that both have heard the earlier one's reading goes on, unless it says nothing: it
  knows the sentence. From there on the later one's counts. So one reading counts of whatever they have heard
  differently, and no word of it is lost or said twice.
- Where they have heard nothing alike after the cut, the later side goes on behind the last word that was told; if it
  has not heard that, its words count that lie behind the cut and that word.
- A later side that has heard none of the words that were told has not listened to them, and is no witness of what
  follows them either: it is to be recognized alone.

Alike are words of the same letters at nearly the same time: times of words are vague, and people repeat themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from media_server.conversation.hypothesis import TimedWord

NEAR_S = 5.0
"""Words farther from the cut say nothing about it."""
SAME_TIME_S = 0.6
"""How far apart the middles of one word may be in two recognitions."""

Word = TypeVar("Word", bound=TimedWord)
Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Seam(Generic[Word]):
    """What the earlier side has heard near the cut; times in seconds, on the clock of both sides."""

    at_s: float
    """The cut."""
    told: tuple[Word, ...]
    """Words before it."""
    ahead: tuple[Word, ...]
    """Words after it."""


def split(words: Sequence[Word], at_s: float) -> tuple[tuple[Word, ...], Seam[Word]]:
    """The words of the earlier side, and what the later side is to be joined to."""
    count = sum(_middle_s(word) < at_s for word in words)
    told, ahead = tuple(words[:count]), tuple(words[count:])
    return told, Seam(at_s, tuple(word for word in told if word.end_s > at_s - NEAR_S), ahead)


def joined(seam: Seam[Word], words: Sequence[Word]) -> tuple[Word, ...] | None:
    """What the later side says after the cut; None: it must be recognized alone. Args: words, all that it heard."""
    earlier, told = (*seam.told, *seam.ahead), len(seam.told)
    pairs = alike(earlier, [word for word in words if word.start_s < seam.at_s + NEAR_S])
    last, anchor = max((pair for pair in pairs if pair[0] < told), default=(-1, -1))
    if seam.told and last < 0:
        return None
    meeting, rest = min((pair for pair in pairs if pair[0] >= told), default=(told, len(words)))
    own = words[anchor + 1 : rest]
    if last < told - 1 or not seam.told:
        own = _behind(seam, own)
    return (*(earlier[told:meeting] or own), *words[rest:])


def _behind(seam: Seam[Word], words: Sequence[Word]) -> list[Word]:
    from_s = max(seam.at_s, seam.told[-1].end_s) if seam.told else seam.at_s
    return [word for word in words if _middle_s(word) >= from_s]


def alike(earlier: Sequence[TimedWord], later: Sequence[TimedWord]) -> Pairs:
    """Numbers of words that are the same in both, in order: as many as can be, nearest in time."""
    nothing: tuple[float, Pairs] = (0.0, ())
    above = [nothing] * (len(later) + 1)
    for mine, word in enumerate(earlier):
        row = [nothing]
        for other, another in enumerate(later):
            best = max(above[other + 1], row[other])
            apart_s = abs(_middle_s(word) - _middle_s(another))
            if apart_s <= SAME_TIME_S and _bare(word) == _bare(another):
                score, pairs = above[other]
                best = max(best, (score + 1 + SAME_TIME_S - apart_s, (*pairs, (mine, other))))
            row.append(best)
        above = row
    return above[-1][1]


def _middle_s(word: TimedWord) -> float:
    return (word.start_s + word.end_s) / 2


def _bare(word: TimedWord) -> str:
    return "".join(letter for letter in word.text.casefold() if letter.isalnum())

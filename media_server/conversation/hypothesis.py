"""What an utterance that is still spoken seems to say: which words are settled, and what need not be decoded again.

Settled are words on which all of the last hypotheses agree.

Macháček, Dabre, Bojar: "Turning Whisper into Real-Time Transcription System" (2023), LocalAgreement-n. Differences:
- Agreement must have lasted for `SETTLED_MS` of speech, however many hypotheses that are, at least two. Of the words on
  which two in a row agreed, 0.75 s apart, the final took one in eighteen back; after 2 s two of 154.
- Words are compared without case and punctuation, because Whisper ends every cut with a full stop.
- The newest hypothesis's last word never settles, because the audio may end in the middle of it.
- None of those hypotheses may be doubtful: what a final takes back are rare words, which several hypotheses in a row
  mistake alike. Of 475 settled words 9 were taken back without this rule, none of 332 with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise, takewhile
from typing import Protocol

from media_server.conversation.types import SAMPLE_RATE_HZ, samples_to_ms

SETTLED_MS = 2_000
SETTLED_CONFIDENCE = 0.75
"""Calibrated."""


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    end_ms: int
    words: list[str]
    confidence: float


class LocalAgreement:
    """One utterance's hypotheses; what it called stable it never takes back."""

    def __init__(self) -> None:
        self._stable: list[str] = []
        self._recent: deque[_Hypothesis] = deque()
        """Back to the newest one that is old enough."""

    def update(self, text: str, end_ms: int, confidence: float) -> tuple[str, str]:
        """Its stable and its unstable words.

        Args:
            text: the whole utterance so far.
            end_ms: where its audio ends.
            confidence: 0 … 1, of what was decoded for it.
        """
        words = text.split()
        self._recent.append(_Hypothesis(end_ms, words, confidence))
        while len(self._recent) > 1 and self._recent[1].end_ms <= end_ms - SETTLED_MS:
            self._recent.popleft()
        is_sure = all(one.confidence >= SETTLED_CONFIDENCE for one in self._recent)
        if is_sure and self._recent[0].end_ms <= end_ms - SETTLED_MS:
            agreed = min(_agreement([one.words for one in self._recent]), len(words) - 1)
            self._stable += words[len(self._stable) : agreed]
        return " ".join(self._stable), " ".join(words[len(self._stable) :])


class TimedWord(Protocol):
    @property
    def text(self) -> str:
        """With its leading space."""

    @property
    def start_s(self) -> float:
        """From the first sample of what was decoded."""

    @property
    def end_s(self) -> float: ...


class Draft:
    """One utterance's text while it grows: words that are kept as they are, and words that are decoded anew.

    Rules:
    - What is kept ends at a settled word, where the pause before the next one is longest, so that no word is cut.
    - A whole hypothesis (a guess at the final) counts for agreement, and changes nothing that is kept.
    """

    def __init__(self, audio_start: int) -> None:
        self.audio_start = audio_start
        """Of what is decoded anew, in samples."""
        self._kept = ""
        self._agreement = LocalAgreement()

    def add(self, text: str, words: Sequence[TimedWord], end_sample: int, confidence: float) -> tuple[str, str]:
        """Its stable and its unstable words.

        Args:
            text: of the audio from `audio_start` on.
            words: with their times, when what is settled need not be decoded again; else empty.
            end_sample: where that audio ends.
            confidence: 0 … 1, in that text.
        """
        stable, unstable = self.add_whole(f"{self._kept} {text}".strip(), end_sample, confidence)
        self._keep(words, len(stable.split()) - len(self._kept.split()))
        return stable, unstable

    def add_whole(self, text: str, end_sample: int, confidence: float) -> tuple[str, str]:
        """The same of a hypothesis for the utterance from its beginning on."""
        return self._agreement.update(text, samples_to_ms(end_sample), confidence)

    def _keep(self, words: Sequence[TimedWord], settled: int) -> None:
        """Cut behind one of the first `settled` words of those."""
        said, longest_s, cut_s, kept = "", -1.0, 0.0, ""
        for word, following in pairwise(words):
            said += word.text
            if len(said.split()) > settled:
                break
            if following.start_s - word.end_s >= longest_s:
                longest_s = following.start_s - word.end_s
                cut_s, kept = (word.end_s + following.start_s) / 2, said.strip()
        if kept:
            self._kept = f"{self._kept} {kept}".strip()
            self.audio_start += round(cut_s * SAMPLE_RATE_HZ)


def taken_back(stable: str, final: str) -> int:
    """How many words that were shown as stable the final does not have in their place."""
    shown, said = [_bare(word) for word in stable.split()], [_bare(word) for word in final.split()]
    kept = SequenceMatcher(None, shown, said, autojunk=False).get_matching_blocks()
    return len(shown) - sum(block.size for block in kept)


def _agreement(hypotheses: list[list[str]]) -> int:
    columns = zip(*([_bare(word) for word in words] for words in hypotheses), strict=False)
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))


def _bare(word: str) -> str:
    return word.strip(".,;:!?…-–—\"'()[]").casefold()

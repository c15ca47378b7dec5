"""Which words of a growing hypothesis can be shown as settled: local agreement of two in a row.

Macháček, Dabre, Bojar: "Turning Whisper into Real-Time Transcription System" (2023), LocalAgreement-2. Two changes:
words are compared without case and punctuation, because Whisper ends every cut with a full stop; and the newest
hypothesis's last word never settles, because the audio may end in the middle of it.
"""

from __future__ import annotations

from itertools import takewhile


class LocalAgreement:
    """One utterance's hypotheses; what it called stable it never takes back."""

    def __init__(self) -> None:
        self._stable: list[str] = []
        self._newest: list[str] = []

    def update(self, text: str) -> tuple[str, str]:
        """Args: text, the whole utterance so far. Returns its stable and its unstable words."""
        words = text.split()
        agreed = min(_agreement(self._newest, words), len(words) - 1)
        self._newest = words
        self._stable += words[len(self._stable) : agreed]
        return " ".join(self._stable), " ".join(words[len(self._stable) :])


def _agreement(one: list[str], other: list[str]) -> int:
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: _bare(pair[0]) == _bare(pair[1]), pairs))


def _bare(word: str) -> str:
    return word.strip(".,;:!?…-–—\"'()[]").casefold()

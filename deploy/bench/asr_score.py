"""What one stream of text says of the clips that were played into it: the same rules for us and for every peer. Pure.

Rules:
- What is committed in the end is aligned with everything that was said (Levenshtein, on normalized words). A clip's
  final is there with the first message in which all words are committed up to the one that stands for the clip's last
  word, right or wrong, if at least half of the clip's words are right. `final_s` is its arrival minus the true end of
  speech. A recognizer that never hears the last word is measured by the word before it, or the one before that: that is
  an error, not a delay. Nor is it one that a wrong word may stand for the last word of this clip or be inserted before
  the first of the next: of two alignments with as few errors, found from either end, the earlier arrival counts.
- A clip that never gets there counts as not delivered, and is in no percentile: read both figures together.
- First text: the first message after speech began with a word of that clip, committed or not.
- Errors are those of everything that was committed in the end; what was inserted belongs to the clip where it stands.
- Texts are normalized piece by piece: of "five" and "zero" that follow each other the normalizer makes one number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from deploy.bench.clips import Clip
from deploy.bench.word_errors import ErrorCount, normalized

LAST_WORDS = 3
EARLY_S = 0.3
"""A final cannot be there before the clip's end, but for how well that is known."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a client sees at one moment."""

    at_s: float
    """Since the first sample of the stream was spoken."""
    committed: tuple[str, ...]
    """Pieces of text from the beginning of the stream on; they are only added to."""
    provisional: str = ""


@dataclass(slots=True)
class Score:
    """Of one clip."""

    final_s: float | None = None
    first_text_s: float | None = None
    errors: ErrorCount = ErrorCount(0, 0, 0, 0)  # noqa: RUF009 - frozen


def scores(clips: Sequence[Clip], starts_s: Sequence[float], messages: Sequence[Message]) -> list[Score]:
    """
    Args:
        starts_s: when each clip's first sample was spoken, on the clock of the messages.
    """
    said = [_words((clip.text,)) for clip in clips]
    heard = _words(messages[-1].committed) if messages else []
    aligned, from_end = _aligned(said, heard), _aligned_from_end(said, heard)
    firsts = _first_texts(clips, starts_s, said, messages)
    found = []
    for clip, start_s, words, other, first_text_s in zip(clips, starts_s, aligned, from_end, firsts, strict=True):
        arrivals_s = [arrival_s for one in (words, other) if (arrival_s := _arrival(one, messages)) is not None]
        late_s = [arrival_s - start_s - clip.end_s for arrival_s in arrivals_s]
        final_s = min((late for late in late_s if late >= -EARLY_S), default=None)
        found.append(Score(final_s, first_text_s, words.errors))
    return found


def _arrival(words: _Aligned, messages: Sequence[Message]) -> float | None:
    """Of the word that ends a clip; None: it was not delivered."""
    end = words.end
    if end is None or 2 * sum(words.right) < len(words.right):
        return None
    return next((message.at_s for message in messages if len(_words(message.committed)) > end), None)


def _first_texts(
    clips: Sequence[Clip], starts_s: Sequence[float], said: Sequence[list[str]], messages: Sequence[Message]
) -> list[float | None]:
    found: list[float | None] = [None] * len(clips)
    for message in messages:
        begun = sum(start_s <= message.at_s for start_s in starts_s)
        if all(first is not None for first in found[:begun]):
            continue
        for number, words in enumerate(_aligned(said[:begun], _words((*message.committed, message.provisional)))):
            after_s = message.at_s - starts_s[number] - clips[number].start_s
            if found[number] is None and after_s >= 0 and any(words.right):
                found[number] = after_s
    return found


@dataclass(slots=True)
class _Aligned:
    """What became of one clip's words."""

    right: list[bool]
    heard_at: list[int | None]
    """Which heard word stands for each, right or wrong."""
    inserted: int = 0

    @property
    def end(self) -> int | None:
        """The heard word that stands for the last one, or for one of the last."""
        return next((at for at in self.heard_at[: -LAST_WORDS - 1 : -1] if at is not None), None)

    @property
    def errors(self) -> ErrorCount:
        right, reached = sum(self.right), sum(at is not None for at in self.heard_at)
        return ErrorCount(reached - right, len(self.right) - reached, self.inserted, len(self.right))


def _aligned(said: Sequence[list[str]], heard: list[str]) -> list[_Aligned]:
    import jiwer

    clips = [_Aligned([False] * len(words), [None] * len(words)) for words in said]
    owner = [(clip, at) for clip, words in zip(clips, said, strict=True) for at in range(len(words))]
    if not owner or not heard:
        return clips
    reference = " ".join(word for words in said for word in words)
    for chunk in jiwer.process_words(reference, " ".join(heard)).alignments[0]:
        if chunk.type == "insert":
            owner[min(chunk.ref_start_idx, len(owner) - 1)][0].inserted += chunk.hyp_end_idx - chunk.hyp_start_idx
        elif chunk.type != "delete":
            for number, (clip, at) in enumerate(owner[chunk.ref_start_idx : chunk.ref_end_idx]):
                clip.heard_at[at], clip.right[at] = chunk.hyp_start_idx + number, chunk.type == "equal"
    return clips


def _aligned_from_end(said: Sequence[list[str]], heard: list[str]) -> list[_Aligned]:
    found = _aligned([words[::-1] for words in reversed(said)], heard[::-1])[::-1]
    for one in found:
        one.right.reverse()
        one.heard_at = [None if at is None else len(heard) - 1 - at for at in reversed(one.heard_at)]
    return found


def _words(pieces: Sequence[str]) -> list[str]:
    return [word for piece in pieces for word in _piece(piece)]


@lru_cache(maxsize=10_000)
def _piece(text: str) -> tuple[str, ...]:
    return tuple(normalized(text).split())

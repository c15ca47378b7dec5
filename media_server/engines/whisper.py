"""Whisper as our recognizer: short encoder windows, guards on what it says, and a full window when they trip.

Rules:
- The encoder is paid for its whole window whatever was said, so audio is padded to 10 s, or to its length + 2 s when
  that is longer, instead of 30 s. The padding is what the log-mel front end makes of silence: zeros, which other front
  ends pad with, mean a loud constant to the model and cost up to a tenth of the words.
- A final that says a thing twice is decoded once more in 20 s: a loop needs no more room to end. One that is doubted
  otherwise, or still, is decoded once more in the 30 s window that the model was trained on; what is doubted even then
  is dropped, with its reason. No word is better than an invented one.
- A final with a context is decoded with it, and goes on with its text. When that leads to nothing, to what is doubted
  or to what was said before, it is decoded once more without.
- A partial has 1 s of padding and no more, and is decoded greedily in one pass. In so short a window every fourth one
  goes on with what it has said already: it ends there. One that is doubted still is empty.
- Excerpts whose windows are alike are encoded and decoded together. Windows of finals grow in steps, so that they often
  are, and whom a final shares its batch with does not change its window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from media_server.conversation.confidence import calibrated
from media_server.conversation.hallucination import Doubt, doubt, resembles, uncertainty
from media_server.conversation.types import SAMPLE_RATE_HZ, samples_to_ms
from media_server.engines.log_mel import FRAMES_PER_S, Spectrogram
from media_server.engines.protocols import Excerpt, Recognition, RecognizedWord
from media_server.engines.whisper_model import FULL_WINDOW_FRAMES, Decoding, WhisperModelCt2, Window

SHORT_WINDOW_FRAMES = 10 * FRAMES_PER_S
ROOMY_WINDOW_FRAMES = 20 * FRAMES_PER_S
"""For what looks like a loop."""
TAIL_FRAMES = 2 * FRAMES_PER_S
FINAL_STEP_FRAMES = FRAMES_PER_S
PARTIAL_TAIL_FRAMES = 1 * FRAMES_PER_S
ALIKE_RATIO = 1.5
"""Between the windows of partials that are decoded together."""
FINAL_BEAM = 5
PARTIAL_BEAM = 1
FINAL_TOKENS = (6.0, 12)
"""A second, and besides: more than anybody speaks for long. A loop is cut here, and a text that was cut is doubted."""
PARTIAL_TOKENS = (4.5, 6)
LOOPS: frozenset[Doubt | None] = frozenset({"length", "repetition", "compression"})
"""Doubts that a loop gives rise to."""
LEAST_LOOP_WORDS = 3
"""In a row, that come back with all that followed on them."""
CERTAIN_LOOP_WORDS = 5
"""In a row, that come back, whatever follows."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """One excerpt on its way through the model."""

    excerpt: Excerpt
    speech: Spectrogram
    """The context's, too."""
    told_frames: int = 0
    """Of its context."""

    @property
    def speech_ms(self) -> int:
        return samples_to_ms(len(self.excerpt.samples))

    @property
    def told(self) -> str:
        return "" if self.excerpt.context is None else self.excerpt.context.text

    def final_window(self, least_frames: int = SHORT_WINDOW_FRAMES) -> Window:
        return self._window(max(least_frames, final_frames(self.speech.shape[1])), *FINAL_TOKENS)

    def partial_window(self) -> Window:
        frames = min(FULL_WINDOW_FRAMES, self.speech.shape[1] + PARTIAL_TAIL_FRAMES)
        return self._window(frames, *PARTIAL_TOKENS)

    def _window(self, frames: int, tokens_per_s: float, spare_tokens: int) -> Window:
        most_tokens = round(self.speech.shape[1] / FRAMES_PER_S * tokens_per_s) + spare_tokens
        return Window(self.speech, frames, most_tokens, self.excerpt.language, self.told, self.told_frames)

    def doubt(self, decoding: Decoding) -> Doubt | None:
        if not decoding.text:
            return None
        found = uncertainty(
            tokens=len(decoding.tokens),
            log_probability=decoding.log_probability,
            no_speech=decoding.no_speech,
            is_cut=decoding.is_cut,
        )
        return found or doubt(
            decoding.text, confidence=decoding.probability, speech_ms=self.speech_ms, language=decoding.language
        )

    def is_doubted(self, decoding: Decoding) -> bool:
        return self.doubt(decoding) is not None

    def loops(self, decoding: Decoding) -> bool:
        """Whether it may say something again that was said once."""
        return self.doubt(decoding) in LOOPS or said_before(decoding.text) is not None

    def is_misled(self, decoding: Decoding) -> bool:
        """Whether its context may be to blame: models say into noise what was said before. For loops it is not."""
        if not self.told or self.loops(decoding):
            return False
        return not decoding.text or self.is_doubted(decoding) or resembles(decoding.text, self.told)


class WhisperRecognizer:
    """One model, shared by the threads that call it."""

    def __init__(self, folder: Path, name: str, *, device: str, compute_type: str, workers: int) -> None:
        self._model = WhisperModelCt2(folder, device=device, compute_type=compute_type, workers=workers)
        self._provider = f"whisper:{name}"

    def recognize(self, excerpts: Sequence[Excerpt]) -> list[Recognition]:
        heard = [self._heard(excerpt) for excerpt in excerpts]
        if all(excerpt.is_final for excerpt in excerpts):
            return self._finals(heard)
        return self._partials(heard)

    def _heard(self, excerpt: Excerpt) -> _Heard:
        if excerpt.context is None:
            return _Heard(excerpt, self._model.features(excerpt.samples))
        before = excerpt.context.samples
        speech = self._model.features(np.concatenate([before, excerpt.samples]))
        return _Heard(excerpt, speech, len(before) * FRAMES_PER_S // SAMPLE_RATE_HZ)

    def _finals(self, heard: list[_Heard]) -> list[Recognition]:
        decodings = self._decode([one.final_window() for one in heard], is_final=True)
        self._redo(heard, decodings, _Heard.is_misled, SHORT_WINDOW_FRAMES)
        self._redo(heard, decodings, _Heard.loops, ROOMY_WINDOW_FRAMES)
        self._redo(heard, decodings, _Heard.is_doubted, FULL_WINDOW_FRAMES)
        return [self._recognition(one, decoding) for one, decoding in zip(heard, decodings, strict=True)]

    def _redo(
        self, heard: list[_Heard], decodings: list[Decoding], is_due: Callable[[_Heard, Decoding], bool], frames: int
    ) -> None:
        """Decode those for which it is due once more, without context, in windows of so many frames at least."""
        again = [number for number, one in enumerate(heard) if is_due(one, decodings[number])]
        for number in again:
            heard[number] = self._heard(replace(heard[number].excerpt, context=None))
        redone = self._decode([heard[number].final_window(frames) for number in again], is_final=True)
        for number, decoding in zip(again, redone, strict=True):
            decodings[number] = decoding

    def _partials(self, heard: list[_Heard]) -> list[Recognition]:
        is_timed = any(one.excerpt.is_timed for one in heard)
        decodings = self._decode([one.partial_window() for one in heard], is_final=False, is_timed=is_timed)
        return [self._recognition(one, without_loop(decoding)) for one, decoding in zip(heard, decodings, strict=True)]

    def _decode(self, windows: list[Window], *, is_final: bool, is_timed: bool = True) -> list[Decoding]:
        """In their order."""
        decodings: dict[int, Decoding] = {}
        for batch in alike([window.frames for window in windows], 1.0 if is_final else ALIKE_RATIO):
            found = self._model.decode(
                [windows[number] for number in batch],
                beam=FINAL_BEAM if is_final else PARTIAL_BEAM,
                detect=is_final,
                word_times=is_timed,
            )
            decodings.update(zip(batch, found, strict=True))
        return [decodings[number] for number in range(len(windows))]

    def _recognition(self, one: _Heard, decoding: Decoding) -> Recognition:
        dropped = one.doubt(decoding)
        return Recognition(
            text="" if dropped else decoding.text,
            words=() if dropped else decoding.words,
            confidence=0.0 if dropped or not decoding.text else calibrated(decoding.probability),
            language=decoding.language,
            provider=self._provider,
            heard_language=decoding.heard_language,
            dropped=dropped,
            dropped_text=decoding.text if dropped else "",
        )


def final_frames(speech_frames: int) -> int:
    """Of the window that a final of so much speech is decoded in."""
    wanted = max(SHORT_WINDOW_FRAMES, speech_frames + TAIL_FRAMES)
    return min(FULL_WINDOW_FRAMES, -(-wanted // FINAL_STEP_FRAMES) * FINAL_STEP_FRAMES)


def alike(frames: Sequence[int], ratio: float) -> Iterator[list[int]]:
    """Which windows are decoded together: their numbers, none longer than `ratio` times the shortest beside it."""
    batch: list[int] = []
    for number in sorted(range(len(frames)), key=lambda number: frames[number]):
        if batch and frames[number] > ratio * frames[batch[0]]:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


def said_before(text: str) -> int | None:
    """How many words precede those that come back: a loop in a short window begins so, and people sometimes talk so.

    Back come three words in a row and all that followed on them, up to their return or to the end of the text; five are
    enough in any case. Three words alone ("him not, and") are nothing. Or the text is one phrase over and over, however
    short: models are apt to say a lone word twice.
    """
    words = [word.strip('.,;:!?"').casefold() for word in text.split()]
    for length in range(1, len(words) // 2 + 1):
        if words[length:] == words[:-length]:
            return length
    seen: dict[tuple[str, ...], int] = {}
    for number in range(len(words) - LEAST_LOOP_WORDS + 1):
        first = seen.setdefault(tuple(words[number : number + LEAST_LOOP_WORDS]), number)
        told = min(number - first, len(words) - number, CERTAIN_LOOP_WORDS)
        if told and words[first : first + told] == words[number : number + told]:
            return number
    return None


def without_loop(decoding: Decoding) -> Decoding:
    """What was said before it came back."""
    count = said_before(decoding.text)
    if count is None:
        return decoding
    text = " ".join(decoding.text.split()[:count])
    return replace(decoding, text=text, words=leading(decoding.words, count), is_cut=False)


def leading(words: Sequence[RecognizedWord], count: int) -> tuple[RecognizedWord, ...]:
    """Those that make up the first so many words of the text."""
    said, kept = "", []
    for word in words:
        said += word.text
        if len(said.split()) > count:
            break
        kept.append(word)
    return tuple(kept)

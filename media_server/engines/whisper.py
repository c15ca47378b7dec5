"""Whisper as our recognizer: short encoder windows, guards on what it says, and a full window when they trip.

Rules:
- The encoder is paid for its whole window whatever was said, so audio is padded to 10 s, or to its length + 2 s when
  that is longer, instead of 30 s. The padding is what the log-mel front end makes of silence: zeros, which other front
  ends pad with, mean a loud constant to the model and cost up to a tenth of the words.
- A final whose text is doubted is decoded once more in the 30 s window that the model was trained on; what is doubted
  still is dropped, with its reason. No word is better than an invented one.
- A partial has 1 s of padding and no more, and is decoded greedily in one pass. In so short a window every fourth one
  goes on with what it has said already: it ends there. One that is doubted still is empty.
- Excerpts whose windows are alike are encoded and decoded together. Windows of finals grow in steps, so that they often
  are, and whom a final shares its batch with does not change its window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from media_server.conversation.confidence import calibrated
from media_server.conversation.hallucination import Doubt, doubt, uncertainty
from media_server.conversation.types import samples_to_ms
from media_server.engines.log_mel import FRAMES_PER_S, Spectrogram
from media_server.engines.protocols import Excerpt, Recognition, RecognizedWord
from media_server.engines.whisper_model import FULL_WINDOW_FRAMES, MAX_TOKENS, Decoding, WhisperModelCt2, Window

SHORT_WINDOW_FRAMES = 10 * FRAMES_PER_S
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


@dataclass(frozen=True, slots=True)
class _Heard:
    """One excerpt on its way through the model."""

    excerpt: Excerpt
    speech: Spectrogram

    @property
    def speech_ms(self) -> int:
        return samples_to_ms(len(self.excerpt.samples))

    def final_window(self) -> Window:
        return self._window(final_frames(self.speech.shape[1]), *FINAL_TOKENS)

    def partial_window(self) -> Window:
        frames = min(FULL_WINDOW_FRAMES, self.speech.shape[1] + PARTIAL_TAIL_FRAMES)
        return self._window(frames, *PARTIAL_TOKENS)

    def full_window(self) -> Window:
        return Window(self.speech, FULL_WINDOW_FRAMES, MAX_TOKENS, self.excerpt.language)

    def _window(self, frames: int, tokens_per_s: float, spare_tokens: int) -> Window:
        most_tokens = round(self.speech.shape[1] / FRAMES_PER_S * tokens_per_s) + spare_tokens
        return Window(self.speech, frames, most_tokens, self.excerpt.language)

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


class WhisperRecognizer:
    """One model, shared by the threads that call it."""

    def __init__(self, folder: Path, name: str, *, device: str, compute_type: str, workers: int) -> None:
        self._model = WhisperModelCt2(folder, device=device, compute_type=compute_type, workers=workers)
        self._provider = f"whisper:{name}"

    def recognize(self, excerpts: Sequence[Excerpt]) -> list[Recognition]:
        heard = [_Heard(excerpt, self._model.features(excerpt.samples)) for excerpt in excerpts]
        if all(excerpt.is_final for excerpt in excerpts):
            return self._finals(heard)
        return self._partials(heard)

    def _finals(self, heard: list[_Heard]) -> list[Recognition]:
        decodings = self._decode([one.final_window() for one in heard], is_final=True)
        again = [
            number
            for number, (one, decoding) in enumerate(zip(heard, decodings, strict=True))
            if one.doubt(decoding) is not None or says_twice(decoding.text)
        ]
        redone = self._decode([heard[number].full_window() for number in again], is_final=True)
        for number, decoding in zip(again, redone, strict=True):
            decodings[number] = decoding
        return [self._recognition(one, decoding) for one, decoding in zip(heard, decodings, strict=True)]

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


def says_twice(text: str) -> bool:
    """Whether three words in a row come back: how a loop in a short window begins, and sometimes what people say."""
    return said_before(text) is not None


def said_before(text: str) -> int | None:
    """The number of words before the first three in a row that come back."""
    words = [word.strip('.,;:!?"').casefold() for word in text.split()]
    seen: set[tuple[str, ...]] = set()
    for number, three in enumerate(zip(words, words[1:], words[2:], strict=False)):
        if three in seen:
            return number
        seen.add(three)
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

"""One CTranslate2 Whisper model: windows of log-mel in, token sequences and word times out, several at a time.

Rules:
- What is decoded in one call is padded to its longest window, with what the log-mel front end makes of silence.
- CTranslate2 ends a sequence at half of `max_length`; a sequence that was ended so says it (`is_cut`).
- What was told before is forced on the decoder a token at a time, as slowly as if it was found; its sequences begin
  with it, and their scores count it as certain.
- Called from worker threads; CTranslate2 runs as many calls at a time as it has workers, each on one core.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens, merge_punctuations

from media_server.engines.log_mel import FRAMES_PER_S, Spectrogram, log_mel, silence_level
from media_server.engines.protocols import RecognizedWord, Samples

FULL_WINDOW_FRAMES = 30 * FRAMES_PER_S
MAX_TOKENS = 224
"""Half of Whisper's text context, as in its own decoder (openai/whisper, decoding.py)."""
LEAST_ALIGNED_FRAMES = 10
"""In less there is no room for a word."""
PREPENDED = "\"'“¿([{-"
APPENDED = "\"'.。,，!！?？:：”)]}、"
SENTENCE_MARKS = " .。,，!！?？:：;；…、"
"""Where what was told goes on, these belong to it."""


@dataclass(frozen=True, slots=True)
class Window:
    """What is decoded: speech, and silence up to the length of the window."""

    speech: Spectrogram
    frames: int
    most_tokens: int
    language: str | None
    """None: the model finds out."""
    told: str = ""
    """What is said in the beginning of it: not to be said again, but went on with."""
    told_frames: int = 0
    """How long that takes."""

    @property
    def speech_frames(self) -> int:
        return int(self.speech.shape[1])


@dataclass(frozen=True, slots=True)
class Decoding:
    text: str
    tokens: list[int]
    log_probability: float
    """Mean of the tokens, the end token included."""
    no_speech: float
    is_cut: bool
    """Ended by the cap on its length, not by the model."""
    language: str
    heard_language: tuple[str, float] | None
    """What the model takes the language for, and how surely; None when it was not asked."""
    words: tuple[RecognizedWord, ...]
    """Empty unless asked for."""

    @property
    def probability(self) -> float:
        """Of a token, in the mean."""
        return min(1.0, math.exp(self.log_probability))


class WhisperModelCt2:
    """The weights, and what they are asked."""

    def __init__(self, folder: Path, *, device: str, compute_type: str, workers: int) -> None:
        self._whisper = WhisperModel(
            str(folder), device=device, compute_type=compute_type, cpu_threads=1, num_workers=workers
        )
        self._tokenizers: dict[str, Tokenizer] = {}
        self._suppressed = list(get_suppressed_tokens(self._tokenizer("en"), [-1]))

    @property
    def is_multilingual(self) -> bool:
        return bool(self._whisper.model.is_multilingual)

    def features(self, audio: Samples) -> Spectrogram:
        """Of up to 30 s of speech."""
        sound = np.nan_to_num(audio, nan=0.0, posinf=1.0, neginf=-1.0)
        frames = min(FULL_WINDOW_FRAMES, math.ceil(len(sound) * FRAMES_PER_S / 16_000))
        return log_mel(sound[: 30 * 16_000], self._whisper.feature_extractor.mel_filters, frames)

    def decode(self, windows: Sequence[Window], *, beam: int, detect: bool, word_times: bool) -> list[Decoding]:
        """Args: detect, whether the language is found out of what has one; word_times, whether words get times."""
        if not windows:
            return []
        encoded = self._encode(windows)
        heard = self._heard_languages(encoded, windows, detect)
        languages = [self._language(window, one) for window, one in zip(windows, heard, strict=True)]
        told = [self._told(language, window.told) for language, window in zip(languages, windows, strict=True)]
        prompts = [[*self._prompt(language), *tokens] for language, tokens in zip(languages, told, strict=True)]
        most_tokens = min(MAX_TOKENS, max(window.most_tokens for window in windows))
        results = self._whisper.model.generate(
            encoded,
            prompts,
            beam_size=beam,
            max_length=2 * most_tokens,
            suppress_tokens=self._suppressed,
            return_scores=True,
            return_no_speech_prob=True,
        )
        sequences = [result.sequences_ids[0] for result in results]
        texts = [self._bare_tokens(tokens[len(known) :]) for tokens, known in zip(sequences, told, strict=True)]
        words = self._words(encoded, windows, languages, texts, told) if word_times else [()] * len(windows)
        return [
            Decoding(
                text=self._text(tokens, language, goes_on=bool(known)),
                tokens=tokens,
                log_probability=result.scores[0] * len(sequence) / (len(sequence) - len(known) + 1),
                no_speech=result.no_speech_prob,
                is_cut=len(sequence) >= most_tokens,
                language=language,
                heard_language=one,
                words=word,
            )
            for result, sequence, tokens, known, language, one, word in zip(
                results, sequences, texts, told, languages, heard, words, strict=True
            )
        ]

    def _encode(self, windows: Sequence[Window]) -> ctranslate2.StorageView:
        frames = max(window.frames for window in windows)
        padded = [
            np.pad(
                window.speech,
                ((0, 0), (0, frames - window.speech_frames)),
                constant_values=silence_level(window.speech),
            )
            for window in windows
        ]
        return self._whisper.model.encode(ctranslate2.StorageView.from_array(np.stack(padded)))

    def _heard_languages(
        self, encoded: ctranslate2.StorageView, windows: Sequence[Window], detect: bool
    ) -> list[tuple[str, float] | None]:
        if not self.is_multilingual or not (
            detect or any(window.language not in self._whisper.supported_languages for window in windows)
        ):
            return [None] * len(windows)
        likeliest = [languages[0] for languages in self._whisper.model.detect_language(encoded)]
        return [(token.strip("<|>"), probability) for token, probability in likeliest]

    def _language(self, window: Window, heard: tuple[str, float] | None) -> str:
        if not self.is_multilingual:
            return "en"
        if window.language in self._whisper.supported_languages:
            return str(window.language)
        return heard[0] if heard is not None else "en"

    def _prompt(self, language: str) -> list[int]:
        tokenizer = self._tokenizer(language)
        return [*tokenizer.sot_sequence, tokenizer.no_timestamps]

    def _bare_tokens(self, tokens: list[int]) -> list[int]:
        end = self._tokenizer("en").eot
        return [token for token in tokens if token < end]

    def _told(self, language: str, text: str) -> list[int]:
        return self._bare_tokens(self._tokenizer(language).encode(text)) if text else []

    def _text(self, tokens: list[int], language: str, *, goes_on: bool) -> str:
        text: str = self._tokenizer(language).decode(tokens).strip()
        return text.lstrip(SENTENCE_MARKS) if goes_on else text

    def _words(
        self,
        encoded: ctranslate2.StorageView,
        windows: Sequence[Window],
        languages: Sequence[str],
        texts: Sequence[list[int]],
        told: Sequence[list[int]],
    ) -> list[tuple[RecognizedWord, ...]]:
        """Word times from the cross-attention, inside the audio and in order; without what was told before."""
        words: list[tuple[RecognizedWord, ...]] = [()] * len(windows)
        for language in set(languages):
            rows = [
                row
                for row, tokens in enumerate(texts)
                if tokens and windows[row].speech_frames >= LEAST_ALIGNED_FRAMES and languages[row] == language
            ]
            if not rows:
                continue
            speech = encoded if len(rows) == len(windows) else _rows(encoded, rows)
            aligned = self._whisper.find_alignment(
                self._tokenizer(language),
                [told[row] + texts[row] for row in rows],
                speech,
                [windows[row].speech_frames for row in rows],
            )
            for row, one in zip(rows, aligned, strict=True):
                words[row] = _in_order(one, windows[row])
        return words

    def _tokenizer(self, language: str) -> Tokenizer:
        if language not in self._tokenizers:
            self._tokenizers[language] = Tokenizer(
                self._whisper.hf_tokenizer, self.is_multilingual, task="transcribe", language=language
            )
        return self._tokenizers[language]


def _rows(encoded: ctranslate2.StorageView, rows: list[int]) -> ctranslate2.StorageView:
    """Those rows only; the alignment wants one text for each."""
    on_cpu = np.array(encoded.to_device(ctranslate2.Device.cpu))
    return ctranslate2.StorageView.from_array(on_cpu[rows])


def _in_order(aligned: list[dict[str, Any]], window: Window) -> tuple[RecognizedWord, ...]:
    merge_punctuations(aligned, PREPENDED, APPENDED)
    words: list[RecognizedWord] = []
    told_s, audio_s = window.told_frames / FRAMES_PER_S, window.speech_frames / FRAMES_PER_S
    start_s, told = told_s, 0
    for word in aligned:
        if told < len(window.told):
            told += len(word["word"])
            continue
        if not word["word"].strip():
            continue
        start_s = min(max(start_s, float(word["start"])), audio_s)
        end_s = min(max(start_s, float(word["end"])), audio_s)
        words.append(RecognizedWord(word["word"], start_s - told_s, end_s - told_s, float(word["probability"])))
        start_s = end_s
    return tuple(words)

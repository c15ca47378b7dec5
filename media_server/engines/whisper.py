"""Whisper through CTranslate2: a short encoder window, guards on what it says, and a full window when they trip.

Rules:
- The encoder is paid for its whole window whatever was said, so audio is padded to 10 s, or to its length + 2 s when
  that is longer, instead of 30 s. The padding is what the log-mel front end makes of silence: zeros, which other front
  ends pad with, mean a loud constant to the model and cost up to a tenth of the words.
- A final whose text is doubted is decoded once more in the 30 s window that the model was trained on; what is doubted
  still is dropped. No word is better than an invented one.
- A partial is decoded greedily in one pass; a doubted one is empty.
- Called from worker threads; CTranslate2 runs as many calls at a time as it has workers, each on one core.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens, merge_punctuations

from media_server.conversation.hallucination import doubt
from media_server.conversation.types import SAMPLE_RATE_HZ, samples_to_ms
from media_server.engines.log_mel import Spectrogram, log_mel, silence_level
from media_server.engines.protocols import Recognition, RecognizedWord, Samples

FRAMES_PER_S = 100
FULL_WINDOW_FRAMES = 30 * FRAMES_PER_S
SHORT_WINDOW_FRAMES = 10 * FRAMES_PER_S
TAIL_FRAMES = 2 * FRAMES_PER_S
FINAL_BEAM = 5
PARTIAL_BEAM = 1
TOKENS_PER_S = 8
"""More tokens than anybody speaks; a loop is cut here."""
SPARE_TOKENS = 10
MIN_LOG_PROBABILITY = -1.0
"""Whisper's own threshold (openai/whisper, transcribe.py)."""
FEW_TOKENS = 2
FEW_TOKENS_MIN_LOG_PROBABILITY = -1.5
"""The mean of "five." is half its full stop: one word alone looks less likely than it is."""
MAX_NO_SPEECH = 0.6
"""Likewise."""
PREPENDED = "\"'“¿([{-"
APPENDED = "\"'.。,，!！?？:：”)]}、"


@dataclass(frozen=True, slots=True)
class _Decoding:
    text: str
    tokens: list[int]
    log_probability: float
    """Mean of the tokens, the end token included."""
    no_speech: float
    is_cut: bool
    """Ended by the cap on its length, not by the model."""
    frames: int
    """Of speech, without padding."""
    language: str
    encoded: ctranslate2.StorageView

    @property
    def confidence(self) -> float:
        return min(1.0, math.exp(self.log_probability))


class WhisperRecognizer:
    """One CTranslate2 model, shared by all worker threads."""

    def __init__(self, folder: Path, name: str, *, device: str, workers: int) -> None:
        compute_type = "int8" if device == "cpu" else "int8_float16"
        self._whisper = WhisperModel(
            str(folder), device=device, compute_type=compute_type, cpu_threads=1, num_workers=workers
        )
        self._provider = f"whisper:{name}"
        self._tokenizers: dict[str, Tokenizer] = {}
        self._suppressed = list(get_suppressed_tokens(self._tokenizer("en"), [-1]))

    def recognize(self, audio: Samples, *, is_final: bool) -> Recognition:
        speech = self._features(audio)
        if not is_final:
            return self._partial(speech, samples_to_ms(len(audio)))
        decoding = self._decode(speech, _window_frames(speech.shape[1]), FINAL_BEAM)
        if _is_doubted(decoding, samples_to_ms(len(audio))) or says_twice(decoding.text):
            decoding = self._decode(speech, FULL_WINDOW_FRAMES, FINAL_BEAM)
            if _is_doubted(decoding, samples_to_ms(len(audio))):
                return self._nothing(decoding.language)
        words = self._words(decoding, len(audio) / SAMPLE_RATE_HZ)
        return Recognition(decoding.text, words, decoding.confidence, decoding.language, self._provider)

    def _partial(self, speech: Spectrogram, speech_ms: int) -> Recognition:
        decoding = self._decode(speech, _window_frames(speech.shape[1]), PARTIAL_BEAM)
        if _is_doubted(decoding, speech_ms):
            return self._nothing(decoding.language)
        return Recognition(decoding.text, (), decoding.confidence, decoding.language, self._provider)

    def _nothing(self, language: str) -> Recognition:
        return Recognition("", (), 0.0, language, self._provider)

    def _features(self, audio: Samples) -> Spectrogram:
        """Of up to 30 s of speech."""
        sound = np.nan_to_num(audio, nan=0.0, posinf=1.0, neginf=-1.0)
        frames = min(FULL_WINDOW_FRAMES, math.ceil(len(sound) * FRAMES_PER_S / SAMPLE_RATE_HZ))
        return log_mel(sound[: 30 * SAMPLE_RATE_HZ], self._whisper.feature_extractor.mel_filters, frames)

    def _decode(self, speech: Spectrogram, window_frames: int, beam: int) -> _Decoding:
        frames = speech.shape[1]
        window = np.pad(speech, ((0, 0), (0, window_frames - frames)), constant_values=silence_level(speech))
        encoded = self._whisper.model.encode(ctranslate2.StorageView.from_array(window[np.newaxis]))
        language = self._language(encoded)
        tokenizer = self._tokenizer(language)
        prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        most_tokens = frames * TOKENS_PER_S // FRAMES_PER_S + SPARE_TOKENS
        result = self._whisper.model.generate(
            encoded,
            [prompt],
            beam_size=beam,
            max_length=min(self._whisper.max_length, len(prompt) + most_tokens),
            suppress_tokens=self._suppressed,
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        tokens = list(result.sequences_ids[0])
        return _Decoding(
            text=tokenizer.decode(tokens).strip(),
            tokens=[token for token in tokens if token < tokenizer.eot],
            log_probability=result.scores[0] * len(tokens) / (len(tokens) + 1),
            no_speech=result.no_speech_prob,
            is_cut=len(tokens) >= most_tokens - 1,
            frames=frames,
            language=language,
            encoded=encoded,
        )

    def _words(self, decoding: _Decoding, audio_s: float) -> tuple[RecognizedWord, ...]:
        """Word times from the cross-attention, inside the audio and in order."""
        if not decoding.text:
            return ()
        tokenizer = self._tokenizer(decoding.language)
        aligned = self._whisper.find_alignment(tokenizer, [decoding.tokens], decoding.encoded, decoding.frames)[0]
        merge_punctuations(aligned, PREPENDED, APPENDED)
        words: list[RecognizedWord] = []
        start_s = 0.0
        for word in aligned:
            if not word["word"].strip():
                continue
            start_s = min(max(start_s, float(word["start"])), audio_s)
            end_s = min(max(start_s, float(word["end"])), audio_s)
            words.append(RecognizedWord(word["word"], start_s, end_s, float(word["probability"])))
            start_s = end_s
        return tuple(words)

    def _language(self, encoded: ctranslate2.StorageView) -> str:
        if not self._whisper.model.is_multilingual:
            return "en"
        token: str = self._whisper.model.detect_language(encoded)[0][0][0]
        return token.strip("<|>")

    def _tokenizer(self, language: str) -> Tokenizer:
        if language not in self._tokenizers:
            self._tokenizers[language] = Tokenizer(
                self._whisper.hf_tokenizer, self._whisper.model.is_multilingual, task="transcribe", language=language
            )
        return self._tokenizers[language]


def _window_frames(frames: int) -> int:
    return min(FULL_WINDOW_FRAMES, max(SHORT_WINDOW_FRAMES, frames + TAIL_FRAMES))


def says_twice(text: str) -> bool:
    """Whether three words in a row come back: how a loop in the short window begins, and sometimes what people say."""
    words = [word.strip('.,;:!?"').casefold() for word in text.split()]
    threes = list(zip(words, words[1:], words[2:], strict=False))
    return len(set(threes)) < len(threes)


def _is_doubted(decoding: _Decoding, speech_ms: int) -> bool:
    if not decoding.text:
        return False
    least = FEW_TOKENS_MIN_LOG_PROBABILITY if len(decoding.tokens) <= FEW_TOKENS else MIN_LOG_PROBABILITY
    if decoding.is_cut or decoding.log_probability < least or decoding.no_speech > MAX_NO_SPEECH:
        return True
    return doubt(decoding.text, confidence=decoding.confidence, speech_ms=speech_ms) is not None

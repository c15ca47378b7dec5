"""How many words a lossy line costs: clips through calls, then tiny.en on what arrived and on the clean file.

Every contestant gets the same packets and loses the same ones. What arrives is put at its place, with silence where
nothing came, as a call's clock does. The clean file has the same silence around it and was never encoded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deploy.bench.clips import Clip, read_utterances
from deploy.bench.media_audio import encode, for_sending, placed
from deploy.bench.media_callers import Sending
from deploy.bench.media_loss import bursts, independent
from deploy.bench.media_stage import CONTESTANTS, OURS, STOCK, stage
from deploy.bench.rows import Row
from deploy.bench.word_errors import ErrorCount, count_errors, paired_rise, word_error_rate
from media_server.conversation.types import SAMPLE_RATE_HZ
from media_server.engines import catalog

LONGEST_S = 10.0
_SILENCE_S = 0.7
"""Before and after a clip: packets that no jitter buffer lets go of without others after them are not speech."""

_MOST_TOKENS_PER_S = 6
"""Faster than anybody reads: without a bound the model repeats itself on broken speech, and one clip hides the rest."""

Samples = npt.NDArray[np.float32]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Line:
    """How packets are lost."""

    name: str
    lost: Callable[[int, int], frozenset[int]]
    """Given the number of packets and a seed."""


LINES = (
    Line("5 %", lambda count, seed: independent(count, 0.05, seed)),
    Line("10 %", lambda count, seed: independent(count, 0.10, seed)),
    Line("bursts of 3", lambda count, seed: bursts(count, 0.05, seed)),
)


def wer_rows(folder: Path, clips: int, say: Say) -> list[Row]:
    """One row a line.

    Raises:
        BenchInputError: the folder has no recordings of this kind.
    """
    spoken = read_utterances(folder, clips, LONGEST_S)
    padded = [np.pad(clip.samples, round(_SILENCE_S * SAMPLE_RATE_HZ)) for clip in spoken]
    packets = [encode(for_sending(samples)) for samples in padded]
    recognize = _recognizer()
    say("  the clean files …")
    clean = _count(spoken, padded, recognize)
    rows = []
    for line in LINES:
        say(f"  {line.name} …")
        sendings = [
            Sending(sent, len(sent), lost=line.lost(len(sent), seed)) for seed, sent in enumerate(packets, start=1)
        ]
        heard = _through_calls(sendings, [len(samples) for samples in padded])
        found = {name: _count(spoken, heard[name], recognize) for name in heard}
        rows.append(_row(line, sendings, clean, found))
    return rows


def _row(line: Line, sendings: Sequence[Sending], clean: list[ErrorCount], found: dict[str, list[ErrorCount]]) -> Row:
    rise, low, high = paired_rise(found[OURS], clean)
    stock_rise, _, _ = paired_rise(found[STOCK], clean)
    lost = sum(len(sending.lost) for sending in sendings) / sum(sending.count for sending in sendings)
    rates = " / ".join(f"{word_error_rate(counts):.1f}" for counts in (clean, found[OURS], found[STOCK]))
    conditions = (
        f"{len(clean)} clips, {sum(count.words for count in clean)} words, {100 * lost:.1f} % of the packets lost, "
        f"tiny.en int8 beam 1; clean / ours / stock {rates} %; 95 % bootstrap over clips {low:+.1f} … {high:+.1f}"
    )
    return Row(f"wer_rise_points {line.name}", "points", rise, len(clean), conditions, stock_rise, STOCK)


def _through_calls(sendings: Sequence[Sending], lengths: Sequence[int]) -> dict[str, list[Samples]]:
    with stage(list(CONTESTANTS), len(sendings), "audio") as on_stage:
        on_stage.play(sendings)
        return {
            name: [placed(blocks, length) for blocks, length in zip(node.call("blocks"), lengths, strict=True)]
            for name, node in on_stage.nodes.items()
        }


def _count(spoken: Sequence[Clip], heard: Sequence[Samples], recognize: Callable[[Samples], str]) -> list[ErrorCount]:
    return [count_errors(clip.text, recognize(samples)) for clip, samples in zip(spoken, heard, strict=True)]


def _recognizer() -> Callable[[Samples], str]:
    from faster_whisper import WhisperModel

    model = WhisperModel(str(catalog.whisper_folder(catalog.BUNDLED_MODEL)), device="cpu", compute_type="int8")

    def recognize(samples: Samples) -> str:
        segments, _ = model.transcribe(
            samples,
            language="en",
            beam_size=1,
            temperature=0.0,
            without_timestamps=True,
            max_new_tokens=_MOST_TOKENS_PER_S * len(samples) // SAMPLE_RATE_HZ,
        )
        return " ".join(segment.text for segment in segments)

    return recognize

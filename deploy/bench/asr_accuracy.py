"""Word errors over all clips beside the same weights offline, and words that nobody said.

Method: in audio time, not in real time. Clips joined as they are spoken live go through the same listener, endpointing,
guards and recognizer as fast as they are heard, a few streams side by side; at each pause the clock stands still until
its guess is there. So this is the text of a machine that is never late. The word error rate of one that may be is
measured live (`asr_live`), on fewer clips.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from deploy.bench.asr_engine import Engines, Say, clip_of, joined
from deploy.bench.clips import Clip
from deploy.bench.rows import Row
from deploy.bench.word_errors import ErrorCount, count_errors, interval, paired_rise, word_error_rate
from deploy.transcribe.audio import Block
from deploy.transcribe.engine import Engine
from media_server.conversation.types import SAMPLE_RATE_HZ
from media_server.engines import catalog

STREAMS = 4
TOLD_EVERY_S = 60.0
"""Of audio."""
OFFLINE = "same weights offline, 30 s window, beam 5"


async def accuracy_rows(engines: Engines, clips: Sequence[Clip], say: Say) -> list[Row]:
    say(f"{len(clips)} clips, {sum(clip.seconds for clip in clips):.0f} s of speech, as fast as they are heard …")
    texts = await _texts(engines, clips, say)
    heard = [count_errors(clip.text, text) for clip, text in zip(clips, texts, strict=True)]
    say(f"the same {len(clips)} clips with the same weights offline …")
    offline = _offline(engines, clips)
    rise, low, high = paired_rise(heard, offline)
    spread = f"95 % bootstrap over clips {low:+.2f} … {high:+.2f}; {_kinds(heard)} of ours, {_kinds(offline)} offline"
    ours_low, ours_high = interval(heard)
    return [
        Row("wer", "%", word_error_rate(heard), len(clips), f"{engines}; 95 % {ours_low:.1f} … {ours_high:.1f}",
            word_error_rate(offline), OFFLINE),
        Row("wer_rise_points", "points", rise, len(clips), spread, 0.0, OFFLINE),
    ]  # fmt: skip


async def invented_row(engines: Engines, silent: Sequence[Clip], say: Say) -> Row:
    say(f"{len(silent)} recordings without speech …")
    texts = await _texts(engines, silent, say)
    for clip, text in zip(silent, texts, strict=True):
        if text:
            say(f"  {clip.id}: {text}")
    words = sum(len(text.split()) for text in texts)
    return Row("invented_words", "words", words, len(silent), f"{engines}; recordings of noise, music and silence")


async def _texts(engines: Engines, clips: Sequence[Clip], say: Say) -> list[str]:
    """Of each clip."""
    shares = [list(range(number, len(clips), STREAMS)) for number in range(min(STREAMS, len(clips)))]
    streams = [joined([clips[at] for at in share]) for share in shares]
    longest = max(len(samples) for _, samples in streams)
    rows = np.stack([np.pad(samples, (0, longest - len(samples))) for _, samples in streams])
    texts: list[list[str]] = [[] for _ in clips]

    def blocks() -> Iterator[Block]:
        for start in range(0, longest, SAMPLE_RATE_HZ):
            yield Block(start, rows[:, start : start + SAMPLE_RATE_HZ])

    def on_progress(read_s: float) -> None:
        if int(read_s) % TOLD_EVERY_S == 0:
            say(f"  {read_s:.0f} of {longest / SAMPLE_RATE_HZ:.0f} s")

    ears, recognizers = catalog.voice_activity(engines), catalog.recognizers(engines)
    async with Engine(ears, recognizers, catalog.batch_size(engines), engines.language, is_patient=True) as engine:
        for one in await engine.transcribe(blocks(), len(rows), on_progress):
            if one.final.text:
                clip = clip_of(streams[one.channel][0], one.final.start_ms, one.final.end_ms)
                texts[shares[one.channel][clip]].append(one.final.text)
    return [" ".join(parts) for parts in texts]


def _offline(engines: Engines, clips: Sequence[Clip]) -> list[ErrorCount]:
    from faster_whisper import WhisperModel

    folder = catalog.whisper_folder(engines.whisper_model)
    model = WhisperModel(str(folder), device=engines.whisper_device, compute_type=catalog.compute_type(engines))
    counts = []
    for clip in clips:
        segments, _ = model.transcribe(clip.samples, language="en", beam_size=5, temperature=0.0)
        counts.append(count_errors(clip.text, " ".join(segment.text for segment in segments)))
    return counts


def _kinds(counts: Sequence[ErrorCount]) -> str:
    return "/".join(
        str(sum(kind)) for kind in zip(*((c.substituted, c.deleted, c.inserted) for c in counts), strict=True)
    )

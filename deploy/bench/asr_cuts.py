"""`cut_errors`: words that forced cuts of long speech lose or double.

Method: recordings of one reader after the other, with no pause in them or between them longer than 64 ms, are heard and
transcribed in audio time, so that every utterance is cut by force. Around each cut the same audio is decoded five more
times with its ends elsewhere. A word within one word of the cut is lost when all five have it and the finals do not,
and doubled when the finals have it and none of the five does: what one decoding hears and another does not is the
model's. `--shift S` leaves out the first seconds of each speech, so that it is cut elsewhere.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from deploy.bench.clips import BenchInputError, Clip, read_clips
from deploy.bench.rows import Row, print_rows
from media_server.conversation.types import SAMPLE_RATE_HZ, WINDOW_SAMPLES, Speech, SpeechEnded, samples_to_ms
from media_server.engines import catalog
from media_server.engines.protocols import Excerpt, Recognizer, Samples, VoiceActivity
from media_server.pipeline.listen import Listener
from media_server.pipeline.transcribe import Final, Partial, Transcriber

ENGINES = SimpleNamespace(
    whisper_model=catalog.BUNDLED_MODEL, whisper_device="cpu", whisper_compute_type="", asr_workers=1
)
QUIET = 0.35
MOST_QUIET_WINDOWS = 2
SHORTEST_CLIP_S = 2.0
SPEECH_S = 80
"""Of each long speech."""
AROUND_S = ((5.0, 5.0), (7.0, 4.0), (4.0, 7.0), (10.0, 3.0), (3.0, 10.0))
"""Seconds before and after a cut that are decoded for comparison. Three were too few to know the model's own words:
with its ends elsewhere, unclear speech is read in four ways or more."""
EDGE_S = 0.7
"""Words nearer to the ends of a decoding are not compared: it may have heard half of them."""
DRAIN_S = 120.0

TimedWord = tuple[str, float, float]
"""Bare word, start and end in seconds on the stream."""


@dataclass(frozen=True, slots=True)
class CutErrors:
    at_s: float
    lost: tuple[str, ...]
    doubled: tuple[str, ...]


def run(args: argparse.Namespace) -> int:
    """Measure and print; 2 when there is nothing to measure with."""
    try:
        clips, _ = read_clips(Path(args.data))
    except (BenchInputError, OSError) as error:
        print(f"bench asr_cuts: {error}", file=sys.stderr)
        return 2
    rows = asyncio.run(measure(clips, args.speeches, shift_s=args.shift))
    if args.json:
        print(json.dumps({"bench": "asr_cuts", "rows": [row.as_json() for row in rows]}))
    else:
        print_rows(rows)
    return 0


async def measure(
    clips: Sequence[Clip],
    speeches: int | None = None,
    engines: catalog.EngineSettings = ENGINES,
    *,
    shift_s: float = 0.0,
) -> list[Row]:
    """Args: speeches, how many long speeches of `SPEECH_S`, None: as many as there are recordings for; shift_s, how
    much is left out of the beginning of each."""
    vad, recognizer = catalog.voice_activity(engines), catalog.recognizer(engines)
    errors: list[CutErrors] = []
    longest_s = 0.0
    for number, speech in enumerate(list(long_speeches(clips, vad))[:speeches]):
        samples = speech[round(shift_s * SAMPLE_RATE_HZ) :]
        finals, cuts = await transcribed(samples, vad, recognizer)
        longest_s = max(longest_s, *((final.end_ms - final.start_ms) / 1000 for final in finals))
        found = [_errors_at(cut, samples, finals, recognizer) for cut in cuts]
        for one in found:
            if one.lost or one.doubled:
                print(f"  speech {number} at {one.at_s:.1f} s: {one}", file=sys.stderr, flush=True)
        errors += found
    lost, doubled = sum(len(one.lost) for one in errors), sum(len(one.doubled) for one in errors)
    conditions = (
        f"{Path(engines.whisper_model).name}; speech without pauses, {lost} lost and {doubled} doubled; "
        f"longest utterance {longest_s:.1f} s"
    )
    return [Row("cut_errors", "words", lost + doubled, len(errors), conditions)]


def long_speeches(clips: Iterable[Clip], vad: VoiceActivity) -> Iterable[Samples]:
    """Clips joined in their order, without pauses."""
    parts: list[Samples] = []
    for clip in clips:
        if clip.seconds < SHORTEST_CLIP_S:
            continue
        parts.append(without_pauses(clip.samples, vad))
        if sum(len(part) for part in parts) >= SPEECH_S * SAMPLE_RATE_HZ:
            yield np.concatenate(parts)
            parts = []
    if parts:
        yield np.concatenate(parts)


def without_pauses(samples: Samples, vad: VoiceActivity) -> Samples:
    """The windows of speech, and at most two of each pause."""
    states = [vad.new_state()]
    kept: list[Samples] = []
    quiet = MOST_QUIET_WINDOWS
    for start in range(0, len(samples) - WINDOW_SAMPLES + 1, WINDOW_SAMPLES):
        window = samples[start : start + WINDOW_SAMPLES]
        quiet = quiet + 1 if vad.probabilities(window[np.newaxis], states)[0] < QUIET else 0
        if quiet <= MOST_QUIET_WINDOWS:
            kept.append(window)
    return np.concatenate(kept) if kept else np.zeros(0, np.float32)


async def transcribed(samples: Samples, vad: VoiceActivity, recognizer: Recognizer) -> tuple[list[Final], list[int]]:
    """The finals of a stream, and at which samples it was cut by force."""
    finals: list[Final] = []
    cuts: list[int] = []
    listener = Listener(vad)
    transcriber = Transcriber([recognizer])

    async def keep(final: Final) -> None:
        finals.append(final)

    def ignore(partial: Partial) -> None:
        """Only finals count."""

    def on_speech(speech: Speech) -> None:
        if isinstance(speech, SpeechEnded) and speech.is_forced:
            cuts.append(speech.end_sample)
        track.on_speech(speech)

    stream = listener.add_stream(on_speech)
    track = transcriber.track(stream, ignore, keep)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(transcriber.run())
        await asyncio.sleep(0)
        for start in range(0, len(samples), WINDOW_SAMPLES):
            stream.write(start, samples[start : start + WINDOW_SAMPLES])
            listener.tick()
            if track.undelivered:  # a cut's final comes before the next pause, as in real time
                await transcriber.drain(DRAIN_S)
        listener.remove_stream(stream)
        await transcriber.drain(DRAIN_S)
        running.cancel()
    return finals, cuts


def _errors_at(cut: int, samples: Samples, finals: Sequence[Final], recognizer: Recognizer) -> CutErrors:
    at_s = cut / SAMPLE_RATE_HZ
    ours = [(bare(word.text), word.start_ms / 1000, word.end_ms / 1000) for final in finals for word in final.words]
    before = sum(1 for final in finals for _ in final.words if final.start_ms < samples_to_ms(cut))
    others = []
    for back_s, ahead_s in AROUND_S:
        start = max(0, cut - int(back_s * SAMPLE_RATE_HZ))
        end = min(len(samples), cut + int(ahead_s * SAMPLE_RATE_HZ))
        [decoded] = recognizer.recognize([Excerpt(samples[start:end], is_final=True)])
        offset_s = start / SAMPLE_RATE_HZ
        words = [(bare(w.text), offset_s + w.start_s, offset_s + w.end_s) for w in decoded.words]
        others.append(_between(words, offset_s + EDGE_S, end / SAMPLE_RATE_HZ - EDGE_S))
    return compare(ours, before, others, at_s)


def compare(ours: Sequence[TimedWord], before: int, others: Sequence[Sequence[TimedWord]], at_s: float) -> CutErrors:
    """Args: before, how many of our words were said before the cut; others, the same audio decoded without that cut."""
    found = [_differences(ours, before, other) for other in others if other]
    if not found:
        return CutErrors(at_s, (), ())
    lost, doubled = found[0]
    for more_lost, more_doubled in found[1:]:
        lost, doubled = lost & more_lost, doubled & more_doubled
    return CutErrors(at_s, tuple(lost.elements()), tuple(doubled.elements()))


def _differences(
    ours: Sequence[TimedWord], before: int, other: Sequence[TimedWord]
) -> tuple[Counter[str], Counter[str]]:
    """Words that only the other one has, and that only we have, within one word of the cut."""
    first = max(0, before - 12)
    near = _between(ours[first : before + 12], other[0][1] - 0.5, other[-1][2] + 0.5)
    seam = before - first - sum(1 for word in ours[first:before] if word not in near)
    lost: Counter[str] = Counter()
    doubled: Counter[str] = Counter()
    matcher = SequenceMatcher(None, [word for word, _, _ in other], [word for word, _, _ in near], autojunk=False)
    for kind, i, j, k, m in matcher.get_opcodes():
        is_inside = k > 0 and m < len(near)
        if kind == "equal" or m < seam - 1 or k > seam + 1 or not is_inside:
            continue
        missing, extra = (j - i) - (m - k), (m - k) - (j - i)
        lost.update(word for word, _, _ in other[i:j][: max(0, missing)])
        doubled.update(word for word, _, _ in near[k:m][: max(0, extra)])
    return lost, doubled


def _between(words: Iterable[TimedWord], start_s: float, end_s: float) -> list[TimedWord]:
    return [word for word in words if word[1] >= start_s and word[2] <= end_s]


def bare(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.bench.asr_cuts", description=__doc__)
    parser.add_argument("--data", metavar="DIR", required=True, help="a folder with recordings and a manifest.tsv")
    parser.add_argument("--speeches", type=int, metavar="N", help="long speeches of 80 s (default: all)")
    parser.add_argument("--shift", type=float, default=0.0, metavar="S", help="seconds (default 0)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())

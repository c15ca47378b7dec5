"""`liveconvo bench asr`: accuracy, latencies and CPU time of the listener and the transcriber, in this process.

Method: the clips are joined with 2 s of digital silence after each and written in frames of 20 ms, each when its last
sample has been spoken; the clock is open loop. With several streams each has its own share of the clips. No network and
no jitter buffer are in front: a call adds those. A clip counts as delivered when its last final reaches its end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from deploy.bench.clips import BenchInputError, Clip, read_clips
from deploy.bench.rows import Row, percentile, print_rows, versions
from deploy.bench.word_errors import ErrorCount, count_errors, paired_rise, word_error_rate
from media_server.conversation.types import SAMPLE_RATE_HZ, Speech
from media_server.engines import catalog
from media_server.pipeline.listen import Listener
from media_server.pipeline.transcribe import Final, Partial, Transcriber

FRAME_SAMPLES = 320
GAP_SAMPLES = 2 * SAMPLE_RATE_HZ
NEAR_S = 0.7
"""A last final that ends further from the true end than this missed the end of the clip."""
DRAIN_S = 30.0
ENGINES = SimpleNamespace(whisper_model=catalog.BUNDLED_MODEL, whisper_device="cpu", asr_workers=0)


@dataclass(slots=True)
class Heard:
    """What came back for one clip; times in seconds since its first sample was spoken."""

    clip: Clip
    finals: list[tuple[float, Final]] = field(default_factory=list)
    first_text_s: float | None = None

    @property
    def text(self) -> str:
        return " ".join(final.text for _, final in self.finals if final.text)

    def final_s(self, clip_start_s: float) -> float | None:
        """Arrival of the last final minus the true end of speech."""
        spoken = [(arrival_s, final) for arrival_s, final in self.finals if final.text]
        if not spoken or abs(spoken[-1][1].end_ms / 1000 - clip_start_s - self.clip.end_s) > NEAR_S:
            return None
        return spoken[-1][0] - self.clip.end_s


class Player:
    """Plays clips into one stream and notes what comes back."""

    def __init__(self, clips: Sequence[Clip], listener: Listener, transcriber: Transcriber) -> None:
        self.heard = [Heard(clip) for clip in clips]
        lengths = [len(clip.samples) + GAP_SAMPLES for clip in clips]
        self.starts_s = [start / SAMPLE_RATE_HZ for start in np.cumsum([0, *lengths])[:-1]]
        self._samples = np.concatenate([np.append(c.samples, np.zeros(GAP_SAMPLES, np.float32)) for c in clips])
        self._listener = listener
        self._began_s = 0.0
        self._stream = listener.add_stream(self._on_speech)
        self._track = transcriber.track(self._stream, self._on_partial, self._on_final)

    async def play(self, delay_s: float) -> None:
        """In real time."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(delay_s)
        self._began_s = loop.time()
        for start in range(0, len(self._samples), FRAME_SAMPLES):
            due_s = self._began_s + (start + FRAME_SAMPLES) / SAMPLE_RATE_HZ
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            self._stream.write(start, self._samples[start : start + FRAME_SAMPLES])
        self._listener.remove_stream(self._stream)

    async def rush(self) -> None:
        """As fast as it is heard."""
        for start in range(0, len(self._samples), FRAME_SAMPLES):
            self._stream.write(start, self._samples[start : start + FRAME_SAMPLES])
            self._listener.tick()
            await asyncio.sleep(0)
        self._listener.remove_stream(self._stream)

    def _on_speech(self, speech: Speech) -> None:
        self._track.on_speech(speech)

    def _on_partial(self, partial: Partial) -> None:
        if partial.stable or partial.unstable:
            self._note_text(clip_of(self.starts_s, partial.start_ms, partial.end_ms))

    async def _on_final(self, final: Final) -> None:
        number = clip_of(self.starts_s, final.start_ms, final.end_ms)
        if final.text:
            self._note_text(number)
        self.heard[number].finals.append((self._now_s() - self.starts_s[number], final))

    def _note_text(self, number: int) -> None:
        if self.heard[number].first_text_s is None:
            self.heard[number].first_text_s = self._now_s() - self.starts_s[number]

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time() - self._began_s


def clip_of(starts_s: Sequence[float], start_ms: int, end_ms: int) -> int:
    """Which clip an utterance is of: by its middle, since a clip that begins with speech is heard a moment early."""
    return max(0, int(np.searchsorted(starts_s, (start_ms + end_ms) / 2000, side="right")) - 1)


def run(args: argparse.Namespace) -> int:
    """Measure and print; 2 when there is nothing to measure with."""
    if not args.data:
        print("bench asr: say which recordings: --data DIR (a folder with a manifest.tsv)", file=sys.stderr)
        return 2
    try:
        clips, silent = read_clips(Path(args.data), args.clips)
    except (BenchInputError, OSError) as error:
        print(f"bench asr: {error}", file=sys.stderr)
        return 2
    rows = asyncio.run(_measure(clips, silent, args.streams))
    if args.json:
        print(json.dumps({"bench": "asr", "versions": versions(), "rows": [row.as_json() for row in rows]}))
    else:
        print_rows(rows)
    return 0


async def _measure(clips: list[Clip], silent: list[Clip], streams: int) -> list[Row]:
    listener = Listener(catalog.voice_activity(ENGINES))
    transcriber = Transcriber(catalog.recognizer(ENGINES), 0)
    invented = 0
    async with asyncio.TaskGroup() as tasks:
        background = [tasks.create_task(transcriber.run())]
        if silent:
            _say(f"{len(silent)} recordings without speech …")
            invented = await _invented_words(silent, listener, transcriber)
        background.append(tasks.create_task(listener.run()))
        shares = [clips[number::streams] for number in range(streams)]
        players = [Player(share, listener, transcriber) for share in shares if share]
        longest_s = max(sum(clip.seconds + 2 for clip in share) for share in shares)
        _say(f"{len(clips)} clips on {len(players)} streams, {longest_s:.0f} s in real time …")
        cpu_s = time.process_time()
        async with asyncio.TaskGroup() as playing:
            for number, player in enumerate(players):
                playing.create_task(player.play(0.37 * number))
        await transcriber.drain(DRAIN_S)
        cpu_s = time.process_time() - cpu_s
        for task in background:
            task.cancel()
    _say("the same weights offline …")
    return _rows(players, cpu_s, invented, silent)


async def _invented_words(silent: list[Clip], listener: Listener, transcriber: Transcriber) -> int:
    players = []
    for clip in silent:
        player = Player([clip], listener, transcriber)
        await player.rush()
        await transcriber.drain(DRAIN_S)
        players.append(player)
        if player.heard[0].text:
            _say(f"  {clip.id}: {player.heard[0].text}")
    return sum(len(player.heard[0].text.split()) for player in players)


def _rows(players: list[Player], cpu_s: float, invented: int, silent: list[Clip]) -> list[Row]:
    heard = [(player.starts_s[number], one) for player in players for number, one in enumerate(player.heard)]
    finals = [late for start_s, one in heard if (late := one.final_s(start_s)) is not None]
    firsts = [one.first_text_s - one.clip.start_s for _, one in heard if one.first_text_s is not None]
    speech_s = sum(one.clip.seconds for _, one in heard)
    ours = [count_errors(one.clip.text, one.text) for _, one in heard]
    offline = _offline([one.clip for _, one in heard])
    rise, low, high = paired_rise(ours, offline)
    setting = f"tiny.en int8, {len(players)} stream(s) in process, no jitter buffer"
    peer = "same weights offline, 30 s window, beam 5"
    wer, floor = word_error_rate(ours), word_error_rate(offline)
    spread = f"95 % bootstrap over clips {low:+.2f} … {high:+.2f}; {_kinds(ours)} of ours, {_kinds(offline)} offline"
    return [
        Row("final_s", "s p50", percentile(finals, 50), len(finals), f"{setting}; {len(heard)} clips"),
        Row("final_s", "s p95", percentile(finals, 95), len(finals), setting),
        Row("first_partial_s", "s p50", percentile(firsts, 50), len(firsts), setting),
        Row("cpu_s_per_speech_s", "s/s", cpu_s / speech_s, len(heard), f"{setting}; partials on, feeding included"),
        Row("wer", "%", wer, len(heard), setting, floor, peer),
        Row("wer_rise_points", "points", rise, len(heard), spread, 0.0, peer),
        Row("invented_words", "words", invented, len(silent), "recordings of noise, music and silence"),
    ]


def _offline(clips: list[Clip]) -> list[ErrorCount]:
    from faster_whisper import WhisperModel

    model = WhisperModel(str(catalog.whisper_folder(ENGINES.whisper_model)), device="cpu", compute_type="int8")
    counts = []
    for clip in clips:
        segments, _ = model.transcribe(clip.samples, language="en", beam_size=5, temperature=0.0)
        counts.append(count_errors(clip.text, " ".join(segment.text for segment in segments)))
    return counts


def _kinds(counts: Sequence[ErrorCount]) -> str:
    return "/".join(
        str(sum(kind)) for kind in zip(*((c.substituted, c.deleted, c.inserted) for c in counts), strict=True)
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

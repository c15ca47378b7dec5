"""`liveconvo bench asr`: accuracy, latencies and cost of speech recognition, beside peers where they are installed.

Method: the clips are joined with 2 s of digital silence after each and written in frames of 20 ms, each when its last
sample has been spoken; the clock is open loop. No network and no jitter buffer are in front: a call adds those. What
each figure means, and how to reproduce it, stands in docs/speech-recognition.md.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from deploy.bench import asr_cuts
from deploy.bench.asr_accuracy import accuracy_rows, invented_row
from deploy.bench.asr_engine import Engines
from deploy.bench.asr_live import Search, live_rows, search_row
from deploy.bench.asr_overload import SECONDS, overload_rows
from deploy.bench.asr_peers import peer_rows
from deploy.bench.clips import BenchInputError, Clip, read_clips, read_utterances
from deploy.bench.gpu import gpu_rows
from deploy.bench.peers import PEERS, PeerError, installed
from deploy.bench.rows import Row, print_rows, versions
from media_server.engines import catalog
from media_server.engines.errors import RecognitionError, RecognizerUnusableError

LIVE_CLIPS, QUICK_CLIPS = 40, 8
QUICK_OVERLOAD_S = 20.0
LONGEST_UTTERANCE_S = 15.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, with what."""

    folder: Path
    engines: Engines
    clips: list[Clip]
    silent: list[Clip]
    live_clips: list[Clip]
    """Those of the clips that are spoken in real time."""
    streams: int
    is_quick: bool
    peers: list[str]
    peer_streams: tuple[int, ...]


async def _live(plan: Plan) -> list[Row]:
    return await live_rows(plan.engines, plan.live_clips, plan.streams, _say)


async def _speakers(plan: Plan) -> list[Row]:
    each = 3 if plan.is_quick else 5
    clips = _utterances(plan.folder, len(plan.live_clips))
    if plan.engines.whisper_device == "cuda":
        return await gpu_rows(plan.engines, clips, _say, each=each)
    return [await search_row(plan.engines, clips, _say, Search("active_speakers", 1.5, 4, each))]


async def _accuracy(plan: Plan) -> list[Row]:
    return await accuracy_rows(plan.engines, plan.clips, _say)


async def _invented(plan: Plan) -> list[Row]:
    return [await invented_row(plan.engines, plan.silent, _say)] if plan.silent else []


async def _overload(plan: Plan) -> list[Row]:
    engines = plan.engines
    recognizers, batch = catalog.recognizers(replace(engines, asr_processes=False)), catalog.batch_size(engines)
    ears, seconds = catalog.voice_activity(engines), QUICK_OVERLOAD_S if plan.is_quick else SECONDS
    return await overload_rows(plan.clips, recognizers, batch, voice_activity=ears, say=_say, seconds=seconds)


async def _cuts(plan: Plan) -> list[Row]:
    return await asr_cuts.measure(plan.clips, 1 if plan.is_quick else None, plan.engines)


async def _peers(plan: Plan) -> list[Row]:
    clips = _utterances(plan.folder, len(plan.live_clips))
    return await peer_rows(plan.engines, clips, plan.peers, plan.peer_streams, _say)


Part = Callable[[Plan], Awaitable[list[Row]]]
PARTS: Mapping[str, Part] = {
    "live": _live,
    "invented_words": _invented,
    "wer_rise_points": _accuracy,
    "active_speakers": _speakers,
    "cut_errors": _cuts,
    "overload": _overload,
    "peers": _peers,
}
"""In the order of measuring."""
OF_LIVE = ("final_s", "first_partial_s", "cpu_s_per_speech_s", "retracted_percent")
"""One play gives them all."""
OF_OVERLOAD = ("overload_p95_s", "recovery_s")


def run(args: argparse.Namespace) -> int:
    """Measure and print; 2 when there is nothing to measure with."""
    problem: BaseException | None = None
    rows: list[Row] = []
    try:
        plan = _plan(args)
        parts = [part for part in PARTS if not args.only or part in {part_of(row) for row in args.only}]
        _say_budget(plan, parts)
        rows = asyncio.run(_measure(plan, parts))
    except* (BenchInputError, PeerError, OSError, RecognizerUnusableError, RecognitionError) as errors:
        problem = errors
    if problem is not None:
        while isinstance(problem, BaseExceptionGroup):
            problem = problem.exceptions[0]
        print(f"bench asr: {problem}", file=sys.stderr)
        return 2
    if not rows:
        _say("nothing was measured")
        return 1
    if args.json:
        print(json.dumps({"bench": "asr", "versions": versions(), "rows": [row.as_json() for row in rows]}))
    else:
        print_rows(rows)
    return 0


async def _measure(plan: Plan, parts: Sequence[str]) -> list[Row]:
    return [row for part in parts for row in await PARTS[part](plan)]


def _plan(args: argparse.Namespace) -> Plan:
    if not args.data:
        raise BenchInputError("say which recordings: --data DIR (a folder with a manifest.tsv)")
    count = args.clips or (QUICK_CLIPS if args.quick else None)
    clips, silent = read_clips(Path(args.data), count)
    count = min(len(clips), count or LIVE_CLIPS)
    spoken = [clips[number * len(clips) // count] for number in range(count)]
    found = installed()
    peers = list(args.peer or found)
    for peer in peers:
        if peer not in found:
            raise PeerError(f"{PEERS[peer].package} is not installed: `make bench-peers` installs all peers")
    engines = Engines(args.model, args.device, args.compute_type, args.workers, language=args.language)
    streams = tuple(args.peer_streams or (1, 4))
    return Plan(Path(args.data), engines, clips, silent, spoken, args.streams, args.quick, peers, streams)


@cache
def _utterances(folder: Path, count: int) -> list[Clip]:
    """Of several words: whether a single one was heard at all says nothing about speed."""
    return read_utterances(folder, count, LONGEST_UTTERANCE_S)


def part_of(row: str) -> str:
    if row in OF_LIVE:
        return "live"
    return "overload" if row in OF_OVERLOAD else row


def _say_budget(plan: Plan, parts: Sequence[str]) -> None:
    """About how long it takes; what is spoken in real time takes as long as it is."""
    spoken_s = sum(clip.seconds + 2 for clip in plan.live_clips)
    all_s = sum(clip.seconds for clip in plan.clips)
    mean_s = 10.0
    takes_s = {
        "live": spoken_s / plan.streams + 10,
        "invented_words": 20.0,
        "wer_rise_points": 0.3 * all_s + 10,
        "active_speakers": 9 * (mean_s * (3 if plan.is_quick else 5) + 15),
        "cut_errors": 0.9 * all_s + 10,
        "overload": 60 + (QUICK_OVERLOAD_S if plan.is_quick else SECONDS),
        "peers": sum(
            (len(plan.peers) + 1) * (streams_s + 25)
            for streams_s in (
                (len(plan.live_clips) * mean_s if streams == 1 else 4 * mean_s) for streams in plan.peer_streams
            )
        ),
    }
    minutes = sum(takes_s[part] for part in parts) / 60
    _say(f"{', '.join(parts)}: about {max(1, round(minutes))} min with weights like tiny.en")
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > cores / 2:
        _say(f"the machine is busy ({load:.1f} programs want its {cores} cores): no figure of time means much now")
    if "peers" in parts and not plan.peers:
        _say("no peers are installed here (`make bench-peers`)")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

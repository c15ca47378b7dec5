"""Peers beside us: the same clips, weights, clock and rules, one contestant after the other in one run.

Every stream is paced by the clock (40 ms at a time, each when its last sample has been spoken), streams begin 0.37 s
apart, and a late server is not waited for. CPU is that of the server's process tree; ours has the playing in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import aiohttp
import numpy as np

from deploy.bench.asr_engine import STAGGER_S, Engines, Say, joined, ours, shares_of
from deploy.bench.asr_live import longest_s, measure
from deploy.bench.asr_score import Message, Score, scores
from deploy.bench.clips import Clip
from deploy.bench.peers import PEERS, Peer, PeerError, installed
from deploy.bench.peers.serving import serving
from deploy.bench.process_cpu import tree_cpu_s
from deploy.bench.rows import Row, percentile
from deploy.bench.word_errors import word_error_rate
from media_server.conversation.types import SAMPLE_RATE_HZ
from media_server.engines import catalog

CHUNK_SAMPLES = SAMPLE_RATE_HZ * 40 // 1000
CLIPS_EACH = 4
"""Of each stream, where there are several."""


@dataclass(frozen=True, slots=True)
class Result:
    """Of one contestant."""

    scores: list[Score]
    cpu_s: float
    spoken_s: float
    left_out: str = ""
    """What it says of that."""

    @property
    def finals(self) -> list[float]:
        return [score.final_s for score in self.scores if score.final_s is not None]

    @property
    def firsts(self) -> list[float]:
        return [score.first_text_s for score in self.scores if score.first_text_s is not None]


async def peer_rows(
    engines: Engines, clips: Sequence[Clip], names: Sequence[str], streams: Sequence[int], say: Say
) -> list[Row]:
    """Of every peer, for each number of streams."""
    if not names:
        return []
    versions, rows = installed(), []
    for count in streams:
        shares = [list(clips)] if count == 1 else shares_of(clips, count, min(CLIPS_EACH, len(clips)))
        say(f"{count} stream(s), {longest_s(shares):.0f} s in real time: ours …")
        mine = await _ours(engines, shares)
        say(f"  {_outcome(mine)}")
        for name in names:
            peer = PEERS[name]
            say(f"{count} stream(s): {peer.package} {versions[name]} …")
            try:
                theirs = await beside(peer, engines, shares)
            except PeerError as error:
                say(f"  {error}")
                continue
            say(f"  {_outcome(theirs)}")
            rows += _rows(mine, theirs, f"{peer.package} {versions[name]} ({peer.setting})", count, engines)
    return rows


async def _ours(engines: Engines, shares: Sequence[Sequence[Clip]]) -> Result:
    async with ours(engines) as contestant:
        measured = await measure(contestant, shares)
    played = measured.played
    gaps = sum(heard.failures for player in played.players for heard in player.heard)
    return Result(measured.scores, played.cpu_s, played.spoken_s, f", level {played.worst}, {gaps} marked gaps")


async def beside(peer: Peer, engines: Engines, shares: Sequence[Sequence[Clip]]) -> Result:
    streams = [_Stream(share, peer.tail_s, STAGGER_S * number) for number, share in enumerate(shares)]
    model = catalog.whisper_folder(engines.whisper_model).resolve()  # a peer may be started in another folder
    async with (
        serving(peer, model, engines.whisper_device, len(streams)) as (ports, pids),
        aiohttp.ClientSession() as session,
    ):
        cpu_s = tree_cpu_s(*pids)
        try:
            async with asyncio.TaskGroup() as tasks:
                for stream, port in zip(streams, ports, strict=True):
                    tasks.create_task(peer.talk(session, port, stream.chunks(), stream.note))
        except* (aiohttp.ClientError, ConnectionError, TimeoutError) as errors:
            raise PeerError(f"{peer.package} broke off: {errors.exceptions[0]!r}") from errors
        cpu_s = tree_cpu_s(*pids) - cpu_s
    found = [score for stream in streams for score in scores(stream.clips, stream.starts_s, stream.messages)]
    return Result(found, cpu_s, sum(clip.seconds for share in shares for clip in share))


@dataclass
class _Stream:
    """One stream as it is spoken, and what came back."""

    clips: Sequence[Clip]
    tail_s: float
    delay_s: float
    messages: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.starts_s, samples = joined(self.clips)
        silence = np.zeros(round(self.tail_s * SAMPLE_RATE_HZ) + CHUNK_SAMPLES, np.float32)
        self._pcm = (np.concatenate([samples, silence]) * 32_767).clip(-32_768, 32_767).astype(np.int16)
        self._began_s = 0.0

    async def chunks(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self.delay_s)
        self._began_s = loop.time()
        for end in range(CHUNK_SAMPLES, len(self._pcm), CHUNK_SAMPLES):
            await asyncio.sleep(max(0.0, self._began_s + end / SAMPLE_RATE_HZ - loop.time()))
            yield self._pcm[end - CHUNK_SAMPLES : end].tobytes()

    def note(self, committed: Sequence[str], provisional: str) -> None:
        at_s = asyncio.get_running_loop().time() - self._began_s
        self.messages.append(Message(at_s, tuple(committed), provisional))


def _outcome(result: Result) -> str:
    late = (
        "no finals"
        if not result.finals
        else f"final {percentile(result.finals, 50):.2f} / {percentile(result.finals, 95):.2f} s"
    )
    errors = word_error_rate([score.errors for score in result.scores])
    delivered = f"{len(result.finals)} of {len(result.scores)} clips"
    cost = f"{result.cpu_s / result.spoken_s:.3f} CPU s/s"
    return f"{late} s, {delivered}, {errors:.1f} % word errors, {cost}{result.left_out}"


def _rows(mine: Result, theirs: Result, peer: str, streams: int, engines: Engines) -> list[Row]:
    delivered = (
        f"beside peers, {streams} stream(s); clips delivered: peer {len(theirs.finals)}, ours {len(mine.finals)} "
        f"of {len(mine.scores)}{mine.left_out}; {engines}"
    )

    def row(metric: str, unit: str, ours_is: float | None, peer_is: float | None) -> Row:
        return Row(metric, unit, ours_is, len(mine.finals), delivered, peer_is, peer)

    return [
        row("final_s", "s p50", percentile(mine.finals, 50), percentile(theirs.finals, 50)),
        row("final_s", "s p95", percentile(mine.finals, 95), percentile(theirs.finals, 95)),
        row("first_partial_s", "s p50", percentile(mine.firsts, 50), percentile(theirs.firsts, 50)),
        row("cpu_s_per_speech_s", "s/s", mine.cpu_s / mine.spoken_s, theirs.cpu_s / theirs.spoken_s),
        row("wer", "%", *(word_error_rate([s.errors for s in result.scores]) for result in (mine, theirs))),
    ]

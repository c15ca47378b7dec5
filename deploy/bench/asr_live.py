"""Latencies, cost and what was taken back, with clips spoken in real time; and how many can speak at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deploy.bench.asr_engine import Engines, Ours, Played, Say, joined, ours, shares_of
from deploy.bench.asr_score import Score, scores
from deploy.bench.clips import Clip
from deploy.bench.rows import Row, percentile
from deploy.bench.word_errors import count_errors, interval, word_error_rate

FEWEST_DELIVERED = 0.95
GROWTH = 1.5
MOST_STREAMS = 512
MOST_TRIES = 14


@dataclass(frozen=True, slots=True)
class Search:
    """For the largest number of streams that are served."""

    metric: str
    latest_s: float
    """p95 of finals, up to which they are."""
    begin: int
    """How many streams are tried first."""
    each: int
    """Clips of a stream."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One play of some streams."""

    played: Played
    scores: list[Score]

    @property
    def finals(self) -> list[float]:
        return [score.final_s for score in self.scores if score.final_s is not None]

    def is_served(self, latest_s: float) -> bool:
        """Whether nobody waited too long, and nothing but partials was left out."""
        late_s = percentile(self.finals, 95)
        is_delivered = len(self.finals) >= FEWEST_DELIVERED * len(self.scores)
        is_level = self.played.worst in ("full", "coalesced")
        return late_s is not None and late_s <= latest_s and is_delivered and is_level and self.played.is_complete


async def live_rows(engines: Engines, clips: Sequence[Clip], streams: int, say: Say) -> list[Row]:
    """Each clip once, shared out over the streams."""
    shares = [list(clips[number::streams]) for number in range(min(streams, len(clips)))]
    say(f"{len(clips)} clips on {len(shares)} stream(s), {longest_s(shares):.0f} s in real time …")
    async with ours(engines) as contestant:
        measured = await measure(contestant, shares)
    return _rows(measured, f"{engines}, {len(shares)} stream(s) in process, no jitter buffer")


async def measure(contestant: Ours, shares: Sequence[Sequence[Clip]]) -> Measured:
    played = await contestant.play(shares)
    found = [score for player in played.players for score in scores(player.clips, player.starts_s, player.messages)]
    return Measured(played, found)


async def search_row(engines: Engines, clips: Sequence[Clip], say: Say, search: Search) -> Row:
    """The largest number of streams that are served: upward by half as many more, then between."""
    served: Measured | None = None
    good, bad, streams = 0, None, search.begin
    for _ in range(MOST_TRIES):
        shares = shares_of(clips, streams, search.each)
        say(f"{streams} speakers at once, {longest_s(shares):.0f} s in real time …")
        async with ours(engines) as contestant:
            measured = await measure(contestant, shares)
        say(f"  {_outcome(measured)}")
        if measured.is_served(search.latest_s):
            good, served = streams, measured
        else:
            bad = streams
        streams = min(MOST_STREAMS, round(good * GROWTH)) if bad is None else (good + bad) // 2
        if streams == good or (bad is not None and bad - good <= good // 10):
            break
    return _search_row(engines, search, good, bad, served)


def _outcome(measured: Measured) -> str:
    late_s = percentile(measured.finals, 95)
    late = "no finals" if late_s is None else f"p95 {late_s:.2f} s"
    cost = f"{measured.played.cpu_s / measured.played.spoken_s:.3f} CPU s/s"
    return f"{late}, {len(measured.finals)} of {len(measured.scores)} clips, level {measured.played.worst}, {cost}"


def longest_s(shares: Sequence[Sequence[Clip]]) -> float:
    return max(len(joined(share)[1]) for share in shares) / 16_000


def _search_row(engines: Engines, search: Search, good: int, bad: int | None, served: Measured | None) -> Row:
    limit = f"{engines}; p95 ≤ {search.latest_s:g} s, {search.each} clips each"
    if served is None:
        return Row(search.metric, "streams", 0, 0, f"{limit}; not even {bad}")
    played = served.played
    feeding = f"of which {played.feeding_s / played.spoken_s:.3f} for playing"
    beyond = "no more were tried" if bad is None else f"{bad} are too many"
    return Row(search.metric, "streams", good, len(served.finals), f"{limit}: {_outcome(served)}, {feeding}; {beyond}")


def _rows(measured: Measured, setting: str) -> list[Row]:
    played, finals = measured.played, measured.finals
    firsts = [score.first_text_s for score in measured.scores if score.first_text_s is not None]
    heard = [one for player in played.players for one in player.heard]
    errors = [count_errors(one.clip.text, one.text) for one in heard]
    stable, retracted = sum(one.stable_words for one in heard), sum(one.retracted_words for one in heard)
    low, high = interval(errors)
    delivered = f"{setting}; {len(finals)} of {len(heard)} clips delivered, level {played.worst}"
    cost = f"{setting}; partials on, child processes and playing ({played.feeding_s / played.spoken_s:.3f}) included"
    return [
        Row("final_s", "s p50", percentile(finals, 50), len(finals), delivered),
        Row("final_s", "s p95", percentile(finals, 95), len(finals), delivered),
        Row("first_partial_s", "s p50", percentile(firsts, 50), len(firsts), setting),
        Row("first_partial_s", "s p95", percentile(firsts, 95), len(firsts), setting),
        Row("cpu_s_per_speech_s", "s/s", played.cpu_s / played.spoken_s, len(heard), cost),
        Row("retracted_percent", "%", 100 * retracted / max(1, stable), stable, f"{setting}; n: words shown as stable"),
        Row("wer", "% live", word_error_rate(errors), len(heard), f"{setting}; 95 % {low:.1f} … {high:.1f}"),
    ]

"""CPU time of receiving, and of full duplex with a mix: one contestant at a time, everybody talks all the time."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from deploy.bench.media_audio import PACKETS_PER_S, speech
from deploy.bench.media_callers import Sending
from deploy.bench.media_measured import Reading
from deploy.bench.media_stage import OURS, STOCK, stage
from deploy.bench.rows import Row
from media_server.conversation.types import SAMPLE_RATE_HZ

DUPLEX = (10, 20)
WARM_UP = 0.375
"""Of the time that is measured: before it."""
_TAIL_S = 0.2


@dataclass(frozen=True, slots=True)
class Cost:
    cpu_ms: float
    """For each second of each call, idling taken off."""
    delivered_percent: float
    """Of the audio that was sent, as 16 kHz samples."""
    heard_per_s: float
    """Packets that each caller got."""
    caller_cores: float
    late: int
    call_seconds: float


def receive_row(calls: int, seconds: float) -> Row:
    costs = [_cost(name, calls, seconds, mixes=False) for name in (OURS, STOCK)]
    delivered = _both(f"{cost.delivered_percent:.1f}" for cost in costs)
    return _row("receive_cpu_ms", _taken(calls, seconds), costs, f"decoded to 16 kHz, {delivered} % delivered")


def duplex_row(calls: int, seconds: float) -> Row:
    costs = [_cost(name, calls, seconds, mixes=True) for name in (OURS, STOCK)]
    heard = _both(f"{cost.heard_per_s:.1f}" for cost in costs)
    what = f"full duplex, ours with 16 kHz samples for listening and stock without, each heard {heard} packets/s"
    return _row(f"duplex_cpu_ms {calls}", _taken(calls, seconds), costs, what)


def talk(calls: int, seconds: float) -> list[Sending]:
    """Everybody begins elsewhere, and talks a little longer than is measured."""
    packets = speech()
    count = round(((1 + WARM_UP) * seconds + _TAIL_S) * PACKETS_PER_S)
    return [Sending(packets, count, first=number * len(packets) // calls) for number in range(calls)]


def _row(metric: str, taken: str, costs: list[Cost], what: str) -> Row:
    ours, stock = costs
    generator = f"generator {_both(f'{cost.caller_cores:.2f}' for cost in costs)} core"
    late = f"{_both(str(cost.late) for cost in costs)} packets late"
    conditions = f"{taken}, {what}; {generator}, {late}"
    return Row(metric, "ms/s", ours.cpu_ms, round(ours.call_seconds), conditions, stock.cpu_ms, STOCK)


def _taken(calls: int, seconds: float) -> str:
    return f"{calls} calls, {seconds:g} s after {WARM_UP * seconds:g} s, idle taken off"


def _both(figures: Iterable[str]) -> str:
    return " / ".join(figures)


def _cost(name: str, calls: int, seconds: float, *, mixes: bool) -> Cost:
    with stage([name], calls, "nothing", mixes=mixes) as on_stage:
        node = on_stage.nodes[name]
        on_stage.begin(talk(calls, seconds))
        time.sleep(WARM_UP * seconds)
        before: Reading = node.call("reading")
        time.sleep(seconds)
        after: Reading = node.call("reading")
        played = on_stage.finish()[name]
    passed_s = after.at_s - before.at_s
    cores = (after.cpu_s - before.cpu_s) / passed_s - on_stage.idle_cores[name]
    return Cost(
        cpu_ms=1000 * cores / calls,
        delivered_percent=100 * (after.samples - before.samples) / (passed_s * calls * SAMPLE_RATE_HZ),
        heard_per_s=sum(played.received.values()) / calls / played.wall_s,
        caller_cores=played.cpu_s / played.wall_s,
        late=played.late,
        call_seconds=passed_s * calls,
    )

"""How long audio takes: one way to the 16 kHz samples, after many losses, and from click to click through a mix.

Both contestants run at the same time on one core, with few calls each. What a caller's microphone and its playout add
is not in these figures; a packet is sent when its last sample was spoken.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np

from deploy.bench.media_audio import PACKETS_PER_S, clicks, onsets_s, speech
from deploy.bench.media_caller import Played, Sending
from deploy.bench.media_delays import Delays, click_delays_ms, delays_ms, within
from deploy.bench.media_loss import exactly, independent
from deploy.bench.media_stage import CONTESTANTS, OURS, STOCK, Stage, stage
from deploy.bench.rows import Row, percentile

LOSS_PERCENT = 5
LOSSES = 1_000
_CALLS = 4
_COUNT = 10 * PACKETS_PER_S
_SETTLED = 2 * PACKETS_PER_S
"""Packets at the start that a receiver may use to find its depth."""
_DRIFT_LOSS_PERCENT = 25
_DRIFT_CALLS = 3
_CALM = 5 * PACKETS_PER_S
"""Packets without a loss, of which the delay before and after is taken."""
_MIXED_CALLS = 4
_CLICK_PACKETS = 25
"""Between two clicks, whoever makes them: 0.5 s."""
_CLICKED_S = 12
_TAIL_PACKETS = PACKETS_PER_S // 2


def delay_rows() -> list[Row]:
    """No loss and 5 % in the same run."""
    packets = speech()
    lossless = [Sending(packets, _COUNT, first=100 * number) for number in range(_CALLS)]
    lossy = [
        Sending(packets, _COUNT, first=100 * number, lost=independent(_COUNT, LOSS_PERCENT / 100, seed=number))
        for number in range(_CALLS)
    ]
    found = _one_way([*lossless, *lossy])
    taken = f"{_CALLS} calls, {_COUNT // PACKETS_PER_S} s, the first {_SETTLED // PACKETS_PER_S} s left out"
    return [
        _delay_row("delay_ms no loss", {name: found[name][:_CALLS] for name in found}, lossless, taken),
        _delay_row(f"delay_ms {LOSS_PERCENT} % loss", {n: found[n][_CALLS:] for n in found}, lossy, taken),
    ]


def drift_row() -> Row:
    """The delay after a thousand losses minus before them, the median over the calls."""
    packets = speech()
    lost = [exactly(LOSSES, _DRIFT_LOSS_PERCENT / 100, number, _SETTLED + _CALM) for number in range(_DRIFT_CALLS)]
    counts = [max(numbers) + _SETTLED + _CALM + _TAIL_PACKETS for numbers in lost]
    sendings = [Sending(packets, count, lost=numbers) for count, numbers in zip(counts, lost, strict=True)]
    found = _one_way(sendings)
    drifts = {
        name: [_drift_ms(delays, sending) for delays, sending in zip(found[name], sendings, strict=True)]
        for name in found
    }
    each = " ".join(f"{drift:.1f}" for drift in drifts[OURS])
    conditions = (
        f"{LOSSES} losses a call at {_DRIFT_LOSS_PERCENT} %, medians of {_CALM // PACKETS_PER_S} s before and after, "
        f"{_SETTLED // PACKETS_PER_S} s to recover; each call {each}"
    )
    return Row("delay_drift_ms", "ms", median(drifts[OURS]), _DRIFT_CALLS, conditions, median(drifts[STOCK]), STOCK)


def mixer_row() -> Row:
    """Everybody clicks in turn, and everybody else hears it."""
    count = _CLICKED_S * PACKETS_PER_S
    places = [
        range(_SETTLED + number * _CLICK_PACKETS, count - _TAIL_PACKETS, _MIXED_CALLS * _CLICK_PACKETS)
        for number in range(_MIXED_CALLS)
    ]
    sendings = [Sending(clicks(count, own), count) for own in places]
    with stage(list(CONTESTANTS), _MIXED_CALLS, "nothing", mixes=True) as on_stage:
        on_stage.callers.call("keep")
        played = on_stage.play(sendings)
        heard: list[list[tuple[float, bytes]]] = on_stage.callers.call("kept")
    found = {
        name: _clicked(played[name], heard[turn * _MIXED_CALLS :][:_MIXED_CALLS], places)
        for turn, name in enumerate(on_stage.nodes)
    }
    made = sum(len(own) for own in places) * (_MIXED_CALLS - 1)
    conditions = (
        f"{_MIXED_CALLS} callers, a 5 ms click in turn every {_CLICK_PACKETS / PACKETS_PER_S:g} s, from its packet "
        f"sent to its onset received, both codings in it; {_spread(found)}; "
        f"{len(found[OURS])} / {len(found[STOCK])} of {made} heard"
    )
    ours, stock = (percentile(found[name], 50) for name in (OURS, STOCK))
    return Row("mixer_delay_ms", "ms", ours, len(found[OURS]), conditions, stock, STOCK)


def _one_way(sendings: Sequence[Sending]) -> dict[str, list[Delays]]:
    with stage(list(CONTESTANTS), len(sendings), "times") as on_stage:
        played = on_stage.play(sendings)
        return {name: _delays(on_stage, name, played[name]) for name in on_stage.nodes}


def _delays(on_stage: Stage, name: str, played: Played) -> list[Delays]:
    arrivals = on_stage.nodes[name].call("arrivals")
    return [delays_ms(played.sent_s[number], came) for number, came in enumerate(arrivals)]


def _delay_row(metric: str, found: dict[str, list[Delays]], sendings: Sequence[Sending], taken: str) -> Row:
    span = _SETTLED, _COUNT - _TAIL_PACKETS
    values = {name: [delay for delays in calls for delay in within(delays, *span)] for name, calls in found.items()}
    sent = sum(number not in sending.lost for sending in sendings for number in range(*span))
    came = " / ".join(f"{100 * len(values[name]) / sent:.1f}" for name in (OURS, STOCK))
    ours, stock = (percentile(values[name], 50) for name in (OURS, STOCK))
    conditions = f"{taken}; {_spread(values)}; {came} % of the packets that were sent came out"
    return Row(metric, "ms", ours, len(values[OURS]), conditions, stock, STOCK)


def _spread(values: dict[str, list[float]]) -> str:
    figures = [percentile(values[name], percent) for name in (OURS, STOCK) for percent in (50, 95)]
    p50, p95, stock_p50, stock_p95 = ("-" if figure is None else f"{figure:.1f}" for figure in figures)
    return f"p50 {p50} p95 {p95}, stock {stock_p50} and {stock_p95}"


def _drift_ms(delays: Delays, sending: Sending) -> float:
    before = within(delays, _SETTLED, _SETTLED + _CALM)
    after = within(delays, sending.count - _TAIL_PACKETS - _CALM, sending.count - _TAIL_PACKETS)
    return median(after) - median(before) if before and after else float("nan")


def _clicked(played: Played, heard: Sequence[Sequence[tuple[float, bytes]]], places: Sequence[range]) -> list[float]:
    """Of every click, by everybody but who made it."""
    longest_s = _CLICK_PACKETS / PACKETS_PER_S
    return [
        delay
        for talker, own in enumerate(places)
        for listener, packets in enumerate(heard)
        if listener != talker
        for delay in click_delays_ms(played.sent_s[talker][np.array(own)].tolist(), onsets_s(packets), longest_s)
    ]

"""How long audio takes one way, to the 16 kHz samples, and whether a thousand losses make that longer.

Both contestants run at the same time on one core, with few calls each. What a caller's microphone and its playout add
is not in these figures; a packet is sent when its last sample was spoken.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from deploy.bench.media_audio import PACKETS_PER_S, speech
from deploy.bench.media_callers import Played, Sending
from deploy.bench.media_delays import Delays, delays_ms, spread, within
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
        name: [
            drift
            for delays, sending in zip(found[name], sendings, strict=True)
            if (drift := _drift_ms(delays, sending)) is not None
        ]
        for name in found
    }
    ours, stock = (median(drifts[name]) if drifts[name] else None for name in (OURS, STOCK))
    each = " ".join(f"{drift:.1f}" for drift in drifts[OURS])
    conditions = (
        f"{LOSSES} losses a call at {_DRIFT_LOSS_PERCENT} %, medians of {_CALM // PACKETS_PER_S} s before and after, "
        f"{_SETTLED // PACKETS_PER_S} s to recover; each call {each}"
    )
    return Row("delay_drift_ms", "ms", ours, len(drifts[OURS]), conditions, stock, STOCK)


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
    spreads = f"{spread(values[OURS])}, {STOCK} {spread(values[STOCK])}"
    conditions = f"{taken}; {spreads}; {came} % of the packets that were sent came out"
    return Row(metric, "ms", ours, len(values[OURS]), conditions, stock, STOCK)


def _drift_ms(delays: Delays, sending: Sending) -> float | None:
    """None: nothing came out before, or after."""
    before = within(delays, _SETTLED, _SETTLED + _CALM)
    after = within(delays, sending.count - _TAIL_PACKETS - _CALM, sending.count - _TAIL_PACKETS)
    return median(after) - median(before) if before and after else None

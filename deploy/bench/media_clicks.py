"""How long a click takes through a mix: everybody clicks in turn, and everybody else hears it.

From sending the packet that begins with the click to its onset in a packet that came back: both codings are in it, the
20 ms that a packet takes to be spoken and the listener's playout are not.
"""

from __future__ import annotations

from collections.abc import Sequence

from deploy.bench.media_audio import PACKETS_PER_S, clicks, onsets_s
from deploy.bench.media_callers import Played, Sending
from deploy.bench.media_delays import click_delays_ms, spread
from deploy.bench.media_stage import CONTESTANTS, OURS, STOCK, stage
from deploy.bench.rows import Row, percentile

CALLS = 4
_EVERY = PACKETS_PER_S // 2
"""Packets between two clicks, whoever makes them."""
_FIRST = 2 * PACKETS_PER_S
_COUNT = 12 * PACKETS_PER_S
_TAIL = PACKETS_PER_S // 2
_PLACES = [range(_FIRST + number * _EVERY, _COUNT - _TAIL, CALLS * _EVERY) for number in range(CALLS)]
MADE = sum(len(own) for own in _PLACES) * (CALLS - 1)
"""Clicks, counted once for each who should hear them."""
TAKEN = f"{CALLS} callers, a 5 ms click every {_EVERY / PACKETS_PER_S:g} s, both codings in it"

Heard = Sequence[Sequence[tuple[float, bytes]]]
"""Of each caller: arrival and payload of the packets that came."""


def mixer_row() -> Row:
    """Both contestants at the same time."""
    with stage(list(CONTESTANTS), CALLS, "nothing", mixes=True) as on_stage:
        on_stage.callers.call("keep")
        played = on_stage.play(click_sendings())
        heard: Heard = on_stage.callers.call("kept")
    found = {
        name: click_delays(played[name], heard[turn * CALLS :][:CALLS]) for turn, name in enumerate(on_stage.nodes)
    }
    ours, stock = found[OURS], found[STOCK]
    conditions = f"{TAKEN}; {spread(ours)}, {STOCK} {spread(stock)}; {len(ours)} / {len(stock)} of {MADE} heard"
    return Row("mixer_delay_ms", "ms", percentile(ours, 50), len(ours), conditions, percentile(stock, 50), STOCK)


def click_sendings() -> list[Sending]:
    """Of each caller."""
    return [Sending(clicks(_COUNT, own), _COUNT) for own in _PLACES]


def click_delays(played: Played, heard: Heard) -> list[float]:
    """Of every click, to everybody but who made it, ms."""
    onsets = [onsets_s(packets) for packets in heard]
    return [
        delay
        for talker, own in enumerate(_PLACES)
        for listener in range(CALLS)
        if listener != talker
        for delay in click_delays_ms(
            [float(played.sent_s[talker][place]) for place in own], onsets[listener], _EVERY / PACKETS_PER_S
        )
    ]

"""Whether a node stays as it was while participants join and leave a mixed call at random.

Memory is sampled every few seconds; its slope is that of a straight line through the samples after the first quarter.
What is left is counted when everybody has gone, against what was there before anybody came.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

import numpy as np

from deploy.bench.media_audio import PACKETS_PER_S, speech
from deploy.bench.media_callers import Sending
from deploy.bench.media_measured import Footprint
from deploy.bench.media_process import Child
from deploy.bench.media_stage import OURS, connect, stage
from deploy.bench.rows import Row

MOST = 20
"""Participants at a time."""
_STEP_S = 4.0
_SETTLE_S = 5.0
_WARM_UP = 0.25

Say = Callable[[str], None]


def soak_row(minutes: float, say: Say) -> Row:
    """Of our node alone."""
    chance = random.Random(1)  # noqa: S311 - the same coming and going every time
    packets, samples, joined = speech(), list[tuple[float, float]](), 0
    with stage([OURS], 0, "nothing", mixes=True) as on_stage:
        node, calling = on_stage.nodes[OURS], on_stage.callers
        before: Footprint = node.call("footprint")
        here: list[int] = []
        began_s = time.monotonic()
        while time.monotonic() - began_s < 60 * minutes:
            coming = chance.randint(0 if here else 1, (MOST - len(here) + 1) // 2)
            if coming:
                connect(calling, node, coming, mixes=True)
            here += range(joined, joined + coming)
            joined += coming
            calling.call("play", {number: _talk(packets, number) for number in here})
            for number in chance.sample(here, chance.randint(0, len(here) // 2)):
                here.remove(number)
                _leave(calling, node, number)
            footprint: Footprint = node.call("footprint")
            samples.append((time.monotonic() - began_s, footprint.rss_mb))
            say(f"  {samples[-1][0]:.0f} s: {len(here)} here, {joined} joined, {footprint.rss_mb:.1f} MB")
        for number in here:
            _leave(calling, node, number)
        time.sleep(_SETTLE_S)
        after: Footprint = node.call("footprint")
    conditions = (
        f"{minutes:g} min, {joined} joined and left, {MOST} at most at a time, mixed; {samples[-1][1]:.0f} MB at the "
        f"end; left: {after.tasks - before.tasks} tasks, {after.threads - before.threads} threads, "
        f"{after.descriptors - before.descriptors} descriptors"
    )
    return Row("rss_slope_mb_h", "MB/h", slope_mb_h(samples), len(samples), conditions)


def slope_mb_h(samples: Sequence[tuple[float, float]]) -> float | None:
    """Args: samples, seconds and MB. None: too few of them after the warm-up."""
    settled = samples[int(len(samples) * _WARM_UP) :]
    if len(settled) < 2:
        return None
    times_s, sizes_mb = np.array(settled).T
    return 3600 * float(np.polyfit(times_s, sizes_mb, 1)[0])


def _talk(packets: Sequence[bytes], number: int) -> Sending:
    return Sending(
        packets, round(_STEP_S * PACKETS_PER_S), first=37 * number % len(packets), phase=number % MOST / MOST
    )


def _leave(calling: Child, node: Child, number: int) -> None:
    calling.call("leave", number)
    node.call("leave", number)

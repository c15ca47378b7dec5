"""Whether a node stays as it was while people come to a mixed call and go, some of them badly.

Who comes behaves in one of several ways (`MANNERS`) and leaves with a goodbye or without one; whoever is left without
is noticed by the node itself, and others come back in their place. A sample is what the node keeps (see `Weight`); the
slope is that of the second half of the samples (see `slope`). What is left is counted when everybody has gone,
against what was there before anybody came.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial

from deploy.bench.media_audio import PACKETS_PER_S, speech
from deploy.bench.media_callers import Played, Sending, callers
from deploy.bench.media_loss import independent
from deploy.bench.media_process import Child
from deploy.bench.media_soak_node import Weight, soaked_node
from deploy.bench.media_stage import CALLER_CORE, NODE_CORE, connect
from deploy.bench.rows import Row
from deploy.bench.slope import Sample, slope

PEOPLE = 20
"""At a time, when nobody says otherwise."""
_STEP_S = 4.0
_TICKS = round(_STEP_S * PACKETS_PER_S)
_SETTLE_S = 20.0
"""Until the node has noticed that the last ones are gone, and closed them."""
_WARM_UP = 0.5
_REST_TICKS = 20
"""Between two packets of somebody who rests."""
_REST = b"\x78"
"""An Opus packet that is a header only: silence (RFC 6716 §2.1.9)."""
MANNERS = ("talks", "talks", "talks", "rests", "is silent", "loses packets", "sends odd packets")

Say = Callable[[str], None]


class _Crowd:
    """Who is here and how they behave; the same coming and going every time."""

    def __init__(self, calling: Child, node: Child, most: int) -> None:
        self._calling = calling
        self._node = node
        self._most = most
        self._chance = random.Random(1)  # noqa: S311
        self._packets = speech()
        self._manners: dict[int, str] = {}
        self.joined = 0
        self.vanished = 0
        self.closed = 0
        """By the node."""

    @property
    def here(self) -> int:
        return len(self._manners)

    def some_come(self) -> None:
        if coming := self._chance.randint(0 if self._manners else 1, (self._most - self.here + 1) // 2):
            self._come(coming)

    def all_come(self) -> None:
        self._come(self._most)

    def _come(self, coming: int) -> None:
        connect(self._calling, self._node, coming, mixes=True)
        for number in range(self.joined, self.joined + coming):
            self._manners[number] = self._chance.choice(MANNERS)
        self.joined += coming

    def talk(self) -> None:
        heard = {n: self._sending(n, how) for n, how in self._manners.items() if how != "is silent"}
        if heard:
            played: Played = self._calling.call("play", heard, True)
            for number in played.ended:
                self._go(number)
            self.closed += len(played.ended)
        else:
            time.sleep(_STEP_S)

    def some_go(self) -> None:
        for number in self._chance.sample(list(self._manners), self._chance.randint(0, self.here // 2)):
            self._go(number)

    def all_go(self) -> None:
        for number in list(self._manners):
            self._go(number)

    def _go(self, number: int) -> None:
        del self._manners[number]
        if self._chance.random() < 0.5:
            self._calling.call("vanish", number)
            self.vanished += 1
            return
        self._calling.call("leave", number)
        self._node.call("leave", number)

    def _sending(self, number: int, manner: str) -> Sending:
        sending = partial(Sending, count=_TICKS, first=37 * number % len(self._packets), phase=number % 20 / 20)
        match manner:
            case "rests":
                return sending([_REST], lost=frozenset(range(_TICKS)) - frozenset(range(0, _TICKS, _REST_TICKS)))
            case "loses packets":
                return sending(self._packets, lost=independent(_TICKS, 0.1, seed=number))
            case "sends odd packets":
                return sending(self._packets, odd=frozenset(range(5, _TICKS, 10)))
            case _:
                return sending(self._packets)


def soak_row(minutes: float, most: int, say: Say) -> Row:
    """Of our node alone. Args: most, people at a time."""
    samples: list[Sample] = []
    rss_mb: list[float] = []
    with Child(callers, CALLER_CORE) as calling, Child(soaked_node, NODE_CORE) as node:
        before: Weight = node.call("weight")
        crowd = _Crowd(calling, node, most)
        # The most that there ever are, first: what they take of memory at once is no growth later.
        crowd.all_come()
        crowd.talk()
        crowd.some_go()
        began_s = time.monotonic()
        while (now_s := time.monotonic() - began_s) < 60 * minutes:
            crowd.some_come()
            crowd.talk()
            crowd.some_go()
            weight: Weight = node.call("weight")
            samples.append(Sample(now_s, weight.people, weight.kept_mb))
            rss_mb.append(weight.rss_mb)
            say(
                f"  {now_s:.0f} s: {weight.people} here, {crowd.joined} joined, {weight.kept_mb:.1f} MB kept of "
                f"{weight.rss_mb:.1f}, {weight.objects} objects"
            )
        crowd.all_go()
        after = _settled(node)
    found = slope(samples[int(len(samples) * _WARM_UP) :])
    left = [after.people, after.tasks - before.tasks, after.threads - before.threads]
    left.append(after.descriptors - before.descriptors)
    interval = "" if found is None else f"95 %: {found.low_mb_h:.2f} … {found.high_mb_h:.2f}; "
    conditions = (
        f"{interval}{minutes:g} min, {most} people at most at a time, mixed; {crowd.joined} joined, of whom "
        f"{crowd.vanished} left without a word and {crowd.closed} were closed; "
        f"{samples[-1].size_mb:.1f} MB kept at the end, {max(rss_mb):.0f} MB at most; left: "
        "{} people, {} tasks, {} threads, {} descriptors".format(*left)
    )
    return Row("rss_slope_mb_h", "MB/h", None if found is None else found.mb_h, len(samples), conditions)


def _settled(node: Child) -> Weight:
    """Once the node has noticed that everybody is gone."""
    until_s = time.monotonic() + _SETTLE_S
    while True:
        weight: Weight = node.call("weight")
        if not weight.people or time.monotonic() > until_s:
            time.sleep(0.5)
            return node.call("weight")  # type: ignore[no-any-return]
        time.sleep(0.5)

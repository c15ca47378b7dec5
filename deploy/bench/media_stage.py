"""Callers on one core and contestants on the other, connected and ready to be measured."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial

from deploy.bench.media_callers import Played, Sending, callers, spread_phases
from deploy.bench.media_measured import Contestant, Keeps, Reading, measured
from deploy.bench.media_node import our_node
from deploy.bench.media_process import Child
from deploy.bench.media_stock import stock_node

OURS, STOCK = "ours", "stock aiortc"
CONTESTANTS: dict[str, Contestant] = {OURS: our_node, STOCK: stock_node}
_IDLE_S = 0.5
NODE_CORE, CALLER_CORE = 0, 1


@dataclass(frozen=True, slots=True)
class Stage:
    """Every contestant has the same number of calls."""

    callers: Child
    nodes: dict[str, Child]
    idle_cores: dict[str, float]
    """What each node takes without a call."""
    calls: int

    def play(self, sendings: Sequence[Sending]) -> dict[str, Played]:
        """The same to each contestant; one sending a call, the phases of all spread evenly."""
        self.begin(sendings)
        return self.finish()

    def begin(self, sendings: Sequence[Sending]) -> None:
        """Return at once; `finish` must follow."""
        turns = len(self.nodes)
        in_turns = [(turn, number) for number in range(len(sendings)) for turn in range(turns)]
        phases = spread_phases([sendings[number] for _, number in in_turns])
        self.callers.ask("play", {turn * self.calls + number: phases[at] for at, (turn, number) in enumerate(in_turns)})

    def finish(self) -> dict[str, Played]:
        """What was sent to each contestant, its calls counted from 0."""
        played: Played = self.callers.answer()
        return {name: self._share(played, turn) for turn, name in enumerate(self.nodes)}

    def _share(self, played: Played, turn: int) -> Played:
        mine = {turn * self.calls + number: number for number in range(self.calls)}
        sent_s = {mine[number]: sent for number, sent in played.sent_s.items() if number in mine}
        received = {mine[number]: count for number, count in played.received.items() if number in mine}
        return replace(played, sent_s=sent_s, received=received)


@contextmanager
def stage(names: Sequence[str], calls: int, keeps: Keeps, *, mixes: bool = False) -> Iterator[Stage]:
    """Everybody connected; everything is gone afterwards."""
    with ExitStack() as stack:
        calling = stack.enter_context(Child(callers, CALLER_CORE))
        nodes = {
            name: stack.enter_context(Child(partial(measured, CONTESTANTS[name], mixes, keeps), NODE_CORE))
            for name in names
        }
        idle = {name: _idle_cores(node) for name, node in nodes.items()}
        for node in nodes.values():
            connect(calling, node, calls, mixes=mixes)
        yield Stage(calling, nodes, idle, calls)


def connect(calling: Child, node: Child, calls: int, *, mixes: bool) -> None:
    """So many more callers."""
    offers = calling.call("offers", calls, "sendrecv" if mixes else "sendonly")
    calling.call("connect", node.call("answers", offers))


def _idle_cores(node: Child) -> float:
    before: Reading = node.call("reading")
    time.sleep(_IDLE_S)
    after: Reading = node.call("reading")
    return (after.cpu_s - before.cpu_s) / (after.at_s - before.at_s)

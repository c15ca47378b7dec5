"""Two hundred calls, their callers and a stranger, in a process each; only in `make chaos`.

The short form is `test_many_attacked_calls.py`, whose node, callers and stranger share a loop, so that from some number
on they harm each other.
"""

from __future__ import annotations

import time

import pytest

from deploy.bench.media_audio import speech
from deploy.bench.media_callers import Played, Sending, callers
from deploy.bench.media_process import Child
from deploy.bench.media_rtp import read_answer
from deploy.bench.media_stage import CALLER_CORE, NODE_CORE
from tests.attacked_calls import attacker, counted_node
from tests.chaos import IS_CHAOS, chosen, figures, progress
from tests.integration.test_hostile_datagrams import CLASSES

__test__ = IS_CHAOS

pytestmark = [pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(1800)]

CALLS = chosen("CALLS") or 200
AT_ONCE = 20
PACKETS = 150
"""Three seconds for each class of datagrams."""
ARRIVES_S = 30.0


def test_no_call_of_two_hundred_is_harmed_by_a_stranger() -> None:
    packets = speech()
    with (
        Child(counted_node, NODE_CORE) as node,
        Child(callers, CALLER_CORE) as calling,
        Child(attacker, CALLER_CORE) as one,
    ):
        ports: list[int] = []
        for begin in range(0, CALLS, AT_ONCE):
            offers = calling.call("offers", min(AT_ONCE, CALLS - begin), "sendonly")
            answers = node.call("answers", offers)
            calling.call("connect", answers)
            ports += [read_answer(answer).candidates[0].port for answer in answers]
        sent, late, harmed, began_s = 0, 0, 0, time.monotonic()
        for done, datagrams in enumerate(CLASSES.values()):
            before = node.call("heard")
            one.call("begin", datagrams, ports)
            played: Played = calling.call("play", {n: Sending(packets, PACKETS, phase=n / CALLS) for n in range(CALLS)})
            sent, late = one.call("stop"), late + played.late
            harmed += _harmed(node, before)
            progress("G4 two hundred calls", done + 1, len(CLASSES))
        assert node.call("people") == CALLS
    figures("G4 two hundred calls", calls=CALLS, classes=len(CLASSES), harmed=harmed, datagrams=sent,
            sent_late=late, seconds=round(time.monotonic() - began_s, 1))  # fmt: skip
    assert harmed == 0


def _harmed(node: Child, before: list[int]) -> int:
    """Calls of which more than one packet did not arrive."""
    until_s = time.monotonic() + ARRIVES_S
    while True:
        heard: list[int] = node.call("heard")
        harmed = sum(now - then < PACKETS - 1 for now, then in zip(heard, before, strict=True))
        if not harmed or time.monotonic() > until_s:
            return harmed
        time.sleep(0.2)

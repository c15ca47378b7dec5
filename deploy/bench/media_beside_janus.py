"""The figures of our mix once more, with Janus' AudioBridge as the peer: it gets the same packets, over plain RTP."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from deploy.bench.media_callers import Played, callers, spread_phases
from deploy.bench.media_clicks import CALLS, MADE, TAKEN, Heard, click_delays, click_sendings
from deploy.bench.media_cpu import WARM_UP, talk
from deploy.bench.media_delays import spread
from deploy.bench.media_janus import NAME, Janus, janus
from deploy.bench.media_process import Child
from deploy.bench.media_stage import CALLER_CORE, NODE_CORE
from deploy.bench.rows import Row, percentile

_IDLE_S = 0.5


def duplex_beside_janus(ours: Row, calls: int, seconds: float) -> Row:
    """Args: ours, the row with the same number of calls beside stock aiortc."""
    with _room(calls) as (room, calling, idle_cores):
        sendings = spread_phases(talk(calls, seconds))
        calling.ask("play", dict(enumerate(sendings)))
        time.sleep(WARM_UP * seconds)
        began_s, before_s = time.monotonic(), room.cpu_s()
        time.sleep(seconds)
        cores = (room.cpu_s() - before_s) / (time.monotonic() - began_s) - idle_cores
        played: Played = calling.answer()
    heard = sum(played.received.values()) / calls / played.wall_s
    conditions = (
        f"ours as above; Janus: {calls} participants, {seconds:g} s after {WARM_UP * seconds:g} s, no SRTP, "
        f"no ICE, no 16 kHz samples, room at 48 kHz, each heard {heard:.1f} packets/s, {played.late} packets late"
    )
    return replace(ours, conditions=conditions, peer=1000 * cores / calls, peer_name=NAME)


def mixer_beside_janus(ours: Row) -> Row:
    """Args: ours, the row beside stock aiortc."""
    with _room(CALLS) as (_, calling, _):
        calling.call("keep")
        played: Played = calling.call("play", dict(enumerate(spread_phases(click_sendings()))))
        heard: Heard = calling.call("kept")
    delays = click_delays(played, heard)
    conditions = (
        f"ours as above; Janus with its default of 6 packets: {TAKEN}; {spread(delays)}; {len(delays)} of {MADE}"
    )
    return replace(ours, conditions=conditions, peer=percentile(delays, 50), peer_name=NAME)


@contextmanager
def _room(calls: int) -> Iterator[tuple[Janus, Child, float]]:
    """Everybody in it, and what Janus takes without anybody."""
    cores = sorted(os.sched_getaffinity(0))
    with janus(cores[NODE_CORE]) as room, Child(callers, CALLER_CORE) as calling:
        before_s = room.cpu_s()
        time.sleep(_IDLE_S)
        idle_cores = (room.cpu_s() - before_s) / _IDLE_S
        ports: list[int] = calling.call("ports", calls)
        calling.call("connect", [room.join(port) for port in ports])
        yield room, calling, idle_cores

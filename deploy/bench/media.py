"""`liveconvo bench media`: CPU time, delay, and words lost on bad lines, of our node beside stock aiortc.

Method: callers of our own, in a process on one core, send packets that were encoded before over real ICE, DTLS and SRTP
on the loopback; a contestant runs in a process on another core, on the same kind of event loop. Both get the same
packets and lose the same ones. Its CPU time is user and system of the whole process, what it takes idle taken off.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from deploy.bench.clips import BenchInputError
from deploy.bench.media_beside_janus import duplex_beside_janus, mixer_beside_janus
from deploy.bench.media_clicks import mixer_row
from deploy.bench.media_cpu import DUPLEX, duplex_row, receive_row
from deploy.bench.media_delay import delay_rows, drift_row
from deploy.bench.media_janus import NAME, JanusError, is_installed
from deploy.bench.media_process import ChildFailedError
from deploy.bench.media_soak import soak_row
from deploy.bench.rows import Row, print_rows, versions

Measuring = Callable[[argparse.Namespace], list[Row]]


def run(args: argparse.Namespace) -> int:
    """Measure and print; 2 when there is nothing to measure with, 1 when a contestant failed."""
    rows: list[Row] = []
    failed = False
    for name, measure in MEASURED.items():
        if name not in (args.only or MEASURED):
            continue
        _say(f"{name} …")
        began_s = time.monotonic()
        try:
            rows += measure(args)
        except (BenchInputError, OSError) as error:
            _say(f"bench media: {error}")
            return 2
        except (ChildFailedError, JanusError) as error:
            _say(f"bench media: {name}: {error}")
            failed = True
        _say(f"{name}: {time.monotonic() - began_s:.0f} s")
    if args.json:
        print(json.dumps({"bench": "media", "versions": versions(), "rows": [row.as_json() for row in rows]}))
    elif rows:
        print_rows(rows)
    return 1 if failed else 0 if rows else 2


def _receive(args: argparse.Namespace) -> list[Row]:
    return [receive_row(args.calls, args.seconds)]


def _duplex(args: argparse.Namespace) -> list[Row]:
    rows = []
    for participants in DUPLEX:
        rows.append(duplex_row(participants, args.seconds))
        if _has_janus():
            rows.append(duplex_beside_janus(rows[-1], participants, args.seconds))
    return rows


def _mixer(args: argparse.Namespace) -> list[Row]:
    row = mixer_row()
    return [row, mixer_beside_janus(row)] if _has_janus() else [row]


def _has_janus() -> bool:
    if not is_installed():
        _say(f"  without {NAME}: it is not installed")
    return is_installed()


def _words(args: argparse.Namespace) -> list[Row]:
    if not args.data:
        _say("  left out: say which recordings: --data DIR (a folder with a manifest.tsv)")
        return []
    from deploy.bench.media_wer import wer_rows

    return wer_rows(Path(args.data), args.clips, _say)


def _soak(args: argparse.Namespace) -> list[Row]:
    if args.soak is None:
        _say("  left out: it takes minutes: --soak MIN")
        return []
    return [soak_row(args.soak, args.people, _say)]


MEASURED: dict[str, Measuring] = {
    "receive_cpu_ms": _receive,
    "duplex_cpu_ms": _duplex,
    "delay_ms": lambda args: delay_rows(),
    "mixer_delay_ms": _mixer,
    "delay_drift_ms": lambda args: [drift_row()],
    "wer_rise_points": _words,
    "rss_slope_mb_h": _soak,
}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

"""How far it is: one line that is written over on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

TERMINAL_EVERY_S = 0.2
LINE_EVERY_S = 15.0


class Progress:
    """Of one file."""

    def __init__(
        self, name: str, duration_s: float | None, out: TextIO, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._duration_s = duration_s
        self._out = out
        self._clock = clock
        self._is_terminal = out.isatty()
        self._every_s = TERMINAL_EVERY_S if self._is_terminal else LINE_EVERY_S
        self._began_s = self._told_s = clock()
        self._width = 0

    def at(self, read_s: float) -> None:
        """So much was read."""
        now_s = self._clock()
        if now_s - self._told_s >= self._every_s:
            self._told_s = now_s
            self._tell(described(self._name, read_s, self._duration_s, now_s - self._began_s))

    def close(self, outcome: str) -> None:
        """The last line stays."""
        self._tell(f"{self._name}: {outcome}")
        if self._is_terminal:
            print(file=self._out, flush=True)

    def _tell(self, line: str) -> None:
        if not self._is_terminal:
            print(line, file=self._out, flush=True)
            return
        print(f"\r{line:<{self._width}}", end="", file=self._out, flush=True)
        self._width = len(line)


def described(name: str, read_s: float, duration_s: float | None, took_s: float) -> str:
    """Where it is, how fast it goes, and how long it will take if it goes on like that."""
    speed = read_s / took_s if took_s > 0 else 0.0
    if not duration_s:
        return f"{name}: {clock_time(read_s)}, {speed:.0f}× real time"
    share = min(1.0, read_s / duration_s)
    left = clock_time(max(0.0, duration_s - read_s) / speed) if speed else "?"
    bar = "#" * round(20 * share)
    return (
        f"{name}: [{bar:<20}] {share:4.0%}  {clock_time(read_s)} of {clock_time(duration_s)}, "
        f"{speed:.0f}× real time, {left} left"
    )


def clock_time(seconds: float) -> str:
    whole = int(seconds)
    hours = f"{whole // 3600}:" if whole >= 3600 else ""
    return f"{hours}{whole // 60 % 60:02}:{whole % 60:02}"

"""Recognition with real weights that gets a fifth of the CPU: partials go first, finals are on time or marked.

The whole process is stopped for 80 ms of every 100, as a cgroup's quota would do it. Only in `make chaos`: it takes
minutes, and says something only where nothing else is busy.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from typing import Any

import pytest

from media_server.conversation.ladder import LEVELS
from tests.chaos import IS_CHAOS, figures

__test__ = IS_CHAOS

PERIOD_S, SHARE = 0.1, 0.2
BEFORE_S, STARVED_S = 20.0, 60.0
GOAL_FINAL_S = 6.0
RECOVERY_S = 10.0
IN_TIME_S = 90.0


class Child:
    """The process, and what it said of its levels."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.levels: list[tuple[str, float]] = []

    async def next(self, key: str) -> dict[str, Any]:
        """The next line that has this."""
        assert self._process.stdout is not None
        async with asyncio.timeout(IN_TIME_S):
            while line := await self._process.stdout.readline():
                said: dict[str, Any] = json.loads(line)
                if "level" in said:
                    self.levels.append((said["level"], said["at_s"]))
                if key in said:
                    return said
        raise AssertionError(f"it ended without saying {key}")

    async def tell(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(b"tell\n")
        return await self.next("given")

    async def starve(self, seconds: float) -> None:
        """On for a fifth of each period, off for the rest."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + seconds
        while loop.time() < until_s:
            os.kill(self._process.pid, signal.SIGSTOP)
            await asyncio.sleep(PERIOD_S * (1 - SHARE))
            os.kill(self._process.pid, signal.SIGCONT)
            await asyncio.sleep(PERIOD_S * SHARE)

    async def end(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.close()
        return await self.next("is_whole")


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_with_a_fifth_of_the_cpu_partials_go_first_and_no_utterance_is_lost() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.starved_transcriber", stdin=PIPE, stdout=PIPE
    )
    try:
        child = Child(process)
        await child.next("ready")
        await asyncio.sleep(BEFORE_S)
        before = await child.tell()
        await child.starve(STARVED_S)
        starved = await child.tell()
        starving = [level for level, at_s in child.levels if at_s > before["at_s"]]
        await asyncio.sleep(RECOVERY_S)
        after = await child.tell()
        ended = await child.end()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
    recovered = [at_s - starved["at_s"] for level, at_s in child.levels if level == "full" and at_s > starved["at_s"]]
    figures(
        "R58: a fifth of the CPU",
        before=before,
        starved=starved,
        levels=starving,
        recovered_s=recovered and round(recovered[0], 1),
        after=after,
        **ended,
    )
    assert ended["is_whole"]
    steps = [LEVELS.index(level) for level in starving]  # type: ignore[arg-type]
    assert steps[0] in {1, 2}, "finals were marked before partials were left out"
    assert starved["partials"] / STARVED_S < before["partials"] / BEFORE_S
    assert starved["given"] > 0
    assert starved["p95_s"] <= GOAL_FINAL_S
    assert recovered
    assert recovered[0] <= RECOVERY_S

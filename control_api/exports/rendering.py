"""Formats that take long to write, each in a process of its own (`python -m control_api.exports FORMAT`): a few at a
time, and each with an end. So a session of eight hours costs whoever else asks nothing but CPU time.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

import orjson

from control_api.errors import ExportFailedError, ExportTooLongError, UnavailableError
from control_api.exports.report import Report

MAX_LINES = 20_000
"""Twice a talkative day of eight hours."""
MAX_AT_ONCE = 2
WAIT_S = 20.0
"""For a place."""
DEADLINE_S = 120.0


class Renderer:
    """The places of one server."""

    def __init__(self, *, max_lines: int = MAX_LINES, deadline_s: float = DEADLINE_S, wait_s: float = WAIT_S) -> None:
        self._max_lines = max_lines
        self._deadline_s = deadline_s
        self._wait_s = wait_s
        self._places = asyncio.Semaphore(MAX_AT_ONCE)

    async def render(self, kind: str, report: Report) -> bytes:
        """
        Raises:
            ExportTooLongError: it has too many lines.
            UnavailableError: others are being written.
            ExportFailedError: it took too long or broke.
        """
        if len(report.lines) > self._max_lines:
            raise ExportTooLongError
        sent = await asyncio.to_thread(orjson.dumps, report)
        try:
            async with asyncio.timeout(self._wait_s):
                await self._places.acquire()
        except TimeoutError:
            raise UnavailableError("Others are being written; try again.", retry_after_s=10) from None
        try:
            return await self._render(kind, sent)
        finally:
            self._places.release()

    async def _render(self, kind: str, sent: bytes) -> bytes:
        pipe = asyncio.subprocess.PIPE
        command = (sys.executable, "-m", __package__, kind)
        child = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            async with asyncio.timeout(self._deadline_s):
                made, _ = await child.communicate(sent)
        except TimeoutError:
            raise ExportFailedError from None
        finally:
            if child.returncode is None:
                with suppress(ProcessLookupError):
                    child.kill()
                await child.wait()
        if child.returncode != 0 or not made:
            raise ExportFailedError
        return made

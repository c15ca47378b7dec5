"""`liveconvo transcribe` on one file, in a process of its own with an end: the same engine as in a call.

What it says is believed only in the form that was agreed upon.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from control_api.recordings.reasons import UnfitError
from control_api.settings import TranscribeSettings

FINISHED = frozenset({0, 1})
"""Exit codes of `liveconvo transcribe`; 1: something could not be recognized, or the end is missing."""
UNFIT = {2: "unreadable", 3: "too_long"}
OUTPUT_BYTES = 64 * 1024 * 1024
SPARE_S = 600.0
"""To begin, beside the time that the longest recording lasts."""
_CONFINED = str(Path(__file__).with_name("confined.py"))
log = logging.getLogger(__name__)


class CrashedError(Exception):
    """The program ended without an answer; it may be tried again."""


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Word(_Said):
    text: str
    start_ms: int = Field(ge=0)
    end_ms: int = Field(ge=0)
    probability: float


class Segment(_Said):
    start_ms: int = Field(ge=0)
    end_ms: int = Field(ge=0)
    text: str
    confidence: float = Field(ge=0, le=1)
    language: str = Field(max_length=10)
    failure: str | None = None
    """Why there is no text: a marked gap."""
    words: list[Word] = []


class Heard(_Said):
    model: str
    duration_s: float = Field(ge=0)
    is_cut: bool
    """The file ended in the middle of what it promised."""
    segments: list[Segment]


@dataclass(frozen=True, slots=True)
class Engine:
    settings: TranscribeSettings
    spare_s: float = SPARE_S

    async def transcribe(self, file: BinaryIO, demuxer: str, max_s: float) -> Heard:
        """From the file's beginning; it is read by its descriptor.

        Raises:
            UnfitError: unreadable, too_long, too_slow
            CrashedError
        """
        output = os.memfd_create("transcript")
        try:
            code, last_words = await self._run(file, output, demuxer, max_s)
            if code in FINISHED:
                return await asyncio.to_thread(_read, output, last_words)
            if code in UNFIT:
                raise UnfitError(UNFIT[code])
            log.warning("recording not written down exit=%s said=%s", code, last_words)
            raise CrashedError
        finally:
            os.close(output)

    async def _run(self, file: BinaryIO, output: int, demuxer: str, max_s: float) -> tuple[int, str]:
        """Its exit code and its last line."""
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        child = await asyncio.create_subprocess_exec(
            *self._command(demuxer, max_s),
            stdin=file,
            stdout=output,
            stderr=asyncio.subprocess.PIPE,
            env=dict(self.settings.environment),
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(self.settings.minutes * 60 + self.spare_s):
                assert child.stderr is not None  # noqa: S101 -- it is a pipe
                last_words = ""
                while piece := await child.stderr.read(4096):
                    last_words = (last_words + piece.decode(errors="replace"))[-2000:]
                return await child.wait(), _own_line(last_words)
        except TimeoutError:
            raise UnfitError("too_slow") from None
        finally:
            # The whole group: its recognizer is a process as well.
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()

    def _command(self, demuxer: str, max_s: float) -> tuple[str, ...]:
        limits = (str(os.getpid()), str(self.settings.memory_mb * 1024 * 1024), str(OUTPUT_BYTES))
        asked = (
            "--format",
            "json",
            "--words",
            "--workers",
            "1",
            "--input-format",
            demuxer,
            "--max-seconds",
            f"{max_s}",
        )
        language = ("--language", self.settings.language) if self.settings.language else ()
        return (sys.executable, "-I", _CONFINED, *limits, *self.settings.command, "transcribe", "-", *asked, *language)


def _own_line(said: str) -> str:
    """The last line of ours: it names a fault and nothing that was said in the recording."""
    lines = [line for line in said.splitlines() if line.startswith("liveconvo")]
    return lines[-1][:200] if lines else ""


def _read(output: int, last_words: str) -> Heard:
    """
    Raises:
        CrashedError
    """
    with os.fdopen(os.dup(output), "rb") as file:
        file.seek(0)
        said = file.read(OUTPUT_BYTES)
    try:
        return Heard.model_validate_json(said)
    except ValidationError:
        log.warning("recording not written down said=%s", last_words)
        raise CrashedError from None

"""How many streams a GPU serves, and how busy it is meanwhile; nothing of it is needed where there is none."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from deploy.bench.asr_engine import Engines, Say
from deploy.bench.asr_live import Search, search_row
from deploy.bench.clips import Clip
from deploy.bench.rows import Row, percentile

LATEST_S = 0.5
"""p95 of finals on a GPU."""
BEGIN = 16
SAMPLE_S = 1.0
ASK_S = 5.0
_QUERY = ("nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits")


async def gpu_rows(engines: Engines, clips: Sequence[Clip], say: Say, *, each: int) -> list[Row]:
    """Streams within half a second, and utilisation while they were searched for."""
    async with sampled() as samples:
        row = await search_row(engines, clips, say, Search("gpu_streams", LATEST_S, BEGIN, each))
    used = [utilisation for utilisation, _ in samples]
    memory = max((mib for _, mib in samples), default=None)
    conditions = f"{engines}; nvidia-smi once a second while searching; most memory {memory} MiB"
    return [row, Row("gpu_utilisation_percent", "% p50", percentile(used, 50), len(used), conditions)]


@asynccontextmanager
async def sampled() -> AsyncIterator[list[tuple[float, float]]]:
    """Utilisation in percent and used memory in MiB of the first GPU; empty without one."""
    samples: list[tuple[float, float]] = []

    async def sample() -> None:
        while (figures := await _ask()) is not None:
            samples.append(figures)
            await asyncio.sleep(SAMPLE_S)

    async with asyncio.TaskGroup() as tasks:
        sampling = tasks.create_task(sample())
        yield samples
        sampling.cancel()


async def _ask() -> tuple[float, float] | None:
    with contextlib.suppress(OSError, TimeoutError, ValueError):
        asked = await asyncio.create_subprocess_exec(
            *_QUERY, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            async with asyncio.timeout(ASK_S):
                out, _ = await asked.communicate()
        finally:
            if asked.returncode is None:
                asked.kill()
                await asked.wait()
        utilisation, mib = out.decode().splitlines()[0].split(",") if out else ("", "")
        return float(utilisation), float(mib)
    return None

"""`python -m tests.recording_worker JOBS_URL FOLDER`: a worker that is busy with a recording for ever.

To be killed while the process that it began, which is told by `BUSY`, still runs.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

from obstore.store import LocalStore

from control_api.recordings.engine import Engine
from control_api.recordings.transcribing import Transcriber
from control_api.settings import TranscribeSettings
from control_api.storage import Storage
from db import jobs
from db.pool import create_pool, transaction

BUSY = "import time; time.sleep(600)"


async def main(url: str, folder: Path) -> None:
    pool = await create_pool(url, max_size=2, application_name="test")
    engine = Engine(TranscribeSettings((sys.executable, "-c", BUSY), memory_mb=0))
    transcriber = Transcriber(partial(transaction, pool), Storage(LocalStore(folder), folder), engine)
    await jobs.run_worker(url, transcriber.handlers(), asyncio.Event())


def begun_by(pid: int) -> int | None:
    """The process that a worker has begun."""
    with suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if (
                BUSY in Path(f"/proc/{child}/cmdline").read_text().split("\0")
                and "confined" not in Path(f"/proc/{child}/cmdline").read_text()
            ):
                return int(child)
    return None


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))

"""A media node that can be kept from keeping up: while a file is there, each recognition takes three seconds.

`python -m tests.busy_node` is `tests.scripted_node` otherwise, with times of the ladder that are a fifth as long.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from deploy import stack
from deploy.plan import Plan, Services, media_program
from deploy.program import Program
from media_server.conversation import ladder, patience
from media_server.engines import catalog
from media_server.engines.protocols import Samples
from tests.recognizers import LoudnessVad, ScriptedRecognizer, counts_seconds

BUSY_FILE = "LIVECONVO_TEST_BUSY_FILE"
WORK_S = 3.0
SCALE = 5


def use_busy_nodes(monkeypatch: pytest.MonkeyPatch, busy: Path) -> None:
    """Stacks that are started from now on have such nodes."""

    def busy_program(plan: Plan, services: Services, worker: int) -> Program:
        program = media_program(plan, services, worker)
        argv = [sys.executable, "-m", __name__]
        return replace(program, argv=argv, environment={**program.environment, BUSY_FILE: str(busy)})

    monkeypatch.setattr(stack, "media_program", busy_program)


def hurry(set_number: Callable[[object, str, object], None]) -> None:
    """Make the times of the ladder a fifth as long."""
    set_number(ladder, "UP_LAG_S", tuple(lag_s / SCALE for lag_s in ladder.UP_LAG_S))
    for name in ("CALM_S", "LONGEST_CALM_S", "STEP_S", "RELAPSE_S"):
        set_number(ladder, name, getattr(ladder, name) / SCALE)
    for name in ("PATIENCE_S", "PATIENCE_UNDER_OVERLOAD_S", "FRESH_S"):
        set_number(patience, name, getattr(patience, name) / SCALE)


def main() -> int:
    busy = Path(os.environ[BUSY_FILE])

    def script(audio: Samples, is_final: bool) -> str:
        if busy.exists():
            time.sleep(WORK_S)
        return counts_seconds(audio, is_final)

    hurry(setattr)
    catalog.voice_activity = lambda settings: LoudnessVad()  # type: ignore[assignment]
    catalog.recognizers = lambda settings: [ScriptedRecognizer(script)]  # type: ignore[assignment]
    from media_server.__main__ import main as run

    return run()


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)

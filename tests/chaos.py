"""How often a fault is provoked: seldom in `make test`, as often as promised in `make chaos`, which this runs.

A test takes part when it is marked `chaos`: it takes its number from `often` and hands what it measured to `figures`.
`python -m tests.chaos [arguments for pytest]` runs those tests, prints one JSON object with all their figures, and
keeps it in chaos-results/.

Some of the numbers can be chosen, for a run of hours: LIVECONVO_TEST_KILLS, _CROWD, _FLAPS, _CALLS. How far such a run
is says `progress`, on the terminal.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path("chaos-results")
_SWITCH = "LIVECONVO_CHAOS"
_FIGURES = "LIVECONVO_CHAOS_FIGURES"
_PROGRESS = "LIVECONVO_CHAOS_PROGRESS"
"""A descriptor that pytest does not capture."""
_TEST_TIMEOUT_S = 3600
"""For tests that do not say how long they may take."""

IS_CHAOS = os.environ.get(_SWITCH) == "1"


def often(ci: int, chaos: int) -> int:
    """`chaos` times in `make chaos`, else `ci` times."""
    return chaos if IS_CHAOS else ci


def chosen(name: str) -> int | None:
    """What somebody asked for with LIVECONVO_TEST_`name`."""
    text = os.environ.get(f"LIVECONVO_TEST_{name}")
    return None if text is None else int(text)


def progress(scenario: str, done: int, of: int | None) -> None:
    """A line on the terminal of `make chaos`, a hundred of them at most; None: nobody knows how many there will be."""
    descriptor = os.environ.get(_PROGRESS)
    if descriptor and (of is None or done == of or done % max(1, of // 100) == 0):
        os.write(int(descriptor), f"{scenario}: {done}{'' if of is None else f' of {of}'}\n".encode())


def figures(scenario: str, **values: object) -> None:
    """What a fault cost: printed, and in `make chaos` part of its summary."""
    line = json.dumps({"scenario": scenario, **values}, default=str)
    print(line)  # noqa: T201
    if path := os.environ.get(_FIGURES):
        # One write for each line, so that those of tests in other processes stay whole.
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


def main(arguments: list[str]) -> int:
    began_at = datetime.now(UTC)
    told = os.dup(sys.stderr.fileno())
    with tempfile.NamedTemporaryFile("r", encoding="utf-8", suffix=".jsonl") as measured:
        exit_code = subprocess.run(
            [sys.executable, "-m", "pytest", "-m", "chaos", "-o", f"timeout={_TEST_TIMEOUT_S}", *arguments],
            env=os.environ | {_SWITCH: "1", _FIGURES: measured.name, _PROGRESS: str(told)},
            pass_fds=[told],
            check=False,
        ).returncode
        os.close(told)
        scenarios = [json.loads(line) for line in measured]
    summary = {
        "began_at": began_at.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - began_at).total_seconds()),
        "cores": os.cpu_count(),
        "passed": exit_code == 0,
        "scenarios": scenarios,
    }
    text = json.dumps(summary, indent=1)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{began_at:%Y%m%dT%H%M%SZ}.json").write_text(f"{text}\n", encoding="utf-8")
    print(text)  # noqa: T201
    return exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

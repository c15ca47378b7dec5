"""How often a fault is provoked: seldom in `make test`, as often as promised in `make chaos`; and where figures go."""

from __future__ import annotations

import json
import os
from pathlib import Path

IS_CHAOS = os.environ.get("LIVECONVO_CHAOS", "") not in {"", "0"}
"""Set by `make chaos`."""

_FIGURES = os.environ.get("LIVECONVO_CHAOS_FIGURES", "")
"""The file that `make chaos` reads afterwards, one JSON object a line; without it nothing is written."""


def often(ci: int, chaos: int) -> int:
    """`chaos` times in `make chaos`, else `ci` times."""
    return chaos if IS_CHAOS else ci


def figures(scenario: str, **values: object) -> None:
    """What a fault cost: printed, and kept for the summary of `make chaos`."""
    line = json.dumps({"scenario": scenario, **values}, default=str)
    print(line)  # noqa: T201
    if _FIGURES:
        # Appended in one write, so that lines of tests in other processes stay whole.
        with Path(_FIGURES).open("a", encoding="utf-8", buffering=1) as file:
            file.write(f"{line}\n")

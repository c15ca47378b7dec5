"""What a benchmark prints: one row a figure, beside a peer's where there is one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = (
    "liveconvo", "aiortc", "aioice", "av", "ctranslate2", "faster-whisper", "silero-vad", "torch", "numpy", "jiwer",
    "whisper-normalizer",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    metric: str
    unit: str
    ours: float | None
    """None: nothing was measured."""
    n: int
    conditions: str
    peer: float | None = None
    peer_name: str | None = None

    @property
    def ratio(self) -> float | None:
        return self.ours / self.peer if self.ours is not None and self.peer else None

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio}


def percentile(values: Sequence[float], percent: int) -> float | None:
    """Nearest rank; None when there is nothing to rank."""
    ranked = sorted(values)
    return ranked[math.ceil(percent / 100 * len(ranked)) - 1] if ranked else None


def print_rows(rows: Sequence[Row]) -> None:
    width = max(len(row.metric) for row in rows)
    print(f"{'metric':<{width}} {'unit':<7} {'ours':>8} {'peer':>8} {'ratio':>6} {'n':>5}  conditions")
    for row in rows:
        against = f"; peer: {row.peer_name}" if row.peer_name else ""
        figures = f"{_figure(row.ours):>8} {_figure(row.peer):>8} {_figure(row.ratio):>6} {row.n:>5}"
        print(f"{row.metric:<{width}} {row.unit:<7} {figures}  {row.conditions}{against}")


def versions() -> dict[str, str]:
    """Of what is installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")

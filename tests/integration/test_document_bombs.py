"""Every document that is made to cost, with what it cost. In `make chaos` only."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from control_api.documents.extraction import cage
from control_api.documents.extraction.reasons import REASONS
from control_api.documents.extraction.run import DEADLINE_S, Reading
from tests import chaos
from tests.document_bombs import MEGABYTE, corpus
from tests.integration.test_document_cage import LEFT_S, read, reason_of

__test__ = chaos.IS_CHAOS


@pytest.mark.chaos
def test_g14_every_bomb_is_contained() -> None:
    """RELIABILITY G14: every one ends within ten seconds and 256 MB, with a reason; what can be read is text."""
    costs: dict[str, dict[str, object]] = {}
    bombs = list(corpus())
    for number, (name, kind, make) in enumerate(bombs, 1):
        reading, peak_bytes = watched(make(), kind)
        reason = reason_of(reading)
        costs[name] = {
            "reason": reason, "wall_s": round(reading.wall_s, 1), "cpu_s": round(reading.cpu_s, 1),
            "peak_mb": round(peak_bytes / MEGABYTE),
        }  # fmt: skip
        assert reading.wall_s < DEADLINE_S + LEFT_S, name
        assert reading.cpu_s <= cage.CPU_S + 1, name
        assert peak_bytes <= cage.MEMORY_BYTES, name
        assert reason in REASONS or (reason is None and reading.pages is not None), name
        chaos.progress("document bombs", number, len(bombs))
    chaos.figures(
        "document bombs",
        contained=f"{len(costs)}/{len(bombs)}",
        slowest_s=max(cost["wall_s"] for cost in costs.values()),  # type: ignore[type-var]
        largest_mb=max(cost["peak_mb"] for cost in costs.values()),  # type: ignore[type-var]
        read_all_the_same=sorted(name for name, cost in costs.items() if cost["reason"] is None),
        costs=costs,
    )


def watched(content: bytes, kind: str) -> tuple[Reading, int]:
    """The reading, and the most memory that its process was seen to hold."""
    with watch_children() as peaks:
        reading = read(content, kind)
    return reading, max(peaks, default=0)


@contextmanager
def watch_children() -> Iterator[list[int]]:
    """VmHWM of this process' children, looked at a hundred times a second."""
    peaks: list[int] = []
    done = threading.Event()
    own = Path(f"/proc/self/task/{threading.get_native_id()}/children")

    def look() -> None:
        while not done.wait(0.01):
            for pid in own.read_text().split():
                try:
                    # Between fork and exec it is still its parent, in memory as well.
                    if b"documents.extraction.child" in Path(f"/proc/{pid}/cmdline").read_bytes():
                        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                        peaks.extend(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
                except OSError:
                    continue

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peaks
    finally:
        done.set()
        watcher.join()

"""What a measurement says of a part of the system. Pure.

Rules:
- down: people are kept from what they came for. degraded: it works, and somebody should look.
- Every bound is a line here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Status = Literal["ok", "degraded", "down"]
SLOW_MS = 250.0
"""An answer of Postgres or Redis, or a write to a disk, that takes longer is slow."""
NODE_LATE_S = 5.0
"""A media node says every two seconds that it is there."""
NODE_GONE_S = 15.0
"""Nobody is sent to a node that was silent for so long."""
QUEUE_LATE_S = 60.0
QUEUE_STUCK_S = 900.0
"""How long a job may have been due."""
DISK_LOW_FRACTION, DISK_LOW_BYTES = 0.10, 2 * 1024**3
DISK_FULL_FRACTION, DISK_FULL_BYTES = 0.01, 256 * 1024**2
_ORDER: tuple[Status, ...] = ("ok", "degraded", "down")


def worst(statuses: Iterable[Status]) -> Status:
    return max(statuses, key=_ORDER.index, default="ok")


def rate_latency(latency_ms: float) -> Status:
    return "degraded" if latency_ms > SLOW_MS else "ok"


def rate_redis(latency_ms: float | None) -> Status:
    """None: no answer. Without it everything works, only slower."""
    return "degraded" if latency_ms is None else rate_latency(latency_ms)


def rate_nodes(ages_s: Iterable[float]) -> Status:
    """How long ago each media node was heard of."""
    known = [age for age in ages_s if age <= NODE_GONE_S]
    if not known:
        return "down"
    return "degraded" if max(known) > NODE_LATE_S else "ok"


def rate_queue(oldest_wait_s: float, given_up: int) -> Status:
    if oldest_wait_s > QUEUE_STUCK_S:
        return "down"
    return "degraded" if oldest_wait_s > QUEUE_LATE_S or given_up else "ok"


def rate_disk(free_bytes: int, total_bytes: int) -> Status:
    """Both must be short: a tenth of a large disk is plenty, and small disks are small."""
    fraction = free_bytes / max(1, total_bytes)
    if fraction < DISK_FULL_FRACTION or free_bytes < DISK_FULL_BYTES:
        return "down"
    return "degraded" if fraction < DISK_LOW_FRACTION and free_bytes < DISK_LOW_BYTES else "ok"

"""Every bound of health, from both sides."""

from __future__ import annotations

import pytest

from control_api.admin import health_rules as rules

GB = 1024**3


def test_the_worst_counts() -> None:
    assert rules.worst([]) == "ok"
    assert rules.worst(["ok", "degraded", "ok"]) == "degraded"
    assert rules.worst(["down", "degraded"]) == "down"


@pytest.mark.parametrize(("latency_ms", "status"), [(250.0, "ok"), (250.1, "degraded")])
def test_an_answer_is_in_time_or_slow(latency_ms: float, status: str) -> None:
    assert rules.rate_latency(latency_ms) == rules.rate_redis(latency_ms) == status


def test_without_redis_everything_works_slower() -> None:
    assert rules.rate_redis(None) == "degraded"


@pytest.mark.parametrize(
    ("ages_s", "status"),
    [([], "down"), ([15.1], "down"), ([15.0], "degraded"), ([5.1, 1.0], "degraded"), ([5.0, 40.0], "ok")],
)
def test_nodes_are_there_late_or_gone(ages_s: list[float], status: str) -> None:
    assert rules.rate_nodes(ages_s) == status


@pytest.mark.parametrize(
    ("oldest_s", "given_up", "status"),
    [(60, 0, "ok"), (60.1, 0, "degraded"), (0, 1, "degraded"), (900, 0, "degraded"), (900.1, 0, "down")],
)
def test_a_queue_is_in_time_late_or_stuck(oldest_s: float, given_up: int, status: str) -> None:
    assert rules.rate_queue(oldest_s, given_up) == status


@pytest.mark.parametrize(
    ("free", "total", "status"),
    [
        (50 * GB, 1000 * GB, "ok"), (1.5 * GB, 10 * GB, "ok"), (1.5 * GB, 100 * GB, "degraded"),
        (0.9 * GB, 100 * GB, "down"), (0.2 * GB, 1 * GB, "down"), (0, 0, "down"),
    ],
)  # fmt: skip
def test_a_disk_has_room_little_or_none(free: float, total: float, status: str) -> None:
    assert rules.rate_disk(int(free), int(total)) == status

"""How long the supervisor waits before it starts a crashed program again."""

from __future__ import annotations

from deploy.keeper import next_pause_s


def test_first_restart_comes_at_once() -> None:
    assert next_pause_s(0, lived_s=1) == 0.2


def test_pause_doubles_while_the_program_keeps_crashing() -> None:
    assert next_pause_s(0.2, lived_s=1) == 0.4


def test_pause_leaves_time_to_be_back_within_ten_seconds() -> None:
    assert next_pause_s(2.5, lived_s=1) == 3


def test_pause_starts_over_after_thirty_healthy_seconds() -> None:
    assert next_pause_s(3, lived_s=30) == 0.2

"""Whom a breaker lets through, from both sides of its numbers."""

from __future__ import annotations

from db.breaker import PROBE_EVERY_S, SILENCES_TO_OPEN, Breaker


def opened_at(now: float) -> Breaker:
    breaker = Breaker()
    for _ in range(SILENCES_TO_OPEN):
        breaker.was_silent(now)
    return breaker


def test_it_admits_everybody_until_so_many_silences_in_a_row() -> None:
    breaker = Breaker()
    for _ in range(SILENCES_TO_OPEN - 1):
        breaker.was_silent(10.0)
    assert breaker.admits(10.0)
    assert breaker.admits(10.0)
    breaker.was_silent(10.0)
    assert not breaker.admits(10.0)


def test_an_answer_between_silences_counts_from_the_start_again() -> None:
    breaker = Breaker()
    for _ in range(2 * SILENCES_TO_OPEN):
        breaker.was_silent(10.0)
        breaker.answered()
    assert breaker.admits(10.0)


def test_an_open_one_lets_one_through_now_and_then() -> None:
    breaker = opened_at(10.0)
    assert not breaker.admits(10.0 + PROBE_EVERY_S * 0.99)
    assert breaker.admits(10.0 + PROBE_EVERY_S)
    assert not breaker.admits(10.0 + PROBE_EVERY_S * 1.99)
    assert breaker.admits(10.0 + PROBE_EVERY_S * 2)


def test_the_first_answer_closes_it() -> None:
    breaker = opened_at(10.0)
    breaker.answered()
    assert breaker.admits(10.0)
    assert breaker.admits(10.0)


def test_after_an_answer_one_silence_opens_nothing() -> None:
    breaker = opened_at(10.0)
    breaker.answered()
    breaker.was_silent(11.0)
    assert breaker.admits(11.0)


def test_a_silent_probe_delays_the_next_one_no_further() -> None:
    breaker = opened_at(10.0)
    assert breaker.admits(11.0)
    breaker.was_silent(11.9)
    assert not breaker.admits(11.9)
    assert breaker.admits(12.0)

"""What waits between real time and compute, and in which order it is taken."""

from __future__ import annotations

import asyncio

from media_server.pipeline.handoff import HandOff


async def test_finals_go_before_guesses_before_partials() -> None:
    handoff: HandOff[str] = HandOff()
    handoff.put_partial("a", "partial")
    handoff.put_guess("b", "guess")
    handoff.put_final("final")
    assert [await handoff.take(finals_only=False) for _ in range(3)] == ["final", "guess", "partial"]


async def test_a_newer_partial_replaces_the_waiting_one_and_keeps_its_place() -> None:
    handoff: HandOff[str] = HandOff()
    handoff.put_partial("a", "old")
    handoff.put_partial("b", "other")
    handoff.put_partial("a", "new")
    assert [await handoff.take(finals_only=False) for _ in range(2)] == ["new", "other"]


async def test_a_guess_replaces_the_partial_of_its_track() -> None:
    handoff: HandOff[str] = HandOff()
    handoff.put_partial("a", "partial")
    handoff.put_guess("a", "guess")
    handoff.put_partial("b", "last")
    assert [await handoff.take(finals_only=False) for _ in range(2)] == ["guess", "last"]


async def test_finals_are_kept_up_to_the_bound() -> None:
    handoff: HandOff[int] = HandOff(max_finals=2)
    assert [handoff.put_final(number) for number in range(3)] == [True, True, False]
    assert [await handoff.take(finals_only=False) for _ in range(2)] == [0, 1]


async def test_a_final_put_back_is_next_even_when_full() -> None:
    handoff: HandOff[int] = HandOff(max_finals=1)
    handoff.put_final(1)
    handoff.put_back(0)
    assert [await handoff.take(finals_only=False) for _ in range(2)] == [0, 1]


async def test_dropping_says_whether_a_guess_waited() -> None:
    handoff: HandOff[str] = HandOff()
    handoff.put_partial("a", "partial")
    handoff.put_guess("b", "guess")
    assert [handoff.drop("a"), handoff.drop("b"), handoff.drop("b")] == [False, True, False]


async def test_a_taker_of_finals_leaves_partials_to_others() -> None:
    handoff: HandOff[str] = HandOff()
    finals = asyncio.ensure_future(handoff.take(finals_only=True))
    anything = asyncio.ensure_future(handoff.take(finals_only=False))
    await asyncio.sleep(0)
    handoff.put_partial("a", "partial")
    assert await anything == "partial"
    assert not finals.done()
    handoff.put_final("final")
    assert await finals == "final"

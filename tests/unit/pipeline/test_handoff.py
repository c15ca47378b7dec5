"""What waits between real time and compute, and in which order it is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass

from media_server.pipeline.handoff import HandOff, Kind


@dataclass(frozen=True, eq=False)
class Work:
    kind: Kind
    name: str
    key: Hashable = None
    call: Hashable = "one"
    seconds: float = 1.0
    is_alone: bool = False


def final(name: str, **more: object) -> Work:
    return Work("final", name, key=name, **more)  # type: ignore[arg-type]


def guess(key: str, name: str = "guess", **more: object) -> Work:
    return Work("guess", name, key, **more)  # type: ignore[arg-type]


def partial(key: str, name: str = "partial", **more: object) -> Work:
    return Work("partial", name, key, **more)  # type: ignore[arg-type]


def filled(*works: Work, max_finals: int = 256, max_finals_s: float = 900.0) -> HandOff[Work]:
    handoff: HandOff[Work] = HandOff(max_finals, max_finals_s)
    for work in works:
        assert handoff.put(work)
    return handoff


async def taken(handoff: HandOff[Work], count: int) -> list[str]:
    return [(await handoff.take())[0].name for _ in range(count)]


async def test_finals_go_before_guesses_before_partials() -> None:
    assert await taken(filled(partial("a"), guess("b"), final("final")), 3) == ["final", "guess", "partial"]


async def test_a_newer_partial_replaces_the_waiting_one_and_keeps_its_place() -> None:
    assert await taken(filled(partial("a", "old"), partial("b", "other"), partial("a", "new")), 2) == ["new", "other"]


async def test_a_guess_replaces_the_partial_of_its_track() -> None:
    assert await taken(filled(partial("a"), guess("a"), partial("b", "last")), 2) == ["guess", "last"]


async def test_finals_are_kept_up_to_the_bound() -> None:
    handoff = filled(final("0"), final("1"), max_finals=2)
    assert not handoff.put(final("2"))
    assert await taken(handoff, 2) == ["0", "1"]


async def test_finals_are_kept_up_to_the_bound_of_their_audio() -> None:
    handoff = filled(final("0", seconds=6.0), final("1", seconds=4.0), max_finals_s=10.0)
    assert not handoff.put(final("2", seconds=0.1))
    await handoff.take()
    assert handoff.put(final("3", seconds=6.0))


async def test_a_final_put_back_is_next_even_when_full() -> None:
    handoff = filled(final("1"), max_finals=1)
    handoff.put_back(final("0"))
    assert await taken(handoff, 2) == ["0", "1"]


async def test_dropping_says_whether_a_guess_waited() -> None:
    handoff = filled(partial("a"), guess("b"))
    assert [handoff.drop("a"), handoff.drop("b"), handoff.drop("b")] == [False, True, False]


async def test_a_taker_of_finals_leaves_partials_to_others() -> None:
    handoff: HandOff[Work] = HandOff()
    finals = asyncio.ensure_future(handoff.take(finals_only=True))
    anything = asyncio.ensure_future(handoff.take())
    await asyncio.sleep(0)
    handoff.put(partial("a"))
    assert [work.name for work in await anything] == ["partial"]
    assert not finals.done()
    handoff.put(final("final"))
    assert [work.name for work in await finals] == ["final"]


async def test_a_batch_is_of_one_kind_and_of_what_is_there() -> None:
    handoff = filled(partial("a"), final("0"), final("1"))
    assert [work.name for work in await handoff.take(4)] == ["0", "1"]
    assert [work.name for work in await handoff.take(4)] == ["partial"]


async def test_takers_that_wait_share_what_comes() -> None:
    handoff: HandOff[Work] = HandOff()
    takers = [asyncio.ensure_future(handoff.take(4)) for _ in range(2)]
    await asyncio.sleep(0)
    for number in range(4):
        handoff.put(final(str(number)))
    assert [len(await taker) for taker in takers] == [2, 2]


async def test_a_taker_of_finals_is_not_counted_where_partials_are_shared() -> None:
    handoff: HandOff[Work] = HandOff()
    waiting = asyncio.ensure_future(handoff.take(4, finals_only=True))
    anything = asyncio.ensure_future(handoff.take(4))
    await asyncio.sleep(0)
    for key in "abcd":
        handoff.put(partial(key))
    assert len(await anything) == 4
    waiting.cancel()


async def test_who_waits_for_too_long_gets_nothing_and_loses_nothing() -> None:
    handoff: HandOff[Work] = HandOff()
    assert await handoff.take(timeout_s=0.01) == []
    handoff.put(final("0"))
    assert await taken(handoff, 1) == ["0"]


async def test_it_says_what_waits_and_for_how_long() -> None:
    handoff = filled(partial("a"), final("0", seconds=2.0))
    handoff.put_back(final("1", seconds=3.0))
    await asyncio.sleep(0.02)
    handoff.put(partial("a", "newer"))
    assert (handoff.waiting("final"), handoff.waiting("guess"), handoff.waiting("partial")) == (2, 0, 1)
    assert handoff.waiting_s("final") == 5.0
    assert handoff.oldest_s("partial") >= 0.02
    assert handoff.oldest_s("guess") == 0


async def test_finals_that_nobody_wants_any_more_are_forgotten_and_nothing_else_is() -> None:
    handoff = filled(final("old"), final("new"), guess("old"), partial("new"))
    handoff.put_back(final("tried"))
    assert {work.name for work in handoff.finals()} == {"old", "new", "tried"}
    assert {work.name for work in handoff.shed_finals(lambda work: work.name == "new")} == {"old", "tried"}
    assert await taken(handoff, 3) == ["new", "guess", "partial"]

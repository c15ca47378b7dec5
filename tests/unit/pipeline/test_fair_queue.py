"""Calls take turns, and what is taken together is alike."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_server.pipeline.fair_queue import ALIKE_RATIO, ALIKE_S, FairQueue


@dataclass(frozen=True, eq=False)
class Work:
    call: Hashable
    name: str
    seconds: float = 1.0
    is_alone: bool = False


def filled(*works: Work) -> FairQueue[Work]:
    queue: FairQueue[Work] = FairQueue()
    for now_s, work in enumerate(works):
        queue.put(work.name, work, now_s)
    return queue


def names(works: list[Work]) -> list[str]:
    return [work.name for work in works]


def test_calls_take_turns() -> None:
    queue = filled(Work("a", "a1"), Work("a", "a2"), Work("a", "a3"), Work("b", "b1"))
    assert [names(queue.take(1)) for _ in range(4)] == [["a1"], ["b1"], ["a2"], ["a3"]]


def test_a_batch_has_one_of_each_call_and_then_more() -> None:
    queue = filled(Work("a", "a1"), Work("a", "a2"), Work("a", "a3"), Work("b", "b1"))
    assert names(queue.take(3)) == ["a1", "b1", "a2"]


def test_what_is_much_longer_waits_for_the_next_batch_and_begins_it() -> None:
    queue = filled(Work("a", "a1", 1.0), Work("b", "b1", 9.0), Work("c", "c1", 2.0), Work("a", "a2", 1.0))
    assert names(queue.take(4)) == ["a1", "c1", "a2"]
    assert names(queue.take(4)) == ["b1"]


def test_a_batch_has_no_more_audio_than_asked_for() -> None:
    queue = filled(Work("a", "a1", 5.0), Work("b", "b1", 5.0), Work("c", "c1", 6.0))
    assert [names(queue.take(4, 10.0)) for _ in range(2)] == [["a1", "b1"], ["c1"]]
    queue = filled(Work("a", "a1", 5.0), Work("b", "b1", 5.0))
    assert names(queue.take(4, 1.0)) == ["a1"]


def test_what_must_go_alone_does() -> None:
    queue = filled(Work("a", "a1"), Work("b", "b1", is_alone=True), Work("c", "c1"))
    assert [names(queue.take(4)) for _ in range(2)] == [["a1", "c1"], ["b1"]]
    queue = filled(Work("b", "b1", is_alone=True), Work("c", "c1"))
    assert names(queue.take(4)) == ["b1"]


def test_ages_are_those_of_the_place() -> None:
    queue = filled(Work("a", "a1"), Work("b", "b1"))
    queue.put("a1", Work("a", "a1", 5.0), now_s=7.0)
    assert (queue.oldest_s(10.0), queue.seconds, len(queue)) == (10.0, 6.0, 2)
    assert queue.drop("a1")
    assert not queue.drop("a1")
    assert (queue.oldest_s(10.0), queue.seconds, len(queue)) == (9.0, 1.0, 1)


steps = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 4), st.integers(0, 3), st.floats(0.1, 15.0), st.booleans()),
        st.integers(1, 5),
    ),
    max_size=60,
)


@given(steps)
def test_nobody_starves_and_nothing_is_lost_or_doubled(steps: list[tuple[int, int, float, bool] | int]) -> None:
    queue: FairQueue[Work] = FairQueue()
    waiting: dict[str, Work] = {}
    overtaken: dict[Hashable, int] = {}
    """Batches that were taken since this call began to wait, or was served."""
    for now_s, step in enumerate(steps):
        if isinstance(step, tuple):
            call, speaker, seconds, is_alone = step
            work = Work(call, f"{call}/{speaker}", seconds, is_alone)
            queue.put(work.name, work, now_s)
            waiting[work.name] = work
            overtaken.setdefault(call, 0)
            continue
        batch = queue.take(step)
        assert bool(batch) == bool(waiting)
        assert len(batch) <= step
        for work in batch:
            assert waiting.pop(work.name) is work
            shorter, longer = sorted((work.seconds, batch[0].seconds))
            assert longer <= ALIKE_RATIO * shorter + ALIKE_S
        assert len(batch) <= 1 or not any(work.is_alone for work in batch)
        for call in {work.call for work in batch}:
            overtaken[call] = -1
        still_there = {work.call for work in waiting.values()}
        overtaken = {call: count + 1 for call, count in overtaken.items() if call in still_there}
        # Five calls: every other one may be served once before it is this one's turn.
        assert all(count <= 4 for count in overtaken.values())
    assert len(queue) == len(waiting)
    assert queue.seconds == pytest.approx(sum(work.seconds for work in waiting.values()), abs=1e-6)

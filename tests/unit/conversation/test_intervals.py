"""Unions of intervals against a naive set of milliseconds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media_server.conversation.intervals import Union

spans = st.tuples(st.integers(0, 300), st.integers(0, 80)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(spans, max_size=40), spans)
def test_a_union_covers_what_a_set_covers(added: list[tuple[int, int]], asked: tuple[int, int]) -> None:
    union = Union()
    naive: set[int] = set()
    for start, end in added:
        fresh = set(range(start, end)) - naive
        assert union.add(start, end) == len(fresh)
        naive |= fresh
    assert union.covered(*asked) == len(naive & set(range(*asked)))


def test_what_is_forgotten_is_covered_no_more() -> None:
    union = Union()
    union.add(0, 10)
    union.add(20, 30)
    union.forget_before(15)
    assert union.covered(0, 100) == 10

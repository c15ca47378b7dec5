"""What counts as lost or doubled at a forced cut."""

from __future__ import annotations

import pytest

from deploy.bench.asr_cuts import CutErrors, compare

TEXT = "it was by means of movable types now as all books are printed"


def timed(text: str, first_s: float = 0.0) -> list[tuple[str, float, float]]:
    """A word every half second."""
    return [(word, first_s + number / 2, first_s + number / 2 + 0.4) for number, word in enumerate(text.split())]


@pytest.mark.parametrize(
    ("left", "right", "lost", "doubled"),
    [
        ("it was by means of movable types", "now as all books are printed", (), ()),
        ("it was by means of movable types", "as all books are printed", ("now",), ()),
        ("it was by means of movable types now", "now as all books are printed", (), ("now",)),
        ("it was by means of movable", "as all books are printed", ("types", "now"), ()),
        ("it was by means of movable type", "now as all books are printed", (), ()),
        ("it was by means movable types", "now as all books are printed", (), ()),
    ],
)
def test_words_at_the_cut_count_and_others_do_not(
    left: str, right: str, lost: tuple[str, ...], doubled: tuple[str, ...]
) -> None:
    others = [timed(TEXT), timed(TEXT), timed(TEXT)]
    assert compare(timed(f"{left} {right}"), len(left.split()), others, 3.5) == CutErrors(3.5, lost, doubled)


def test_a_word_that_another_decoding_does_not_hear_either_is_not_lost() -> None:
    left, right = "it was by means of movable types", "as all books are printed"
    others = [timed(TEXT), timed(f"{left} {right}"), timed(TEXT)]
    assert compare(timed(f"{left} {right}"), 7, others, 3.5) == CutErrors(3.5, (), ())


def test_a_word_that_another_decoding_hears_as_well_is_not_doubled() -> None:
    left, right = "it was by means of movable types now", "now as all books are printed"
    others = [timed(TEXT), timed(f"{left} {right}"), timed(TEXT)]
    assert compare(timed(f"{left} {right}"), 8, others, 3.5) == CutErrors(3.5, (), ())

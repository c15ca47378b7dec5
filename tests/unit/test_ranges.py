"""Parts of files, as RFC 9110 has them."""

from __future__ import annotations

import pytest

from control_api.recordings.ranges import Part, UnsatisfiableError, part_of

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("range_", "begin", "end"),
    [("bytes=0-0", 0, 1), ("bytes=0-", 0, 100), ("bytes=99-99", 99, 100), ("bytes=10-19", 10, 20),
     ("bytes=10-1000", 10, 100), ("bytes=-1", 99, 100), ("bytes=-1000", 0, 100), (" Bytes= 5-6 ", 5, 7)],
)  # fmt: skip
def test_one_range_is_a_part(range_: str, begin: int, end: int) -> None:
    assert part_of(100, ETAG, range_, None) == Part(begin, end, 100)


@pytest.mark.parametrize(
    "range_",
    [None, "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=1-2,4-5", "items=0-1", "bytes=5-4", "bytes=--5",
     "bytes=1.0-2", "bytes=" + "9" * 30 + "-", "bytes=\u0661-\u0662"],
)  # fmt: skip
def test_what_is_no_single_range_is_the_whole_file(range_: str | None) -> None:
    assert part_of(100, ETAG, range_, None) is None


@pytest.mark.parametrize(("size", "range_"), [(100, "bytes=100-"), (100, "bytes=-0"), (0, "bytes=0-"), (0, "bytes=-5")])
def test_what_lies_behind_the_end_is_refused(size: int, range_: str) -> None:
    with pytest.raises(UnsatisfiableError):
        part_of(size, ETAG, range_, None)


def test_a_range_of_another_version_is_the_whole_file() -> None:
    assert part_of(100, ETAG, "bytes=0-1", ETAG) == Part(0, 2, 100)
    for other in ('"abd"', 'W/"abc"', "Sat, 29 Oct 1994 19:43:31 GMT"):
        assert part_of(100, ETAG, "bytes=0-1", other) is None
        assert part_of(100, ETAG, "bytes=500-", other) is None


def test_a_part_names_itself() -> None:
    assert Part(10, 20, 100).content_range == "bytes 10-19/100"

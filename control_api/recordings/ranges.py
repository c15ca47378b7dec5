"""Which part of a file a request asks for (RFC 9110, section 14): pure.

Rules:
- One range of bytes. What is no range, another unit or several ranges is not looked at: the answer is the whole file.
- If-Range counts only with the very ETag of the file; with another one the answer is the whole file as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """From `begin` to before `end`, of `size` bytes."""

    begin: int
    end: int
    size: int

    @property
    def content_range(self) -> str:
        return f"bytes {self.begin}-{self.end - 1}/{self.size}"


class UnsatisfiableError(ValueError):
    """It begins behind the end of the file, or asks for nothing of it."""


def part_of(size: int, etag: str, range_: str | None, if_range: str | None) -> Part | None:
    """None: the whole file.

    Raises:
        UnsatisfiableError
    """
    match = _RANGE.fullmatch(range_.strip()) if range_ is not None else None
    if match is None or (if_range is not None and if_range.strip() != etag):
        return None
    first, last = match.groups()
    if not first:
        return _last_bytes(size, last)
    begin = int(first)
    if last and int(last) < begin:
        return None
    if begin >= size:
        raise UnsatisfiableError
    return Part(begin, min(int(last) + 1, size) if last else size, size)


def _last_bytes(size: int, count: str) -> Part | None:
    if not count:
        return None
    if int(count) == 0 or size == 0:
        raise UnsatisfiableError
    return Part(max(0, size - int(count)), size, size)

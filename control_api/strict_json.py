"""JSON from strangers: what two readers could understand differently, or what a database cannot keep, is refused.

Refused: not UTF-8, nesting beyond 16, NaN and Infinity, a key twice in one object, NUL and lone surrogates in any text,
numbers of thousands of digits.
"""

from __future__ import annotations

import json
import re
from typing import NoReturn

MAX_DEPTH = 16
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")


def parse(raw: bytes) -> object:
    """The JSON value in `raw`.

    Raises:
        ValueError: for everything in the list above, with a sentence that repeats nothing of the input.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("the body is not UTF-8") from None
    _check_depth(text)
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON at line {error.lineno}, column {error.colno}") from None
    except ValueError as error:
        raise ValueError(str(error) if str(error).startswith("the body") else "the body holds a bad number") from None
    _check_text(value)
    return value


def _check_depth(text: str) -> None:
    """Counted before parsing, because the parser recurses."""
    depth = 0
    for character in _STRINGS.sub("", text):
        if character in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError(f"the body nests deeper than {MAX_DEPTH}")
        elif character in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("the body names a field twice")
    return members


def _constant(_: str) -> NoReturn:
    raise ValueError("the body holds NaN or Infinity")


def _check_text(value: object) -> None:
    if isinstance(value, str):
        if _UNKEEPABLE.search(value):
            raise ValueError("the body holds a NUL or half a character")
    elif isinstance(value, dict):
        for key, member in value.items():
            _check_text(key)
            _check_text(member)
    elif isinstance(value, list):
        for member in value:
            _check_text(member)

"""The text of plain text, Markdown, CSV and JSON."""

from __future__ import annotations

import codecs
import json
from typing import BinaryIO

from control_api.documents.extraction.limits import CHARACTERS
from control_api.documents.extraction.reasons import UnreadableError

MOST_BYTES = 4 * CHARACTERS
"""As many as the characters can take in UTF-8."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(file: BinaryIO) -> list[str]:
    """
    Raises:
        UnreadableError: too_much_text, damaged
    """
    raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise UnreadableError("too_much_text")
    text = decode(raw)
    if "\x00" in text:
        raise UnreadableError("damaged")
    return [text]


def read_json(file: BinaryIO) -> list[str]:
    """As it is written; numbers are not converted, however long they are.

    Raises:
        UnreadableError: not_json, nested_too_deeply, and as above.
    """
    pages = read_text(file)
    try:
        json.loads(pages[0], parse_int=str, parse_float=str)
    except RecursionError:
        raise UnreadableError("nested_too_deeply") from None
    except ValueError:
        raise UnreadableError("not_json") from None
    return pages


def decode(raw: bytes) -> str:
    """By its byte order mark; else UTF-8, else Windows' Western European, in which every byte means something."""
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return raw.decode(encoding, "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")

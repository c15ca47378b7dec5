"""What kind of file this is, by its first bytes; its name decides only between kinds of plain text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    media_type: str
    suffixes: tuple[str, ...] = ()


PDF = Kind("pdf", "application/pdf")
WORD = Kind("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document")
PNG = Kind("png", "image/png")
JPEG = Kind("jpg", "image/jpeg")
TEXT = Kind("txt", "text/plain")
MARKDOWN = Kind("md", "text/markdown", (".md", ".markdown"))
CSV = Kind("csv", "text/csv", (".csv",))
JSON = Kind("json", "application/json", (".json",))
KINDS = {kind.name: kind for kind in (PDF, WORD, PNG, JPEG, TEXT, MARKDOWN, CSV, JSON)}
IMAGES = frozenset({"png", "jpg"})

_SIGNATURES = ((b"%PDF-", PDF), (b"PK\x03\x04", WORD), (b"\x89PNG\r\n\x1a\n", PNG), (b"\xff\xd8\xff", JPEG))
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_NO_TEXT = frozenset(range(32)) - frozenset(b"\t\n\r\x0b\x0c\x1b") | {0x7F}


def kind_of(head: bytes, name: str) -> Kind | None:
    """None: none that is taken. `head` is the file's beginning, or all of it."""
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if not head.startswith(_BYTE_ORDER_MARKS) and not _NO_TEXT.isdisjoint(head):
        return None
    lowered = name.lower()
    return next((kind for kind in (MARKDOWN, CSV, JSON) if lowered.endswith(kind.suffixes)), TEXT)

"""The text of a Word document (ECMA-376): one part of a ZIP, as a stream, without what was deleted."""

from __future__ import annotations

import zipfile
from typing import BinaryIO
from xml.parsers import expat

from control_api.documents.extraction.limits import (
    ARCHIVE_BYTES,
    ARCHIVE_ENTRIES,
    ARCHIVE_RATIO,
    ARCHIVE_SMALL_BYTES,
    CHARACTERS,
)
from control_api.documents.extraction.reasons import UnreadableError

BODY = "word/document.xml"
CHUNK_BYTES = 64 * 1024
_ENCRYPTED = 0x1
_WORD = (
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
)
_FALLBACK = "http://schemas.openxmlformats.org/markup-compatibility/2006 Fallback"


def read_word(file: BinaryIO) -> list[str]:
    """
    Raises:
        UnreadableError: archive_refused, archive_too_large, encrypted, not_word, too_much_text, xml_refused, damaged
    """
    try:
        with zipfile.ZipFile(file) as archive:
            _check(archive.infolist())
            return [_text(archive)]
    except (zipfile.BadZipFile, expat.ExpatError, NotImplementedError, EOFError):
        raise UnreadableError("damaged") from None


def _check(entries: list[zipfile.ZipInfo]) -> None:
    """Before anything is unpacked."""
    names = [entry.filename for entry in entries]
    if len(entries) > ARCHIVE_ENTRIES:
        raise UnreadableError("archive_too_large")
    if len(set(names)) < len(names) or any(_leads_out(name) for name in names):
        raise UnreadableError("archive_refused")
    if BODY not in names:
        raise UnreadableError("not_word")
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise UnreadableError("encrypted")
    is_bomb = any(entry.file_size > max(ARCHIVE_SMALL_BYTES, ARCHIVE_RATIO * entry.compress_size) for entry in entries)
    if is_bomb or sum(entry.file_size for entry in entries) > ARCHIVE_BYTES:
        raise UnreadableError("archive_too_large")


def _leads_out(name: str) -> bool:
    return name.startswith(("/", "\\")) or ":" in name or ".." in name.replace("\\", "/").split("/")


def _text(archive: zipfile.ZipFile) -> str:
    body = _Body()
    left = ARCHIVE_BYTES
    with archive.open(BODY) as part:
        while chunk := part.read(CHUNK_BYTES):
            left -= len(chunk)
            if left < 0:
                raise UnreadableError("archive_too_large")
            body.feed(chunk)
    return body.close()


class _Body:
    """Paragraphs as lines, cells of a row with tabs between them."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._characters = 0
        self._is_text = False
        self._fallbacks = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = _refuse_doctype
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters_of
        self._opened = {f"{space} {name}": text for space in _WORD for name, text in _MARKS.items()}
        self._closed = {f"{space} {name}": text for space in _WORD for name, text in _ENDS.items()}
        self._words = {f"{space} t" for space in _WORD}

    def feed(self, chunk: bytes) -> None:
        self._parser.Parse(chunk, False)

    def close(self) -> str:
        self._parser.Parse(b"", True)
        return "".join(self._parts)

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        if name == _FALLBACK:
            self._fallbacks += 1
        self._is_text = name in self._words
        self._add(self._opened.get(name, ""))

    def _end(self, name: str) -> None:
        if name == _FALLBACK:
            self._fallbacks -= 1
        self._is_text = False
        self._add(self._closed.get(name, ""))

    def _characters_of(self, text: str) -> None:
        if self._is_text:
            self._add(text)

    def _add(self, text: str) -> None:
        if not text or self._fallbacks:
            return
        self._characters += len(text)
        if self._characters > CHARACTERS:
            raise UnreadableError("too_much_text")
        self._parts.append(text)


_MARKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_ENDS = {"p": "\n", "tc": "\t"}


def _refuse_doctype(*_declared: object) -> None:
    """Entities, which bombs and thefts are made of, need one; Word documents have none."""
    raise UnreadableError("xml_refused")

"""Why a document was not read: a stable code, and the sentence that people get."""

from __future__ import annotations

REASONS: dict[str, str] = {
    "archive_refused": "This Word document holds names or sizes that no writer of documents makes.",
    "archive_too_large": "Unpacked, this Word document is larger than is read.",
    "damaged": "This file is damaged, or not what it seems to be.",
    "encrypted": "This file is protected by a password; save it without one.",
    "file_missing": "The file is not there any more.",
    "image_without_ocr": "This is an image; text in images is not read here.",
    "infected": "The virus scanner refused this file, and it was removed.",
    "nested_too_deeply": "This file is nested more deeply than is read.",
    "no_text": "There is no text in this file; text in images is not read here.",
    "not_isolated": "This machine cannot read files in isolation, so none was read.",
    "not_json": "This is no valid JSON.",
    "not_reached": "Where files are kept, or the virus scanner, did not answer for hours; the file was not read.",
    "not_word": "This is an archive, but no Word document.",
    "too_many_pages": "This document has more pages than are read.",
    "too_much_memory": "Reading this file would take too much memory.",
    "too_much_text": "This document has more text than is read.",
    "too_slow": "Reading this file would take too long.",
    "xml_refused": "This Word document declares entities of its own, which no writer of documents does.",
}


class UnreadableError(Exception):
    """The file is not read; the first argument is a key of REASONS."""

    @property
    def code(self) -> str:
        return str(self.args[0])

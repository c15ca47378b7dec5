"""The process that reads one file: standard input in, one JSON object out, in a cage.

`{"pages": [text, …]}`, or `{"refused": code}`. Its parent takes any other end for one of the kernel's limits.
"""

from __future__ import annotations

import codecs
import importlib
import json
import logging
import pkgutil
import sys
from contextlib import suppress

import pypdf

from control_api.documents.extraction import cage
from control_api.documents.extraction.pdf import read_pdf
from control_api.documents.extraction.plain import read_json, read_text
from control_api.documents.extraction.reasons import UnreadableError
from control_api.documents.extraction.word import read_word

READERS = {"pdf": read_pdf, "docx": read_word, "txt": read_text, "md": read_text, "csv": read_text, "json": read_json}
ENCODINGS = (
    "ascii", "latin-1", "cp1252", "cp437", "utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32",
    "utf-7", "mac-roman", "big5", "gbk", "gb18030", "shift_jis", "cp932", "euc_jp", "euc_kr", "cp949", "unicode_escape",
    "raw_unicode_escape", "charmap", "idna", "punycode",
)  # fmt: skip
"""Text encodings of documents."""


def load() -> None:
    """Everything that is imported on the way: behind the closed cage Python finds no module any more."""
    for encoding in ENCODINGS:
        codecs.lookup(encoding)
    for module in pkgutil.walk_packages(pypdf.__path__, "pypdf."):
        with suppress(ImportError):  # what reads images needs another library
            importlib.import_module(module.name)


def main(kind: str) -> None:
    cage.limit()
    logging.disable()
    try:
        load()
        cage.close()
        said: dict[str, object] = {"pages": READERS[kind](sys.stdin.buffer)}
    except cage.CageError:
        said = {"refused": "not_isolated"}
    except UnreadableError as error:
        said = {"refused": error.code}
    except RecursionError:
        said = {"refused": "nested_too_deeply"}
    except MemoryError:
        said = {"refused": "too_much_memory"}
    except Exception:  # noqa: BLE001 -- the edge of the process; a file may raise anything in a parser
        said = {"refused": "damaged"}
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # halves of characters, which no file may hold
    sys.stdout.write(json.dumps(said, ensure_ascii=False))
    sys.stdout.flush()

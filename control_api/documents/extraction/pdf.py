"""The text of a PDF, page by page."""

from __future__ import annotations

from typing import BinaryIO

from pypdf import PasswordType, PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError, PyPdfError
from pypdf.generic import DictionaryObject

from control_api.documents.extraction.limits import CHARACTERS, PAGES
from control_api.documents.extraction.reasons import UnreadableError


def read_pdf(file: BinaryIO) -> list[str]:
    """One with an empty password is read, as every viewer does.

    Raises:
        UnreadableError: encrypted, too_many_pages, too_much_text, too_much_memory, damaged
    """
    try:
        reader = PdfReader(file)
        if reader.is_encrypted and reader.decrypt("") is PasswordType.NOT_DECRYPTED:
            raise UnreadableError("encrypted")
        return _pages(reader)
    except (FileNotDecryptedError, DependencyError):
        raise UnreadableError("encrypted") from None
    except LimitReachedError:
        raise UnreadableError("too_much_memory") from None
    except (PyPdfError, KeyError, TypeError, ValueError, AttributeError, IndexError, AssertionError, OSError):
        raise UnreadableError("damaged") from None


def _pages(reader: PdfReader) -> list[str]:
    # What is said of the number is looked at before the pages are: finding a million of them takes all the time.
    tree = reader.root_object["/Pages"].get_object()
    said = tree.get("/Count") if isinstance(tree, DictionaryObject) else None
    if (isinstance(said, int) and said > PAGES) or len(reader.pages) > PAGES:
        raise UnreadableError("too_many_pages")
    texts: list[str] = []
    left = CHARACTERS
    for page in reader.pages:
        text = page.extract_text()
        left -= len(text)
        if left < 0:
            raise UnreadableError("too_much_text")
        texts.append(text)
    return texts

"""How much of a document is read: every limit of extraction that is not the kernel's (`cage` has those)."""

from __future__ import annotations

PAGES = 2_000
CHARACTERS = 2_000_000
ARCHIVE_ENTRIES = 2_000
ARCHIVE_BYTES = 100 * 1024 * 1024
"""Of all entries together, unpacked."""
ARCHIVE_RATIO = 100
"""Unpacked by packed, of an entry of more than a megabyte; deflate itself ends at 1032."""
ARCHIVE_SMALL_BYTES = 1024 * 1024

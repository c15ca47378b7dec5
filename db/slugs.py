"""Addresses of organizations: what is left of a name in plain letters."""

from __future__ import annotations

import re
import unicodedata

MAX_SLUG = 100


def slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:MAX_SLUG].strip("-") or "organization"

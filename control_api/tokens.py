"""Opaque credentials: 256 random bits for the bearer, their SHA-256 for the database."""

from __future__ import annotations

import hashlib
import secrets


def new_token() -> str:
    """Hexadecimal: base64 may begin with a dash, and then a command line takes the token for an option."""
    return secrets.token_hex(32)


def token_hash(token: str) -> bytes:
    """What is stored; a token has enough entropy that a plain hash cannot be searched."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()

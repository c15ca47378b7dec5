"""What lies in the database for a while and must mean nothing to whoever reads a copy of it: mails that wait, say.

Fernet (AES-128-CBC with HMAC-SHA256). The key is made of `LIVECONVO_SECRET_KEY`, or else of the job worker's database
login, which no dump of the database contains: all processes of one installation come to the same one.
"""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken


class UnreadableError(Exception):
    """It was sealed with another key, or changed since."""


class Sealer:
    """Seals and opens bytes."""

    def __init__(self, secret: str) -> None:
        # Slow on purpose: a database password may be one that can be guessed.
        key = hashlib.scrypt(secret.encode(), salt=b"liveconvo sealing", n=2**14, r=8, p=1, dklen=32)
        self._fernet = Fernet(base64.urlsafe_b64encode(key))

    def seal(self, content: bytes) -> bytes:
        return self._fernet.encrypt(content)

    def open(self, sealed: bytes) -> bytes:
        """
        Raises:
            UnreadableError
        """
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            raise UnreadableError from None

"""Signatures of Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`, one for each secret that is valid.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from uuid import UUID

SECRET_BYTES = 32
"""The standard asks for 24 to 64."""
SECRET_PREFIX = "whsec_"  # noqa: S105  the standard's


def new_secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


def shown(secret: bytes) -> str:
    """As people copy it, and the standard's libraries take it."""
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def message_id(delivery_id: UUID) -> str:
    """The same for every attempt: by it a receiver knows what it has seen."""
    return f"msg_{delivery_id.hex}"


def signed_headers(message: str, timestamp_s: int, body: bytes, keys: Iterable[bytes]) -> dict[str, str]:
    """The three headers of one attempt, signed with each of `keys`.

    Args:
        message: its id, without a full stop.
        timestamp_s: of this attempt: receivers refuse one that is minutes old.
    """
    signed = b".".join((message.encode(), str(timestamp_s).encode(), body))
    signatures = (base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys)
    return {
        "webhook-id": message,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }

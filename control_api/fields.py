"""The kinds of text that people type into this product."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints


def _one_line(text: str) -> str:
    if any(unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} for character in text):
        raise ValueError("must be one line of visible text")
    return text


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255), AfterValidator(_one_line)]
PersonName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(_one_line)
]
Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_lower=True, min_length=3, max_length=255, pattern=r"^\s*[^@\s]+@[^@\s]+\s*$"
    ),
]
Password = Annotated[str, StringConstraints(min_length=10, max_length=200)]
Token = Annotated[str, StringConstraints(min_length=16, max_length=200)]
ConversationType = Literal["sales", "support", "meeting", "interview"]
CallRole = Literal["host", "participant", "supervisor", "customer"]
GuestRole = Literal["participant", "supervisor", "customer"]
PageSize = Annotated[int, Field(ge=1, le=100)]

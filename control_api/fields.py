"""The kinds of text that people type into this product."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints

from control_api.addresses import normalized


def _one_line(text: str) -> str:
    if any(unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} for character in text):
        raise ValueError("must be one line of visible text")
    return text


TIMEZONES = frozenset(available_timezones())
"""Read once: they are files. None on a machine without them."""


def _timezone(name: str) -> str:
    if TIMEZONES and name not in TIMEZONES:
        raise ValueError("must be a time zone such as Europe/Vienna")
    return name


def _visible(text: str) -> str:
    """Several lines are welcome, and what joins letters and emoji; what nobody sees is not."""
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} and character not in "\n\t\u200c\u200d":
            raise ValueError("must be visible text")
    return text


def _written(moment: object) -> object:
    """A number would be taken for seconds since 1970."""
    if not isinstance(moment, str) or "T" not in moment.upper():
        raise ValueError("must be a moment such as 2026-11-22T09:00:00Z")
    return moment


Moment = Annotated[AwareDatetime, BeforeValidator(_written)]
"""In an address."""
Prose = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(_visible)]
"""Text of several lines; each use says how long."""
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255), AfterValidator(_one_line)]
PersonName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(_one_line)
]
Email = Annotated[
    str,
    StringConstraints(min_length=3, max_length=320),
    AfterValidator(normalized),
    Field(json_schema_extra={"format": "email"}),
]
Timezone = Annotated[str, StringConstraints(max_length=50), AfterValidator(_timezone)]
"""A name of the IANA database."""
Password = Annotated[str, StringConstraints(min_length=10, max_length=200)]
Token = Annotated[str, StringConstraints(min_length=16, max_length=200)]
ConversationType = Literal["sales", "support", "meeting", "interview"]
CallRole = Literal["host", "participant", "supervisor", "customer"]
GuestRole = Literal["participant", "supervisor", "customer"]
Tag = Annotated[
    str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1, max_length=50), AfterValidator(_one_line)
]
CoachedRole = Literal["host", "supervisor", "participant"]
"""Who may be shown guidance; a customer never is."""
PageSize = Annotated[int, Field(ge=1, le=100)]

"""A transaction for an administrator, and a page of a list."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypeVar
from uuid import UUID

from control_api.access import as_person as as_admin
from control_api.http import to_cursor

__all__ = ["as_admin", "page_of"]


class Placed(Protocol):
    """What a cursor can point at."""

    @property
    def created_at(self) -> datetime: ...

    @property
    def id(self) -> UUID: ...


P = TypeVar("P", bound=Placed)


def page_of(rows: Sequence[P], limit: int) -> tuple[Sequence[P], str | None]:
    """Of one row more than asked for: the page, and where the next one begins."""
    page = rows[:limit]
    return page, to_cursor(page[-1].created_at, page[-1].id) if len(rows) > limit else None

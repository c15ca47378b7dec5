"""The words of `personal_data`: what can become of a table's rows, and what of them is exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delete:
    """The rows go."""

    where: str
    """A condition; $1 is the session, the person or the organization."""
    file: str | None = None
    """The column that names a file, which goes as well."""


@dataclass(frozen=True, slots=True)
class Blank:
    """The rows stay without these columns' content."""

    where: str
    columns: Mapping[str, str]
    """Column → SQL expression."""


@dataclass(frozen=True, slots=True)
class Keep:
    reason: str


@dataclass(frozen=True, slots=True)
class Export:
    """What an account's export has of a table; with the rights of the person, who sees no more in it than elsewhere."""

    where: str
    columns: str
    order: str = "id"
    """Unique, and so the place of a page."""


Treatment = Delete | Blank | Keep | None
"""None: the table says nothing of one."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What one table holds of a session, a person and an organization: what becomes of it when that is erased."""

    table: str
    session: Treatment = None
    account: Treatment = None
    organization: Treatment = None
    export: Export | None = None
    withheld: str = ""
    """The columns that are not exported."""
    because: str = ""
    """Why they are not."""

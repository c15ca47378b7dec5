"""Changing some columns of a row and leaving the others alone: no query has to read what it does not mean to change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from db.errors import InvalidError


def assignments(changes: Mapping[str, Any], allowed: frozenset[str], *, first: int) -> tuple[str, list[Any]]:
    """The SET clause, numbered from `$first`, and its values.

    Raises:
        InvalidError: there is nothing to change, or a column that is not among `allowed`.
    """
    unknown = sorted(changes.keys() - allowed)
    if unknown or not changes:
        raise InvalidError(unknown[0] if unknown else "no_changes")
    clauses = [f"{column} = ${number}" for number, column in enumerate(changes, start=first)]
    return ", ".join(clauses), list(changes.values())

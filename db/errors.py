"""What a query can answer beside rows: one small family of errors, and the one place that makes them of the driver's.

`code` is stable and meant for clients: a rule's own code ("session_state"), or the name of the constraint that spoke.
"""

from __future__ import annotations

from collections.abc import Mapping

import asyncpg
import orjson


class DbError(Exception):
    """The database refused."""

    def __init__(self, code: str, message: str | None = None, numbers: Mapping[str, int] | None = None) -> None:
        super().__init__(message or self.__doc__)
        self.code = code
        self.numbers = numbers or {}
        """What a limit is and what is used of it, where a limit spoke."""


class NotFoundError(DbError):
    """There is no such row, or it is not yours: the two look the same."""


class ConflictError(DbError):
    """The row is in a state that does not allow this."""


class InvalidError(DbError):
    """A value breaks a rule of the database."""


class UnavailableError(DbError):
    """Postgres does not answer; trying again later may help."""


class MigrationError(DbError):
    """The migrations cannot be applied."""


class UnsafeRoleError(DbError):
    """Row level security does not bind this role; a server must not use it."""


class SpoiltTransactionError(DbError):
    """A statement of the transaction had failed, so that Postgres rolled it back instead of committing."""


_RULES: dict[str | None, type[DbError]] = {"LC001": ConflictError, "LC002": InvalidError, "LC003": NotFoundError}
"""The SQLSTATEs that our own SQL raises; the message is the code."""

DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Everything that the driver raises of its own."""

_UNAVAILABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.PostgresIOError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
)


def translate(error: Exception) -> DbError | None:
    """Our error for one of the driver's; None for anything that is not the driver's.

    Raise the result `from` the original.
    """
    match error:
        case asyncpg.InterfaceError() if isinstance(error, ValueError):
            return InvalidError("value", str(error))  # an argument that does not fit its parameter
        case asyncpg.UniqueViolationError() | asyncpg.ExclusionViolationError():
            return ConflictError(error.constraint_name or "conflict")
        case asyncpg.IntegrityConstraintViolationError():
            return InvalidError(error.constraint_name or error.column_name or "constraint")
        case asyncpg.DataError():
            return InvalidError("value", str(error))
        case asyncpg.InsufficientPrivilegeError():
            return NotFoundError("not_found")
        case asyncpg.InvalidAuthorizationSpecificationError() | asyncpg.InvalidCatalogNameError():
            return UnavailableError("database_login", str(error))  # a password, or a database, is being exchanged
        case asyncpg.PostgresError() if error.sqlstate in _RULES:
            return _RULES[error.sqlstate](error.message or "rule", numbers=_numbers(error.detail))
        case _ if isinstance(error, _UNAVAILABLE):
            return UnavailableError("database_unavailable")
    return None


def _numbers(detail: str | None) -> Mapping[str, int]:
    """What our own SQL says in DETAIL: a JSON object of numbers, or nothing."""
    return orjson.loads(detail) if detail else {}

"""What each kind of answer of Postgres means to those who asked."""

from __future__ import annotations

import asyncpg
import pytest

from db.errors import ConflictError, DbError, InvalidError, NotFoundError, UnavailableError, translate


def answer(sqlstate: str, **fields: str) -> asyncpg.PostgresError:
    """An error as the driver makes it of what Postgres sends."""
    letters = {"message": "M", "constraint": "n", "column": "c"}
    sent = {"C": sqlstate, "M": "says no"} | {letters[name]: value for name, value in fields.items()}
    error = asyncpg.PostgresError.new(sent)
    assert isinstance(error, asyncpg.PostgresError)
    return error


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (answer("LC001", message="session_state"), ConflictError, "session_state"),
        (answer("LC002", message="too_long"), InvalidError, "too_long"),
        (answer("LC003", message="not_yours"), NotFoundError, "not_yours"),
        (answer("23505", constraint="users_email_key"), ConflictError, "users_email_key"),
        (answer("23514", constraint="plans_price_check"), InvalidError, "plans_price_check"),
        (answer("23502", column="title"), InvalidError, "title"),
        (answer("22P02"), InvalidError, "value"),
        (answer("42501"), NotFoundError, "not_found"),
        (answer("53100"), UnavailableError, "database_unavailable"),  # disk full
        (answer("53300"), UnavailableError, "database_unavailable"),  # too many connections
        (answer("57P01"), UnavailableError, "database_unavailable"),  # shut down by an administrator
        (answer("57P02"), UnavailableError, "database_unavailable"),  # another backend crashed
        (answer("57P03"), UnavailableError, "database_unavailable"),  # starting up
        (answer("57014"), UnavailableError, "database_unavailable"),  # statement timeout
        (answer("55P03"), UnavailableError, "database_unavailable"),  # lock timeout
        (answer("40P01"), UnavailableError, "database_unavailable"),  # deadlock
        (answer("40001"), UnavailableError, "database_unavailable"),  # serialization failure
        (answer("25P03"), UnavailableError, "database_unavailable"),  # idle in transaction for too long
        (answer("25006"), UnavailableError, "database_unavailable"),  # read only: a standby
        (answer("58030"), UnavailableError, "database_unavailable"),  # input or output failed
        (answer("08006"), UnavailableError, "database_unavailable"),  # connection failure
        (answer("28P01"), UnavailableError, "database_login"),
        (answer("3D000"), UnavailableError, "database_login"),
        (asyncpg.InterfaceError("connection is closed"), UnavailableError, "database_unavailable"),
    ],
    ids=lambda value: value.sqlstate if isinstance(value, asyncpg.PostgresError) else None,
)
def test_an_answer_of_postgres_has_one_meaning(error: Exception, kind: type[DbError], code: str) -> None:
    translated = translate(error)
    assert type(translated) is kind
    assert translated.code == code


@pytest.mark.parametrize("error", [answer("42703"), answer("42601"), KeyError("mine")])
def test_a_mistake_of_ours_stays_what_it_is(error: Exception) -> None:
    assert translate(error) is None

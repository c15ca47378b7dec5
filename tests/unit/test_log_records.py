"""What of a log record is kept: codes and ids of our own messages, and nothing that anybody said or is called."""

from __future__ import annotations

import ast
import logging
import re
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.log_records import KEPT, LEFT_OUT, OURS, UNSAID, entry_of

ROOT = Path(__file__).parents[2]
SECRETS = (
    "ada@example.org", "Ada Lovelace", "we renew in May", "lc_" + "0a" * 32, "f3" * 32, "whsec_MDEyMzQ1Njc4OWFi",
    "postgresql://u:p@host/db", "/home/ada/spool", "+43 1 234567", "{'name': 'Ada'}",
)  # fmt: skip


def record(name: str, message: object, *args: object, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord(name, logging.WARNING, "/x/module.py", 12, message, args, info, "a_function")


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("key", sorted(KEPT | {"name", "text", "folder", "token"}))
def test_no_value_that_is_no_code_is_kept(secret: str, key: str) -> None:
    entry = entry_of(record("control_api.x", f"it failed {key}=%s", secret))
    assert secret not in str(entry)
    assert entry.message == f"it failed {key}={LEFT_OUT}"


@given(st.text(min_size=1).filter(lambda text: re.search(r"[\s@]", text) is not None))
def test_no_text_of_several_words_is_kept_whatever_it_is_called(text: str) -> None:
    message = entry_of(record("db.x", "it failed code=%s %s session=%s", text, text, text)).message
    assert message == f"it failed code={LEFT_OUT} {LEFT_OUT} session={LEFT_OUT}"


def test_codes_numbers_and_ids_are_kept() -> None:
    session = uuid4()
    said = "call failed session=%s kind=%s entries=%d code=%s"
    entry = entry_of(record("media_server.calls", said, session, "ValueError", 12, "database_away"))
    assert entry.message == f"call failed session={session} kind=ValueError entries=12 code=database_away"
    assert entry.session_id == session
    assert (entry.module, entry.function_name, entry.line_number) == ("module", "a_function", 12)
    fault = entry_of(
        record("control_api.errors", "request failed fault_id=%s route=%s", "0123456789abcdef", "/v1/sessions/{id}")
    )
    assert (fault.request_id, fault.endpoint) == ("0123456789abcdef", "/v1/sessions/{id}")


def test_an_exception_is_kept_without_its_message() -> None:
    try:
        raise ValueError("Ada said so")
    except ValueError as error:
        entry = entry_of(record("control_api.x", "it failed", error=error))
    assert entry.exception_traceback is not None
    assert entry.exception_traceback.endswith("ValueError")
    assert "Ada" not in entry.exception_traceback


@pytest.mark.parametrize("name", ["asyncio", "aiohttp.server", "", "dbx", "control_apix.y"])
def test_of_others_only_who_and_where_is_kept(name: str) -> None:
    entry = entry_of(record(name, "Task exception was never retrieved: %s", "ValueError('Ada said so')"))
    assert entry.message == UNSAID
    assert entry_of(record(name, ValueError("Ada"))).message == UNSAID


def test_what_is_no_text_for_the_database_is_made_one() -> None:
    entry = entry_of(record("db." + "x" * 500, "\x00" * 5 + "x" * 5000))
    assert len(entry.message) == 1000 - 0
    assert "\x00" not in entry.message
    assert entry.logger_name is not None
    assert len(entry.logger_name) == 100


def test_arguments_that_do_not_fit_are_no_fault() -> None:
    assert entry_of(record("db.x", "code=%s kind=%s", "away")).message == f"code=away kind={LEFT_OUT}"
    assert entry_of(record("db.x", "%(name)s", {"name": "Ada"})).message == "%(name)s"


def test_every_message_of_ours_is_a_literal() -> None:
    """Text that is put together before it is logged would be kept whole."""
    odd = []
    for folder in OURS:
        for file in (ROOT / folder).rglob("*.py"):
            for call in ast.walk(ast.parse(file.read_text())):
                if (
                    isinstance(call, ast.Call)
                    and isinstance(call.func, ast.Attribute)
                    and call.func.attr in {"warning", "error", "exception", "critical"}
                    and isinstance(call.func.value, ast.Name)
                    and call.func.value.id in {"log", "_log", "logger", "_logger"}
                    and not (isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str))
                ):
                    odd.append(f"{file.name}:{call.lineno}")
    assert odd == []

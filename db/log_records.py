"""What of a log record is kept for administrators to search: codes, numbers and ids, where they are known to be such.

Rules:
- Of our own loggers the static text is kept, and values whose name is one of `KEPT`, if they look like what these are:
  an id, a number, a code. Every other value is left out.
- Of other libraries nothing is kept but who spoke and where: their messages quote whatever they were given.
- Of an exception: what it was and where it came from (`logs.trace`), never its message.
"""

from __future__ import annotations

import logging
import re
from uuid import UUID

from db.logs import NewLog, trace

OURS = ("control_api", "db", "media_server", "deploy")
KEPT = frozenset(
    {
        "attempt", "attempts", "batch", "cause", "code", "delivery", "endpoint", "entries", "entrypoint", "epoch",
        "errno", "error", "fault_id", "job", "kind", "kinds", "leases", "mail", "method", "outcome", "port", "reason",
        "route", "seq", "session", "status", "tasks",
    }
)  # fmt: skip
"""Names of values, as messages have them: `kind=%s`."""
REQUEST_IDS = ("fault_id", "mail", "delivery", "job")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LEFT_OUT = "…"
UNSAID = "a message of another library"
_LIMITS = {"logger_name": 100, "module": 100, "function_name": 100, "request_id": 100, "endpoint": 255, "message": 1000}
_PLACE = re.compile(r"(?:(?P<name>\w+)=)?%[-#0 +]*\d*(?:\.\d+)?[sdrfx]")
_CODE = re.compile(r"[A-Za-z][A-Za-z_.,-]{0,63}")
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,6})?")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{16}")
_ROUTE = re.compile(r"/v1(/[a-z_-]+|/\{\w+\})*|/[a-z]*(\.json)?|unknown")


def entry_of(record: logging.LogRecord) -> NewLog:
    """The row of a record."""
    is_ours = record.name.partition(".")[0] in OURS
    text, values = _said(record) if is_ours else (UNSAID, {})
    error = record.exc_info[1] if record.exc_info else None
    return NewLog(
        level=record.levelname if record.levelname in LEVELS else "ERROR",
        logger_name=_cut(record.name, "logger_name"),
        message=_cut(text, "message") or UNSAID,
        session_id=_session(values.get("session")),
        module=_cut(record.module, "module"),
        function_name=_cut(record.funcName, "function_name"),
        line_number=record.lineno,
        exception_traceback=None if error is None else trace(error).replace("\x00", ""),
        request_id=_cut(next((values[name] for name in REQUEST_IDS if name in values), None), "request_id"),
        endpoint=_cut(values.get("route"), "endpoint"),
    )


def _said(record: logging.LogRecord) -> tuple[str, dict[str, str]]:
    """The message, and by name the values in it that are kept."""
    template = record.msg if isinstance(record.msg, str) else ""
    left = list(record.args) if isinstance(record.args, tuple) else []
    values: dict[str, str] = {}

    def fill(place: re.Match[str]) -> str:
        name = place["name"]
        value = str(left.pop(0)) if left else ""
        is_kept = name in KEPT and _looks_right(name, value)
        if is_kept:
            values[name] = value
        return f"{name}={value if is_kept else LEFT_OUT}" if name else LEFT_OUT

    return _PLACE.sub(fill, template).replace("\x00", ""), values


def _looks_right(name: str, value: str) -> bool:
    if name == "route":
        return _ROUTE.fullmatch(value) is not None
    return any(shape.fullmatch(value) for shape in (_CODE, _NUMBER, _ID))


def _session(value: str | None) -> UUID | None:
    try:
        return UUID(value) if value else None
    except ValueError:
        return None


def _cut(text: str | None, name: str) -> str | None:
    return None if text is None else text.replace("\x00", "")[: _LIMITS[name]]

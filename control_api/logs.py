"""One line a log record on stderr; an exception is its type and where it happened, never its message.

Messages of exceptions quote values: what somebody typed, an address with a password. Frames do not.
"""

from __future__ import annotations

import logging
import sys

from control_api.errors import frames_of


class OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = f"{self.formatTime(record)} {record.levelname} {record.name} {record.getMessage()}"
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            line = f"{line} error={type(error).__name__} at={frames_of(error)}"
        return line.replace("\n", "\\n")


def set_up(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("openai", "httpx", "httpcore", "pgqueuer"):
        logging.getLogger(chatty).setLevel(logging.WARNING)

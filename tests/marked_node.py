"""An appending node that kills itself at a marked point between "said" and "stored".

Started as a program once: `python -m tests.marked_node` reads one line of JSON (Life) after the other from its input,
lives each in a child of its own that begins with everything imported, and says `dead <signal>` when the child is gone.
The marks are wrapped around the product's functions here: the product knows nothing of them.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import uvloop

from media_server import recorder, spool_adoption
from media_server.event_log import EventLog
from media_server.recorder import Recorder
from media_server.spool import Spool
from media_server.spool_file import SpoolFile
from tests import appending_node
from tests.appending_node import Orders

GIVES_UP_S = 20
"""A child that does not come to its mark by then is ended by another signal, which the test sees."""

MARKS: dict[str, tuple[Any, str, bool]] = {
    # mark: (owner, function, is the mark after it)
    "a number was given": (Spool, "append", False),
    "written, not committed": (SpoolFile, "insert", True),
    "durable, nobody knows": (Spool, "_settle", False),
    "about to be published": (EventLog, "_publish", False),
    "published": (EventLog, "_publish", True),
    "about to be recorded": (Recorder, "_commit", False),
    "entries in Postgres, rows not": (recorder.session_log, "append", True),
    "rows in Postgres, not committed": (recorder, "_write_rows", True),
    "committed in Postgres": (Recorder, "_commit", True),
    "trimmed, not committed": (SpoolFile, "trim", True),
    "trimmed": (Spool, "trim", True),
    "adopted, still with the orphan": (spool_adoption, "_trim", False),
    "orphan trimmed": (spool_adoption, "_trim", True),
    "orphan about to be deleted": (SpoolFile, "remove", False),
}
"""In the order in which an entry passes them."""
ORPHANS_MARKS = {"adopted, still with the orphan", "orphan trimmed", "orphan about to be deleted"}
"""Passed only by what a dead node left."""


@dataclass(frozen=True, slots=True)
class Life:
    orders: Orders
    spool: str
    """The name of this life's spool: the next life finds it as an orphan."""
    mark: str
    passage: int
    """Which time the mark is passed: 1 is the first."""

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


def live(life: Life) -> None:
    signal.alarm(GIVES_UP_S)
    owner, name, is_after = MARKS[life.mark]
    setattr(owner, name, marked(getattr(owner, name), life.passage, is_after=is_after))
    appending_node.Spool = lambda folder: Spool(folder.with_name(life.spool))  # type: ignore[assignment,misc]
    uvloop.run(appending_node.run(life.orders))


def marked(function: Callable[..., Any], passage: int, *, is_after: bool) -> Callable[..., Any]:
    """The function, and an end by SIGKILL before or after it is called for the n-th time."""
    left = passage

    def pass_by() -> None:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        if not is_after:
            pass_by()
        result = function(*args, **kwargs)
        if is_after:
            pass_by()
        return result

    @functools.wraps(function)
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        if not is_after:
            pass_by()
        result = await function(*args, **kwargs)
        if is_after:
            pass_by()
        return result

    return awaited if inspect.iscoroutinefunction(function) else called


def main() -> None:
    for line in sys.stdin:
        raw = json.loads(line)
        life = Life(**{**raw, "orders": Orders(**raw["orders"])})
        if (child := os.fork()) == 0:
            live(life)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        os.write(1, f"dead {os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}\n".encode())


def argv() -> list[str]:
    return [sys.executable, "-m", "tests.marked_node"]


if __name__ == "__main__":
    main()

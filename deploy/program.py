"""One program of the stack: what to run, as whom, and how to end it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from deploy.service_user import ServiceUser

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class SpawnOptions(TypedDict, total=False):
    """Keyword arguments that subprocess.Popen and asyncio's subprocess functions share."""

    cwd: str
    env: dict[str, str]
    start_new_session: bool
    umask: int
    preexec_fn: Callable[[], None]
    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Program:
    """A child process to be."""

    name: str
    """What the terminal shows before each of its lines."""
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    """The whole environment of the child."""
    user: ServiceUser | None = None
    """None: the account that runs us."""
    stop_signal: signal.Signals = signal.SIGTERM
    cwd: str = "/"
    drain_s: float = 0.0
    """What it may take longer to stop than others of its layer."""

    def spawn_options(self) -> SpawnOptions:
        """In a session of its own, so that Ctrl-C reaches only the parent, which stops the children in order.

        What people said lies in the children's files: nobody else may read them.
        """
        options: SpawnOptions = {
            "cwd": self.cwd,
            "env": dict(self.environment),
            "start_new_session": True,
            "umask": 0o077,
            "preexec_fn": _die_with_parent(self.stop_signal),
        }
        if self.user is not None:
            options |= {"user": self.user.uid, "group": self.user.gid, "extra_groups": []}
        return options


def _die_with_parent(stop_signal: signal.Signals) -> Callable[[], None]:
    """A child's last step before exec: ask the kernel for `stop_signal` when the parent is gone, even by kill -9."""
    parent = os.getpid()

    def ask() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask

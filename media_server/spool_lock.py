"""Who owns a spool: whoever holds the lock on its lock file. The kernel gives it back when the owner is killed."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from media_server.spool_errors import SpoolError, SpoolLockedError

LOCK_NAME = "lock"
RETRY_S = 0.05


def lock_folder(folder: Path, wait_s: float) -> int:
    """Make the folder if it is not there, and own it; closing the returned descriptor gives it back.

    Raises:
        SpoolLockedError: somebody else still owns it after `wait_s`.
        SpoolError: the folder cannot be made.
    """
    deadline = time.monotonic() + wait_s
    while (descriptor := _try_lock(folder)) is None:
        if time.monotonic() >= deadline:
            raise SpoolLockedError(f"Another program uses the spool {folder}.")
        time.sleep(RETRY_S)
    return descriptor


def _try_lock(folder: Path) -> int | None:
    """None while somebody else has the lock, or took the lock file away just now."""
    path = folder / LOCK_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SpoolError(f"The spool {folder} cannot be made: {error.strerror}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever drained this spool may have deleted the lock file between our open and our lock.
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except OSError:  # held by somebody else, or deleted
        pass
    os.close(descriptor)
    return None

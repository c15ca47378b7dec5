"""How many more files this process may open: sockets are files, and each participant takes some."""

from __future__ import annotations

import os
import resource


def free_files() -> int | None:
    """Below the soft limit, which a node has raised to the hard one; None where the system does not say."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        opened = len(os.listdir("/proc/self/fd"))  # with the one that reads this folder
    except OSError:
        return None
    return limit - opened

"""What a node asks of its own process before it serves."""

from __future__ import annotations

import gc
import resource


def leave_out_of_collections() -> None:
    """What is there by now stays for good, and the collector need not look through it any more.

    With the models' libraries it is a quarter of a million objects: looking through them stopped every call for a third
    of a second, and the more there are the later it is done.
    """
    gc.collect()
    gc.freeze()


def open_many_files() -> None:
    """As many as the system allows: each participant takes some, and so does whoever only knocks."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

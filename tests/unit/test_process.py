"""What a node asks of its process; each in a process of its own, since it lasts."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def said_by(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    return done.stdout.strip()


def test_a_collection_looks_only_at_what_came_afterwards() -> None:
    assert said_by(
        "import gc, asyncio; from media_server.process import leave_out_of_collections\n"
        "before = len(gc.get_objects()); leave_out_of_collections()\n"
        "after = len(gc.get_objects()); print(before > 10_000 > 100 > after)\n"
    ) == ("True")


def test_a_node_may_open_as_many_files_as_the_system_lets_it() -> None:
    assert said_by(
        "import resource as r; from media_server.process import open_many_files\n"
        "most = r.getrlimit(r.RLIMIT_NOFILE)[1]; r.setrlimit(r.RLIMIT_NOFILE, (64, most)); open_many_files()\n"
        "print(r.getrlimit(r.RLIMIT_NOFILE) == (most, most))\n"
    ) == ("True")

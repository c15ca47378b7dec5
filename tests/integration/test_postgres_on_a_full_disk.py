"""The disk under Postgres is really full: nothing is acknowledged that is not kept, and all of it arrives later."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos import figures
from tests.recording_node import UNHARMED

DISK = "size=128m,mode=0755"
SOMEBODY = os.getuid() or pwd.getpwnam("nobody").pw_uid
"""Whoever mounted the disk is root in the namespace, and Postgres refuses to run as root."""


def on_a_small_disk(disk: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run the command, as nobody's superuser, while `disk` is a disk of its own; only the command sees it."""
    mount = f'mount -t tmpfs -o {DISK} tmpfs "$0" && exec unshare --user --map-user={SOMEBODY} "$@"'
    return subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", mount, str(disk), *command],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env=os.environ | {"HOME": str(disk)},
    )


@pytest.mark.slow
@pytest.mark.chaos
def test_a_full_disk_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    disk, folder = tmp_path / "disk", tmp_path / "node"
    disk.mkdir()
    if on_a_small_disk(disk, "true").returncode != 0:
        pytest.skip("this machine lets nobody mount a tmpfs in a namespace")
    ran = on_a_small_disk(disk, sys.executable, "-m", "tests.starved_postgres", str(disk), str(folder))
    assert ran.returncode == 0, ran.stderr
    outcome = json.loads(ran.stdout)
    figures("postgres_disk_full", **outcome)
    assert outcome["transcripts"] == outcome["entries"] == UNHARMED
    assert outcome["spooled"] >= outcome["said_meanwhile"] >= 100
    assert outcome["sessions_lost"] == 0 < outcome["sessions_acknowledged"]
    assert outcome["silent_refusals"] == 0
    assert set(outcome["statuses"]) <= {"write 201", "write 503", "read 200", "read 503"}

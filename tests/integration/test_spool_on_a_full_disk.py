"""A disk that is really full: nothing is shown that is not stored, and the spool empties and fills again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

DISK = "size=12m"


def on_a_small_disk(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run the command while `folder` is a disk of its own; only the command sees it."""
    mount = f'mount -t tmpfs -o {DISK} tmpfs "$0" && exec "$@"'
    return subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", mount, str(folder), *command],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.slow
def test_a_full_disk_loses_nothing_that_was_shown(tmp_path: Path) -> None:
    if on_a_small_disk(tmp_path, "true").returncode != 0:
        pytest.skip("this machine lets nobody mount a tmpfs in a namespace")
    ran = on_a_small_disk(tmp_path, sys.executable, "-m", "tests.filling_spool", str(tmp_path / "n"))
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"stored is published": True, "was full": True, "took entries again": True}

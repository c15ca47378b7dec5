"""Where the stack keeps its files, and where it keeps what it throws away."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.errors import DeployError
from deploy.service_user import obstacle, service_user


def default_data_folder() -> Path:
    """/var/lib/liveconvo for root, the user's own data folder otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/liveconvo")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "liveconvo"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "liveconvo"


def open_data_folder(folder: Path) -> Path:
    """The folder, created where missing; refused when the database's user cannot reach it."""
    folder = folder.expanduser().resolve()
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        raise DeployError(f"cannot create the data folder {folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DeployError(f"the data folder {folder} is not writable for this user; choose another with --data-dir")
    user = service_user(folder / "postgres" / "cluster")
    if user is not None and (blocked := obstacle(folder, user)) is not None:
        raise DeployError(
            f"PostgreSQL does not run as root, and its user (uid {user.uid}) may not enter {blocked}: "
            f"choose another --data-dir, or allow passing through with: chmod o+x {blocked}"
        )
    return folder


@contextmanager
def throwaway_folder() -> Iterator[Path]:
    """A folder under the system's temporary one that the database's user can pass through; removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="liveconvo-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)

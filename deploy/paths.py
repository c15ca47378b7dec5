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


def data_folder_of(argument: str | None) -> Path:
    """The folder that --data-dir, LIVECONVO_DATA_DIR or the default name, opened."""
    return open_data_folder(Path(argument or os.environ.get("LIVECONVO_DATA_DIR") or default_data_folder()))


def open_data_folder(folder: Path) -> Path:
    """The folder, created where missing.

    Raises:
        DeployError: it cannot be used; the message says why.
    """
    folder = folder.expanduser().resolve()
    refuse_unusable(folder)
    if not folder.exists():
        folder.mkdir(parents=True)
        # Root's database runs as another user, who must pass through; nobody else needs to look inside.
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
    refuse_unusable(folder)
    return folder


def refuse_unusable(folder: Path) -> None:
    """Looks at `folder`, or at the nearest one above that exists, and changes nothing."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise DeployError(f"the data folder {folder} cannot be written to; choose another with --data-dir")
    user = service_user(folder / "postgres" / "cluster")
    if user is not None and (blocked := obstacle(folder, user)) is not None:
        raise DeployError(
            f"PostgreSQL does not run as root, and its user (uid {user.uid}) may not enter {blocked}: "
            f"choose another --data-dir, or allow passing through with: chmod o+x {blocked}"
        )


@contextmanager
def throwaway_folder() -> Iterator[Path]:
    """A folder under the system's temporary one that the database's user can pass through; removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="liveconvo-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)

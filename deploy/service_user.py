"""The account an embedded database runs under: PostgreSQL refuses root, so root lends it another one."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

_CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """A login that owns the database's files."""

    uid: int
    gid: int


def service_user(cluster: Path) -> ServiceUser | None:
    """Who must run the database in `cluster`; None means whoever runs us.

    The owner of existing files wins: a machine may gain a `postgres` account after the first start.
    """
    if os.geteuid() != 0:
        return None
    if cluster.exists() and (status := cluster.stat()).st_uid != 0:
        return ServiceUser(status.st_uid, status.st_gid)
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServiceUser(entry.pw_uid, entry.pw_gid)
    return ServiceUser(65534, 65534)


def obstacle(path: Path, user: ServiceUser | None) -> Path | None:
    """The first folder on the way to `path` that `user` may not enter; None when the way is free."""
    if user is None:
        return None
    path = path.resolve()
    for folder in (*reversed(path.parents), path):
        if folder.is_dir() and not _may_enter(folder, user):
            return folder
    return None


def _may_enter(folder: Path, user: ServiceUser) -> bool:
    status = folder.stat()
    if status.st_uid == user.uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == user.gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)

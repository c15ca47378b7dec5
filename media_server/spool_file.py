"""The spool as a file: entries that are durable on this machine and not yet in Postgres.

Rules:
- One owner at a time: whoever holds the lock file. A spool whose lock is free belongs to a node that is gone.
- SQLite in WAL mode with synchronous FULL: what was committed survives `kill -9` and a loss of power, and a torn end of
  the WAL costs only what was never committed. The locking mode is EXCLUSIVE because that needs no shared-memory
  file, which could not grow on a full disk.
- A full disk must not keep entries from leaving: a ballast file holds some room, and is given up to a trim that finds
  none. Without ballast nothing is taken in; it comes back as soon as the disk has room for it.
- Positions only grow (AUTOINCREMENT), so that trimming up to one never hits an entry that came later.
- `refused` keeps what Postgres would not take, with the reason. It gets another chance whenever the spool is opened,
  so that a new version of the program can mend what an old one did wrong.

Everything here blocks, and one thread at a time may use it.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from db.records import LogEntry
from media_server.ballast import Ballast
from media_server.spool_errors import SpoolError, SpoolFullError
from media_server.spool_lock import LOCK_NAME, lock_folder

FILE_NAME = "log.db"
BALLAST_NAME = "ballast"
PAGE_BYTES = 4096
WAL_PAGES = 256
"""The WAL is moved into the file when it is so long; with one commit more, that fits into the default ballast."""
BALLAST_SHARE = 256
"""What part of the spool's largest size the ballast has."""
LOCK_WAIT_S = 10.0

_log = logging.getLogger(__name__)

_FIELDS = "session_id, organization_id, seq, epoch, type, at_ms, audience, payload"
_COLUMNS = """
    session_id BLOB NOT NULL,
    organization_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    type TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    audience TEXT NOT NULL,
    payload BLOB NOT NULL
"""
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS entries (position INTEGER PRIMARY KEY AUTOINCREMENT, {_COLUMNS});
CREATE TABLE IF NOT EXISTS refused (position INTEGER PRIMARY KEY, {_COLUMNS}, reason TEXT NOT NULL);
"""
_INSERT = f"INSERT INTO entries ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_OLDEST = f"SELECT position, {_FIELDS} FROM entries ORDER BY position LIMIT ?"  # noqa: S608
_AT = f"SELECT {_FIELDS} FROM entries WHERE position = ?"  # noqa: S608
_SET_ASIDE = f"INSERT INTO refused ({_FIELDS}, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_RETRY = f"INSERT INTO entries ({_FIELDS}) SELECT {_FIELDS} FROM refused ORDER BY position"  # noqa: S608
_REFUSED = f"SELECT {_FIELDS}, reason FROM refused ORDER BY position"  # noqa: S608

# A number beyond 64 bits or a lone surrogate is refused by Python's side of SQLite.
_UNWRITABLE = (sqlite3.Error, OverflowError, UnicodeError)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An entry that Postgres would not take."""

    position: int
    reason: str
    """A stable code, never text from the entry."""


class SpoolFile:
    """An open spool of `size` entries; its owner holds the lock until close()."""

    def __init__(self, folder: Path, *, max_bytes: int, lock_wait_s: float = LOCK_WAIT_S) -> None:
        self.folder = folder
        self._lock = lock_folder(folder, lock_wait_s)
        try:
            self._db = _open(folder / FILE_NAME, max_bytes)
        except BaseException:
            os.close(self._lock)
            raise
        self.size: int
        (self.size,) = self._db.execute("SELECT count(*) FROM entries").fetchone()
        self._ballast = Ballast(folder / BALLAST_NAME, max_bytes // BALLAST_SHARE)
        self._ballast.keep()
        self._retry_refused()

    def close(self) -> None:
        self._db.close()
        os.close(self._lock)

    def remove(self) -> None:
        """Close and delete the spool; the lock file goes last, so that nobody else sees half of it."""
        self._db.close()
        for path in _parts(self.folder):
            path.unlink()
        self._ballast.give_up()
        (self.folder / LOCK_NAME).unlink()
        os.close(self._lock)
        try:
            self.folder.rmdir()
        except OSError:
            _log.warning("the folder of a removed spool is not empty folder=%s", self.folder)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all of the block, or nothing.

        Raises:
            SpoolFullError: the disk, or the space the spool may take, is full.
            SpoolError: SQLite could not write.
        """
        size = self.size
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except BaseException as error:
            self.size = size
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if isinstance(error, _UNWRITABLE):
                raise _translated(error) from error
            raise

    def make_room(self) -> bool:
        """Let a trim succeed on a full disk; False if no ballast is left."""
        if not self._ballast.give_up():
            return False
        _log.error("the disk of the spool is full folder=%s entries=%d", self.folder, self.size)
        self._shrink_wal()
        return True

    def regain_room(self) -> None:
        """Take the ballast back when the disk has room again."""
        if self._ballast.is_held:
            return
        self._shrink_wal()
        try:
            self._ballast.keep()
        except SpoolError:
            _log.warning("the spool's disk cannot be written folder=%s", self.folder)

    def _shrink_wal(self) -> None:
        try:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            _log.warning("the spool's WAL was not shrunk folder=%s code=%s", self.folder, _name(error))

    def insert(self, entry: LogEntry) -> None:
        """
        Raises:
            SpoolFullError: the ballast is gone.
        """
        if not self._ballast.is_held:
            raise SpoolFullError
        self._db.execute(_INSERT, _row(entry))
        self.size += 1

    def oldest(self, limit: int) -> list[tuple[int, LogEntry]]:
        return [(row[0], _entry(row[1:])) for row in self._db.execute(_OLDEST, (limit,))]

    def trim(self, position: int, refusals: Sequence[Refusal] = ()) -> None:
        """Forget the entries up to this position, setting the refused ones aside."""
        aside = [(entry, refusal.reason) for refusal in refusals for entry in self._at(refusal.position)]
        # Deleting first makes the room that setting aside needs when the spool is full.
        trimmed = self._db.execute("DELETE FROM entries WHERE position <= ?", (position,)).rowcount
        self._db.executemany(_SET_ASIDE, [(*_row(entry), reason) for entry, reason in aside])
        self.size -= trimmed

    def refused(self) -> list[tuple[LogEntry, str]]:
        rows = self._db.execute(_REFUSED)
        return [(_entry(row[:-1]), row[-1]) for row in rows]

    def _retry_refused(self) -> None:
        try:
            with self.transaction():
                self.size += self._db.execute(_RETRY).rowcount
                self._db.execute("DELETE FROM refused")
        except SpoolFullError:
            _log.warning("no room to try refused entries again folder=%s", self.folder)

    def _at(self, position: int) -> list[LogEntry]:
        return [_entry(row) for row in self._db.execute(_AT, (position,))]


def _open(path: Path, max_bytes: int) -> sqlite3.Connection:
    try:
        return _connect(path, max_bytes)
    except sqlite3.DatabaseError as error:
        if _name(error) not in ("SQLITE_CORRUPT", "SQLITE_NOTADB"):
            raise _translated(error) from error
    # A node must be able to start: the broken file is kept for a person, and a new one begins.
    aside = f"{FILE_NAME}.broken-{time.time_ns()}"
    _log.error("the spool is damaged and was set aside folder=%s kept_as=%s", path.parent, aside)
    for part in _parts(path.parent):
        part.rename(part.with_name(part.name.replace(FILE_NAME, aside, 1)))
    return _connect(path, max_bytes)


def _parts(folder: Path) -> list[Path]:
    return [path for path in folder.glob(f"{FILE_NAME}*") if ".broken-" not in path.name]


def _connect(path: Path, max_bytes: int) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
        db.execute("PRAGMA fullfsync = ON")  # on macOS a plain fsync does not reach the disk
        db.execute(f"PRAGMA max_page_count = {max_bytes // PAGE_BYTES}")
        db.executescript(_SCHEMA)
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            error = sqlite3.DatabaseError(verdict)
            error.sqlite_errorname = "SQLITE_CORRUPT"
            raise error
    except BaseException:
        db.close()
        raise
    return db


def _translated(error: Exception) -> SpoolError:
    if _name(error) == "SQLITE_FULL":
        return SpoolFullError()
    return SpoolError(f"SQLite could not write the spool: {_name(error)}.")


def _name(error: Exception) -> str:
    # Errors that Python's own sqlite3 module raises have no name.
    name: str = getattr(error, "sqlite_errorname", type(error).__name__)
    return name


def _row(entry: LogEntry) -> tuple[object, ...]:
    return (
        entry.session_id.bytes,
        entry.organization_id.bytes,
        entry.seq,
        entry.epoch,
        entry.type,
        entry.at_ms,
        entry.audience,
        entry.payload,
    )


def _entry(row: tuple[bytes, bytes, int, int, str, int, str, bytes]) -> LogEntry:
    session_id, organization_id, seq, epoch, type_, at_ms, audience, payload = row
    return LogEntry(
        session_id=UUID(bytes=session_id),
        organization_id=UUID(bytes=organization_id),
        seq=seq,
        epoch=epoch,
        type=type_,
        at_ms=at_ms,
        audience=audience,
        payload=payload,
    )

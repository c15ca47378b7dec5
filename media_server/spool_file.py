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
  so that a new version of the program can mend what an old one did wrong. A final refusal is kept without what was
  said, and gets none.

Everything here blocks, and one thread at a time may use it.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from db.records import LogEntry
from media_server.ballast import Ballast
from media_server.spool_errors import SpoolEntryError, SpoolError, SpoolFullError
from media_server.spool_format import PLACES, ROW, entry_of, row_of
from media_server.spool_lock import LOCK_NAME, lock_folder
from media_server.spool_opening import FILE_NAME, PAGE_BYTES, bound_to, error_name, open_file, parts, translated

__all__ = ["FILE_NAME", "PAGE_BYTES", "Refusal", "SpoolFile"]

BALLAST_NAME = "ballast"
BALLAST_SHARE = 256
"""What part of the spool's largest size the ballast has."""
FREE_SHARE = 8
ROOM_BYTES = 2 * 1024**2
"""A spool that was full has room again when so much of it is free, or that part of its largest size."""
LOCK_WAIT_S = 10.0
FORGOTTEN = b""
"""The payload of an entry that was refused for good."""

_log = logging.getLogger(__name__)

_INSERT = f"INSERT INTO entries ({ROW}) VALUES ({PLACES})"  # noqa: S608
_OLDEST = f"SELECT position, {ROW} FROM entries ORDER BY position LIMIT ?"  # noqa: S608
_AT = f"SELECT {ROW} FROM entries WHERE position = ?"  # noqa: S608
_SET_ASIDE = f"INSERT INTO refused ({ROW}, reason) VALUES ({PLACES}, ?)"  # noqa: S608
_RETRY = f"INSERT INTO entries ({ROW}) SELECT {ROW} FROM refused WHERE payload <> x'' ORDER BY position"  # noqa: S608
_REFUSED = f"SELECT {ROW}, reason FROM refused ORDER BY position"  # noqa: S608

# A number beyond 64 bits or a lone surrogate is refused by Python's side of SQLite.
_UNWRITABLE = (OverflowError, UnicodeError)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An entry that Postgres would not take."""

    position: int
    reason: str
    """A stable code, never text from the entry."""
    is_final: bool = False
    """Nobody may have its content any more."""


class SpoolFile:
    """An open spool of `size` entries; its owner holds the lock until close()."""

    def __init__(self, folder: Path, *, max_bytes: int, lock_wait_s: float = LOCK_WAIT_S) -> None:
        self.folder = folder
        self._lock = lock_folder(folder, lock_wait_s)
        self._max_bytes = max_bytes
        try:
            self._db, self.was_damaged = open_file(folder, max_bytes)
            try:
                self._begin()
            except BaseException:
                self._db.close()
                raise
        except BaseException:
            os.close(self._lock)
            raise

    def _begin(self) -> None:
        self.size: int
        self._file_bytes: int
        self._used_bytes: int
        (self.size,) = self._db.execute("SELECT count(*) FROM entries").fetchone()
        self._measure()
        self._ballast = Ballast(self.folder / BALLAST_NAME, self._max_bytes // BALLAST_SHARE)
        self._ballast.keep()
        self._retry_refused()

    def close(self) -> None:
        self._db.close()
        os.close(self._lock)

    def remove(self) -> None:
        """Close and delete the spool; the lock file goes last, so that nobody else sees half of it."""
        self._db.close()
        for path in parts(self.folder):
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
            SpoolEntryError: a value cannot be written anywhere.
            SpoolError: SQLite could not write.
        """
        size = self.size
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._measure()
            self._db.execute("COMMIT")
        except BaseException as error:
            self.size = size
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if isinstance(error, _UNWRITABLE):
                raise SpoolEntryError from error
            if isinstance(error, sqlite3.Error):
                raise translated(error) from error
            raise

    @property
    def used_bytes(self) -> int:
        """As the last commit left it."""
        return self._used_bytes

    def has_room(self) -> bool:
        """Enough for a while: for a spool that was full a moment ago."""
        try:
            self._measure()
            free = shutil.disk_usage(self.folder).free
        except (sqlite3.Error, OSError):
            return False
        may_grow_by = min(self._max_bytes - self._file_bytes, free)
        unused = self._file_bytes - self._used_bytes
        return self._ballast.is_held and unused + may_grow_by >= min(self._max_bytes // FREE_SHARE, ROOM_BYTES)

    def _measure(self) -> None:
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
        self._file_bytes = pages * PAGE_BYTES
        self._used_bytes = (pages - free) * PAGE_BYTES

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
            _log.warning("the spool's WAL was not shrunk folder=%s code=%s", self.folder, error_name(error))

    def insert(self, entry: LogEntry) -> None:
        """
        Raises:
            SpoolFullError: the ballast is gone.
        """
        if not self._ballast.is_held:
            raise SpoolFullError
        self._db.execute(_INSERT, row_of(entry))
        self.size += 1

    def oldest(self, limit: int) -> list[tuple[int, LogEntry]]:
        """
        Raises:
            SpoolDamagedError: the disk altered one of them.
        """
        return [(row[0], entry_of(row[1:])) for row in self._db.execute(_OLDEST, (limit,))]

    def trim(self, position: int, refusals: Sequence[Refusal] = ()) -> None:
        """Forget the entries up to this position, setting the refused ones aside, beyond the bound if need be."""
        aside = [(entry, refusal.reason) for refusal in refusals for entry in self._at(refusal)]
        # Deleting first makes most of the room that setting aside needs when the spool is full.
        trimmed = self._db.execute("DELETE FROM entries WHERE position <= ?", (position,)).rowcount
        if aside:
            bound_to(self._db, self._max_bytes * 2)
            self._db.executemany(_SET_ASIDE, [(*row_of(entry), reason) for entry, reason in aside])
            bound_to(self._db, self._max_bytes)
        self.size -= trimmed

    def refused(self) -> list[tuple[LogEntry, str]]:
        rows = self._db.execute(_REFUSED)
        return [(entry_of(row[:-1]), row[-1].decode()) for row in rows]

    def _retry_refused(self) -> None:
        try:
            with self.transaction():
                self.size += self._db.execute(_RETRY).rowcount
                self._db.execute("DELETE FROM refused WHERE payload <> x''")
        except SpoolFullError:
            _log.warning("no room to try refused entries again folder=%s", self.folder)

    def _at(self, refusal: Refusal) -> list[LogEntry]:
        entries = [entry_of(row) for row in self._db.execute(_AT, (refusal.position,))]
        return [replace(entry, payload=FORGOTTEN) for entry in entries] if refusal.is_final else entries

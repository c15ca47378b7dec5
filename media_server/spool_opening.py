"""Opening the spool's file, whatever happened to it: a node that cannot start would help nobody.

Rules:
- A damaged file is set aside as `log.db.broken-<time>` and kept for a person. What can be read of it, row by row with
  the right checksum, goes on in a new file; nothing else does.
- A file of a newer program is left as it is (SpoolVersionError).
- The disk's own troubles (full, unreadable, locked) are SpoolErrors: they say nothing about the file.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from media_server import telemetry
from media_server.spool_errors import SpoolDamagedError, SpoolError, SpoolFullError
from media_server.spool_format import PLACES, ROW, Row, entry_of, make_or_check_tables, row_of

FILE_NAME = "log.db"
MENDED_NAME = "mended.db"
"""What was read out of a damaged file, until it takes that one's place."""
PAGE_BYTES = 4096
WAL_PAGES = 256
"""The WAL is moved into the file when it is so long; with one commit more, that fits into the default ballast."""

_TROUBLES_OF_THE_DISK = (
    "SQLITE_FULL", "SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_NOMEM", "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PERM",
)  # fmt: skip
_DAMAGE_ALL_THE_SAME = ("SQLITE_IOERR_READ", "SQLITE_IOERR_SHORT_READ", "SQLITE_IOERR_CORRUPTFS")

_ENTRIES = f"SELECT position, {ROW} FROM entries"  # noqa: S608
_REFUSED = f"SELECT position, {ROW}, reason FROM refused"  # noqa: S608
_KEEP_ENTRY = f"INSERT OR IGNORE INTO entries (position, {ROW}) VALUES (?, {PLACES})"  # noqa: S608
_KEEP_REFUSED = f"INSERT OR IGNORE INTO refused (position, {ROW}, reason) VALUES (?, {PLACES}, ?)"  # noqa: S608

_log = logging.getLogger(__name__)


def open_file(folder: Path, max_bytes: int) -> tuple[sqlite3.Connection, bool]:
    """The spool in this folder, and whether it had to be mended.

    Raises:
        SpoolVersionError: a newer program wrote it.
        SpoolError: the disk cannot be used.
    """
    path, mended = folder / FILE_NAME, folder / MENDED_NAME
    if not path.exists() and mended.exists():  # killed before the last step of _mend
        mended.rename(path)
    try:
        return _connect(path, max_bytes), False
    except SpoolDamagedError:
        _mend(folder)
    return _connect(path, max_bytes), True


def bound_to(db: sqlite3.Connection, max_bytes: int) -> None:
    """How large the file may grow; what is larger already stays so."""
    db.execute(f"PRAGMA max_page_count = {max_bytes // PAGE_BYTES}")


def parts(folder: Path) -> list[Path]:
    """All that belongs to the spool's file, but not what was set aside."""
    return [
        path for name in (FILE_NAME, MENDED_NAME) for path in folder.glob(f"{name}*") if ".broken-" not in path.name
    ]


def set_apart(folder: Path) -> None:
    """Give what a newer program wrote a folder of its own, from where such a program adopts it."""
    apart = folder.with_name(f"{folder.name}.newer-{time.time_ns()}")
    apart.mkdir()
    for part in parts(folder):
        part.rename(apart / part.name)
    _log.critical("a newer program wrote this spool; it was set apart folder=%s kept_in=%s", folder, apart)


def translated(error: Exception) -> SpoolError:
    """Our error for one of SQLite's."""
    if error_name(error) == "SQLITE_FULL":
        return SpoolFullError()
    return SpoolError(f"SQLite could not use the spool: {error_name(error)}.")


def error_name(error: Exception) -> str:
    # Errors that Python's own sqlite3 module raises have no name.
    name: str = getattr(error, "sqlite_errorname", type(error).__name__)
    return name


def _connect(path: Path, max_bytes: int) -> sqlite3.Connection:
    try:
        db = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise translated(error) from error
    try:
        _prepare(db, max_bytes)
    except BaseException as error:
        db.close()
        if isinstance(error, sqlite3.Error | UnicodeError):
            raise (SpoolDamagedError() if _is_damage(error) else translated(error)) from error
        raise
    return db


def _prepare(db: sqlite3.Connection, max_bytes: int) -> None:
    db.text_factory = bytes  # what a damaged text holds may be no UTF-8
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
    db.execute("PRAGMA fullfsync = ON")  # on macOS a plain fsync does not reach the disk
    make_or_check_tables(db)
    bound_to(db, max_bytes)
    if db.execute("PRAGMA quick_check(1)").fetchone() != (b"ok",):
        raise SpoolDamagedError
    for row in db.execute(f"SELECT {ROW} FROM entries UNION ALL SELECT {ROW} FROM refused"):  # noqa: S608
        entry_of(row)


def _is_damage(error: Exception) -> bool:
    name = error_name(error)
    return name in _DAMAGE_ALL_THE_SAME or not name.startswith(_TROUBLES_OF_THE_DISK)


def _mend(folder: Path) -> None:
    path, mended = folder / FILE_NAME, folder / MENDED_NAME
    for leftover in folder.glob(f"{MENDED_NAME}*"):
        leftover.unlink()
    saved = _save(path, mended)
    aside = f"{FILE_NAME}.broken-{time.time_ns()}"
    for part in parts(folder):
        if part.name.startswith(FILE_NAME):
            part.rename(part.with_name(part.name.replace(FILE_NAME, aside, 1)))
    if mended.exists():
        mended.rename(path)
    telemetry.SPOOLS_DAMAGED.inc()
    _log.critical("the spool is damaged and was set aside folder=%s kept_as=%s entries_saved=%d", folder, aside, saved)


def _save(damaged: Path, mended: Path) -> int:
    """Copy what can be read; how many entries. Without room for a copy a new, empty spool begins."""
    try:
        db = _connect(mended, 1 << 40)
    except SpoolError:
        return 0
    source = sqlite3.connect(damaged, timeout=0, isolation_level=None)
    try:
        source.text_factory = bytes
        source.execute("PRAGMA locking_mode = EXCLUSIVE")
        source.execute("PRAGMA writable_schema = ON")  # a file that was cut is read as far as it goes
        db.execute("BEGIN")
        db.executemany(_KEEP_ENTRY, _readable(source, _ENTRIES))
        db.executemany(_KEEP_REFUSED, _readable(source, _REFUSED))
        db.execute("COMMIT")
        (saved,) = db.execute("SELECT count(*) FROM entries").fetchone()
    except sqlite3.Error as error:
        _log.error("nothing was saved of a damaged spool file=%s code=%s", damaged, error_name(error))
        saved = 0
    finally:
        source.close()
        db.close()
    return int(saved)


def _readable(db: sqlite3.Connection, query: str) -> Iterator[Row]:
    """Whole rows from both ends, as far as the file can be read.

    One query a row: Python's cursor reads one row ahead, and would lose the last one before the damage.
    """
    low, high = -1, 2**63 - 1
    try:
        while row := db.execute(f"{query} WHERE position > ? ORDER BY position LIMIT 1", (low,)).fetchone():
            if row[0] <= low:  # a damaged tree may lead in circles
                break
            low = row[0]
            yield from _whole(row)
        else:
            return
    except sqlite3.Error:
        pass
    query = f"{query} WHERE position > {low} AND position < ? ORDER BY position DESC LIMIT 1"
    try:
        while (row := db.execute(query, (high,)).fetchone()) and low < row[0] < high:
            high = row[0]
            yield from _whole(row)
    except sqlite3.Error:
        return


def _whole(row: Row) -> list[Row]:
    """The row as it was written, or nothing."""
    position, fields, reasons = row[0], row[1:10], row[10:]
    try:
        return [(position, *row_of(entry_of(fields)), *(reason.decode("utf-8", "replace") for reason in reasons))]
    except (SpoolDamagedError, AttributeError):
        return []

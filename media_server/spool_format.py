"""What the spool's file looks like: its tables, its rows with their checksums, and how an older format becomes this.

SQLite checks the sum of what is in the WAL, but not of what was moved into the file. So every row carries one of its
own: a row that the disk altered is never taken for an entry.
"""

from __future__ import annotations

import sqlite3
from typing import Any
from uuid import UUID
from zlib import crc32

from db.records import LogEntry
from media_server.spool_errors import SpoolDamagedError, SpoolVersionError

FORMAT = 1
"""Kept as SQLite's user_version; 0 had no checksums."""
FIELDS = "session_id, organization_id, seq, epoch, type, at_ms, audience, payload"
ROW = f"{FIELDS}, checksum"
PLACES = "?, ?, ?, ?, ?, ?, ?, ?, ?"

_COLUMNS = """
    session_id BLOB NOT NULL,
    organization_id BLOB NOT NULL,
    seq INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    type TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    audience TEXT NOT NULL,
    payload BLOB NOT NULL,
    checksum INTEGER NOT NULL
"""
_TABLES = {
    "entries": f"CREATE TABLE entries (position INTEGER PRIMARY KEY AUTOINCREMENT, {_COLUMNS})",
    "refused": f"CREATE TABLE refused (position INTEGER PRIMARY KEY, {_COLUMNS}, reason TEXT NOT NULL)",
}
_COPY = {
    "entries": f"INSERT INTO entries (position, {ROW}) SELECT position, {FIELDS}, checksum({FIELDS}) FROM former",  # noqa: S608
    "refused": f"INSERT INTO refused (position, {ROW}, reason)"  # noqa: S608
    f" SELECT position, {FIELDS}, checksum({FIELDS}), reason FROM former",
}

Row = tuple[Any, ...]


def row_of(entry: LogEntry) -> Row:
    """The values of ROW."""
    fields = (
        entry.session_id.bytes,
        entry.organization_id.bytes,
        entry.seq,
        entry.epoch,
        entry.type,
        entry.at_ms,
        entry.audience,
        entry.payload,
    )
    return (*fields, checksum(*fields))


def entry_of(row: Row) -> LogEntry:
    """
    Raises:
        SpoolDamagedError: the row is not the one that was written.
    """
    *fields, expected = row
    try:
        session_id, organization_id, seq, epoch, type_, at_ms, audience, payload = fields
        entry = LogEntry(
            session_id=UUID(bytes=session_id),
            organization_id=UUID(bytes=organization_id),
            seq=seq,
            epoch=epoch,
            type=_text(type_),
            at_ms=at_ms,
            audience=_text(audience),
            payload=payload,
        )
        is_whole = checksum(*fields) == expected
    except (AttributeError, TypeError, ValueError) as error:
        raise SpoolDamagedError from error
    if not is_whole:
        raise SpoolDamagedError
    return entry


def checksum(*fields: Any) -> int:
    """Of the values of FIELDS; text counts as its UTF-8, whichever of the two it is."""
    total = 0
    for field in fields:
        if isinstance(field, int):
            raw = b"%d;" % field
        else:
            raw = field if isinstance(field, bytes) else field.encode()
            raw = b"%d:%b;" % (len(raw), raw)
        total = crc32(raw, total)
    return total


def make_or_check_tables(db: sqlite3.Connection) -> None:
    """
    Raises:
        SpoolVersionError: a newer program wrote this.
        SpoolDamagedError: these are not our tables.
        sqlite3.Error
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > FORMAT:
        raise SpoolVersionError(f"The spool has format {version}, this program knows {FORMAT}.")
    found = _found_tables(db)
    if version < FORMAT:
        db.execute("BEGIN IMMEDIATE")
        for name, statement in _TABLES.items():
            _make(db, name, statement, is_there=name in found)
        db.execute(f"PRAGMA user_version = {FORMAT}")
        db.execute("COMMIT")
        found = _found_tables(db)
    if found != _TABLES:
        raise SpoolDamagedError


def _make(db: sqlite3.Connection, name: str, statement: str, *, is_there: bool) -> None:
    if is_there:
        db.execute(f"ALTER TABLE {name} RENAME TO former")
    db.execute(statement)
    if is_there:
        db.create_function("checksum", -1, checksum, deterministic=True)
        db.execute(_COPY[name])
        db.execute("DROP TABLE former")


def _found_tables(db: sqlite3.Connection) -> dict[str, str]:
    rows = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return {_text(name): _text(statement) for name, statement in rows}


def _text(raw: bytes | str) -> str:
    return raw if isinstance(raw, str) else raw.decode()

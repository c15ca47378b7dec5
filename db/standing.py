"""What the migrations of this program are, and how a database compares with them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from db.pool import Connection

_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Standing:
    """How a database compares with a program's migrations, in their order."""

    missing: tuple[Migration, ...]
    changed: tuple[Migration, ...]
    """Applied from another text than this program has."""
    unknown: tuple[str, ...]
    """The names of those that a newer release applied."""

    @property
    def is_current(self) -> bool:
        return not (self.missing or self.changed or self.unknown)


def migrations() -> list[Migration]:
    """All of the package, in order."""
    found = []
    for file in resources.files("db").joinpath("migrations").iterdir():
        if (match := _FILE_NAME.fullmatch(file.name)) is not None:
            found.append(Migration(int(match[1]), file.name.removesuffix(".sql"), file.read_text("utf-8")))
    return sorted(found, key=lambda migration: migration.version)


async def read_standing(conn: Connection, known: Sequence[Migration]) -> Standing:
    """How the database of this connection compares with `known`; one that was never migrated lacks them all."""
    applied = {}
    if await conn.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL"):
        rows = await conn.fetch("SELECT version, name, checksum FROM schema_migrations ORDER BY version")
        applied = {row["version"]: (row["name"], row["checksum"]) for row in rows}
    versions = {migration.version for migration in known}
    return Standing(
        missing=tuple(each for each in known if each.version not in applied),
        changed=tuple(each for each in known if each.version in applied and applied[each.version][1] != each.checksum),
        unknown=tuple(name for version, (name, _) in applied.items() if version not in versions),
    )

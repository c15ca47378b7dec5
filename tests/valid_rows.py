"""A valid row for every table, made from the catalog: types, NOT NULL, foreign keys and value sets, and few overrides.

Two organizations, north and south, have every table filled. In each there are four sessions: a `full` one with all
that a session can have, a `quiet` one with all but a call, a `called` one that has had a call and nothing else, and a
`bare` one in which a word was said. A third organization is closed, and still has members. Texts carry the name of the
organization they belong to, so that a leak can be seen.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from db.pool import Connection
from tests.catalog import Catalog, Column, Constraint

Row = dict[str, object]

FIRST = ("usage_intervals",)
"""Filled before the rest: what the database derives from them is there already when its turn comes."""
SESSIONS = ("full", "quiet", "called", "bare")
NOW = datetime.now(UTC).replace(microsecond=0)

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Side:
    """One organization."""

    name: str
    id: UUID
    owner: UUID
    author: UUID
    """Made the sessions and all that is anybody's in the rows of this side."""
    sessions: Mapping[str, UUID]


@dataclass(slots=True)
class World:
    """What was filled in, and what the database made of it."""

    sides: dict[str, Side]
    people: dict[str, UUID]
    rows: dict[str, list[Row]] = field(default_factory=dict)
    """Every row of every table, as a superuser reads it."""

    def of(self, table: str, side: Side) -> list[Row]:
        """A side's rows: by organization, or by person where no organization is named."""
        column = "id" if table == "organizations" else "organization_id"
        return [row for row in self.rows[table] if row.get(column) == side.id]


def _email(side: Side) -> str:
    return f"canary-{side.name}-{next(_numbers)}@example.org"


SPECIAL: dict[tuple[str, str], Callable[[Side], object]] = {
    ("organization_members", "permissions"): lambda _: "[]",
    ("monthly_usage_cache", "month_year"): lambda _: "2020-01",
    ("usage_tracking", "minute_timestamp"): lambda _: datetime(2020, 1, 1, tzinfo=UTC) + _minutes(),
    ("audit_log", "action"): lambda _: "tests.write",
    ("audit_log", "hash"): lambda _: bytes(32),
    ("webhook_endpoints", "url"): lambda side: f"https://canary-{side.name}.example.org/{next(_numbers)}",
    ("webhook_deliveries", "attempt_log"): lambda _: "[]",
    ("monthly_usage_cache", "warned_percent"): lambda _: 80,
    ("webhook_endpoints", "event_types"): lambda _: ["session.completed"],
    ("session_share_links", "shared_tabs"): lambda _: ["summary"],
    ("guidance", "audience"): lambda _: "coached",
    ("session_events", "audience"): lambda _: "everyone",
    ("session_participants", "consent_version"): lambda _: None,
    ("recordings", "error_code"): lambda _: None,
    ("recordings", "status"): lambda _: "processing",
    ("summaries", "generation_error"): lambda _: None,
    ("sessions", "coached_roles"): lambda _: ["host"],
    ("idempotency_keys", "status"): lambda _: None,
    ("idempotency_keys", "answer"): lambda _: None,
    ("call_commands", "outcome"): lambda _: None,
    ("stripe_events", "outcome"): lambda _: None,
    ("organizations", "branding_primary_color"): lambda _: "#00ff00",
    ("organizations", "country_code"): lambda _: "NO",
    ("plans", "ai_model_access"): lambda _: "[]",
    ("templates", "guidance_prompts"): lambda _: "[]",
    ("usage_intervals", "from_ms"): lambda _: 1000 * next(_numbers),
    ("usage_intervals", "to_ms"): lambda _: 1000 * next(_numbers) + 90_000,
    ("transcripts", "sequence_number"): lambda _: next(_numbers),
    ("session_events", "seq"): lambda _: next(_numbers),
    ("subscriptions", "user_id"): lambda _: None,
    ("templates", "is_organization_template"): lambda _: True,
    ("users", "email"): _email,
    ("admin_grants", "expires_at"): lambda _: datetime.now(UTC) + timedelta(minutes=30),
    ("admin_grants", "closed_at"): lambda _: NOW,
}
"""What the catalog does not say of a column. A door that opens nothing is closed."""

VARIANTS: dict[str, Callable[[Side], list[Row]]] = {
    "subscriptions": lambda side: [{}, {"organization_id": None, "user_id": side.author}],
    "templates": lambda side: [
        {},
        {"organization_id": None, "is_organization_template": False},
        {"organization_id": None, "is_organization_template": False, "is_public": True},
        {"organization_id": None, "is_organization_template": False, "is_public": True, "is_active": False},
        {"organization_id": None, "user_id": None, "is_organization_template": False, "is_system_template": True},
    ],
    "organization_invitations": lambda side: [
        {},
        {"email": f"invitee-{side.name}@example.org"},
        {"email": f"impostor-{side.name}@example.org"},
    ],
    "transcripts": lambda side: [{"session_id": side.sessions[kind]} for kind in ("full", "quiet", "bare")],
    "documents": lambda side: [{"session_id": side.sessions[kind]} for kind in ("full", "quiet", "bare")],
    "plans": lambda _: [{"is_active": True}, {"is_active": False}],
    "audit_log": lambda _: [{}, {"organization_id": None}],
}
"""Where one row of a table is not enough for what POLICIES.md distinguishes."""


def _minutes() -> timedelta:
    return timedelta(minutes=next(_numbers))


def new_row(catalog: Catalog, world: World, table: str, side: Side, given: Mapping[str, object] | None = None) -> Row:
    """A row that the table would take, whose parents are there; `given` comes first.

    Columns that may stay empty are left out, unless they are texts or point somewhere.
    """
    columns = catalog.tables[table]
    row: Row = dict(given or {})
    for name, special in SPECIAL.items():
        if name[0] == table and name[1] in columns and name[1] not in row:
            row[name[1]] = special(side)
    if "organization_id" in columns:
        row.setdefault("organization_id", side.id)
    if "session_id" in columns and "session_id" not in row:
        row["session_id"] = side.sessions["full"]
    for key in sorted(catalog.of(table, "f"), key=lambda key: (len(key.columns), key.name)):
        _point(catalog, world, side, key, row)
    for column in columns.values():
        if column.name not in row and not column.is_made_by_database:
            value = _value(catalog, table, column, side)
            if value is not None:
                row[column.name] = value
    return row


FURTHER: dict[str, Callable[[World, Side], Row]] = {
    "subscriptions": lambda *_: {"status": "canceled"},
    "organization_members": lambda world, _: {"user_id": world.people["invitee"]},
}


def further_row(
    catalog: Catalog, world: World, table: str, side: Side, given: Mapping[str, object] | None = None
) -> Row:
    """A row beside those that are there, which no unique key refuses: of the bare session, where there is one."""
    row = FURTHER.get(table, lambda *_: {})(world, side)
    if "session_id" in catalog.tables[table]:
        row["session_id"] = side.sessions["bare"]
    return new_row(catalog, world, table, side, {**row, **(given or {})})


def _point(catalog: Catalog, world: World, side: Side, key: Constraint, row: Row) -> None:
    """Fill the columns of a foreign key that are still open with those of a parent that fits the rest."""
    open_columns = [column for column in key.columns if column not in row]
    if not open_columns or any(column in row and row[column] is None for column in key.columns):
        return
    if key.target == "users":
        row[key.columns[0]] = side.author
        return
    pairs = dict(zip(key.columns, key.target_columns, strict=True))
    for parent in reversed(world.rows.get(key.target or "", [])):
        fits = all(parent[theirs] == row[ours] for ours, theirs in pairs.items() if ours in row)
        if fits and parent.get("organization_id", side.id) in {side.id, None} and _same_session(parent, row):
            row.update({ours: parent[theirs] for ours, theirs in pairs.items()})
            return
    if any(catalog.tables[key.table][column].is_required for column in open_columns):
        raise AssertionError(f"no parent for {key.name} in {side.name}")


def _same_session(parent: Row, row: Row) -> bool:
    return "session_id" not in parent or row.get("session_id") in {None, parent["session_id"]}


def _value(catalog: Catalog, table: str, column: Column, side: Side) -> object:
    """None: leave it out."""
    kind = column.type.split("(")[0]
    is_text = kind in {"text", "character varying"}
    if (table, column.name) in catalog.value_sets:
        is_optional = column.default is not None or not column.is_required
        return None if is_optional else catalog.value_sets[table, column.name][0]
    if is_text and column.default is None:
        return _text(column, side)
    if column.name == "id" and kind == "uuid":
        return uuid4()
    if not column.is_required or column.default is not None:
        return None
    return {
        "uuid": uuid4,
        "boolean": lambda: False,
        "integer": lambda: 1,
        "bigint": lambda: 1,
        "numeric": lambda: Decimal(1),
        "timestamp with time zone": lambda: NOW + timedelta(hours=1),
        "jsonb": lambda: "{}",
        "bytea": lambda: uuid4().bytes + uuid4().bytes,
        "text[]": list,
        "tsvector": lambda: "'word':1",
    }[kind]()


def _text(column: Column, side: Side) -> str | None:
    if "email" in column.name:
        return _email(side)
    text = f"canary-{side.name}-{next(_numbers)}"
    length = int(column.type.partition("(")[2].rstrip(")") or 100)
    if len(text) <= length:
        return text
    return str(next(_numbers))[-length:] if column.is_required else None


def insert_statement(table: str, row: Mapping[str, object]) -> tuple[Any, ...]:
    """The statement and its arguments."""
    if not row:
        return (f"INSERT INTO {table} DEFAULT VALUES",)
    places = ", ".join(f"${place}" for place in range(1, len(row) + 1))
    return (f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", *row.values())  # noqa: S608


# The world ----------------------------------------------------------------------------------------------------------


async def fill(conn: Connection, catalog: Catalog) -> World:
    """Fill an empty, migrated database as a superuser; the caller has opened a transaction and commits it."""
    filling = _Filling(conn, catalog, World({}, {}))
    await filling.found_sides()
    await filling.invite_people()
    for side in (filling.world.sides["north"], filling.world.sides["south"]):
        await filling.fill_side(side)
    await filling.turn_people_away()
    return filling.world


@dataclass(frozen=True, slots=True)
class _Filling:
    conn: Connection
    catalog: Catalog
    world: World

    async def found_sides(self) -> None:
        for name in ("north", "south", "closed"):
            side = Side(name, uuid4(), uuid4(), uuid4(), {kind: uuid4() for kind in SESSIONS})
            self.world.sides[name] = side
            await self._add("organizations", side, id=side.id)
            await self._join(side, f"{name}_owner", "owner", side.owner)
            await self._join(side, f"{name}_author", "member", side.author)
            for session_id in side.sessions.values():
                await self._add("sessions", side, id=session_id)

    async def invite_people(self) -> None:
        north = self.world.sides["north"]
        for name in ("admin", "colleague", "former", "suspended"):
            await self._join(north, name, "admin" if name == "admin" else "member", uuid4())
        for name in ("invitee", "impostor", "platform_admin", "door_keeper"):
            await self._person(north, name, uuid4())
        await self._add(
            "admin_grants", north, user_id=self.world.people["door_keeper"], organization_id=north.id, closed_at=None
        )
        await self._read(self.catalog.tables)

    async def fill_side(self, side: Side) -> None:
        for session_id in side.sessions.values():
            await self._add("session_participants", side, session_id=session_id)
        for kind in ("full", "called"):
            await self._add("calls", side, session_id=side.sessions[kind])
        await self._read(self.catalog.tables)
        for table in _order(self.catalog):
            await self._fill_table(table, side)

    async def turn_people_away(self) -> None:
        """Last, because they could do nothing of the above."""
        closed, people = self.world.sides["closed"], self.world.people
        await self.conn.execute("UPDATE organizations SET deleted_at = now() WHERE id = $1", closed.id)
        await self.conn.execute("UPDATE users SET is_active = false WHERE id = $1", people["suspended"])
        await self.conn.execute(
            "UPDATE organization_members SET status = 'removed' WHERE user_id = $1", people["former"]
        )
        await self._read(self.catalog.tables)

    async def _fill_table(self, table: str, side: Side) -> None:
        await self._read([table])
        if table in {"users", "organizations", "sessions"}:
            return
        for given in VARIANTS.get(table, lambda side: self._missing(table, side))(side):
            await self._add(table, side, **given)
        await self._read([table])

    def _missing(self, table: str, side: Side) -> list[Row]:
        """A row, where the database has made none: in a session with and in one without a call."""
        if "session_id" not in self.catalog.tables[table] or table == "system_logs":
            return [] if any(row.get("organization_id") == side.id for row in self.world.rows[table]) else [{}]
        there = {row["session_id"] for row in self.world.rows[table]}
        wanted = [side.sessions[kind] for kind in ("full", "quiet")]
        return [{"session_id": session} for session in wanted if session not in there and table != "calls"]

    async def _person(self, side: Side, name: str, user_id: UUID) -> None:
        self.world.people[name] = user_id
        is_known = name != "impostor"
        await self._add(
            "users", side, id=user_id, email=f"{name}-{side.name}@example.org", email_verified=is_known,
            is_email_verified=is_known, is_admin=name in {"platform_admin", "door_keeper"},
        )  # fmt: skip

    async def _join(self, side: Side, name: str, role: str, user_id: UUID) -> None:
        await self._person(side, name, user_id)
        await self._add("organization_members", side, user_id=user_id, role=role)

    async def _add(self, table: str, side: Side, **given: object) -> None:
        row = new_row(self.catalog, self.world, table, side, given)
        await self.conn.execute(*insert_statement(table, row))

    async def _read(self, tables: Iterable[str]) -> None:
        for table in tables:
            self.world.rows[table] = [dict(row) for row in await self.conn.fetch(f"SELECT * FROM {table}")]  # noqa: S608


def _order(catalog: Catalog) -> list[str]:
    """Parents before children."""
    parents = {
        table: {key.target for key in catalog.of(table, "f")} - {table, "organizations", "users"}
        for table in catalog.tables
    }
    ordered: list[str] = list(FIRST)
    while waiting := [table for table in catalog.tables if table not in ordered]:
        ready = [table for table in waiting if parents[table] <= {*ordered, *FIRST}]
        ordered += ready or waiting
    return [table for table in ordered if table in catalog.tables]

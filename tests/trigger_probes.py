"""Every rule that a trigger keeps, tried. A probe asserts; it runs as a superuser in a transaction that is rolled back.

`PROBES` names one for each trigger, by table and trigger; those that are on many tables have one for all of them.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from db.pool import Connection
from tests.attempts import Outcome, attempt, listed, rolled_back
from tests.catalog import Trigger
from tests.stage import Stage
from tests.valid_rows import Row, further_row, insert_statement

Probe = Callable[[Connection, Stage, str], Awaitable[None]]

REFUSED, NOT_FOUND = "LC001", "LC003"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
IMMEDIATE = "SET CONSTRAINTS ALL IMMEDIATE"


async def _insert(conn: Connection, stage: Stage, table: str, **given: object) -> Row:
    row = further_row(stage.catalog, stage.world, table, stage.world.sides["north"], given)
    await conn.execute(*insert_statement(table, row))
    return row


def _refused(outcome: Outcome, code: str, sqlstate: str = REFUSED) -> None:
    assert (outcome.sqlstate, outcome.code) == (sqlstate, code), str(outcome)


def _went(outcome: Outcome) -> None:
    assert outcome.sqlstate is None, str(outcome)


# on many tables -----------------------------------------------------------------------------------------------------


async def _touches(conn: Connection, stage: Stage, table: str) -> None:
    """updated_at is now, whatever is written into it."""
    [key] = stage.catalog.primary_key(table)
    row = stage.world.rows[table][0]
    moved = await conn.fetchval(
        f"UPDATE {table} SET updated_at = $2 WHERE {key} = $1 RETURNING updated_at = now()",  # noqa: S608
        row[key],
        LONG_AGO,
    )
    assert moved is True


AUDITED = {
    "api_keys": "revoked_at = now()",
    "organization_invitations": "status = 'declined', declined_at = now()",
    "organization_members": "role = 'admin'",
    "session_share_links": "revoked_at = now()",
    "subscriptions": "status = 'unpaid'",
    "webhook_endpoints": "is_active = false",
}


async def _audits(conn: Connection, stage: Stage, table: str) -> None:
    """Insert, change and delete leave a row each, which says nothing of anybody but ids and codes."""
    row = await _insert(conn, stage, table)
    [key] = stage.catalog.primary_key(table)
    await conn.execute(f"UPDATE {table} SET {AUDITED[table]} WHERE {key} = $1", row[key])  # noqa: S608
    await conn.execute(f"DELETE FROM {table} WHERE {key} = $1", row[key])  # noqa: S608
    written = await conn.fetch(
        "SELECT action, organization_id, details::text FROM audit_log WHERE target_kind = $1 ORDER BY id DESC LIMIT 3",
        table,
    )
    assert [entry["action"] for entry in written] == [f"{table}.{verb}" for verb in ("delete", "update", "insert")]
    assert {entry["organization_id"] for entry in written} == {row["organization_id"]}
    assert not any("@" in entry["details"] or "canary" in entry["details"] for entry in written)
    assert all(column.partition(" ")[0] in written[1]["details"] for column in AUDITED[table].split(", ")[:1])


async def _refuses_erased(conn: Connection, stage: Stage, table: str) -> None:
    """Nothing is added to a session whose content was erased."""
    north = stage.world.sides["north"]
    row = further_row(stage.catalog, stage.world, table, north)
    _went(await attempt(conn, *insert_statement(table, row)))
    await conn.execute(
        "UPDATE sessions SET deleted_at = now(), erased_at = now() WHERE id = $1", north.sessions["bare"]
    )
    _refused(await attempt(conn, *insert_statement(table, row)), "session_erased")


async def _asks_for_the_session(conn: Connection, stage: Stage, table: str) -> None:
    """Before any key can say more: a session elsewhere and one that is not there are the same."""
    north, south = stage.world.sides["north"], stage.world.sides["south"]
    row = further_row(stage.catalog, stage.world, table, north)
    _went(await attempt(conn, *insert_statement(table, row)))
    for session in (south.sessions["full"], south.sessions["bare"], uuid4()):
        statement = insert_statement(table, {**row, "session_id": session})
        _refused(await attempt(conn, *statement), "session_not_found", NOT_FOUND)


NO_LONGER_READ = {
    "admin_grants": ("UPDATE admin_grants SET closed_at = now() WHERE user_id = $1", "door_keeper"),
    "organization_members": ("DELETE FROM organization_members WHERE user_id = $1", "colleague"),
    "organizations": (
        """
        UPDATE organizations
        SET is_active = false
        WHERE id IN (SELECT organization_id FROM organization_members WHERE user_id = $1)
        """,
        "colleague",
    ),
    "users": ("UPDATE users SET is_active = false WHERE id = $1", "colleague"),
}


async def _forgets_readable(conn: Connection, stage: Stage, table: str) -> None:
    """What may no longer be read is not read from the next statement on, though it was looked up before."""
    statement, name = NO_LONGER_READ[table]
    north, reader = stage.world.sides["north"].id, stage.world.people[name]
    await conn.execute("SELECT act_as($1)", reader)
    assert north in await conn.fetchval("SELECT readable_organization_ids()")
    await conn.execute(statement, reader)
    assert north not in await conn.fetchval("SELECT readable_organization_ids()")


# audit --------------------------------------------------------------------------------------------------------------


async def _chains_audit(conn: Connection, stage: Stage, _table: str) -> None:
    organization = stage.world.sides["north"].id
    last = await conn.fetchval(
        "SELECT hash FROM audit_log WHERE organization_id = $1 ORDER BY id DESC LIMIT 1", organization
    )
    await _insert(conn, stage, "audit_log", hash=bytes(32), previous_hash=b"forged", at=LONG_AGO)
    entry = await conn.fetchrow(
        """
        SELECT previous_hash, hash, at > now() - interval '1 minute' AS is_now, hash = audit_hash(audit_log) AS is_true
        FROM audit_log
        WHERE organization_id = $1
        ORDER BY id DESC
        LIMIT 1
        """,
        organization,
    )
    assert entry is not None
    assert entry["previous_hash"] == last
    assert entry["is_true"]
    assert entry["is_now"]


async def _keeps_audit(conn: Connection, _stage: Stage, _table: str) -> None:
    _refused(await attempt(conn, "UPDATE audit_log SET details = '{}'"), "audit_is_final")
    _refused(await attempt(conn, "DELETE FROM audit_log"), "audit_is_final")


async def _keeps_all_audit(conn: Connection, _stage: Stage, _table: str) -> None:
    _refused(await attempt(conn, "TRUNCATE audit_log"), "audit_is_final")


# people and organizations -------------------------------------------------------------------------------------------


async def _twin_flags(conn: Connection, stage: Stage, _table: str) -> None:
    person = stage.world.people["invitee"]

    async def flags(change: str) -> Any:
        return await conn.fetchrow(
            f"UPDATE users SET {change} WHERE id = $1 RETURNING email_verified, is_email_verified",  # noqa: S608
            person,
        )

    assert tuple(await flags("email_verified = false")) == (False, False)
    assert tuple(await flags("is_email_verified = true")) == (True, True)
    assert tuple(await flags("is_email_verified = false")) == (False, False)
    assert tuple(await flags("email_verified = true")) == (True, True)
    assert tuple(await flags("email = 'another@example.org'")) == (False, False)
    row = await _insert(conn, stage, "users", email_verified=True, is_email_verified=False)
    assert await conn.fetchval("SELECT is_email_verified FROM users WHERE id = $1", row["id"]) is True


async def _needs_owner(conn: Connection, stage: Stage, _table: str) -> None:
    north, people = stage.world.sides["north"], stage.world.people
    for change in ("SET role = 'admin'", "SET status = 'removed'"):
        await _ownerless(conn, f"UPDATE organization_members {change} WHERE user_id = $1", north.owner)
    await _ownerless(conn, "DELETE FROM organization_members WHERE user_id = $1", north.owner)
    handed_over = await attempt(
        conn,
        """
        UPDATE organization_members
        SET role = CASE user_id WHEN $1 THEN 'member' ELSE 'owner' END
        WHERE user_id IN ($1, $2)
        """,
        north.owner,
        people["admin"],
        look=lambda conn: conn.execute(IMMEDIATE),
    )
    _went(handed_over)


async def _new_needs_owner(conn: Connection, stage: Stage, _table: str) -> None:
    row = further_row(stage.catalog, stage.world, "organizations", stage.world.sides["north"])
    await _ownerless(conn, *insert_statement("organizations", row))
    closed = stage.world.sides["closed"]
    async with conn.transaction():
        await conn.execute("UPDATE organization_members SET role = 'member' WHERE organization_id = $1", closed.id)
        await conn.execute(IMMEDIATE)  # nobody needs an owner where everything is over
        await conn.execute("SET CONSTRAINTS ALL DEFERRED")
        await _ownerless(conn, "UPDATE organizations SET deleted_at = NULL WHERE id = $1", closed.id)


async def _ownerless(conn: Connection, statement: str, *values: object) -> None:
    """Fine by itself, refused at the end of the transaction."""
    block = conn.transaction()
    await block.start()
    try:
        await conn.execute(statement, *values)
        _refused(await attempt(conn, IMMEDIATE), "organization_needs_owner")
    finally:
        await block.rollback()


async def _invitation_role(conn: Connection, stage: Stage, table: str) -> None:
    north, people = stage.world.sides["north"], stage.world.people
    for inviter, is_allowed in ((north.owner, True), (people["admin"], False), (people["south_owner"], False)):
        given = {"role": "owner", "invited_by_user_id": inviter}
        row = further_row(stage.catalog, stage.world, table, north, given)
        outcome = await attempt(conn, *insert_statement(table, row))
        _went(outcome) if is_allowed else _refused(outcome, "not_an_owner")
    row = await _insert(conn, stage, table, invited_by_user_id=people["admin"])
    _refused(
        await attempt(conn, f"UPDATE {table} SET role = 'owner' WHERE id = $1", row["id"]),  # noqa: S608
        "not_an_owner",
    )


async def _orders(conn: Connection) -> list[tuple[str, str, str | None]]:
    rows = await conn.fetch(
        """
        SELECT session_id, kind, payload ->> 'participant_id' AS who
        FROM call_commands
        WHERE created_at = now()
            AND created_by IS NULL
        """
    )
    return sorted((str(row["session_id"]), row["kind"], row["who"]) for row in rows)


async def _ends_calls_of_organization(conn: Connection, stage: Stage, _table: str) -> None:
    north = stage.world.sides["north"]
    live = await conn.fetch(
        "UPDATE calls SET lease_until = now() + interval '1 minute' WHERE organization_id = $1 RETURNING session_id",
        north.id,
    )
    assert live
    await conn.execute("UPDATE organizations SET is_active = false WHERE id = $1", north.id)
    ended = sorted((str(row["session_id"]), "end", None) for row in live)
    assert await _orders(conn) == ended
    await conn.execute("UPDATE organizations SET deleted_at = now() WHERE id = $1", north.id)
    assert await _orders(conn) == ended, "what was closed is closed once"


async def _ends_calls_of_person(conn: Connection, stage: Stage, _table: str) -> None:
    call = await conn.fetchrow(
        """
        UPDATE calls
        SET lease_until = now() + interval '1 minute'
        WHERE session_id = (SELECT session_id FROM calls LIMIT 1)
        RETURNING session_id, organization_id
        """
    )
    assert call is not None
    await conn.execute("UPDATE calls SET lease_until = now() WHERE session_id <> $1", call["session_id"])
    host = await conn.fetchval("SELECT user_id FROM sessions WHERE id = $1", call["session_id"])
    guest = await conn.fetchval("INSERT INTO users (email) VALUES ('leaving@example.org') RETURNING id")
    place = await conn.fetchval(
        """
        INSERT INTO session_participants (session_id, organization_id, user_id, name, role, source)
        VALUES ($1, $2, $3, 'Leaving', 'participant', 'browser')
        RETURNING id
        """,
        call["session_id"], call["organization_id"], guest,
    )  # fmt: skip
    await conn.execute("UPDATE users SET is_active = false WHERE id = $1", guest)
    left = (str(call["session_id"]), "remove_participant", str(place))
    assert await _orders(conn) == [left]
    await conn.execute("UPDATE users SET is_active = false WHERE id = $1", host)
    assert await _orders(conn) == [(str(call["session_id"]), "end", None), left]


# states -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _States:
    """A state machine as it was decided."""

    column: str
    code: str
    states: dict[str, str]
    """With what else a row in it must say."""
    steps: set[tuple[str, str]]

    def said(self, state: str) -> str:
        return ", ".join(each for each in (f"{self.column} = '{state}'", self.states[state]) if each)


async def _steps(conn: Connection, table: str, machine: _States) -> None:
    """Every step from every state; staying is none."""
    row_id = await conn.fetchval(f"SELECT id FROM {table} LIMIT 1")  # noqa: S608
    for old, new in itertools.product(machine.states, repeat=2):
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(f"UPDATE {table} SET {machine.said(old)} WHERE id = $1", row_id)  # noqa: S608
        await conn.execute("SET LOCAL session_replication_role = origin")
        outcome = await attempt(conn, f"UPDATE {table} SET {machine.said(new)} WHERE id = $1", row_id)  # noqa: S608
        is_allowed = old == new or (old, new) in machine.steps
        expected = (None, None) if is_allowed else (REFUSED, machine.code)
        assert (outcome.sqlstate, outcome.code) == expected, f"{old} → {new}: {outcome}"


UNANSWERED = "accepted_at = NULL, declined_at = NULL"
INVITATION_STATES = _States(
    "status",
    "invitation_state",
    {
        "pending": UNANSWERED, "expired": UNANSWERED, "cancelled": UNANSWERED,
        "accepted": "accepted_at = now(), declined_at = NULL", "declined": "accepted_at = NULL, declined_at = now()",
    },
    {("pending", state) for state in ("accepted", "declined", "expired", "cancelled")},
)  # fmt: skip
SESSION_STATES = _States(
    "status",
    "session_state",
    {"draft": "", "active": "", "completed": "", "archived": ""},
    {("draft", "active"), ("active", "completed"), ("completed", "archived"), ("archived", "completed")},
)
SUMMARY_STATES = _States(
    "generation_status",
    "summary_state",
    {
        "pending": "generation_error = NULL", "generating": "generation_error = NULL",
        "completed": "generation_error = NULL, tldr = ''", "failed": "generation_error = 'model'",
    },
    {
        ("pending", "generating"), ("generating", "completed"), ("generating", "failed"), ("failed", "generating"),
        ("failed", "pending"), ("completed", "pending"),
    },
)  # fmt: skip


async def _invitation_state(conn: Connection, _stage: Stage, table: str) -> None:
    await _steps(conn, table, INVITATION_STATES)


async def _session_state(conn: Connection, stage: Stage, table: str) -> None:
    await _steps(conn, table, SESSION_STATES)
    session = stage.world.sides["north"].sessions["bare"]
    await conn.execute("UPDATE sessions SET deleted_at = now() WHERE id = $1", session)
    for column, code in (("recording_started_at", "recording_started"), ("erased_at", "session_erased")):
        change = f"UPDATE sessions SET {column} = $2 WHERE id = $1"  # noqa: S608
        await conn.execute(change, session, LONG_AGO)
        _went(await attempt(conn, change, session, LONG_AGO))
        _refused(await attempt(conn, change, session, LONG_AGO + timedelta(days=1)), code)
        _refused(await attempt(conn, change, session, None), code)


async def _summary_state(conn: Connection, _stage: Stage, table: str) -> None:
    await _steps(conn, table, SUMMARY_STATES)


# sessions -----------------------------------------------------------------------------------------------------------


async def _session_template(conn: Connection, stage: Stage, table: str) -> None:
    """A foreign key alone would take the id of anybody's playbook."""
    north = stage.world.sides["north"]
    for row in stage.world.rows["templates"]:
        is_shared = row["is_organization_template"] and north.id == row["organization_id"]
        is_own = row["user_id"] == north.author and row["organization_id"] in {None, north.id}
        is_offered = is_shared or is_own or row["is_system_template"] or row["is_public"]
        is_allowed = is_offered and row["is_active"]
        new = further_row(stage.catalog, stage.world, table, north, {"selected_template_id": row["id"]})
        chosen = await attempt(conn, *insert_statement(table, new))
        later = await attempt(
            conn, "UPDATE sessions SET selected_template_id = $2 WHERE id = $1", north.sessions["bare"], row["id"]
        )
        for outcome in (chosen, later):
            _went(outcome) if is_allowed else _refused(outcome, "template_not_found", NOT_FOUND)
    ours = next(
        row["id"]
        for row in stage.world.rows["templates"]
        if row["organization_id"] == north.id and row["is_organization_template"] and row["is_active"]
    )
    choose = "UPDATE sessions SET selected_template_id = $2 WHERE id = $1"
    await conn.execute(choose, north.sessions["bare"], ours)
    await conn.execute("UPDATE templates SET deleted_at = now() WHERE id = $1", ours)
    _went(await attempt(conn, choose, north.sessions["bare"], ours))  # it keeps what it has
    await conn.execute(choose, north.sessions["bare"], None)
    _refused(await attempt(conn, choose, north.sessions["bare"], ours), "template_not_found", NOT_FOUND)


async def _template_use(conn: Connection, stage: Stage, _table: str) -> None:
    north = stage.world.sides["north"]
    ours = next(row for row in stage.world.rows["templates"] if row["organization_id"] == north.id)
    used = await conn.fetchval("SELECT usage_count FROM templates WHERE id = $1", ours["id"])
    await _insert(conn, stage, "sessions", selected_template_id=ours["id"])
    after = await conn.fetchrow("SELECT usage_count, last_used_at FROM templates WHERE id = $1", ours["id"])
    assert after is not None
    assert after["usage_count"] == used + 1
    assert after["last_used_at"] is not None


async def _notes_consent(conn: Connection, stage: Stage, _table: str) -> None:
    consented = await _insert(conn, stage, "session_participants", consent_version="2", consented_at=LONG_AGO)

    async def consents() -> list[tuple[object, ...]]:
        rows = await conn.fetch(
            """
            SELECT version, withdrawn_at IS NOT NULL
            FROM consents
            WHERE participant_id = $1
            ORDER BY withdrawn_at IS NULL
            """,
            consented["id"],
        )
        return [tuple(row) for row in rows]

    assert await consents() == [("2", False)]
    await conn.execute(
        "UPDATE session_participants SET consent_version = '3', consented_at = now() WHERE id = $1", consented["id"]
    )
    assert await consents() == [("2", True), ("3", False)]
    await conn.execute(
        "UPDATE session_participants SET consent_version = NULL, consented_at = NULL WHERE id = $1", consented["id"]
    )
    assert sorted(await consents()) == [("2", True), ("3", True)]


# other systems ------------------------------------------------------------------------------------------------------


ANNOUNCED: dict[str, list[tuple[str, str, str]]] = {
    "sessions": [
        ("status = 'draft'", "status = 'active'", "session.started"),
        ("status = 'active'", "status = 'completed'", "session.ended"),
        ("deleted_at = NULL", "deleted_at = now()", "session.deleted"),
        ("status = 'completed'", "status = 'archived'", ""),
        ("status = 'archived'", "status = 'completed'", ""),
    ],
    "summaries": [
        ("generation_status = 'generating', generation_error = NULL", "generation_status = 'completed', tldr = ''",
         "summary.ready"),
        ("generation_status = 'generating', generation_error = NULL",
         "generation_status = 'failed', generation_error = 'model'", "summary.failed"),
        ("generation_status = 'completed', generation_error = NULL, tldr = ''", "generation_status = 'completed'", ""),
    ],
    "organization_members": [
        ("status = 'active'", "status = 'removed'", "member.removed"),
        ("status = 'removed'", "status = 'active'", "member.joined"),
        ("status = 'inactive'", "status = 'active'", ""),
    ],
    "recordings": [
        ("status = 'processing', error_code = NULL", "status = 'ready'", "recording.ready"),
        ("status = 'processing', error_code = NULL", "status = 'failed', error_code = 'infected'", "recording.failed"),
        ("status = 'failed', error_code = 'infected'", "status = 'failed'", ""),
    ],
    "documents": [
        ("processing_status = 'processing'", "processing_status = 'completed'", "document.ready"),
        ("processing_status = 'processing'", "processing_status = 'failed'", "document.failed"),
        ("processing_status = 'failed'", "processing_status = 'failed'", ""),
    ],
}  # fmt: skip
"""By table: what becomes what, and what is told of it."""
ANNOUNCED_WHEN_NEW = {
    "sessions": "session.created", "organization_members": "member.joined",
}  # fmt: skip


async def _announces(conn: Connection, stage: Stage, table: str) -> None:
    """Whoever wants to know is told of each of these steps once, in ids; nobody else is."""
    north, south = stage.world.sides["north"], stage.world.sides["south"]
    await conn.execute("DELETE FROM webhook_endpoints")
    known = sorted({event for steps in ANNOUNCED.values() for _, _, event in steps} | {*ANNOUNCED_WHEN_NEW.values()})
    for side in (north, south):
        await conn.execute(
            """
            INSERT INTO webhook_endpoints (organization_id, url, signing_secret, event_types)
            VALUES ($1, 'https://x.example', $2, $3)
            """,
            side.id,
            bytes(32),
            known,
        )

    async def told() -> list[str]:
        rows = await conn.fetch("DELETE FROM webhook_deliveries RETURNING event_type, payload::text, organization_id")
        assert not any("canary" in row["payload"] for row in rows)
        assert {row["organization_id"] for row in rows} <= {north.id}
        return [row["event_type"] for row in rows]

    if table in ANNOUNCED_WHEN_NEW:
        row = await _insert(conn, stage, table)
        assert await told() == [ANNOUNCED_WHEN_NEW[table]]
    else:
        row = stage.world.of(table, north)[0]
    for before, after, event in ANNOUNCED[table]:
        await conn.execute("SET LOCAL session_replication_role = replica")
        await conn.execute(f"UPDATE {table} SET {before} WHERE id = $1", row["id"])  # noqa: S608
        await conn.execute("SET LOCAL session_replication_role = origin")
        await conn.execute(f"UPDATE {table} SET {after} WHERE id = $1", row["id"])  # noqa: S608
        assert await told() == ([event] if event else []), (before, after)


async def _keeps_secret(conn: Connection, stage: Stage, table: str) -> None:
    """The secret that is replaced, and not the one before that."""
    row = await _insert(conn, stage, table, signing_secret=b"1" * 32)
    for secret, before in ((b"2" * 32, b"1" * 32), (b"2" * 32, b"1" * 32), (b"3" * 32, b"2" * 32)):
        kept = await conn.fetchval(
            "UPDATE webhook_endpoints SET signing_secret = $2 WHERE id = $1 RETURNING previous_secret",
            row["id"],
            secret,
        )
        assert kept == before


# usage --------------------------------------------------------------------------------------------------------------


async def _seconds(conn: Connection, session: UUID) -> int:
    return int(
        await conn.fetchval(
            "SELECT coalesce(sum(seconds_recorded), 0) FROM usage_tracking WHERE session_id = $1", session
        )
    )


async def _derives(conn: Connection, stage: Stage, _table: str) -> None:
    """The minutes follow the intervals, in every direction."""
    session = stage.world.sides["north"].sessions["bare"]
    given: Row = {"session_id": session, "epoch": 1, "participant_id": uuid4(), "from_ms": 0, "to_ms": 90_000}
    await _insert(conn, stage, "usage_intervals", **given)
    assert await _seconds(conn, session) == 90
    await conn.execute("UPDATE usage_intervals SET to_ms = 100000 WHERE session_id = $1", session)
    assert await _seconds(conn, session) == 100
    await conn.execute("DELETE FROM usage_intervals WHERE session_id = $1", session)
    assert await _seconds(conn, session) == 0


async def _sums_up(conn: Connection, stage: Stage, _table: str) -> None:
    """Months, counters and the session's length follow the minutes, in every direction, into and out of a month."""
    north = stage.world.sides["north"]
    session = north.sessions["bare"]
    row = await _insert(
        conn, stage, "usage_tracking", minute_timestamp=LONG_AGO, seconds_recorded=59, session_id=session
    )
    assert await _month(conn, row, "2000-01") == (59, 1)
    assert await conn.fetchval("SELECT recording_duration_seconds FROM sessions WHERE id = $1", session) == 59
    await conn.execute("UPDATE usage_tracking SET seconds_recorded = 30 WHERE session_id = $1", session)
    assert await _month(conn, row, "2000-01") == (30, 1)
    february = LONG_AGO + timedelta(days=31)
    await conn.execute("UPDATE usage_tracking SET minute_timestamp = $2 WHERE session_id = $1", session, february)
    assert await _month(conn, row, "2000-01") == (0, 0)
    assert await _month(conn, row, "2000-02") == (30, 1)
    await conn.execute("DELETE FROM usage_tracking WHERE session_id = $1", session)
    assert await _month(conn, row, "2000-02") == (0, 0)
    assert await conn.fetchval("SELECT recording_duration_seconds FROM sessions WHERE id = $1", session) == 0


async def _month(conn: Connection, row: Row, month: str) -> tuple[int, int]:
    found = await conn.fetchrow(
        """
        SELECT total_seconds_used, total_minutes_used
        FROM monthly_usage_cache
        WHERE organization_id = $1
            AND user_id = $2
            AND month_year = $3
        """,
        row["organization_id"],
        row["user_id"],
        month,
    )
    return (0, 0) if found is None else (found["total_seconds_used"], found["total_minutes_used"])


async def _counts_sessions(conn: Connection, stage: Stage, _table: str) -> None:
    before = await _recorded(conn, stage)
    await _insert(conn, stage, "sessions", recording_started_at=LONG_AGO)
    assert await _recorded(conn, stage) == before + 1


async def _recorded(conn: Connection, stage: Stage) -> int:
    north = stage.world.sides["north"]
    return int(
        await conn.fetchval(
            "SELECT total_sessions_count FROM organization_members WHERE organization_id = $1 AND user_id = $2",
            north.id,
            north.author,
        )
    )


async def _places_usage(conn: Connection, stage: Stage, _table: str) -> None:
    """The first packet's instant places what was recorded before it was known, and counts the session."""
    session = stage.world.sides["north"].sessions["bare"]
    before = await _recorded(conn, stage)
    given: Row = {"session_id": session, "epoch": 1, "participant_id": uuid4(), "from_ms": 0, "to_ms": 60_000}
    await _insert(conn, stage, "usage_intervals", **given)
    await conn.execute("UPDATE sessions SET recording_started_at = $2 WHERE id = $1", session, LONG_AGO)
    minutes = await conn.fetch("SELECT minute_timestamp FROM usage_tracking WHERE session_id = $1", session)
    assert [row["minute_timestamp"] for row in minutes] == [LONG_AGO]
    assert await _recorded(conn, stage) == before + 1


async def _template_change(conn: Connection, stage: Stage, _table: str) -> None:
    """Another text is another version; what says nothing new is not. What is not shared is not published."""
    row = await _insert(conn, stage, "templates", version=1)
    for change, version in (("name = 'x'", 1), ("usage_count = 9", 1), ("summary_template = '## y'", 2)):
        await conn.execute(f"UPDATE templates SET {change} WHERE id = $1", row["id"])  # noqa: S608
        assert await conn.fetchval("SELECT version FROM templates WHERE id = $1", row["id"]) == version
    publish = "UPDATE templates SET is_public = true WHERE id = $1"
    _went(await attempt(conn, publish, row["id"]))
    own = await _insert(conn, stage, "templates", is_organization_template=False, is_public=False)
    _refused(await attempt(conn, publish, own["id"]), "template_not_shared")


async def _session_limits(conn: Connection, stage: Stage, _table: str) -> None:
    """A person makes no session beyond a limit; the installation itself does."""
    north = stage.world.sides["north"]
    for column, code in (
        ("organizations SET max_sessions_per_month = 0 WHERE id = $1", "session_limit"),
        ("organization_members SET max_sessions_per_month = 0 WHERE organization_id = $1", "member_session_limit"),
        ("organizations SET monthly_audio_hours_limit = 0 WHERE id = $1", "audio_limit"),
    ):
        async with rolled_back(conn):
            await conn.execute(f"UPDATE {column}", north.id)
            row = further_row(stage.catalog, stage.world, "sessions", north, {})
            await conn.execute("SELECT set_config('app.user_id', $1, true)", str(north.author))
            _refused(await attempt(conn, *insert_statement("sessions", row)), code)
            await conn.execute("SELECT set_config('app.user_id', '', true)")
            _went(await attempt(conn, *insert_statement("sessions", row)))


async def _keeps_free_plan(conn: Connection, stage: Stage, table: str) -> None:
    _refused(await attempt(conn, "UPDATE plans SET is_active = false WHERE name = 'individual_free'"), "free_plan")
    _went(await attempt(conn, "UPDATE plans SET is_active = false WHERE name = 'org_enterprise'"))


async def _forgets_verification(conn: Connection, stage: Stage, table: str) -> None:
    """Another name is not verified; anything else leaves it."""
    north = stage.world.sides["north"].id
    ask = "SELECT is_verified FROM organizations WHERE id = $1"
    await conn.execute("UPDATE organizations SET is_verified = true WHERE id = $1", north)
    await conn.execute("UPDATE organizations SET city = 'Bern', name = name WHERE id = $1", north)
    assert await conn.fetchval(ask, north) is True
    await conn.execute("UPDATE organizations SET name = 'Somebody else' WHERE id = $1", north)
    assert await conn.fetchval(ask, north) is False


PROBES: dict[tuple[str, str], Probe] = {
    ("*", "touch_updated_at"): _touches,
    ("*", "announce"): _announces,
    ("*", "audit_change"): _audits,
    ("*", "refuse_erased"): _refuses_erased,
    ("*", "check_session"): _asks_for_the_session,
    ("*", "forget_readable"): _forgets_readable,
    ("audit_log", "chain_audit"): _chains_audit,
    ("audit_log", "keep_audit"): _keeps_audit,
    ("audit_log", "keep_all_audit"): _keeps_all_audit,
    ("organization_invitations", "check_invitation_role"): _invitation_role,
    ("organization_invitations", "check_invitation_state"): _invitation_state,
    ("organization_members", "organization_needs_owner"): _needs_owner,
    ("organizations", "organization_needs_owner"): _new_needs_owner,
    ("organizations", "end_calls_of_organization"): _ends_calls_of_organization,
    ("users", "end_calls_of_person"): _ends_calls_of_person,
    ("organizations", "forget_verification"): _forgets_verification,
    ("plans", "keep_free_plan"): _keeps_free_plan,
    ("session_participants", "note_consent"): _notes_consent,
    ("sessions", "check_session_limits"): _session_limits,
    ("sessions", "check_session_state"): _session_state,
    ("sessions", "check_session_template"): _session_template,
    ("sessions", "count_new_sessions"): _counts_sessions,
    ("sessions", "count_template_use"): _template_use,
    ("sessions", "place_usage"): _places_usage,
    ("templates", "check_template_change"): _template_change,
    ("summaries", "check_summary_state"): _summary_state,
    ("usage_intervals", "derive_from_new"): _derives,
    ("usage_intervals", "derive_from_changed"): _derives,
    ("usage_intervals", "derive_from_deleted"): _derives,
    ("usage_tracking", "sum_up_new"): _sums_up,
    ("usage_tracking", "sum_up_changed"): _sums_up,
    ("usage_tracking", "sum_up_deleted"): _sums_up,
    ("users", "keep_email_flags_equal"): _twin_flags,
    ("webhook_endpoints", "keep_previous_secret"): _keeps_secret,
}


def probe_of(trigger: Trigger) -> Probe | None:
    return PROBES.get((trigger.table, trigger.name)) or PROBES.get(("*", trigger.name))


@listed
async def broken_trigger(conn: Connection, stage: Stage, trigger: Trigger) -> AsyncIterator[str]:
    """What is wrong with the rule that a trigger keeps."""
    probe = probe_of(trigger)
    if probe is None:
        yield f"{trigger.table} {trigger.name}: nobody said what it is there for"
        return
    try:
        async with rolled_back(conn):
            await probe(conn, stage, trigger.table)
    except (AssertionError, asyncpg.PostgresError) as error:
        yield f"{trigger.table} {trigger.name}: {error!r}"

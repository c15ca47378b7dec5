"""Servers of release 0.1 work on the newest database as on their own: every statement of theirs, as their role.

One exception was decided: a session that never had audio stays a draft.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import pytest

from db import jobs
from db.migrate import migrate, migrations
from db.pool import connection_settings
from tests.conftest import PostgresServer
from tests.migration_data.release_0_1_statements import STATEMENTS

RELEASE_0_1_VERSION = 11
NODE, MEDIA_URL = "host-0", "http://host-0"
LEASE = timedelta(seconds=6)
SEQ_BLOCK = 10_000
NOW = datetime.now(UTC)
STARTED = NOW.replace(day=1, hour=1, minute=0, second=0, microsecond=0)
"""In this month, whenever that is."""


@dataclass(slots=True)
class Servers:
    """A connection for each role, which sends statements of the list only."""

    connections: dict[str, asyncpg.Connection]
    sent: set[str] = field(default_factory=set)

    async def rows(self, role: str, name: str, *arguments: Any, user: UUID | None = None) -> list[dict[str, Any]]:
        return (await self._send(role, name, arguments, user))[0]

    async def row(self, role: str, name: str, *arguments: Any, user: UUID | None = None) -> dict[str, Any]:
        (row,) = await self.rows(role, name, *arguments, user=user)
        return row

    async def value(self, role: str, name: str, *arguments: Any, user: UUID | None = None) -> Any:
        (value,) = (await self.row(role, name, *arguments, user=user)).values()
        return value

    async def status(self, role: str, name: str, *arguments: Any, user: UUID | None = None) -> str:
        return (await self._send(role, name, arguments, user))[1]

    async def _send(
        self, role: str, name: str, arguments: tuple[Any, ...], user: UUID | None
    ) -> tuple[list[dict[str, Any]], str]:
        self.sent.add(name)
        conn = self.connections[role]
        async with conn.transaction():
            if user is not None:
                await conn.execute("SELECT set_config('app.user_id', $1, true)", str(user))
            statement = await conn.prepare(STATEMENTS[name])
            rows = [dict(row) for row in await statement.fetch(*arguments)]
            return rows, statement.get_statusmsg()


@pytest.fixture(params=["their own database", "the newest database"])
async def servers(
    request: pytest.FixtureRequest,
    empty_database: str,
    postgres_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Servers]:
    if request.param == "their own database":
        theirs = [migration for migration in migrations() if migration.version <= RELEASE_0_1_VERSION]
        monkeypatch.setattr("db.migrate.migrations", lambda: theirs)
    await migrate(empty_database)
    name = urlsplit(empty_database).path[1:]
    async with AsyncExitStack() as stack:
        connections = {}
        for role in ("owner", "api", "media", "jobs"):
            url = postgres_server.url(name, None if role == "owner" else f"liveconvo_{role}")
            connections[role] = await asyncpg.connect(url, server_settings=connection_settings("release-0.1"))
            stack.push_async_callback(connections[role].close)
        yield Servers(connections)


async def test_every_statement_of_release_0_1_works_as_before(servers: Servers) -> None:
    host = await sign_up(servers)
    session, participant = await prepare(servers, host)
    epoch, first_seq = await begin_call(servers, session)
    await record(servers, host, session, participant, epoch=epoch, seq=first_seq)
    await watch_and_order(servers, host, session)
    await end_call(servers, host, session, participant, epoch)
    await conclude(servers, host, session)
    await leave_alone(servers, host)
    assert servers.sent == STATEMENTS.keys()


async def sign_up(servers: Servers) -> dict[str, Any]:
    link, cookie = secrets.token_bytes(32), secrets.token_bytes(32)
    account = await servers.row(
        "owner", "accounts.create_owner", "ada@example.org", "Ada", "Engines", "engines", "engines-1234"
    )
    user = account["user_id"]
    assert (account["email"], account["organization_slug"]) == ("ada@example.org", "engines")
    assert await servers.value("owner", "accounts.count_users") == 1
    expires_at = datetime.now(UTC) + timedelta(days=1)
    assert await servers.status("owner", "accounts.create_sign_in_link", link, user, expires_at) == "INSERT 0 1"
    assert await servers.value("api", "accounts.redeem_sign_in_link", link) == user
    assert await servers.value("api", "accounts.redeem_sign_in_link", link) is None
    assert await servers.status("api", "accounts.set_password", user, "hash", user=user) == "UPDATE 1"
    credentials = await servers.row("api", "accounts.find_credentials", "ada@example.org")
    assert credentials == {"user_id": user, "password_hash": "hash"}
    arguments = (user, cookie.hex(), "127.0.0.1", "a browser")
    assert await servers.status("api", "accounts.create_app_session", *arguments, user=user) == "INSERT 0 1"
    member = await servers.row("api", "accounts.authenticate", cookie)
    assert (member["user_id"], member["role"], member["has_password"]) == (user, "owner", True)
    assert await servers.value("api", "accounts.end_app_session", cookie) is True
    assert await servers.rows("api", "accounts.authenticate", cookie) == []
    return account


async def prepare(servers: Servers, host: dict[str, Any]) -> tuple[dict[str, Any], UUID]:
    user, organization = host["user_id"], host["organization_id"]
    session = await servers.row("api", "sessions.insert_session", user, organization, "A call", "sales", user=user)
    assert session["status"] == "draft"
    assert await servers.row("api", "sessions.get_session", session["id"], organization, user=user) == session
    everything = (organization, None, None, None, 20)
    assert await servers.rows("api", "sessions.list_sessions", *everything, user=user) == [session]

    participant, ticket, invite = uuid4(), secrets.token_bytes(32), secrets.token_bytes(32)
    who = (participant, session["id"], organization, user, "Ada", "host", "browser", False, True, "1", NOW)
    assert await servers.status("api", "participants.insert_participant", *who, user=user) == "INSERT 0 1"
    expires_at = datetime.now(UTC) + timedelta(minutes=1)
    entitled = (ticket, session["id"], organization, participant, NODE, MEDIA_URL, expires_at)
    assert await servers.status("api", "tickets.insert_ticket", *entitled, user=user) == "INSERT 0 1"
    asked = (invite, session["id"], organization, "customer", "Grace", user, expires_at)
    invite_id = await servers.value("api", "tickets.insert_invite", *asked, user=user)
    found = await servers.row("api", "tickets.find_invite", invite)
    assert (found["id"], found["session_id"], found["session_status"]) == (invite_id, session["id"], "draft")
    revoked = (invite_id, session["id"])
    assert await servers.status("api", "tickets.revoke_invite", *revoked, user=user) == "UPDATE 1"
    assert await servers.rows("api", "tickets.find_invite", invite) == []

    found = await servers.row("media", "tickets.find_ticket", ticket)
    assert (found["participant_id"], found["consented"], found["user_id"]) == (participant, True, user)
    assert await servers.value("media", "tickets.redeem_ticket", ticket) is True
    assert await servers.rows("media", "tickets.find_ticket", ticket) == []
    same = (ticket, session["id"], user, "host", True)
    assert await servers.value("api", "tickets.participant_of_ticket", *same, user=user) == participant
    return session, participant


async def begin_call(servers: Servers, session: dict[str, Any]) -> tuple[int, int]:
    await servers.status("media", "calls.register_node", NODE, MEDIA_URL)
    assert await servers.status("media", "calls.touch_node", NODE) == "UPDATE 1"
    assert [row["node"] for row in await servers.rows("api", "calls.list_nodes", timedelta(seconds=15))] == [NODE]
    lease = await servers.row("media", "calls.acquire_lease", session["id"], NODE, MEDIA_URL, LEASE, SEQ_BLOCK)
    assert (lease["epoch"], lease["first_seq"], lease["last_seq"], lease["paused"]) == (1, 1, SEQ_BLOCK, False)
    lease = await servers.row("media", "calls.acquire_lease", session["id"], NODE, MEDIA_URL, LEASE, SEQ_BLOCK)
    epoch = lease["epoch"]
    assert (epoch, lease["first_seq"]) == (2, SEQ_BLOCK + 1)
    renewed = (NODE, [session["id"]], [epoch], LEASE)
    assert await servers.rows("media", "calls.renew_leases", *renewed) == [{"session_id": session["id"]}]
    assert await servers.value("media", "calls.extend_seqs", session["id"], epoch, 10) == 2 * SEQ_BLOCK + 10
    assert await servers.status("media", "calls.set_paused", session["id"], epoch, False) == "UPDATE 1"
    assert (await servers.row("media", "sessions.find_session", session["id"]))["status"] == "draft"
    return epoch, lease["first_seq"]


async def record(
    servers: Servers, host: dict[str, Any], session: dict[str, Any], participant: UUID, *, epoch: int, seq: int
) -> None:
    id_, user, organization = session["id"], host["user_id"], host["organization_id"]
    assert await servers.status("media", "participants.mark_joined", participant, STARTED) == "UPDATE 1"
    assert await servers.status("media", "sessions.activate_session", id_, STARTED) == "UPDATE 1"
    assert await servers.status("media", "sessions.activate_session", id_, NOW) == "UPDATE 1"
    entries = (
        [id_, id_], [organization] * 2, [seq, seq + 1], [epoch] * 2, ["transcript.final", "guidance.shown"],
        [1000, 2000], ["everyone", "coached"], ['{"text": "So, what does it cost?"}', "{}"],
    )  # fmt: skip
    assert len(await servers.rows("media", "session_log.append", *entries)) == 2
    assert await servers.rows("media", "session_log.append", *entries) == []
    transcript, guidance = uuid4(), uuid4()
    final = [[value] for value in (
        transcript, id_, organization, "So, what does it cost?", "Ada", seq, 1.5, 3.5, 0.9, "whisper", participant,
        "u1", '[{"text": "So"}]', "en", NOW,
    )]  # fmt: skip
    assert await servers.status("media", "transcripts.insert_transcripts", *final) == "INSERT 0 1"
    assert await servers.status("media", "transcripts.insert_transcripts", *final) == "INSERT 0 0"
    shown = [[value] for value in (
        guidance, id_, organization, "Ask.", "ask", 2, 4.0, "silence", "[]", transcript, "cost?", 30.0, "rules", 1, NOW,
    )]  # fmt: skip
    assert await servers.status("media", "guidance.insert_guidance", *shown) == "INSERT 0 1"
    assert await servers.status("media", "guidance.apply_feedback", guidance, id_, "helpful", True) == "UPDATE 1"
    metered = ([id_] * 2, [organization] * 2, [user] * 2, [STARTED, STARTED + timedelta(minutes=1)], [50, 40])
    await servers.rows("media", "usage.add_seconds", *metered)


async def watch_and_order(servers: Servers, host: dict[str, Any], session: dict[str, Any]) -> None:
    id_, user, organization = session["id"], host["user_id"], host["organization_id"]
    call = await servers.row("api", "calls.current_call", id_, user=user)
    assert (call["node"], call["epoch"], call["paused"]) == (NODE, 2, False)
    (person,) = await servers.rows("api", "sessions.list_participants", id_, user=user)
    assert (person["name"], person["joined_at"], person["left_at"]) == ("Ada", STARTED, None)
    heard = await servers.rows("api", "session_log.read", id_, 0, ["everyone", "coached"], 100, user=user)
    assert [entry["type"] for entry in heard] == ["transcript.final", "guidance.shown"]
    assert await servers.value("api", "transcripts.latest_sequence_number", id_, user=user) == heard[0]["seq"]
    (said,) = await servers.rows("api", "transcripts.list_transcripts", id_, 0, 200, user=user)
    assert (said["content"], said["is_final"], said["revision"]) == ("So, what does it cost?", True, 0)
    (advice,) = await servers.rows("api", "guidance.list_guidance", id_, user=user)
    assert (advice["was_displayed"], advice["user_feedback"]) == (True, "helpful")
    assert advice["triggered_by_transcript_id"] == said["id"]
    for role in ("api", "media"):
        limit = await servers.row(role, "usage.check_usage_limit", user, organization, user=user)
        assert limit == {"minutes_used": 2, "minutes_limit": None}
    order = (uuid4(), id_, organization, "end", "{}", user)
    assert await servers.status("api", "commands.insert_command", *order, user=user) == "INSERT 0 1"
    assert await servers.status("api", "commands.insert_command", *order, user=user) == "INSERT 0 0"
    (pending,) = await servers.rows("media", "commands.pending_commands", [id_])
    assert await servers.status("media", "commands.acknowledge", pending["id"], "done") == "UPDATE 1"
    assert await servers.status("media", "commands.acknowledge", pending["id"], "again") == "UPDATE 0"


async def end_call(
    servers: Servers, host: dict[str, Any], session: dict[str, Any], participant: UUID, epoch: int
) -> None:
    id_, user, organization = session["id"], host["user_id"], host["organization_id"]
    assert await servers.status("media", "participants.mark_left", participant, NOW) == "UPDATE 1"
    completed = await servers.row("media", "sessions.complete_session_1", id_, NOW, 3)
    assert completed == {"user_id": user, "organization_id": organization, "title": "A call"}
    pending = (id_, user, organization, "A call")
    assert await servers.status("media", "sessions.complete_session_2", *pending) == "INSERT 0 1"
    assert await servers.status("media", "sessions.complete_session_2", *pending) == "INSERT 0 0"
    assert await jobs.enqueue(servers.connections["media"], "finalize_session", b"", dedupe_key=str(id_))
    assert await servers.rows("media", "sessions.complete_session_1", id_, NOW, 3) == []
    assert await servers.value("media", "sessions.refuse", id_) == "completed"
    assert await servers.status("media", "calls.release_lease", id_, NODE, epoch) == "UPDATE 1"
    stored = await servers.row("api", "sessions.get_session", id_, organization, user=user)
    counters = ("recording_duration_seconds", "total_words_spoken", "user_talk_time_seconds", "silence_periods_count")
    assert [stored[name] for name in counters] == [90, 5, 2, 0]
    assert stored["recording_started_at"] == STARTED


async def conclude(servers: Servers, host: dict[str, Any], session: dict[str, Any]) -> None:
    id_, user = session["id"], host["user_id"]
    long_ago = timedelta(seconds=0)
    assert await servers.rows("jobs", "abandoned.list_unwritten", long_ago, 10) == [{"session_id": id_}]
    assert await servers.status("jobs", "summaries.claim", id_) == "INSERT 0 1"
    assert await servers.status("jobs", "summaries.fail", id_, "the model is away") == "UPDATE 1"
    assert await servers.status("jobs", "summaries.claim", id_) == "INSERT 0 1"
    content = (id_, "A call", "They spoke of money.", "[]", "[]", "[]", "[]", "So …", "", "rules", 0.1)
    assert await servers.status("jobs", "summaries.store", *content) == "UPDATE 1"
    assert await servers.status("jobs", "summaries.claim", id_) == "INSERT 0 0"
    assert await servers.status("jobs", "sessions.mark_finalized", id_) == "UPDATE 1"
    summary = await servers.row("api", "summaries.get", id_, user=user)
    assert (summary["generation_status"], summary["tldr"]) == ("completed", "They spoke of money.")


async def leave_alone(servers: Servers, host: dict[str, Any]) -> None:
    """A call whose node never comes back is completed by the jobs, or by the API when somebody asks for it."""
    user, organization = host["user_id"], host["organization_id"]
    for role in ("jobs", "api"):
        created = (user, organization, "Left alone", "meeting")
        id_ = (await servers.row("api", "sessions.insert_session", *created, user=user))["id"]
        await servers.row("media", "calls.acquire_lease", id_, NODE, MEDIA_URL, LEASE, SEQ_BLOCK)
        await servers.status("media", "sessions.activate_session", id_, STARTED)
        await servers.status("media", "calls.release_lease", id_, NODE, 1)
        left = await servers.rows("jobs", "abandoned.list_abandoned", timedelta(0), 10)
        assert [row["id"] for row in left] == [id_]
        completed = await servers.row(role, "sessions.complete_session_1", id_, NOW, 3, user=user)
        pending = (id_, *completed.values())
        assert await servers.status(role, "sessions.complete_session_2", *pending, user=user) == "INSERT 0 1"
        assert await jobs.enqueue(servers.connections[role], "finalize_session", b"", dedupe_key=str(id_))


async def test_a_draft_is_completed_by_release_0_1_on_its_own_database_only(
    servers: Servers, request: pytest.FixtureRequest
) -> None:
    host = await sign_up(servers)
    session, _ = await prepare(servers, host)
    completing = servers.row("api", "sessions.complete_session_1", session["id"], NOW, 3, user=host["user_id"])
    if request.node.callspec.params["servers"] == "their own database":
        assert (await completing)["title"] == "A call"
    else:
        with pytest.raises(asyncpg.PostgresError, match="session_state") as refusal:
            await completing
        assert refusal.value.sqlstate == "LC001"

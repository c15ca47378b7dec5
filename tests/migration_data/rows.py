"""Rows that an installation may hold: for every table what it holds usually, and what earlier versions let through.

A row is given by what matters about it; `is_full` has the rest of its columns filled in by type. Of all of them there
are as many batches as one likes: `~` stands for the batch, as two hexadecimal digits, where a value must be unique.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

GONE: dict[str, Any] = {"row": "gone"}
"""The decision on a row that is not kept."""
ANYTHING = "anything"
"""A value that the migration chooses."""

FILLERS: Mapping[str, Any] = {
    "text": "~",
    "character varying": "~",
    "boolean": True,
    "integer": 1,
    "bigint": 1,
    "numeric": 1,
    "jsonb": {},
    "timestamp with time zone": "2026-01-08T09:30:00+00:00",
    "date": "2026-01-01",
    "inet": "127.0.0.1",
    "bytea": "\\x01",
    "uuid": "ffffffff-0000-4000-8000-000000000000",
    "tsvector": "'filler':1",
}
"""Type → what fills the rest of a full row."""
NEVER_SET = {"audit_log.actor_id"}
"""Columns without a value: here the owner does everything."""
SEEDS_MENDED = (("plans", "name", "individual_free", {"price_monthly": 0.0, "price_yearly": 0.0}),)
"""Table, column and value of seeded rows that a later migration changes, and how."""

_TABLES = ("organizations", "users", "organization_members", "plans", "subscriptions", "subscription_events",
           "organization_invitations", "user_app_sessions", "beta_waitlist", "templates", "sessions",
           "session_participants", "transcripts", "guidance", "summaries", "documents", "session_context",
           "prep_checklist", "session_timeline_events", "usage_tracking", "monthly_usage_cache", "system_logs",
           "call_commands", "session_invites", "api_keys", "session_share_links", "webhook_endpoints",
           "webhook_deliveries", "recordings", "admin_grants", "consents")  # fmt: skip


def key(table: str, number: int) -> str:
    """The id of a table's row by number."""
    return f"{_TABLES.index(table) + 1:08x}-0000-4000-80~-{number:012x}"


@dataclass(frozen=True, slots=True)
class Row:
    table: str
    values: Mapping[str, Any]
    since: int
    """The first version that can hold it."""
    until: int = 9999
    """The first version that cannot: its rules refuse the row, and its migration mends it."""
    mended: Mapping[str, Any] | None = None
    """What becomes of it; None: nothing does."""
    is_full: bool = field(default=False, kw_only=True)


def _hash(number: int) -> str:
    return "\\x" + f"{number:02x}~" * 16


ERASED = {"deleted_at": "2026-02-01T00:00:00Z", "erased_at": "2026-03-01T00:00:00Z"}

NORTH, LEFT, EMPTY, CLOSED, NAMELESS = (key("organizations", number) for number in range(1, 6))
ADA, BOB, CLEO, DAN, EVE, GONE_USER, BOSS = (key("users", number) for number in range(1, 8))
DONE, DRAFT, LIVE, ARCHIVED, DELETED, WAITING, NEW_YEAR, UNDATED = (key("sessions", number) for number in range(1, 9))
HOST, GUEST = (key("session_participants", number) for number in (1, 2))
OLD_PLAN = key("plans", 1)
PLAYBOOK = key("templates", 1)
SAID = key("transcripts", 1)
ENDPOINT = key("webhook_endpoints", 1)


def _accounts() -> list[Row]:
    def member(number: int, organization: str, user: str, role: str, status: str, **more: Any) -> dict[str, Any]:
        who = {"organization_id": organization, "user_id": user, "role": role, "status": status}
        return {"id": key("organization_members", number), **who, **more}

    def organization(id_: str, slug: str, **more: Any) -> dict[str, Any]:
        return {"id": id_, "name": slug.title(), "slug": f"{slug}-~", **more}

    return [
        Row("organizations", organization(NORTH, "north", country_code="NO", branding_primary_color="#00ff00",
                                          deleted_at=None, erased_at=None), 2, is_full=True),
        Row("organizations", organization(LEFT, "left"), 2, 12),
        Row("organizations", organization(EMPTY, "empty"), 2, 12, {"is_active": False}),
        Row("organizations", {"id": NAMELESS, "name": "", "slug": "nameless-~"}, 2, 12, {"name": "nameless-~"}),
        Row("organizations", organization(CLOSED, "closed", **ERASED), 2),
        Row("users", {"id": ADA, "email": "ada~@example.org", "current_organization_id": NORTH, "deleted_at": None,
                      "erased_at": None}, 2, is_full=True),
        Row("users", {"id": BOB, "email": "bob~@example.org"}, 2),
        Row("users", {"id": CLEO, "email": "cleo~@example.org", "email_verified": True}, 2, 12,
            {"is_email_verified": True}),
        Row("users", {"id": DAN, "email": "dan~@example.org", "is_email_verified": True}, 2, 12,
            {"email_verified": True}),
        Row("users", {"id": EVE, "email": "eve~@example.org"}, 2),
        Row("users", {"id": GONE_USER, "email": "gone~@example.org", **ERASED}, 2),
        Row("users", {"id": BOSS, "email": "boss~"}, 2),
        Row("organization_members", member(1, NORTH, ADA, "owner", "active", permissions=["export"]), 2, is_full=True),
        Row("organization_members", member(2, NORTH, BOB, "member", "active"), 2),
        Row("organization_members", member(3, LEFT, CLEO, "owner", "removed"), 2, 12),
        Row("organization_members", member(4, LEFT, EVE, "member", "active", joined_at="2025-01-01T00:00:00Z"), 2, 12),
        Row("organization_members", member(5, LEFT, DAN, "admin", "active", joined_at="2025-06-01T00:00:00Z"), 2, 12,
            {"role": "owner"}),
        Row("organization_members", member(6, EMPTY, GONE_USER, "owner", "inactive"), 2, 12),
        Row("organization_members", member(7, NAMELESS, BOSS, "owner", "active"), 2, 12),
        Row("user_app_sessions", {"id": key("user_app_sessions", 1), "user_id": ADA, "device_type": "mobile"}, 2,
            is_full=True),
        Row("user_app_sessions", {"id": key("user_app_sessions", 2), "user_id": BOB}, 2),
        Row("sign_in_links", {"token_hash": _hash(1), "user_id": ADA, "purpose": "sign_in"}, 2, is_full=True),
        Row("beta_waitlist", {"id": key("beta_waitlist", 1), "email": "grace~@example.org", "use_case": "sales",
                              "status": "invited"}, 2, is_full=True),
        *_waiting(2, "Hopper~@Example.org", "2026-01-01T00:00:00Z", {"email": "hopper~@example.org"}),
        *_waiting(3, "Twice~@example.org", "2026-01-02T00:00:00Z", {"email": "twice~@example.org"}),
        *_waiting(4, "twice~@example.org", "2026-01-03T00:00:00Z", GONE),
    ]  # fmt: skip


def _waiting(number: int, email: str, created_at: str, mended: Mapping[str, Any]) -> list[Row]:
    given = {"id": key("beta_waitlist", number), "name": "N", "company": "C", "use_case": "other", "email": email}
    return [Row("beta_waitlist", {**given, "created_at": created_at}, 2, 12, mended)]


def _payment() -> list[Row]:
    def subscription(number: int, status: str, created_at: str, **more: Any) -> dict[str, Any]:
        given = {"plan_id": OLD_PLAN, "plan_type": "monthly", "status": status, "created_at": created_at}
        return {"id": key("subscriptions", number), **given, **more}

    return [
        Row("plans", {"id": OLD_PLAN, "name": "old_plan~", "ai_model_access": ["gpt-4o"], "plan_type": "individual"}, 2,
            is_full=True),
        Row("subscriptions", subscription(1, "canceled", "2025-01-01T00:00:00Z", organization_id=NORTH, user_id=None,
                                          current_period_start="2025-01-01T00:00:00Z",
                                          current_period_end="2025-02-01T00:00:00Z"), 2, is_full=True),
        Row("subscriptions", subscription(2, "active", "2026-02-01T00:00:00Z", organization_id=NORTH), 2),
        Row("subscriptions", subscription(3, "trialing", "2026-01-01T00:00:00Z", user_id=BOB), 2),
        Row("subscriptions", subscription(4, "past_due", "2026-01-01T00:00:00Z", organization_id=NORTH), 2, 12,
            {"status": "canceled", "canceled_at": ANYTHING}),
        Row("subscriptions", subscription(5, "active", "2026-01-01T00:00:00Z", organization_id=LEFT, user_id=DAN), 2,
            12, {"user_id": None}),
        Row("subscription_events", {"id": key("subscription_events", 1), "user_id": ADA, "organization_id": NORTH,
                                    "subscription_id": key("subscriptions", 1)}, 2, is_full=True),
    ]  # fmt: skip


def _invitations() -> list[Row]:
    def invitation(number: int, status: str, **more: Any) -> dict[str, Any]:
        given = {"organization_id": NORTH, "invited_by_user_id": ADA, "email": f"guest{number}~@example.org",
                 "invitation_token": f"token{number}~", "expires_at": "2026-02-01T00:00:00Z", "status": status,
                 "updated_at": "2026-01-09T00:00:00+00:00"}  # fmt: skip
        return {"id": key("organization_invitations", number), **given, **more}

    then = "2026-01-08T00:00:00Z"
    return [
        Row("organization_invitations", invitation(1, "accepted", accepted_by_user_id=BOB, declined_at=None,
                                                   role="admin"), 2, is_full=True),
        Row("organization_invitations", invitation(2, "pending"), 2),
        Row("organization_invitations", invitation(3, "declined", declined_at=then), 2),
        Row("organization_invitations", invitation(4, "expired"), 2),
        Row("organization_invitations", invitation(5, "cancelled"), 2),
        Row("organization_invitations", invitation(6, "accepted", declined_at=then), 2, 12,
            {"accepted_at": "2026-01-09T00:00:00+00:00", "declined_at": None}),
        Row("organization_invitations", invitation(7, "pending", accepted_at=then), 2, 12, {"accepted_at": None}),
    ]  # fmt: skip


def _sessions() -> list[Row]:
    def session(id_: str, status: str, started_at: str | None = None, **more: Any) -> dict[str, Any]:
        given = {"user_id": ADA, "organization_id": NORTH, "title": "A call", "conversation_type": "sales"}
        return {"id": id_, "status": status, "recording_started_at": started_at, **given, **more}

    def of(table: str, number: int, session_id: str, **more: Any) -> dict[str, Any]:
        return {"id": key(table, number), "session_id": session_id, "organization_id": NORTH, **more}

    started_at, full = "2026-01-10T10:00:00Z", {"deleted_at": None, "erased_at": None}
    return [
        Row("templates", {"id": PLAYBOOK, "user_id": ADA, "organization_id": NORTH, "conversation_type": "sales",
                          "is_system_template": False, "guidance_prompts": [{"kind": "prompt"}], **full}, 3,
            is_full=True),
        Row("templates", {"id": key("templates", 2), "user_id": BOB, "name": "My own", **ERASED}, 3),
        Row("sessions", session(DONE, "completed", started_at, selected_template_id=PLAYBOOK,
                                recording_duration_seconds=90, **full), 3, is_full=True),
        Row("sessions", session(DRAFT, "draft", user_id=BOB), 3),
        Row("sessions", session(LIVE, "active", "2026-01-11T10:00:00Z"), 3),
        Row("sessions", session(ARCHIVED, "archived", "2026-01-12T10:00:00Z"), 3),
        Row("sessions", session(DELETED, "completed", **ERASED), 3),
        Row("sessions", session(WAITING, "completed", "2026-01-13T10:00:00Z"), 3),
        Row("sessions", session(NEW_YEAR, "completed", "2025-12-31T23:58:30Z", recording_duration_seconds=150), 3),
        Row("sessions", session(UNDATED, "completed", recording_duration_seconds=100,
                                created_at="2026-01-14T09:00:00Z"), 3),
        Row("session_participants", of("session_participants", 1, DONE, user_id=ADA, role="host", source="browser"), 3,
            is_full=True),
        Row("session_participants", of("session_participants", 2, DONE, name="Guest", role="customer", source="bridge"),
            3),
        Row("transcripts", of("transcripts", 1, DONE, participant_id=HOST, start_time_seconds=1, end_time_seconds=2,
                              confidence_score=0.5, words=[{"text": "Hello"}], sequence_number=7), 3, is_full=True),
        Row("transcripts", of("transcripts", 2, WAITING, content="Elsewhere", participant_id=HOST,
                              start_time_seconds=0), 3, 12, {"participant_id": None}),
        Row("guidance", of("guidance", 1, DONE, guidance_type="ask", user_feedback="helpful", evidence=[],
                           audience="coached", triggered_by_transcript_id=SAID, prompt_template_id=PLAYBOOK), 3,
            is_full=True),
        *_summaries(),
        Row("documents", of("documents", 1, DONE, user_id=ADA, processing_status="completed",
                            embedding_status="completed", ocr_confidence_score=0.5, **ERASED), 3, is_full=True),
        Row("session_context", of("session_context", 1, DONE, user_id=ADA, processing_status="completed",
                                  context_metadata={"previous": []}), 3, is_full=True),
        Row("prep_checklist", of("prep_checklist", 1, DONE, created_by=ADA, status="done"), 3, is_full=True),
        Row("session_timeline_events", of("session_timeline_events", 1, DONE, type="decision", importance="high"), 3,
            is_full=True),
        Row("system_logs", {"id": key("system_logs", 1), "level": "ERROR", "user_id": ADA, "session_id": DONE}, 3,
            is_full=True),
    ]  # fmt: skip


def _summaries() -> list[Row]:
    def summary(number: int, session_id: str, status: str, **more: Any) -> dict[str, Any]:
        given = {"session_id": session_id, "user_id": ADA, "organization_id": NORTH, "generation_status": status}
        return {"id": key("summaries", number), **given, **more}

    columns = ("key_decisions", "action_items", "follow_up_questions", "conversation_highlights")
    lists = {column: [{"text": column}] for column in columns}
    return [
        Row("summaries", summary(1, DONE, "completed", generation_error=None, deleted_at=None, **lists), 3,
            is_full=True),
        Row("summaries", summary(2, DONE, "completed", tldr="The first", deleted_at="2026-01-10T12:00:00Z"), 3),
        Row("summaries", summary(3, WAITING, "pending"), 3),
        Row("summaries", summary(4, ARCHIVED, "failed", generation_error="too long"), 3),
        Row("summaries", summary(5, DELETED, "failed"), 3, 12, {"generation_error": "unknown"}),
        Row("summaries", summary(6, NEW_YEAR, "completed", generation_error="late"), 3, 12,
            {"generation_error": None, "tldr": ""}),
    ]  # fmt: skip


def _usage() -> list[Row]:
    """Ada's: 150 s across a new year, the rest in January 2026. From version 14 on the minutes are derived."""

    def minute(number: int, session_id: str, at: str, seconds: int) -> Row:
        given = {"organization_id": NORTH, "user_id": ADA, "session_id": session_id, "minute_timestamp": at}
        return Row("usage_tracking", {"id": key("usage_tracking", number), **given, "seconds_recorded": seconds}, 3, 14)

    def month(number: int, month_year: str, seconds: int, minutes: int) -> Row:
        given = {"organization_id": NORTH, "user_id": ADA, "month_year": month_year, "total_seconds_used": seconds}
        return Row("monthly_usage_cache", {"id": key("monthly_usage_cache", number), **given,
                                           "total_minutes_used": minutes}, 3, 14)  # fmt: skip

    def interval(session_id: str, participant_id: str, from_ms: int, to_ms: int) -> Row:
        given = {"session_id": session_id, "participant_id": participant_id, "epoch": 1, "from_ms": from_ms}
        return Row("usage_intervals", {**given, "to_ms": to_ms, "organization_id": NORTH, "user_id": ADA}, 14)

    return [
        minute(1, DONE, "2026-01-10T10:00:00Z", 60),
        minute(2, DONE, "2026-01-10T10:01:00Z", 30),
        minute(3, DONE, "2026-01-10T10:05:00Z", 0),
        minute(4, NEW_YEAR, "2025-12-31T23:58:00Z", 30),
        minute(5, NEW_YEAR, "2025-12-31T23:59:00Z", 60),
        minute(6, NEW_YEAR, "2026-01-01T00:00:00Z", 60),
        minute(7, UNDATED, "2026-01-14T09:10:00Z", 60),
        minute(8, UNDATED, "2026-01-14T09:11:00Z", 40),
        month(1, "2025-12", 90, 2),
        month(2, "2026-01", 250, 5),
        interval(DONE, HOST, 0, 90_000),
        interval(DONE, GUEST, 10_000, 20_000),
        interval(NEW_YEAR, HOST, 0, 150_000),
        interval(UNDATED, HOST, 600_000, 700_000),
    ]


def _calls() -> list[Row]:
    def of(session_id: str, **more: Any) -> dict[str, Any]:
        return {"session_id": session_id, "organization_id": NORTH, **more}

    return [
        Row("calls", of(LIVE, epoch=2), 4, is_full=True),
        Row("session_events", of(DONE, seq=7, epoch=1, audience="everyone", payload={"text": "Hello"}), 4,
            is_full=True),
        Row("session_events", of(DONE, seq=8, epoch=1, type="recording.state", at_ms=0, audience=f"participant:{HOST}",
                                 payload={}), 4),
        Row("media_nodes", {"node": "host-~"}, 4, is_full=True),
        Row("call_commands", of(DONE, id=key("call_commands", 1), created_by=ADA, payload={"on": True}), 4,
            is_full=True),
        Row("call_commands", of(LIVE, id=key("call_commands", 2), kind="end"), 4),
        Row("join_tickets", of(DONE, token_hash=_hash(2), participant_id=HOST), 4, is_full=True),
        Row("session_invites", of(DONE, id=key("session_invites", 1), token_hash=_hash(3), role="customer",
                                  created_by=ADA), 4, is_full=True),
        Row("pgqueuer", {"status": "queued"}, 5, is_full=True),
        Row("pgqueuer_log", {"status": "queued"}, 5, is_full=True),
        Row("pgqueuer_schedules", {"status": "queued"}, 5, is_full=True),
        Row("pgqueuer_statistics", {"status": "successful"}, 5, is_full=True),
    ]  # fmt: skip


def _extensions() -> list[Row]:
    def of(table: str, number: int, **more: Any) -> dict[str, Any]:
        return {"id": key(table, number), "organization_id": NORTH, **more}

    later = "2027-01-01T00:00:00Z"
    return [
        Row("api_keys", of("api_keys", 1, user_id=ADA, key_hash=_hash(4), scopes=["read"], expires_at=later), 13,
            is_full=True),
        Row("session_share_links", of("session_share_links", 1, session_id=DONE, created_by=ADA, token_hash=_hash(5),
                                      shared_tabs=["summary"], expires_at=later), 13, is_full=True),
        Row("webhook_endpoints", of("webhook_endpoints", 1, url="https://example.org/hook", signing_secret=_hash(6),
                                    event_types=["session.completed"], created_by=ADA), 13, is_full=True),
        Row("webhook_deliveries", of("webhook_deliveries", 1, endpoint_id=ENDPOINT, status="delivered",
                                     response_status=204, attempt_log=[]), 13, is_full=True),
        Row("recordings", of("recordings", 1, session_id=DONE, participant_id=HOST, sha256=_hash(7), status="failed",
                             error_code="unreadable"), 13, is_full=True),
        Row("sign_ups", {"token_hash": _hash(10), "email": "new-~@example.org"}, 22, is_full=True),
        Row("transcript_revisions", {"transcript_id": SAID, "revision": 0, "session_id": DONE, "organization_id": NORTH,
                                     "words": [], "replaced_by": ADA}, 25, is_full=True),
        Row("document_passages", {"document_id": key("documents", 1), "position": 0, "session_id": DONE,
                                  "organization_id": NORTH, "page": 1, "language": "simple"}, 27, is_full=True),
        Row("idempotency_keys", {"user_id": ADA, "key_hash": _hash(8), "request_hash": _hash(9), "status": 201}, 26,
            is_full=True),
        Row("consents", of("consents", 1, session_id=DONE, participant_id=GUEST, user_id=BOB), 13, is_full=True),
        Row("stripe_events", {"id": "evt_~"}, 13, is_full=True),
        Row("admin_grants", of("admin_grants", 1, user_id=ADA, opened_at="2026-01-01T00:00:00Z",
                               expires_at="2026-01-01T00:30:00Z"), 13, is_full=True),
    ]  # fmt: skip


_ROWS = (*_accounts(), *_payment(), *_invitations(), *_sessions(), *_calls(), *_usage(), *_extensions())
"""Parents before their children."""


def rows_of(version: int) -> list[Row]:
    """A batch of its own, of all rows that a database of that version can hold."""

    def of_batch(values: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(json.dumps(values).replace("~", f"{version:02x}"))
        return found

    return [
        replace(row, values=of_batch(row.values), mended=row.mended and of_batch(row.mended))
        for row in _ROWS
        if row.since <= version < row.until
    ]

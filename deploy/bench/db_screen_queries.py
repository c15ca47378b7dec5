"""What the screens ask of the database, as the api role."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from db import (
    accounts,
    calls,
    commands,
    devices,
    followers,
    google,
    guidance,
    participants,
    search,
    session_log,
    sessions,
    sign_ups,
    summaries,
    tickets,
    transcripts,
    usage,
)
from db.records import NewParticipant
from deploy.bench.db_query import Query, given, live_host, nobody
from deploy.bench.db_sample import Sample


def _participant(sample: Sample) -> NewParticipant:
    return NewParticipant(
        id=uuid4(),
        session_id=sample.session_id,
        organization_id=sample.organization_id,
        name="Customer",
        role="customer",
        consent_version="1",
        consented_at=datetime.now(UTC),
    )


def _soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


ACCOUNTS = (
    Query(accounts.authenticate, "api", lambda s: given(s.app_token_hash), user_id=nobody),
    Query(accounts.find_credentials, "api", lambda s: given(s.email), user_id=nobody),
    Query(accounts.redeem_sign_in_link, "api", lambda s: given(s.link_hash), user_id=nobody, is_repeatable=False),
    Query(accounts.end_app_session, "api", lambda s: given(s.app_token_hash), user_id=nobody, is_repeatable=False),
    Query(accounts.set_password, "api", lambda s: given(s.user_id, "$argon2id$"), is_repeatable=False),
    Query(accounts.create_app_session, "api", lambda s: given(s.user_id, secrets.token_bytes(32), None, "Mozilla")),
    Query(accounts.authenticate_person, "api", lambda s: given(s.app_token_hash), user_id=nobody),
    Query(accounts.address_of, "api", lambda s: given(s.user_id)),
    Query(devices.list_devices, "api", lambda s: given(s.user_id, limit=20)),
    Query(devices.end_devices, "api", lambda s: given(s.user_id), is_repeatable=False),
    Query(sign_ups.link_purpose, "api", lambda s: given(s.link_hash), user_id=nobody),
    Query(sign_ups.redeem_sign_up, "api", lambda s: given(s.link_hash, "$argon2id$"), user_id=nobody),
    Query(sign_ups.redeem_password_reset, "api", lambda s: given(s.link_hash, "$argon2id$"), user_id=nobody),
    Query(sign_ups.redeem_email_verification, "api", lambda s: given(s.link_hash), user_id=nobody),
    Query(
        google.sign_in,
        "api",
        lambda s: given(google_id="1", email=s.email, is_verified=True, full_name="Ada", is_gated=True),
        user_id=nobody,
        is_repeatable=False,
    ),
)

SESSION_PAGE = (
    Query(sessions.get_session, "api", lambda s: given(s.organization_id, s.session_id)),
    Query(sessions.list_participants, "api", lambda s: given(s.session_id)),
    Query(calls.current_call, "api", lambda s: given(s.session_id)),
    Query(transcripts.list_transcripts, "api", lambda s: given(s.session_id), "first page"),
    Query(guidance.list_guidance, "api", lambda s: given(s.session_id, audiences=("coached", "role:host"))),
    Query(summaries.get, "api", lambda s: given(s.session_id)),
)
"""What one sees of a session; the policies' cost is measured on these."""

SESSIONS = (
    Query(sessions.list_sessions, "api", lambda s: given(s.organization_id)),
    Query(sessions.list_sessions, "api", lambda s: given(s.organization_id, status="active"), "of one status"),
    Query(
        sessions.list_sessions,
        "api",
        lambda s: given(s.organization_id, before=(s.created_at, s.session_id)),
        "further back",
    ),
    Query(
        sessions.list_sessions,
        "api",
        lambda s: given(s.organization_id, participant_part="ada", tag="renewal", is_finalized=True),
        "of somebody, with a tag",
    ),
    Query(sessions.list_sessions, "api", lambda s: given(s.organization_id, user_id=s.user_id), "of one's own"),
    Query(sessions.list_known, "api", lambda s: given(s.organization_id, [s.session_id])),
    Query(sessions.count_sessions, "api", lambda s: given(s.organization_id)),
    *SESSION_PAGE,
    Query(guidance.count_feedback, "api", lambda s: given(s.session_id, audiences=("coached", "role:host"))),
    Query(transcripts.get_transcript, "api", lambda s: given(s.session_id, s.transcript_id)),
    Query(transcripts.list_revisions, "api", lambda s: given(s.session_id, s.transcript_id)),
    Query(
        transcripts.revise,
        "api",
        lambda s: given(
            s.session_id, s.transcript_id, seen_revision=s.transcript_revision, content="Corrected", speaker="Ada"
        ),
        is_repeatable=False,
    ),
    Query(transcripts.list_transcripts, "api", lambda s: given(s.session_id, since=s.last_seq // 2), "further on"),
    Query(transcripts.latest_sequence_number, "api", lambda s: given(s.session_id)),
    Query(
        sessions.insert_session,
        "api",
        lambda s: given(
            user_id=s.user_id, organization_id=s.organization_id, title="Measured", conversation_type="sales"
        ),
    ),
    Query(
        sessions.complete_session,
        "api",
        lambda s: given(s.live_session_id, datetime.now(UTC)),
        "by its host",
        live_host,
        is_repeatable=False,
    ),
)

JOINING = (
    Query(calls.current_call, "api", lambda s: given(s.live_session_id), "of a live session", live_host),
    Query(calls.list_nodes, "api", lambda _: given()),
    Query(calls.last_registered_node, "api", lambda _: given()),
    Query(calls.media_urls, "api", lambda _: given()),
    Query(participants.insert_participant, "api", lambda s: given(_participant(s))),
    Query(
        tickets.insert_ticket,
        "api",
        lambda s: given(
            token_hash=secrets.token_bytes(32),
            session_id=s.session_id,
            organization_id=s.organization_id,
            participant_id=s.participant_id,
            node="node-0",
            media_url="http://node-0",
            expires_at=_soon(),
        ),
    ),
    Query(
        tickets.participant_of_ticket,
        "api",
        lambda s: given(s.ticket_hash, s.live_session_id, user_id=s.live_user_id, role="host", consented=True),
        user_id=live_host,
    ),
    Query(
        tickets.insert_invite,
        "api",
        lambda s: given(
            token_hash=secrets.token_bytes(32),
            session_id=s.session_id,
            organization_id=s.organization_id,
            role="customer",
            name=None,
            created_by=s.user_id,
            expires_at=_soon(),
        ),
    ),
    Query(tickets.find_invite, "api", lambda s: given(s.invite_hash), user_id=nobody),
    Query(tickets.list_invites, "api", lambda s: given(s.session_id)),
    Query(tickets.revoke_invite, "api", lambda s: given(s.session_id, s.invite_id), is_repeatable=False),
    Query(
        commands.insert_command,
        "api",
        lambda s: given(
            id=uuid4(),
            session_id=s.session_id,
            organization_id=s.organization_id,
            kind="pause",
            payload={},
            created_by=s.user_id,
        ),
    ),
    Query(commands.find_command, "api", lambda s: given(s.live_session_id, s.command_id), "", live_host),
    Query(session_log.newest_seq, "api", lambda s: given(s.session_id)),
    Query(
        session_log.read,
        "api",
        lambda s: given(s.session_id, after_seq=max(0, s.last_seq - 100), audiences=None),
        "for all followers at once",
    ),
    Query(
        followers.standings,
        "api",
        lambda s: given([s.app_token_hash] * 100, [s.session_id] * 100),
        "of a hundred",
        user_id=nobody,
    ),
)

_KINDS = ("title", "transcript", "summary")

SEARCH = (
    Query(
        search.search_sessions,
        "api",
        lambda s: given(s.organization_id, "price contract", kinds=_KINDS),
        "for what every line has",
        goal_ms=50,
    ),
    Query(
        search.search_sessions,
        "api",
        lambda s: given(s.organization_id, f"sentence {s.last_seq % 100}", kinds=_KINDS),
        "for what one line of a hundred has",
        goal_ms=50,
    ),
    Query(
        search.search_sessions,
        "api",
        lambda s: given(s.organization_id, "sentence or decided -price", kinds=_KINDS, conversation_type="sales"),
        "with operators and a filter",
        goal_ms=50,
    ),
    Query(
        search.search_sessions,
        "api",
        lambda s: given(s.organization_id, "unsaid", kinds=_KINDS),
        "for what nobody said",
        goal_ms=50,
    ),
    Query(
        search.search_sessions,
        "api",
        lambda s: given(s.organization_id, "price", kinds=("transcript",), session_id=s.session_id),
        "in one transcript",
        goal_ms=50,
    ),
)

FEEDBACK = (
    Query(
        guidance.apply_feedback,
        "api",
        lambda s: given(s.guidance_id, s.session_id, "helpful", audiences=("coached", "role:host")),
    ),
)

USAGE = (
    Query(usage.check_usage_limit, "api", lambda s: given(s.user_id, s.organization_id)),
    Query(usage.my_plan_usage, "api", lambda s: given(s.organization_id)),
    Query(usage.session_minutes, "api", lambda s: given(s.session_id)),
)

QUERIES = (*ACCOUNTS, *SESSIONS, *JOINING, *SEARCH, *FEEDBACK, *USAGE)

"""What the screens about people, organizations, payment and programs ask of the database, as the api role."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from db import (
    admin_door,
    api_keys,
    audit,
    invitations,
    logs,
    members,
    organizations,
    plans,
    stripe_events,
    subscriptions,
    users,
    waitlist,
    webhook_deliveries,
    webhooks,
)
from deploy.bench.db_query import Query, admin, given, nobody, owner

_HASH_BYTES = 32

PEOPLE = (
    Query(users.get_profile, "api", lambda s: given(s.user_id)),
    Query(users.update_profile, "api", lambda s: given(s.user_id, {"timezone": "UTC"})),
    Query(users.note_sign_in, "api", lambda s: given(s.user_id)),
    Query(users.switch_organization, "api", lambda s: given(s.organization_id)),
    Query(
        users.create_organization,
        "api",
        lambda _: given("A new company", "UTC"),
        user_id=lambda s: s.colleague_id,
        is_repeatable=False,
    ),
)

ORGANIZATIONS = (
    Query(organizations.get_organization, "api", lambda s: given(s.organization_id)),
    Query(organizations.list_organizations, "api", lambda s: given(s.user_id)),
    Query(organizations.update_organization, "api", lambda s: given(s.team_id, {"city": "Bern"}), user_id=owner),
    Query(organizations.delete_organization, "api", lambda s: given(s.team_id), user_id=owner, is_repeatable=False),
    Query(members.list_members, "api", lambda s: given(s.organization_id)),
    Query(
        members.set_role,
        "api",
        lambda s: given(s.team_id, s.colleague_id, "admin"),
        user_id=owner,
        is_repeatable=False,
    ),
    Query(
        members.set_limits,
        "api",
        lambda s: given(s.team_id, s.colleague_id, monthly_audio_hours_limit=10, max_sessions_per_month=None),
        user_id=owner,
        is_repeatable=False,
    ),
    Query(members.remove, "api", lambda s: given(s.team_id, s.colleague_id), user_id=owner, is_repeatable=False),
    Query(members.leave, "api", lambda s: given(s.team_id), user_id=lambda s: s.colleague_id, is_repeatable=False),
)

INVITATIONS = (
    Query(
        invitations.create,
        "api",
        lambda s: given(
            organization_id=s.team_id,
            invited_by_user_id=s.owner_id,
            email=f"{uuid4()}@example.org",
            role="member",
            token_hash=secrets.token_bytes(_HASH_BYTES),
        ),
        user_id=owner,
        is_repeatable=False,
    ),
    Query(invitations.list_invitations, "api", lambda s: given(s.team_id), user_id=owner),
    Query(invitations.list_invitations, "api", lambda s: given(s.team_id, status="pending"), "that wait", owner),
    Query(invitations.list_mine, "api", lambda _: given(), user_id=lambda s: s.invited_id),
    Query(invitations.find, "api", lambda s: given(s.invitation_hash), user_id=nobody),
    Query(
        invitations.resend,
        "api",
        lambda s: given(s.team_id, s.invitation_id, secrets.token_bytes(_HASH_BYTES)),
        user_id=owner,
        is_repeatable=False,
    ),
    Query(invitations.cancel, "api", lambda s: given(s.team_id, s.invitation_id), user_id=owner, is_repeatable=False),
    Query(
        invitations.accept,
        "api",
        lambda s: given(s.invitation_hash),
        user_id=lambda s: s.invited_id,
        is_repeatable=False,
    ),
    Query(invitations.decline, "api", lambda s: given(s.invitation_hash), user_id=nobody, is_repeatable=False),
)

PAYMENT = (
    Query(plans.list_plans, "api", lambda _: given()),
    Query(plans.get_plan, "api", lambda s: given(s.plan_id)),
    Query(subscriptions.current_of_organization, "api", lambda s: given(s.organization_id)),
    Query(subscriptions.current_of_user, "api", lambda s: given(s.user_id)),
    Query(subscriptions.list_events, "api", lambda s: given(s.subscription_id), user_id=owner),
    Query(
        stripe_events.receive_event,
        "api",
        lambda _: given(f"evt_{uuid4()}", "invoice.paid", {}, datetime.now(UTC)),
        user_id=nobody,
    ),
)

PROGRAMS = (
    Query(api_keys.authenticate, "api", lambda s: given(s.key_hash), user_id=nobody),
    Query(api_keys.list_keys, "api", lambda s: given(s.team_id), user_id=owner),
    Query(
        api_keys.insert_key,
        "api",
        lambda s: given(
            key_hash=secrets.token_bytes(_HASH_BYTES),
            key_prefix="lc_12345678",
            name="A program",
            user_id=s.owner_id,
            organization_id=s.team_id,
            scopes=["read"],
        ),
        user_id=owner,
    ),
    Query(api_keys.revoke_key, "api", lambda s: given(s.team_id, s.key_id), user_id=owner, is_repeatable=False),
    Query(webhooks.list_endpoints, "api", lambda s: given(s.team_id), user_id=owner),
    Query(
        webhooks.insert_endpoint,
        "api",
        lambda s: given(
            organization_id=s.team_id,
            url="https://hooks.example/measured",
            signing_secret=secrets.token_bytes(_HASH_BYTES),
            event_types=["session.completed"],
            created_by=s.owner_id,
        ),
        user_id=owner,
        is_repeatable=False,
    ),
    Query(
        webhooks.update_endpoint,
        "api",
        lambda s: given(s.team_id, s.endpoint_id, {"is_active": True}),
        user_id=owner,
    ),
    Query(
        webhooks.delete_endpoint, "api", lambda s: given(s.team_id, s.endpoint_id), user_id=owner, is_repeatable=False
    ),
    Query(webhook_deliveries.list_deliveries, "api", lambda s: given(s.team_id, s.endpoint_id), user_id=owner),
)

ADMINISTRATION = (
    Query(audit.list_entries, "api", lambda s: given(s.team_id), user_id=owner),
    Query(audit.list_entries, "api", lambda _: given(None), "of the installation", admin),
    Query(audit.first_broken, "api", lambda s: given(s.team_id), user_id=owner),
    Query(admin_door.open_door, "api", lambda s: given(s.team_id, "a ticket", 5), user_id=admin, is_repeatable=False),
    Query(admin_door.close_door, "api", lambda s: given(s.door_id), user_id=admin, is_repeatable=False),
    Query(admin_door.list_doors, "api", lambda s: given(s.team_id), user_id=owner),
    Query(logs.write_log, "api", lambda _: given(logs.NewLog("WARNING", "a request failed")), user_id=nobody),
    Query(logs.list_logs, "api", lambda _: given(since=datetime.now(UTC) - timedelta(days=30)), user_id=admin),
    Query(
        logs.list_logs,
        "api",
        lambda s: given(since=datetime.now(UTC) - timedelta(days=400), session_id=s.session_id),
        "of a session",
        admin,
    ),
    Query(
        waitlist.join_waitlist,
        "api",
        lambda _: given(waitlist.NewApplicant("Ada", f"{uuid4()}@example.org", "Company", "sales")),
        user_id=nobody,
    ),
    Query(waitlist.status_of, "api", lambda _: given("waiting7@example.org"), user_id=nobody),
    Query(waitlist.list_applicants, "api", lambda _: given("pending"), user_id=admin),
    Query(waitlist.set_status, "api", lambda s: given(s.applicant_id, "invited"), user_id=admin, is_repeatable=False),
)

QUERIES = (*PEOPLE, *ORGANIZATIONS, *INVITATIONS, *PAYMENT, *PROGRAMS, *ADMINISTRATION)

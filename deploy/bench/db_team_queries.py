"""What the screens about people, organizations, payment and programs ask of the database, as the api role."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from db import (
    accounts,
    admin_door,
    administration,
    api_keys,
    audit,
    idempotency,
    invitations,
    logs,
    members,
    organizations,
    plans,
    stripe_events,
    subscriptions,
    users,
    waitlist,
    webhook_log,
    webhooks,
)
from deploy.bench.db_query import Query, admin, given, nobody, owner

_HASH_BYTES = 32

PEOPLE = (
    Query(users.get_profile, "api", lambda s: given(s.user_id)),
    Query(users.hold_profile, "api", lambda s: given(s.user_id)),
    Query(
        users.onboard,
        "api",
        lambda _: given("A new company", "UTC"),
        user_id=lambda s: s.colleague_id,
        is_repeatable=False,
    ),
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
    Query(organizations.lock_organization, "api", lambda s: given(s.team_id), user_id=owner),
    Query(organizations.list_organizations, "api", lambda s: given(s.user_id)),
    Query(organizations.update_organization, "api", lambda s: given(s.team_id, {"city": "Bern"}), user_id=owner),
    Query(organizations.request_verification, "api", lambda s: given(s.team_id), user_id=owner),
    Query(organizations.delete_organization, "api", lambda s: given(s.team_id), user_id=owner, is_repeatable=False),
    Query(members.list_members, "api", lambda s: given(s.organization_id)),
    Query(members.get_member, "api", lambda s: given(s.organization_id, s.user_id)),
    Query(members.require_stranger, "api", lambda s: given(s.organization_id, "nobody@example.org")),
    Query(members.get_standing, "api", lambda s: given(s.organization_id, s.user_id)),
    Query(members.list_attendances, "api", lambda s: given(s.organization_id, s.user_id)),
    Query(
        members.set_permissions,
        "api",
        lambda s: given(s.team_id, s.colleague_id, ["sessions.create"]),
        user_id=owner,
    ),
    Query(
        members.set_status,
        "api",
        lambda s: given(s.team_id, s.colleague_id, "inactive"),
        user_id=owner,
        is_repeatable=False,
    ),
    Query(
        members.transfer_ownership,
        "api",
        lambda s: given(s.team_id, s.colleague_id),
        user_id=owner,
        is_repeatable=False,
    ),
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
    Query(
        invitations.answer_mine,
        "api",
        lambda s: given(s.invitation_id, is_accepted=False),
        user_id=lambda s: s.invited_id,
        is_repeatable=False,
    ),
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
    Query(plans.list_all_plans, "api", lambda _: given(), user_id=admin),
    Query(plans.update_plan, "api", lambda s: given(s.plan_id, {"sort_order": 7}), user_id=admin, is_repeatable=False),
    Query(
        plans.insert_plan,
        "api",
        lambda _: given(f"plan_{uuid4().hex}", "individual", {"display_name": "A plan"}),
        user_id=admin,
        is_repeatable=False,
    ),
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

REPEATED = (
    Query(idempotency.claim, "api", lambda s: given(s.user_id, secrets.token_bytes(_HASH_BYTES), bytes(_HASH_BYTES))),
    Query(idempotency.find, "api", lambda s: given(s.user_id, bytes(_HASH_BYTES))),
    Query(idempotency.keep_answer, "api", lambda s: given(s.user_id, bytes(_HASH_BYTES), 201, b"{}")),
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
    Query(webhooks.get_endpoint, "api", lambda s: given(s.team_id, s.endpoint_id), user_id=owner),
    Query(webhooks.lock_endpoint, "api", lambda s: given(s.team_id, s.endpoint_id), user_id=owner),
    Query(
        webhooks.rotate_secret,
        "api",
        lambda s: given(s.team_id, s.endpoint_id, secrets.token_bytes(_HASH_BYTES), timedelta(hours=1)),
        user_id=owner,
    ),
    Query(webhook_log.list_deliveries, "api", lambda s: given(s.team_id, s.endpoint_id), user_id=owner),
    Query(
        webhook_log.list_deliveries,
        "api",
        lambda s: given(s.team_id, s.endpoint_id, status="failed", before=(datetime.now(UTC), s.delivery_id)),
        "that failed",
        owner,
    ),
    Query(webhook_log.get_delivery, "api", lambda s: given(s.team_id, s.endpoint_id, s.delivery_id), user_id=owner),
    Query(
        webhook_log.insert_test, "api", lambda s: given(s.team_id, s.endpoint_id), user_id=owner, is_repeatable=False
    ),
    Query(
        webhook_log.replay_failed,
        "api",
        lambda s: given(s.team_id, s.endpoint_id, datetime.now(UTC) - timedelta(days=1)),
        user_id=owner,
    ),
)

ADMINISTRATION = (
    Query(audit.list_entries, "api", lambda s: given(s.team_id), user_id=owner),
    Query(audit.list_entries, "api", lambda s: given(s.team_id, action="sessions"), "of an area", owner),
    Query(audit.list_entries, "api", lambda _: given(None), "of the installation", admin),
    Query(audit.first_broken, "api", lambda s: given(s.team_id), user_id=owner),
    Query(admin_door.open_door, "api", lambda s: given(s.team_id, "a ticket", 5), user_id=admin, is_repeatable=False),
    Query(admin_door.close_door, "api", lambda s: given(s.door_id), user_id=admin, is_repeatable=False),
    Query(admin_door.is_open, "api", lambda s: given(s.team_id, s.admin_id), user_id=admin),
    Query(audit.write_admin, "api", lambda s: given(s.team_id, "sessions.listed"), user_id=admin),
    Query(accounts.is_administrator, "api", lambda _: given(), user_id=admin),
    Query(
        logs.list_logs,
        "api",
        lambda _: given(
            since=datetime.now(UTC) - timedelta(days=30), component="media_server", until=datetime.now(UTC)
        ),
        "of a component",
        admin,
    ),
    Query(admin_door.list_doors, "api", lambda s: given(s.team_id), user_id=owner),
    Query(logs.write_log, "api", lambda _: given(logs.NewLog("WARNING", "a request failed")), user_id=nobody),
    Query(logs.write_logs, "api", lambda _: given([logs.NewLog("WARNING", "a request failed")] * 20), user_id=nobody),
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
    Query(waitlist.count_applicants, "api", lambda _: given(), user_id=admin),
    Query(waitlist.hold_applicant, "api", lambda s: given(s.applicant_id), user_id=admin),
    Query(waitlist.set_status, "api", lambda s: given(s.applicant_id, "invited"), user_id=admin, is_repeatable=False),
)

BEYOND_WALLS = (
    Query(administration.list_users, "api", lambda _: given(text="person"), user_id=admin),
    Query(administration.get_user, "api", lambda s: given(s.user_id), user_id=admin),
    Query(
        administration.set_user_active,
        "api",
        lambda s: given(s.colleague_id, is_active=False, reason="abuse"),
        user_id=admin,
        is_repeatable=False,
    ),
    Query(administration.end_sign_ins, "api", lambda s: given(s.colleague_id), user_id=admin, is_repeatable=False),
    Query(administration.list_organizations, "api", lambda _: given(text="1"), user_id=admin),
    Query(administration.get_organization, "api", lambda s: given(s.team_id), user_id=admin),
    Query(
        administration.set_organization_active,
        "api",
        lambda s: given(s.team_id, is_active=False, reason="abuse"),
        user_id=admin,
        is_repeatable=False,
    ),
    Query(
        administration.set_organization_limits,
        "api",
        lambda s: given(s.team_id, monthly_audio_hours_limit=9, max_members=None, max_sessions_per_month=None),
        user_id=admin,
        is_repeatable=False,
    ),
    Query(administration.read_figures, "api", lambda _: given(30), user_id=admin),
    Query(administration.read_queues, "api", lambda _: given(), user_id=admin),
    Query(administration.read_nodes, "api", lambda _: given(), user_id=admin),
)

QUERIES = (*PEOPLE, *ORGANIZATIONS, *INVITATIONS, *PAYMENT, *REPEATED, *PROGRAMS, *ADMINISTRATION, *BEYOND_WALLS)

"""Whom and what a measured query asks about: drawn at random over all organizations, by sessions."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

_PAST = """
SELECT
    sessions.organization_id,
    sessions.user_id,
    users.email,
    sessions.id AS session_id,
    sessions.created_at,
    transcript.id AS transcript_id,
    transcript.revision AS transcript_revision,
    transcript.sequence_number AS last_seq,
    participant.id AS participant_id,
    decode(app_session.session_token, 'hex') AS app_token_hash,
    link.token_hash AS link_hash,
    guidance.id AS guidance_id,
    completed.id AS document_id,
    pending.id AS pending_document_id,
    claimed.id AS claimed_document_id,
    item.id AS item_id,
    share.id AS share_id,
    share.token_hash AS share_hash,
    invite.id AS invite_id,
    invite.token_hash AS invite_hash
FROM sessions
JOIN users ON users.id = sessions.user_id
CROSS JOIN LATERAL (
    SELECT id, revision, sequence_number
    FROM transcripts
    WHERE session_id = sessions.id
    ORDER BY sequence_number DESC
    LIMIT 1
) AS transcript
CROSS JOIN LATERAL (
    SELECT id
    FROM session_participants
    WHERE session_id = sessions.id
        AND role = 'host'
    LIMIT 1
) AS participant
CROSS JOIN LATERAL (
    SELECT session_token
    FROM user_app_sessions
    WHERE user_id = sessions.user_id
    ORDER BY last_activity_at DESC
    LIMIT 1
) AS app_session
CROSS JOIN LATERAL (
    SELECT id
    FROM guidance
    WHERE session_id = sessions.id
    LIMIT 1
) AS guidance
CROSS JOIN LATERAL (
    SELECT id
    FROM prep_checklist
    WHERE session_id = sessions.id
    LIMIT 1
) AS item
JOIN documents AS completed ON completed.session_id = sessions.id AND completed.processing_status = 'completed'
JOIN documents AS pending ON pending.session_id = sessions.id AND pending.processing_status = 'pending'
JOIN documents AS claimed ON claimed.session_id = sessions.id AND claimed.processing_status = 'processing'
JOIN session_share_links AS share ON share.session_id = sessions.id
JOIN sign_in_links AS link ON link.user_id = sessions.user_id
CROSS JOIN LATERAL (
    SELECT id, token_hash
    FROM session_invites
    WHERE session_id = sessions.id
    LIMIT 1
) AS invite
JOIN summaries ON summaries.session_id = sessions.id AND summaries.generation_status = 'completed'
WHERE sessions.status = 'completed'
    AND sessions.deleted_at IS NULL
    AND users.current_organization_id = sessions.organization_id
ORDER BY random()
LIMIT $1
"""

_LIVE = """
SELECT
    sessions.id AS live_session_id,
    sessions.organization_id AS live_organization_id,
    sessions.user_id AS live_user_id,
    calls.node AS live_node,
    calls.epoch AS live_epoch,
    participant.id AS live_participant_id,
    ticket.token_hash AS ticket_hash,
    command.id AS command_id
FROM sessions
JOIN calls ON calls.session_id = sessions.id
CROSS JOIN LATERAL (
    SELECT id
    FROM session_participants
    WHERE session_id = sessions.id
        AND role = 'host'
    LIMIT 1
) AS participant
JOIN join_tickets AS ticket ON ticket.participant_id = participant.id
JOIN call_commands AS command ON command.session_id = sessions.id
WHERE sessions.status = 'active'
    AND sessions.deleted_at IS NULL
ORDER BY random()
LIMIT 500
"""


_TEAM = """
SELECT
    organizations.id AS team_id,
    owner.user_id AS owner_id,
    member.user_id AS colleague_id,
    template.id AS template_id,
    invitation.id AS invitation_id,
    decode(invitation.invitation_token, 'hex') AS invitation_hash,
    invited.id AS invited_id,
    key.id AS key_id,
    key.key_hash,
    endpoint.id AS endpoint_id,
    delivery.id AS delivery_id,
    subscription.id AS subscription_id,
    subscription.stripe_subscription_id,
    plan.id AS plan_id
FROM organizations
JOIN organization_members AS owner ON owner.organization_id = organizations.id AND owner.role = 'owner'
CROSS JOIN LATERAL (
    SELECT user_id
    FROM organization_members
    JOIN users ON users.id = user_id
    WHERE organization_id = organizations.id
        AND current_organization_id = organizations.id
        AND role = 'member'
    LIMIT 1
) AS member
CROSS JOIN LATERAL (
    SELECT id
    FROM templates
    WHERE organization_id = organizations.id
    LIMIT 1
) AS template
JOIN organization_invitations AS invitation
    ON invitation.organization_id = organizations.id
    AND invitation.status = 'pending'
JOIN users AS invited ON invited.email = invitation.email
JOIN api_keys AS key ON key.organization_id = organizations.id AND key.user_id = owner.user_id
JOIN webhook_endpoints AS endpoint ON endpoint.organization_id = organizations.id
JOIN webhook_deliveries AS delivery ON delivery.endpoint_id = endpoint.id AND delivery.status = 'pending'
JOIN subscriptions AS subscription ON subscription.organization_id = organizations.id
JOIN plans AS plan ON plan.id = subscription.plan_id AND plan.name = 'org_enterprise'
WHERE subscription.status = 'active'
    AND owner.user_id NOT IN (SELECT user_id FROM admin_grants WHERE closed_at IS NULL)
ORDER BY random()
LIMIT 200
"""

_INSTALLATION = """
SELECT
    door.user_id AS admin_id,
    door.id AS door_id,
    waiting.id AS applicant_id,
    event.id AS stripe_event_id,
    deleted.id AS deleted_session_id,
    deleted.organization_id AS deleted_organization_id,
    deleted.user_id AS deleted_user_id,
    closed_user.id AS closed_user_id,
    closed_organization.id AS closed_organization_id
FROM admin_grants AS door
CROSS JOIN LATERAL (SELECT id FROM beta_waitlist WHERE status = 'pending' LIMIT 1) AS waiting
CROSS JOIN LATERAL (SELECT id FROM stripe_events WHERE processed_at IS NULL LIMIT 1) AS event
CROSS JOIN LATERAL (
    SELECT id, organization_id, user_id
    FROM sessions
    WHERE deleted_at IS NOT NULL
        AND status = 'completed'
    LIMIT 50
) AS deleted
CROSS JOIN LATERAL (SELECT id FROM users WHERE deleted_at IS NOT NULL LIMIT 1) AS closed_user
CROSS JOIN LATERAL (SELECT id FROM organizations WHERE deleted_at IS NOT NULL LIMIT 1) AS closed_organization
WHERE door.closed_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """A completed session with its host; a live one; an organization that pays; and what only the installation has."""

    organization_id: UUID
    user_id: UUID
    email: str
    session_id: UUID
    created_at: datetime
    transcript_id: UUID
    transcript_revision: int
    last_seq: int
    participant_id: UUID
    app_token_hash: bytes
    link_hash: bytes
    invite_id: UUID
    invite_hash: bytes
    guidance_id: UUID
    document_id: UUID
    pending_document_id: UUID
    claimed_document_id: UUID
    item_id: UUID
    share_id: UUID
    share_hash: bytes

    live_session_id: UUID
    live_organization_id: UUID
    live_user_id: UUID
    live_node: str
    live_epoch: int
    live_participant_id: UUID
    ticket_hash: bytes
    command_id: UUID

    team_id: UUID
    owner_id: UUID
    colleague_id: UUID
    """A member who is neither owner nor admin."""
    template_id: UUID
    invitation_id: UUID
    invitation_hash: bytes
    invited_id: UUID
    key_id: UUID
    key_hash: bytes
    endpoint_id: UUID
    delivery_id: UUID
    subscription_id: UUID
    stripe_subscription_id: str
    plan_id: UUID

    admin_id: UUID
    """Of the installation."""
    door_id: UUID
    applicant_id: UUID
    stripe_event_id: str
    deleted_session_id: UUID
    deleted_organization_id: UUID
    deleted_user_id: UUID
    closed_user_id: UUID
    closed_organization_id: UUID


async def draw(conn: asyncpg.Connection[asyncpg.Record], count: int) -> list[Sample]:
    """`count` samples, or as many as there are completed sessions."""
    past = await conn.fetch(_PAST, count)
    others = [await conn.fetch(query) for query in (_LIVE, _TEAM, _INSTALLATION)]
    return [
        Sample(**session, **{name: value for rows in others for name, value in random.choice(rows).items()})  # noqa: S311
        for session in past
    ]

"""The benchmark's organizations and people: who belongs where, what they pay for, how they sign in.

One statement a table, run by the owner or a superuser. `$1` are the organizations' ids, `$2` how many members each has.
"""

from __future__ import annotations

ORGANIZATIONS = """
INSERT INTO organizations (
    id, name, display_name, slug, contact_email, monthly_audio_hours_limit, max_members, created_at
)
SELECT
    id, 'Organization ' || number, 'Organization ' || number, 'organization-' || number,
    'office@organization-' || number || '.example', CASE WHEN number % 3 = 0 THEN 500 END, NULL,
    now() - interval '400 days' + number * interval '30 minutes'
FROM unnest($1::uuid[]) WITH ORDINALITY AS organization (id, number)
"""

USERS = """
INSERT INTO users (
    email, full_name, current_organization_id, email_verified, is_email_verified, has_completed_onboarding,
    has_completed_organization_setup, personal_context, is_admin, created_at
)
SELECT
    'person' || member || '@organization-' || number || '.example', 'Person ' || member, id, true, true, true, true,
    'Sells to small companies and listens more than half of the time.',
    number = 1 AND member = 1,
    now() - interval '400 days' + number * interval '30 minutes' + member * interval '1 second'
FROM unnest($1::uuid[], $2::integer[]) WITH ORDINALITY AS organization (id, members, number)
CROSS JOIN generate_series(1, members) AS member
"""

MEMBERS = """
INSERT INTO organization_members (organization_id, user_id, role, monthly_audio_hours_limit, joined_at)
SELECT
    current_organization_id,
    id,
    (ARRAY['owner', 'admin', 'member'])[
        least(3, row_number() OVER (PARTITION BY current_organization_id ORDER BY created_at, id))
    ],
    CASE WHEN random() < 0.2 THEN 40 END,
    created_at
FROM users
"""

GUESTS = """
INSERT INTO organization_members (organization_id, user_id)
SELECT organizations.id, users.id
FROM users
JOIN LATERAL (
    SELECT id
    FROM organizations
    WHERE id > users.id
        AND id <> users.current_organization_id
    ORDER BY id
    LIMIT 1
) AS organizations ON random() < 0.05
"""

# After the members: nobody belongs to these any more, and a job has not erased them yet.
CLOSED_ORGANIZATIONS = """
INSERT INTO organizations (name, slug, deleted_at)
SELECT 'Closed ' || number, 'closed-' || number, now()
FROM generate_series(1, 5) AS number
"""

CLOSED_ACCOUNTS = """
INSERT INTO users (email, is_active, deleted_at)
SELECT 'closed' || number || '@example.org', false, now()
FROM generate_series(1, 5) AS number
"""

SUBSCRIPTIONS = """
INSERT INTO subscriptions (
    organization_id, plan_id, stripe_subscription_id, plan_type, status, current_period_start, current_period_end
)
SELECT
    paying.id, plans.id, 'sub_' || paying.id, 'monthly',
    (ARRAY['active', 'active', 'active', 'past_due', 'canceled'])[1 + paying.dice / 20], now() - interval '10 days',
    now() + interval '20 days'
FROM (SELECT id, floor(random() * 100)::integer AS dice FROM organizations WHERE deleted_at IS NULL) AS paying
JOIN plans ON plans.name = CASE WHEN paying.dice % 2 = 0 THEN 'org_starter' ELSE 'org_enterprise' END
WHERE paying.dice % 10 < 7
"""

# One is pending: for somebody who works elsewhere.
INVITATIONS = """
INSERT INTO organization_invitations (
    organization_id, invited_by_user_id, email, role, invitation_token, expires_at, status, accepted_at
)
SELECT
    members.organization_id,
    members.user_id,
    CASE WHEN number = 1 THEN invited.email ELSE 'guest' || number || '@' || members.organization_id || '.example' END,
    'member',
    encode(sha256(uuid_send(gen_random_uuid())), 'hex'),
    now() + interval '7 days',
    CASE WHEN number = 1 THEN 'pending' ELSE 'accepted' END,
    CASE WHEN number > 1 THEN now() END
FROM organization_members AS members
CROSS JOIN generate_series(1, 5) AS number
CROSS JOIN LATERAL (
    SELECT email
    FROM users
    WHERE current_organization_id <> members.organization_id
        AND id > members.organization_id
    ORDER BY id
    LIMIT 1
) AS invited
WHERE members.role = 'owner'
"""

APP_SESSIONS = """
INSERT INTO user_app_sessions (user_id, session_token, ip_address, user_agent, started_at, last_activity_at)
SELECT
    id, encode(sha256(uuid_send(gen_random_uuid())), 'hex'), '192.0.2.1', 'Mozilla/5.0',
    now() - number * interval '3 days', now() - (number - 1) * interval '12 hours'
FROM users
CROSS JOIN generate_series(1, 5) AS number
"""

IDEMPOTENCY_KEYS = """
INSERT INTO idempotency_keys (user_id, key_hash, request_hash)
SELECT id, sha256(uuid_send(gen_random_uuid())), sha256('')
FROM users
CROSS JOIN generate_series(1, 5)
"""

SIGN_IN_LINKS = """
INSERT INTO sign_in_links (token_hash, user_id, expires_at)
SELECT sha256(uuid_send(gen_random_uuid())), id, now() + interval '1 day'
FROM users
"""

SIGN_UPS = """
INSERT INTO sign_ups (token_hash, email, full_name, expires_at)
SELECT sha256(uuid_send(gen_random_uuid())), 'asking' || number || '@example.org', 'Ada', now() + interval '1 day'
FROM generate_series(1, 3000) AS number
"""

TEMPLATES = """
INSERT INTO templates (
    user_id, organization_id, name, conversation_type, is_organization_template, guidance_prompts, context_instructions
)
SELECT
    members.user_id, members.organization_id, 'Playbook ' || number,
    (ARRAY['sales', 'support', 'meeting', 'interview'])[number], true, '[]', 'Ask before you tell.'
FROM organization_members AS members
CROSS JOIN generate_series(1, 4) AS number
WHERE members.role = 'owner'
"""

STEPS = (
    MEMBERS,
    GUESTS,
    CLOSED_ORGANIZATIONS,
    CLOSED_ACCOUNTS,
    SUBSCRIPTIONS,
    INVITATIONS,
    APP_SESSIONS,
    IDEMPOTENCY_KEYS,
    SIGN_IN_LINKS,
    SIGN_UPS,
    TEMPLATES,
)

"""What the benchmark's organizations have beside calls: preparation, links, keys, webhooks, recordings, records."""

from __future__ import annotations

DOCUMENTS = """
INSERT INTO documents (
    session_id, user_id, organization_id, original_filename, file_type, file_size_bytes, extracted_text,
    processing_status
)
SELECT
    id, user_id, organization_id, 'offer-' || number || '.pdf', 'application/pdf', 40960,
    CASE WHEN number > 2 THEN repeat('What the offer says about the price. ', 20) END,
    CASE number WHEN 1 THEN 'pending' WHEN 2 THEN 'processing' ELSE 'completed' END
FROM sessions
CROSS JOIN generate_series(1, 3) AS number
"""

PASSAGES = """
INSERT INTO document_passages (document_id, position, session_id, organization_id, content, language, words)
SELECT
    id, number, session_id, organization_id, 'What the offer says about the price.', 'english',
    to_tsvector('english', 'What the offer says about the price.')
FROM documents
CROSS JOIN generate_series(0, 4) AS number
WHERE processing_status = 'completed'
"""

CONTEXT = """
INSERT INTO session_context (session_id, user_id, organization_id, text_context, context_metadata)
SELECT id, user_id, organization_id, 'They bought last year and complained about the delivery.', '{}'
FROM sessions
"""

CHECKLIST = """
INSERT INTO prep_checklist (session_id, text, status, created_by, organization_id)
SELECT id, 'Ask about item ' || number, CASE WHEN number = 1 THEN 'open' ELSE 'done' END, user_id, organization_id
FROM sessions
CROSS JOIN generate_series(1, 4) AS number
"""

TIMELINE = """
INSERT INTO session_timeline_events (session_id, event_timestamp, title, type, importance, organization_id)
SELECT
    id, created_at + number * interval '3 minutes', 'Moment ' || number, 'milestone', 'medium', organization_id
FROM sessions
CROSS JOIN generate_series(1, 6) AS number
WHERE status <> 'draft'
"""

# A trigger writes them with their participants, where triggers are on.
CONSENTS = """
INSERT INTO consents (session_id, organization_id, participant_id, user_id, version, given_at)
SELECT session_id, organization_id, id, user_id, consent_version, consented_at
FROM session_participants
WHERE NOT EXISTS (SELECT FROM consents)
"""

RECORDINGS = """
INSERT INTO recordings (
    session_id, organization_id, participant_id, storage_key, media_type, started_at_ms, duration_ms, size_bytes, sha256
)
SELECT
    session_id, organization_id, id, organization_id || '/' || id || '.opus', 'audio/ogg', 0, 1800000, 7200000,
    sha256(uuid_send(id))
FROM session_participants
WHERE role = 'host'
"""

SHARE_LINKS = """
INSERT INTO session_share_links (token_hash, session_id, organization_id, created_by, expires_at)
SELECT sha256(uuid_send(gen_random_uuid())), id, organization_id, user_id, now() + interval '30 days'
FROM sessions
WHERE status = 'completed'
"""

API_KEYS = """
INSERT INTO api_keys (key_hash, key_prefix, name, user_id, organization_id, scopes, last_used_at)
SELECT
    sha256(uuid_send(gen_random_uuid())), 'lc_' || left(md5(id::text), 8), 'A program', user_id, organization_id,
    '{read}', now()
FROM organization_members
"""

WEBHOOKS = """
INSERT INTO webhook_endpoints (organization_id, url, signing_secret, event_types, created_by)
SELECT
    organization_id, 'https://hooks.example/' || organization_id,
    sha256(uuid_send(organization_id)), '{session.completed}', user_id
FROM organization_members
WHERE role = 'owner'
"""

DELIVERIES = """
INSERT INTO webhook_deliveries (endpoint_id, organization_id, event_type, payload, status, attempts, delivered_at)
SELECT
    id, organization_id, 'session.completed', '{"session_id": "…"}',
    CASE WHEN number = 1 THEN 'pending' ELSE 'delivered' END, 1, CASE WHEN number > 1 THEN now() END
FROM webhook_endpoints
CROSS JOIN generate_series(1, 40) AS number
"""

ADMIN_GRANTS = """
INSERT INTO admin_grants (user_id, organization_id, reason, opened_at, expires_at, closed_at)
SELECT
    user_id, organization_id, 'ticket ' || number, opened_at, opened_at + interval '30 minutes',
    opened_at + interval '5 minutes'
FROM organization_members
CROSS JOIN generate_series(1, 4) AS number
CROSS JOIN LATERAL (SELECT now() - number * interval '20 days' AS opened_at) AS opening
WHERE role = 'owner'
"""

OPEN_DOORS = """
INSERT INTO admin_grants (user_id, organization_id, reason, expires_at)
SELECT users.id, organizations.id, 'ticket', now() + interval '1 hour'
FROM users
CROSS JOIN (SELECT id FROM organizations ORDER BY id LIMIT 3) AS organizations
WHERE is_admin
"""

# The chain's trigger puts its own hashes here, where triggers are on.
AUDIT_LOG = """
INSERT INTO audit_log (organization_id, actor_kind, actor_id, action, target_kind, target_id, hash)
SELECT
    organization_id, 'user', user_id, 'organization_members.update', 'organization_members', user_id,
    sha256(uuid_send(gen_random_uuid()))
FROM organization_members
CROSS JOIN generate_series(1, 3)
"""

STRIPE_EVENTS = """
INSERT INTO stripe_events (id, type, payload, created_at, processed_at, outcome)
SELECT
    'evt_' || number, 'invoice.paid', '{"object": {}}', now() - number * interval '1 hour',
    CASE WHEN number > 5 THEN now() END, CASE WHEN number > 5 THEN 'done' END
FROM generate_series(1, 5000) AS number
"""

SUBSCRIPTION_EVENTS = """
INSERT INTO subscription_events (user_id, organization_id, subscription_id, event_type, metadata)
SELECT members.user_id, members.organization_id, subscriptions.id, 'renewed', '{}'
FROM subscriptions
JOIN organization_members AS members
    ON members.organization_id = subscriptions.organization_id
    AND members.role = 'owner'
CROSS JOIN generate_series(1, 12)
"""

SYSTEM_LOGS = """
INSERT INTO system_logs (level, logger_name, message, user_id, session_id, created_at)
SELECT 'WARNING', 'media_server.call', 'a peer was lost', user_id, id, created_at
FROM sessions
"""

WAITLIST = """
INSERT INTO beta_waitlist (name, email, company, use_case, status, created_at)
SELECT
    'Person ' || number, 'waiting' || number || '@example.org', 'Company', 'sales',
    CASE WHEN number % 50 = 0 THEN 'pending' ELSE 'approved' END, now() - number * interval '1 hour'
FROM generate_series(1, 3000) AS number
"""

STEPS = (
    DOCUMENTS,
    PASSAGES,
    CONTEXT,
    CHECKLIST,
    TIMELINE,
    CONSENTS,
    RECORDINGS,
    SHARE_LINKS,
    API_KEYS,
    WEBHOOKS,
    DELIVERIES,
    ADMIN_GRANTS,
    OPEN_DOORS,
    AUDIT_LOG,
    STRIPE_EVENTS,
    SUBSCRIPTION_EVENTS,
    SYSTEM_LOGS,
    WAITLIST,
)

"""The benchmark's sessions and all that hangs on one: what was said, shown, concluded, recorded and logged.

Rules:
- SESSIONS takes organizations and how many sessions each has; SPOKEN sessions and how many transcripts each has.
- What follows reads `spoken`, a temporary table of the sessions that had a call.
- Every second number of a log is a transcript's; the others are free for what else happens.
"""

from __future__ import annotations

SESSIONS = """
INSERT INTO sessions (
    user_id, organization_id, title, conversation_type, status, recording_started_at, recording_ended_at,
    recording_duration_seconds, total_words_spoken, data_retention_days, finalized_at, created_at, deleted_at
)
SELECT
    members.ids[1 + floor(random() * cardinality(members.ids))::integer],
    organization.id,
    'Conversation ' || number,
    (ARRAY['sales', 'support', 'meeting', 'interview'])[1 + number % 4],
    status,
    CASE WHEN status <> 'draft' THEN created_at + interval '1 minute' END,
    CASE WHEN status IN ('completed', 'archived') THEN created_at + interval '31 minutes' END,
    CASE WHEN status IN ('completed', 'archived') THEN 1800 ELSE 0 END,
    CASE WHEN status IN ('completed', 'archived') THEN 550 ELSE 0 END,
    CASE WHEN dice < 0.003 THEN 30 ELSE 730 END,
    CASE WHEN status IN ('completed', 'archived') THEN created_at + interval '32 minutes' END,
    created_at,
    CASE WHEN dice < 0.02 THEN now() END
FROM unnest($1::uuid[], $2::integer[]) AS organization (id, sessions)
JOIN LATERAL (
    SELECT array_agg(user_id) AS ids
    FROM organization_members
    WHERE organization_id = organization.id
) AS members ON true
CROSS JOIN LATERAL (
    SELECT number, random() AS dice, now() - random() * interval '365 days' AS created_at
    FROM generate_series(1, sessions) AS number
) AS thrown
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN dice > 0.995 THEN 'active'
        WHEN dice > 0.94 THEN 'draft'
        WHEN dice > 0.84 THEN 'archived'
        ELSE 'completed'
    END AS status
) AS chosen
ORDER BY created_at
"""

SPOKEN_TABLE = """
CREATE TEMPORARY TABLE spoken (
    session_id uuid PRIMARY KEY,
    organization_id uuid,
    user_id uuid,
    status text,
    started_at timestamptz,
    lines integer,
    host_id uuid,
    customer_id uuid
)
"""

SPOKEN = """
INSERT INTO spoken (session_id, organization_id, user_id, status, started_at, lines, host_id, customer_id)
SELECT
    sessions.id, organization_id, user_id, status, recording_started_at, said.lines, gen_random_uuid(),
    gen_random_uuid()
FROM unnest($1::uuid[], $2::integer[]) AS said (session_id, lines)
JOIN sessions ON sessions.id = said.session_id
ORDER BY recording_started_at
"""

SENTENCES = """
CREATE TEMPORARY TABLE sentences AS
SELECT
    number,
    'sentence ' || number || ' about the price, the contract and what happens next week' AS content,
    (
        SELECT jsonb_agg(jsonb_build_object(
            'text', word, 'start_ms', place * 300, 'end_ms', place * 300 + 250, 'probability', 0.9
        ))
        FROM unnest(string_to_array('sentence about the price the contract and what happens next week', ' '))
            WITH ORDINALITY AS spoken (word, place)
    ) AS words
FROM generate_series(0, 99) AS number
"""

PARTICIPANTS = """
INSERT INTO session_participants (
    id, session_id, organization_id, user_id, name, role, source, coached, consent_version, consented_at, joined_at
)
SELECT
    person.id, session_id, organization_id, person.user_id, person.name, person.role, 'browser',
    person.role = 'host', '1', started_at, started_at
FROM spoken
CROSS JOIN LATERAL (
    VALUES (host_id, user_id, 'Host', 'host'), (customer_id, NULL, 'Customer', 'customer')
) AS person (id, user_id, name, role)
"""

CALLS = """
INSERT INTO calls (session_id, organization_id, node, epoch, media_url, lease_until, started_at, reserved_seq)
SELECT
    session_id, organization_id, 'node-' || lines % 4, 1, 'http://node-' || lines % 4,
    CASE WHEN status = 'active' THEN now() + interval '1 day' ELSE started_at + interval '31 minutes' END,
    started_at, 10000
FROM spoken
"""

TRANSCRIPTS = """
INSERT INTO transcripts (
    session_id, content, speaker, confidence_score, start_time_seconds, end_time_seconds, stt_provider, is_final,
    client_id, sequence_number, created_at, organization_id, participant_id, utterance_id, words, language, revision
)
SELECT
    session_id, content, talking.name, 0.87, line * 5, line * 5 + 4, 'whisper', true, talking.id::text, line * 2,
    started_at + line * interval '5 seconds', organization_id, talking.id, 'u' || line, words, 'en',
    (line * 2 % 40 = 4)::integer
FROM spoken
CROSS JOIN LATERAL generate_series(1, lines) AS line
JOIN sentences ON sentences.number = line % 100
JOIN LATERAL (VALUES (0, 'Host', host_id), (1, 'Customer', customer_id)) AS talking (turn, name, id)
    ON talking.turn = line % 2
"""

EVENTS_OF_TRANSCRIPTS = """
INSERT INTO session_events (session_id, seq, epoch, type, at_ms, audience, payload, organization_id, created_at)
SELECT
    session_id, sequence_number, 1, 'transcript.final', sequence_number * 2500, 'everyone',
    jsonb_build_object(
        'transcript_id', id, 'utterance_id', utterance_id, 'participant_id', participant_id, 'speaker', speaker,
        'start_ms', start_time_seconds * 1000, 'end_ms', end_time_seconds * 1000, 'text', content, 'words', words,
        'confidence', confidence_score, 'language', language
    ),
    organization_id, created_at
FROM transcripts
"""

OTHER_EVENTS = """
INSERT INTO session_events (session_id, seq, epoch, type, at_ms, audience, payload, organization_id, created_at)
SELECT
    session_id, line * 2 - 1, 1, kind.type, line * 5000 - 2500, kind.audience, '{"lag_ms": 120, "level": "full"}',
    organization_id, started_at + line * interval '5 seconds'
FROM spoken
CROSS JOIN LATERAL generate_series(1, lines, 5) AS line
JOIN (
    VALUES (0, 'pipeline.status', 'everyone'), (1, 'guidance.shown', 'coached'), (2, 'usage.recorded', 'server')
) AS kind (number, type, audience) ON kind.number = line % 3
"""

GUIDANCE = """
INSERT INTO guidance (
    session_id, content, guidance_type, priority, triggered_by_transcript_id, context_snippet, triggered_at_seconds,
    was_displayed, model_used, processing_time_ms, organization_id, cue, evidence
)
SELECT
    session_id, 'Ask what the budget was last year.', 'ask', 2, id, content, end_time_seconds, true, 'rules', 12,
    organization_id, 'price', jsonb_build_array(jsonb_build_object('transcript_id', id, 'quote', content))
FROM transcripts
WHERE sequence_number % 40 = 2
"""

REVISIONS = """
INSERT INTO transcript_revisions (transcript_id, revision, session_id, organization_id, content, speaker)
SELECT id, 0, session_id, organization_id, content, speaker
FROM transcripts
WHERE sequence_number % 40 = 4
"""

SUMMARIES = """
INSERT INTO summaries (
    session_id, user_id, organization_id, title, tldr, key_decisions, action_items, follow_up_questions,
    conversation_highlights, full_transcript, generation_status, model_used, generation_time_seconds
)
SELECT
    session_id, user_id, organization_id, 'What was agreed', repeat('They agreed on the price. ', 8),
    '["The price stands."]', '[{"task": "Send the contract", "owner": "Host", "due": null}]', '["When does it start?"]',
    '[{"text": "the price", "speaker": "Host", "start_ms": 5000}]',
    (
        SELECT string_agg(transcripts.content, E'\\n' ORDER BY sequence_number)
        FROM transcripts
        WHERE transcripts.session_id = spoken.session_id
    ),
    CASE WHEN random() < 0.98 THEN 'completed' ELSE 'pending' END, 'extractive', 0.4
FROM spoken
WHERE status IN ('completed', 'archived')
"""

TICKETS = """
INSERT INTO join_tickets (
    token_hash, session_id, organization_id, participant_id, node, media_url, expires_at, used_at, created_at
)
SELECT
    sha256(uuid_send(id)), session_id, session_participants.organization_id, id, 'node-0', 'http://node-0',
    CASE WHEN status = 'active' THEN now() + interval '1 day' ELSE joined_at END,
    CASE WHEN status <> 'active' THEN joined_at END, joined_at
FROM session_participants
JOIN spoken USING (session_id)
"""

INVITES = """
INSERT INTO session_invites (token_hash, session_id, organization_id, role, name, created_by, expires_at)
SELECT sha256(uuid_send(id)), id, organization_id, 'customer', 'Customer', user_id, now() + interval '7 days'
FROM sessions
"""

COMMANDS = """
INSERT INTO call_commands (session_id, organization_id, kind, payload, created_by, acknowledged_at, outcome)
SELECT
    session_id, organization_id, 'pause', '{}', user_id, CASE WHEN status <> 'active' THEN now() END,
    CASE WHEN status <> 'active' THEN 'done' END
FROM spoken
"""

NODES = """
INSERT INTO media_nodes (node, media_url, seen_at)
SELECT 'node-' || number, 'http://node-' || number, now() + interval '1 day'
FROM generate_series(0, 3) AS number
"""

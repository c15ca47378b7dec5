"""Every statement that the servers of release 0.1 send, word for word.

They are kept as they were: servers of that release run beside a newer database while it is migrated, and after a
newer program was taken back. What a later release sends is not added here.
"""

STATEMENTS = {
    "accounts.create_owner": """
        WITH organization AS (
            INSERT INTO organizations (name, display_name, slug, contact_email, max_members)
            SELECT $3, $3, CASE WHEN EXISTS (SELECT FROM organizations WHERE slug = $4) THEN $5 ELSE $4 END, $1, NULL
            RETURNING id, name, slug
        ),
        person AS (
            INSERT INTO users (
                email, full_name, current_organization_id, has_completed_onboarding, has_completed_organization_setup
            )
            SELECT $1, $2, id, true, true
            FROM organization
            RETURNING id, email, full_name
        ),
        membership AS (
            INSERT INTO organization_members (organization_id, user_id, role)
            SELECT organization.id, person.id, 'owner'
            FROM organization, person
        ),
        subscription AS (
            INSERT INTO subscriptions (organization_id, plan_id, plan_type, status, current_period_start)
            SELECT organization.id, plans.id, 'lifetime', 'active', now()
            FROM organization, plans
            WHERE plans.name = 'org_enterprise'
        )
        SELECT
            person.id AS user_id,
            person.email,
            person.full_name,
            organization.id AS organization_id,
            organization.name AS organization_name,
            organization.slug AS organization_slug
        FROM person, organization
    """,
    "accounts.count_users": """
        SELECT count(*) FROM users WHERE deleted_at IS NULL
    """,
    "accounts.create_sign_in_link": """
        INSERT INTO sign_in_links (token_hash, user_id, expires_at) VALUES ($1, $2, $3)
    """,
    "accounts.redeem_sign_in_link": """
        SELECT redeem_sign_in_link($1)
    """,
    "accounts.find_credentials": """
        SELECT user_id, password_hash FROM find_credentials($1)
    """,
    "accounts.set_password": """
        UPDATE users SET password_hash = $2 WHERE id = $1
    """,
    "accounts.create_app_session": """
        INSERT INTO user_app_sessions (user_id, session_token, ip_address, user_agent)
        VALUES ($1, $2, $3, left($4, 500))
    """,
    "accounts.authenticate": """
        SELECT
            user_id, email, full_name, has_password, organization_id, organization_name, organization_slug, role
        FROM authenticate($1)
    """,
    "accounts.end_app_session": """
        SELECT end_app_session($1)
    """,
    "sessions.insert_session": """
        INSERT INTO sessions (user_id, organization_id, title, conversation_type)
        VALUES ($1, $2, $3, $4)
        RETURNING
            id, user_id, organization_id, title, conversation_type, status, recording_duration_seconds,
            recording_started_at, recording_ended_at, total_words_spoken, user_talk_time_seconds,
            silence_periods_count, finalized_at, created_at
    """,
    "sessions.get_session": """
        SELECT
            id, user_id, organization_id, title, conversation_type, status, recording_duration_seconds,
            recording_started_at, recording_ended_at, total_words_spoken, user_talk_time_seconds,
            silence_periods_count, finalized_at, created_at
        FROM sessions
        WHERE id = $1
            AND organization_id = $2
            AND deleted_at IS NULL
    """,
    "sessions.find_session": """
        SELECT
            id, user_id, organization_id, title, conversation_type, status, recording_duration_seconds,
            recording_started_at, recording_ended_at, total_words_spoken, user_talk_time_seconds,
            silence_periods_count, finalized_at, created_at
        FROM sessions
        WHERE id = $1
            AND deleted_at IS NULL
    """,
    "sessions.list_sessions": """
        SELECT
            id, user_id, organization_id, title, conversation_type, status, recording_duration_seconds,
            recording_started_at, recording_ended_at, total_words_spoken, user_talk_time_seconds,
            silence_periods_count, finalized_at, created_at
        FROM sessions
        WHERE organization_id = $1
            AND deleted_at IS NULL
            AND ($2::text IS NULL OR status = $2)
            AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4))
        ORDER BY created_at DESC, id DESC
        LIMIT $5
    """,
    "sessions.list_participants": """
        SELECT
            id, session_id, organization_id, user_id, name, role, source, shared_mic, coached, consent_version,
            consented_at, joined_at, left_at, created_at
        FROM session_participants
        WHERE session_id = $1
        ORDER BY created_at, id
    """,
    "sessions.activate_session": """
        UPDATE sessions
        SET status = 'active',
            recording_started_at = coalesce(recording_started_at, $2)
        WHERE id = $1
            AND status IN ('draft', 'active')
            AND deleted_at IS NULL
    """,
    "sessions.complete_session_1": """
        WITH locked AS (
            SELECT id
            FROM sessions
            WHERE id = $1
                AND status IN ('draft', 'active')
                AND deleted_at IS NULL
            FOR UPDATE
        ),
        finals AS (
            SELECT
                content,
                participant_id,
                start_time_seconds AS start_s,
                coalesce(end_time_seconds, start_time_seconds) AS end_s
            FROM transcripts
            WHERE session_id = $1
                AND is_final
        ),
        waits AS (
            SELECT start_s - max(end_s) OVER (
                ORDER BY start_s, end_s ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) AS wait_s
            FROM finals
        )
        UPDATE sessions
        SET status = 'completed',
            recording_ended_at = $2,
            recording_duration_seconds = (
                SELECT coalesce(sum(seconds_recorded), 0)
                FROM usage_tracking
                WHERE session_id = $1
            ),
            total_words_spoken = (
                SELECT coalesce(sum(cardinality(regexp_split_to_array(btrim(content), '\\s+'))), 0)
                FROM finals
                WHERE btrim(content) <> ''
            ),
            user_talk_time_seconds = (
                SELECT coalesce(round(sum(end_s - start_s)), 0)
                FROM finals
                JOIN session_participants ON session_participants.id = finals.participant_id
                WHERE session_participants.role = 'host'
            ),
            silence_periods_count = (SELECT count(*) FROM waits WHERE wait_s >= $3)
        FROM locked
        WHERE sessions.id = locked.id
        RETURNING sessions.user_id, sessions.organization_id, sessions.title
    """,
    "sessions.complete_session_2": """
        INSERT INTO summaries (session_id, user_id, organization_id, title)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING
    """,
    "sessions.mark_finalized": """
        UPDATE sessions SET finalized_at = now() WHERE id = $1 AND status = 'completed' AND finalized_at IS NULL
    """,
    "sessions.refuse": """
        SELECT status FROM sessions WHERE id = $1 AND deleted_at IS NULL
    """,
    "participants.insert_participant": """
        INSERT INTO session_participants (
            id, session_id, organization_id, user_id, name, role, source, shared_mic, coached, consent_version,
            consented_at
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    """,
    "participants.mark_joined": """
        UPDATE session_participants
        SET joined_at = coalesce(joined_at, $2),
            left_at = NULL
        WHERE id = $1
    """,
    "participants.mark_left": """
        UPDATE session_participants SET left_at = $2 WHERE id = $1
    """,
    "tickets.insert_ticket": """
        INSERT INTO join_tickets (
            token_hash, session_id, organization_id, participant_id, node, media_url, expires_at
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7)
    """,
    "tickets.find_ticket": """
        SELECT
            session_id, organization_id, participant_id, name, role, source, shared_mic, coached, consented, user_id,
            expires_at
        FROM find_ticket($1)
    """,
    "tickets.redeem_ticket": """
        SELECT redeem_ticket($1)
    """,
    "tickets.participant_of_ticket": """
        SELECT participant_of_ticket($1, $2, $3, $4, $5)
    """,
    "tickets.insert_invite": """
        INSERT INTO session_invites (token_hash, session_id, organization_id, role, name, created_by, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        RETURNING id
    """,
    "tickets.find_invite": """
        SELECT
            id, session_id, organization_id, role, name, created_by, expires_at, session_title, conversation_type,
            session_status, organization_name
        FROM find_invite($1)
    """,
    "tickets.revoke_invite": """
        UPDATE session_invites SET revoked_at = now() WHERE id = $1 AND session_id = $2 AND revoked_at IS NULL
    """,
    "calls.register_node": """
        INSERT INTO media_nodes (node, media_url)
        VALUES ($1, $2)
        ON CONFLICT (node) DO UPDATE
        SET media_url = excluded.media_url,
            registered_at = now(),
            seen_at = now()
    """,
    "calls.touch_node": """
        UPDATE media_nodes SET seen_at = now() WHERE node = $1
    """,
    "calls.list_nodes": """
        SELECT node, media_url, seen_at
        FROM media_nodes
        WHERE seen_at > now() - $1::interval
        ORDER BY registered_at DESC
    """,
    "calls.acquire_lease": """
        WITH session AS (
            SELECT id, organization_id, user_id, title, conversation_type, status, recording_started_at
            FROM sessions
            WHERE id = $1
                AND deleted_at IS NULL
            FOR SHARE
        ),
        lease AS (
            INSERT INTO calls AS held (session_id, organization_id, node, epoch, media_url, lease_until, reserved_seq)
            SELECT id, organization_id, $2, 1, $3, now() + $4::interval, $5
            FROM session
            WHERE status IN ('draft', 'active')
            ON CONFLICT (session_id) DO UPDATE
            SET node = excluded.node,
                epoch = held.epoch + 1,
                media_url = excluded.media_url,
                lease_until = excluded.lease_until,
                reserved_seq = held.reserved_seq + $5
            WHERE held.node = excluded.node
                OR (held.lease_until <= now() AND pg_postmaster_start_time() < now() - $4::interval)
            RETURNING epoch, lease_until, reserved_seq, paused
        )
        SELECT
            session.id AS session_id,
            session.organization_id,
            session.user_id,
            session.title,
            session.conversation_type,
            session.status,
            session.recording_started_at,
            lease.epoch,
            lease.reserved_seq - $5 + 1 AS first_seq,
            lease.reserved_seq AS last_seq,
            lease.lease_until,
            lease.paused,
            clock_timestamp() AS now
        FROM session
        LEFT JOIN lease ON true
    """,
    "calls.renew_leases": """
        UPDATE calls
        SET lease_until = now() + $4::interval
        FROM unnest($2::uuid[], $3::integer[]) AS held (session_id, epoch)
        WHERE calls.node = $1
            AND calls.session_id = held.session_id
            AND calls.epoch = held.epoch
        RETURNING calls.session_id
    """,
    "calls.release_lease": """
        UPDATE calls
        SET lease_until = now()
        WHERE session_id = $1
            AND node = $2
            AND epoch = $3
            AND lease_until > now()
    """,
    "calls.extend_seqs": """
        UPDATE calls
        SET reserved_seq = reserved_seq + $3
        WHERE session_id = $1
            AND epoch = $2
        RETURNING reserved_seq
    """,
    "calls.set_paused": """
        UPDATE calls SET paused = $3 WHERE session_id = $1 AND epoch = $2
    """,
    "calls.current_call": """
        SELECT session_id, organization_id, node, epoch, media_url, lease_until, started_at, paused
        FROM calls
        WHERE session_id = $1
            AND lease_until > now()
    """,
    "session_log.append": """
        INSERT INTO session_events (session_id, organization_id, seq, epoch, type, at_ms, audience, payload)
        SELECT
            entry.session_id, entry.organization_id, entry.seq, entry.epoch, entry.type, entry.at_ms, entry.audience,
            entry.payload
        FROM unnest(
            $1::uuid[], $2::uuid[], $3::bigint[], $4::integer[], $5::text[], $6::bigint[], $7::text[], $8::jsonb[]
        ) AS entry (session_id, organization_id, seq, epoch, type, at_ms, audience, payload)
        JOIN calls
            ON calls.session_id = entry.session_id
            AND calls.organization_id = entry.organization_id
            AND calls.epoch >= entry.epoch
        ON CONFLICT (session_id, seq) DO NOTHING
        RETURNING session_id, seq
    """,
    "session_log.read": """
        SELECT session_id, organization_id, seq, epoch, type, at_ms, audience, payload
        FROM session_events
        WHERE session_id = $1
            AND seq > $2
            AND audience = ANY ($3::text[])
        ORDER BY seq
        LIMIT $4
    """,
    "transcripts.insert_transcripts": """
        INSERT INTO transcripts (
            id, session_id, organization_id, content, speaker, sequence_number, start_time_seconds, end_time_seconds,
            confidence_score, stt_provider, participant_id, client_id, utterance_id, words, language, created_at,
            is_final
        )
        SELECT
            id, session_id, organization_id, content, left(speaker, 50), sequence_number, start_time_seconds,
            end_time_seconds, confidence_score, stt_provider, participant_id, participant_id::text, utterance_id, words,
            language, created_at, true
        FROM unnest(
            $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::integer[], $7::numeric[], $8::numeric[],
            $9::numeric[], $10::text[], $11::uuid[], $12::text[], $13::jsonb[], $14::text[], $15::timestamptz[]
        ) AS final (
            id, session_id, organization_id, content, speaker, sequence_number, start_time_seconds, end_time_seconds,
            confidence_score, stt_provider, participant_id, utterance_id, words, language, created_at
        )
        ON CONFLICT (id) DO NOTHING
    """,
    "transcripts.list_transcripts": """
        SELECT
            id, session_id, content, speaker, confidence_score, start_time_seconds, end_time_seconds, stt_provider,
            is_final, sequence_number, participant_id, utterance_id, words, language, revision, created_at
        FROM transcripts
        WHERE session_id = $1
            AND sequence_number > $2
        ORDER BY sequence_number
        LIMIT $3
    """,
    "transcripts.latest_sequence_number": """
        SELECT coalesce(max(sequence_number), 0) FROM transcripts WHERE session_id = $1
    """,
    "guidance.insert_guidance": """
        INSERT INTO guidance (
            id, session_id, organization_id, content, guidance_type, priority, triggered_at_seconds, cue, evidence,
            triggered_by_transcript_id, context_snippet, expires_at_seconds, model_used, processing_time_ms, created_at
        )
        SELECT
            shown.id, shown.session_id, shown.organization_id, shown.content, shown.guidance_type, shown.priority,
            shown.triggered_at_seconds, shown.cue, shown.evidence, transcripts.id, shown.context_snippet,
            shown.expires_at_seconds, shown.model_used, shown.processing_time_ms, shown.created_at
        FROM unnest(
            $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::integer[], $7::numeric[], $8::text[],
            $9::jsonb[], $10::uuid[], $11::text[], $12::numeric[], $13::text[], $14::integer[], $15::timestamptz[]
        ) AS shown (
            id, session_id, organization_id, content, guidance_type, priority, triggered_at_seconds, cue, evidence,
            transcript_id, context_snippet, expires_at_seconds, model_used, processing_time_ms, created_at
        )
        LEFT JOIN transcripts
            ON transcripts.id = shown.transcript_id
            AND transcripts.session_id = shown.session_id
        ON CONFLICT (id) DO NOTHING
    """,
    "guidance.apply_feedback": """
        UPDATE guidance
        SET was_displayed = true,
            was_clicked = was_clicked OR $3 = 'clicked',
            was_dismissed = was_dismissed OR $3 = 'dismissed',
            user_feedback = CASE WHEN $4 THEN $3 ELSE user_feedback END
        WHERE id = $1
            AND session_id = $2
    """,
    "guidance.list_guidance": """
        SELECT
            id, session_id, content, guidance_type, priority, triggered_by_transcript_id, context_snippet,
            triggered_at_seconds, was_displayed, was_clicked, was_dismissed, user_feedback, model_used,
            processing_time_ms, cue, evidence, expires_at_seconds, created_at
        FROM guidance
        WHERE session_id = $1
        ORDER BY triggered_at_seconds, created_at, id
    """,
    "commands.insert_command": """
        INSERT INTO call_commands (id, session_id, organization_id, kind, payload, created_by)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (id) DO NOTHING
    """,
    "commands.pending_commands": """
        SELECT id, session_id, organization_id, kind, payload, created_by, created_at
        FROM call_commands
        WHERE session_id = ANY ($1::uuid[])
            AND acknowledged_at IS NULL
        ORDER BY created_at, id
    """,
    "commands.acknowledge": """
        UPDATE call_commands
        SET acknowledged_at = now(),
            outcome = $2
        WHERE id = $1
            AND acknowledged_at IS NULL
    """,
    "usage.add_seconds": """
        SELECT add_usage_seconds($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::integer[])
    """,
    "usage.check_usage_limit": """
        SELECT
            coalesce((
                SELECT total_minutes_used
                FROM monthly_usage_cache
                WHERE organization_id = $2
                    AND user_id = $1
                    AND month_year = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')
            ), 0) AS minutes_used,
            least(
                (
                    SELECT monthly_audio_hours_limit * 60
                    FROM organization_members
                    WHERE organization_id = $2
                        AND user_id = $1
                ),
                (SELECT monthly_audio_hours_limit * 60 FROM organizations WHERE id = $2),
                (
                    SELECT coalesce(monthly_audio_minutes_limit, monthly_audio_hours_limit * 60)
                    FROM plans
                    WHERE id = coalesce(
                        (
                            SELECT plan_id
                            FROM subscriptions
                            WHERE (organization_id = $2 OR (organization_id IS NULL AND user_id = $1))
                                AND status IN ('active', 'trialing')
                            ORDER BY organization_id IS NULL, created_at DESC
                            LIMIT 1
                        ),
                        (SELECT id FROM plans WHERE name = 'individual_free')
                    )
                )
            ) AS minutes_limit
    """,
    "summaries.claim": """
        INSERT INTO summaries AS live (session_id, user_id, organization_id, title, generation_status)
        SELECT id, user_id, organization_id, title, 'generating'
        FROM sessions
        WHERE id = $1
            AND status IN ('completed', 'archived')
            AND deleted_at IS NULL
        ON CONFLICT (session_id) WHERE deleted_at IS NULL DO UPDATE
        SET generation_status = 'generating',
            generation_error = NULL
        WHERE live.generation_status <> 'completed'
    """,
    "summaries.store": """
        UPDATE summaries
        SET generation_status = 'completed',
            generation_error = NULL,
            title = left($2, 255),
            tldr = $3,
            key_decisions = $4,
            action_items = $5,
            follow_up_questions = $6,
            conversation_highlights = $7,
            full_transcript = $8,
            structured_notes = $9,
            model_used = left($10, 50),
            generation_time_seconds = $11
        WHERE session_id = $1
            AND deleted_at IS NULL
            AND generation_status = 'generating'
    """,
    "summaries.fail": """
        UPDATE summaries
        SET generation_status = 'failed',
            generation_error = $2
        WHERE session_id = $1
            AND deleted_at IS NULL
            AND generation_status = 'generating'
    """,
    "summaries.get": """
        SELECT
            id, session_id, user_id, organization_id, title, tldr, key_decisions, action_items, follow_up_questions,
            conversation_highlights, full_transcript, structured_notes, generation_status, generation_error,
            model_used, generation_time_seconds, is_marked_done, created_at
        FROM summaries
        WHERE session_id = $1
            AND deleted_at IS NULL
    """,
    "abandoned.list_abandoned": """
        SELECT sessions.id, calls.lease_until
        FROM calls
        JOIN sessions ON sessions.id = calls.session_id
        WHERE calls.lease_until < now() - $1::interval
            AND sessions.status = 'active'
            AND sessions.deleted_at IS NULL
        ORDER BY calls.lease_until
        LIMIT $2
    """,
    "abandoned.list_unwritten": """
        SELECT summaries.session_id
        FROM summaries
        JOIN sessions ON sessions.id = summaries.session_id
        WHERE summaries.generation_status IN ('pending', 'generating')
            AND summaries.updated_at < now() - $1::interval
            AND summaries.deleted_at IS NULL
            AND sessions.deleted_at IS NULL
        ORDER BY summaries.updated_at
        LIMIT $2
    """,
}

-- Who may do what. Every policy names a role, never PUBLIC. The owner (migrations, back-up, definer functions) sees
-- every row: with FORCE even it needs a policy. The api role is bound to the organizations of app.user_id; the media
-- and jobs roles are bound to no tenant, and what media writes is checked against `calls`.

-- One array for a whole statement: `= ANY (ARRAY(SELECT …))` is computed once and can use an index. SECURITY DEFINER,
-- because a policy on organization_members that reads organization_members would recurse.
CREATE FUNCTION my_organization_ids() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT organization_id
    FROM organization_members
    WHERE user_id = app_user_id()
        AND status = 'active'
$$;

CREATE FUNCTION my_managed_organization_ids() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT organization_id
    FROM organization_members
    WHERE user_id = app_user_id()
        AND status = 'active'
        AND role IN ('owner', 'admin')
$$;

-- Does a call of this session, of this tenant, reach this epoch? What a media node may write hangs on it.
CREATE FUNCTION has_call(wanted_session_id uuid, wanted_organization_id uuid, wanted_epoch integer) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM calls
        WHERE session_id = wanted_session_id
            AND organization_id = wanted_organization_id
            AND epoch >= wanted_epoch
    )
$$;

REVOKE ALL ON FUNCTION my_organization_ids(), my_managed_organization_ids(), has_call(uuid, uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION my_organization_ids(), my_managed_organization_ids() TO liveconvo_api;
GRANT EXECUTE ON FUNCTION has_call(uuid, uuid, integer) TO liveconvo_media;

DO $$
DECLARE
    guarded text;
BEGIN
    FOR guarded IN
        SELECT tablename
        FROM pg_tables
        WHERE schemaname = 'public'
            AND tablename NOT LIKE 'pgqueuer%'
            AND tablename <> 'schema_migrations'
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY owner_all ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', guarded);
        EXECUTE format('REVOKE ALL ON %I FROM PUBLIC', guarded);
    END LOOP;

    FOR guarded IN
        SELECT table_name
        FROM information_schema.columns
        WHERE table_schema = 'public'
            AND column_name = 'updated_at'
            AND table_name NOT LIKE 'pgqueuer%'
    LOOP
        EXECUTE format(
            'CREATE TRIGGER touch_updated_at BEFORE UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION touch_updated_at()',
            guarded
        );
    END LOOP;
END
$$;

-- api ----------------------------------------------------------------------------------------------------------------

-- Oneself. The password hash is read through find_credentials() only.
GRANT SELECT (
    id, email, email_verified, full_name, timezone, google_id, last_login_at, has_completed_onboarding,
    has_completed_organization_setup, default_microphone_id, default_speaker_id, is_active, is_email_verified,
    current_organization_id, personal_context, is_admin, created_at, updated_at, deleted_at
) ON users TO liveconvo_api;
GRANT UPDATE (
    full_name, timezone, password_hash, last_login_at, default_microphone_id, default_speaker_id, personal_context
) ON users TO liveconvo_api;
CREATE POLICY api_self_read ON users FOR SELECT TO liveconvo_api USING (id = (SELECT app_user_id()));
CREATE POLICY api_self_update ON users FOR UPDATE TO liveconvo_api
    USING (id = (SELECT app_user_id())) WITH CHECK (id = (SELECT app_user_id()));

GRANT SELECT ON organizations, organization_members, subscriptions, plans TO liveconvo_api;
CREATE POLICY api_member_read ON organizations FOR SELECT TO liveconvo_api
    USING (id = ANY (ARRAY(SELECT my_organization_ids())));
CREATE POLICY api_member_read ON organization_members FOR SELECT TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_organization_ids())));
CREATE POLICY api_member_read ON subscriptions FOR SELECT TO liveconvo_api
    USING (user_id = (SELECT app_user_id()) OR organization_id = ANY (ARRAY(SELECT my_organization_ids())));
CREATE POLICY api_read ON plans FOR SELECT TO liveconvo_api USING (true);

GRANT INSERT ON user_app_sessions TO liveconvo_api;
GRANT SELECT (
    id, user_id, ip_address, user_agent, started_at, last_activity_at, ended_at, page_views, device_type, browser, os
) ON user_app_sessions TO liveconvo_api;
CREATE POLICY api_self_read ON user_app_sessions FOR SELECT TO liveconvo_api
    USING (user_id = (SELECT app_user_id()));
CREATE POLICY api_self_insert ON user_app_sessions FOR INSERT TO liveconvo_api
    WITH CHECK (user_id = (SELECT app_user_id()));

-- Usage is written by the meter alone. One reads one's own, and what one manages.
GRANT SELECT ON usage_tracking, monthly_usage_cache TO liveconvo_api;
CREATE POLICY api_read ON usage_tracking FOR SELECT TO liveconvo_api USING (
    user_id = (SELECT app_user_id()) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))
);
CREATE POLICY api_read ON monthly_usage_cache FOR SELECT TO liveconvo_api USING (
    user_id = (SELECT app_user_id()) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))
);

GRANT SELECT ON sessions TO liveconvo_api;
GRANT INSERT (id, user_id, organization_id, title, conversation_type, selected_template_id, data_retention_days)
    ON sessions TO liveconvo_api;
GRANT UPDATE (
    title, conversation_type, status, selected_template_id, recording_ended_at, recording_duration_seconds,
    total_words_spoken, user_talk_time_seconds, silence_periods_count, data_retention_days, deleted_at
) ON sessions TO liveconvo_api;
CREATE POLICY api_member_read ON sessions FOR SELECT TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_organization_ids())));
CREATE POLICY api_own_insert ON sessions FOR INSERT TO liveconvo_api WITH CHECK (
    user_id = (SELECT app_user_id()) AND organization_id = ANY (ARRAY(SELECT my_organization_ids()))
);
CREATE POLICY api_own_update ON sessions FOR UPDATE TO liveconvo_api
    USING (
        organization_id = ANY (ARRAY(SELECT my_organization_ids()))
        AND (user_id = (SELECT app_user_id())
            OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())))
    )
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_organization_ids())));

DO $$
DECLARE
    child text;
BEGIN
    FOREACH child IN ARRAY ARRAY[
        'session_participants', 'transcripts', 'guidance', 'summaries', 'session_events', 'calls', 'call_commands',
        'session_invites'
    ] LOOP
        EXECUTE format('GRANT SELECT ON %I TO liveconvo_api', child);
        EXECUTE format(
            'CREATE POLICY api_member_read ON %I FOR SELECT TO liveconvo_api'
            ' USING (organization_id = ANY (ARRAY(SELECT my_organization_ids())))',
            child
        );
    END LOOP;
    FOREACH child IN ARRAY ARRAY[
        'session_participants', 'summaries', 'call_commands', 'join_tickets', 'session_invites'
    ] LOOP
        EXECUTE format(
            'CREATE POLICY api_member_insert ON %I FOR INSERT TO liveconvo_api'
            ' WITH CHECK (organization_id = ANY (ARRAY(SELECT my_organization_ids())))',
            child
        );
    END LOOP;
END
$$;
GRANT INSERT (id, session_id, organization_id, user_id, name, role, source, shared_mic, coached, consent_version,
    consented_at) ON session_participants TO liveconvo_api;
GRANT INSERT (session_id, user_id, organization_id, title) ON summaries TO liveconvo_api;
GRANT INSERT (id, session_id, organization_id, kind, payload, created_by) ON call_commands TO liveconvo_api;
GRANT INSERT (token_hash, session_id, organization_id, participant_id, node, media_url, expires_at)
    ON join_tickets TO liveconvo_api;
GRANT INSERT (id, token_hash, session_id, organization_id, role, name, created_by, expires_at)
    ON session_invites TO liveconvo_api;
GRANT UPDATE (revoked_at) ON session_invites TO liveconvo_api;
CREATE POLICY api_member_update ON session_invites FOR UPDATE TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_organization_ids())))
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_organization_ids())));

GRANT SELECT ON media_nodes TO liveconvo_api;
CREATE POLICY api_read ON media_nodes FOR SELECT TO liveconvo_api USING (true);

-- media --------------------------------------------------------------------------------------------------------------

DO $$
DECLARE
    readable text;
BEGIN
    FOREACH readable IN ARRAY ARRAY[
        'sessions', 'session_participants', 'transcripts', 'guidance', 'summaries', 'session_events', 'calls',
        'call_commands', 'media_nodes', 'usage_tracking', 'monthly_usage_cache', 'plans', 'organizations',
        'organization_members', 'subscriptions'
    ] LOOP
        EXECUTE format('CREATE POLICY media_read ON %I FOR SELECT TO liveconvo_media USING (true)', readable);
    END LOOP;
END
$$;
GRANT SELECT ON sessions, session_participants, transcripts, guidance, session_events, calls, call_commands,
    media_nodes, usage_tracking, monthly_usage_cache, plans TO liveconvo_media;
-- For check_usage_limit, and no more than it needs.
GRANT SELECT (id, monthly_audio_hours_limit) ON organizations TO liveconvo_media;
GRANT SELECT (organization_id, user_id, monthly_audio_hours_limit) ON organization_members TO liveconvo_media;
GRANT SELECT (organization_id, user_id, plan_id, status, created_at) ON subscriptions TO liveconvo_media;
GRANT SELECT (session_id, deleted_at) ON summaries TO liveconvo_media;

GRANT UPDATE (
    status, recording_started_at, recording_ended_at, recording_duration_seconds, total_words_spoken,
    user_talk_time_seconds, silence_periods_count, realtime_summary_cache
) ON sessions TO liveconvo_media;
-- USING is true because locking a row (acquire_lease does, before there is a call) goes through it as well.
CREATE POLICY media_update ON sessions FOR UPDATE TO liveconvo_media
    USING (true) WITH CHECK (has_call(id, organization_id, 1));

GRANT INSERT, UPDATE ON calls, media_nodes TO liveconvo_media;
CREATE POLICY media_insert ON calls FOR INSERT TO liveconvo_media WITH CHECK (true);
CREATE POLICY media_update ON calls FOR UPDATE TO liveconvo_media USING (true) WITH CHECK (true);
CREATE POLICY media_insert ON media_nodes FOR INSERT TO liveconvo_media WITH CHECK (true);
CREATE POLICY media_update ON media_nodes FOR UPDATE TO liveconvo_media USING (true) WITH CHECK (true);

GRANT INSERT ON session_events, transcripts, guidance TO liveconvo_media;
GRANT INSERT (session_id, user_id, organization_id, title) ON summaries TO liveconvo_media;
CREATE POLICY media_insert ON session_events FOR INSERT TO liveconvo_media
    WITH CHECK (has_call(session_id, organization_id, epoch));
CREATE POLICY media_insert ON transcripts FOR INSERT TO liveconvo_media
    WITH CHECK (has_call(session_id, organization_id, 1));
CREATE POLICY media_insert ON guidance FOR INSERT TO liveconvo_media
    WITH CHECK (has_call(session_id, organization_id, 1));
CREATE POLICY media_insert ON summaries FOR INSERT TO liveconvo_media
    WITH CHECK (has_call(session_id, organization_id, 1));

GRANT UPDATE (was_displayed, was_clicked, was_dismissed, user_feedback) ON guidance TO liveconvo_media;
CREATE POLICY media_update ON guidance FOR UPDATE TO liveconvo_media
    USING (has_call(session_id, organization_id, 1)) WITH CHECK (has_call(session_id, organization_id, 1));
GRANT UPDATE (joined_at, left_at) ON session_participants TO liveconvo_media;
CREATE POLICY media_update ON session_participants FOR UPDATE TO liveconvo_media
    USING (has_call(session_id, organization_id, 1)) WITH CHECK (has_call(session_id, organization_id, 1));
GRANT UPDATE (acknowledged_at, outcome) ON call_commands TO liveconvo_media;
CREATE POLICY media_update ON call_commands FOR UPDATE TO liveconvo_media
    USING (has_call(session_id, organization_id, 1)) WITH CHECK (has_call(session_id, organization_id, 1));

-- jobs ---------------------------------------------------------------------------------------------------------------

GRANT SELECT ON sessions, session_participants, transcripts, guidance, summaries, session_context TO liveconvo_jobs;
CREATE POLICY jobs_read ON sessions FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON session_participants FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON transcripts FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON guidance FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON summaries FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON session_context FOR SELECT TO liveconvo_jobs USING (true);
GRANT UPDATE (finalized_at) ON sessions TO liveconvo_jobs;
CREATE POLICY jobs_update ON sessions FOR UPDATE TO liveconvo_jobs USING (true) WITH CHECK (true);
GRANT INSERT, UPDATE ON summaries TO liveconvo_jobs;
CREATE POLICY jobs_insert ON summaries FOR INSERT TO liveconvo_jobs WITH CHECK (true);
CREATE POLICY jobs_update ON summaries FOR UPDATE TO liveconvo_jobs USING (true) WITH CHECK (true);

-- The queue: servers put jobs in without reading other jobs' payloads; the jobs role runs them. Aggregating the log
-- needs TRUNCATE nowhere.
GRANT INSERT ON pgqueuer, pgqueuer_log TO liveconvo_api, liveconvo_media;
GRANT SELECT (id, entrypoint, priority, dedupe_key, status) ON pgqueuer TO liveconvo_api, liveconvo_media;
GRANT SELECT, INSERT, UPDATE, DELETE ON pgqueuer, pgqueuer_log, pgqueuer_statistics, pgqueuer_schedules
    TO liveconvo_jobs;
GRANT USAGE, SELECT ON SEQUENCE pgqueuer_id_seq, pgqueuer_log_id_seq
    TO liveconvo_api, liveconvo_media, liveconvo_jobs;
GRANT USAGE, SELECT ON SEQUENCE pgqueuer_statistics_id_seq, pgqueuer_schedules_id_seq TO liveconvo_jobs;

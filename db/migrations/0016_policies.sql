-- Who may do what, as db/POLICIES.md says it: rendered by `python -m db.policies`. Change the page, and render it into
-- a new migration. Nothing of earlier policies and grants on tables stays.
DO $$
DECLARE
    old record;
BEGIN
    FOR old IN
        SELECT tablename, policyname
        FROM pg_policies
        WHERE schemaname = 'public'
            AND roles && ARRAY['liveconvo_api', 'liveconvo_media', 'liveconvo_jobs']::name[]
    LOOP
        EXECUTE format('DROP POLICY %I ON %I', old.policyname, old.tablename);
    END LOOP;
    FOR old IN
        SELECT tablename
        FROM pg_tables
        WHERE schemaname = 'public'
            AND tablename NOT LIKE 'pgqueuer%'
    LOOP
        EXECUTE format('REVOKE ALL ON %I FROM liveconvo_api, liveconvo_media, liveconvo_jobs', old.tablename);
    END LOOP;
END
$$;

-- admin_grants --------------------------------------------------------------------------------------------------------
GRANT SELECT ON admin_grants TO liveconvo_api;
CREATE POLICY api_read ON admin_grants FOR SELECT TO liveconvo_api
    USING (user_id = (SELECT app_user_id()) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
GRANT SELECT ON admin_grants TO liveconvo_jobs;
CREATE POLICY jobs_read ON admin_grants FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT DELETE ON admin_grants TO liveconvo_jobs;
CREATE POLICY jobs_delete ON admin_grants FOR DELETE TO liveconvo_jobs
    USING (true);

-- api_keys ------------------------------------------------------------------------------------------------------------
GRANT SELECT (
    id, key_prefix, name, user_id, organization_id, scopes, created_at, expires_at, last_used_at, revoked_at
) ON api_keys TO liveconvo_api;
CREATE POLICY api_read ON api_keys FOR SELECT TO liveconvo_api
    USING (user_id = (SELECT app_user_id()) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
GRANT INSERT (
    key_hash, key_prefix, name, user_id, organization_id, scopes, expires_at
) ON api_keys TO liveconvo_api;
CREATE POLICY api_insert ON api_keys FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND user_id = (SELECT app_user_id())));
GRANT UPDATE (
    name, revoked_at
) ON api_keys TO liveconvo_api;
CREATE POLICY api_update ON api_keys FOR UPDATE TO liveconvo_api
    USING (user_id = (SELECT app_user_id()) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())))
    WITH CHECK (user_id = (SELECT app_user_id()) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
GRANT SELECT (
    id, key_prefix, name, user_id, organization_id, scopes, created_at, expires_at, last_used_at, revoked_at
) ON api_keys TO liveconvo_jobs;
CREATE POLICY jobs_read ON api_keys FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT DELETE ON api_keys TO liveconvo_jobs;
CREATE POLICY jobs_delete ON api_keys FOR DELETE TO liveconvo_jobs
    USING (true);

-- audit_log -----------------------------------------------------------------------------------------------------------
GRANT SELECT ON audit_log TO liveconvo_api;
CREATE POLICY api_read ON audit_log FOR SELECT TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())) OR (SELECT is_platform_admin()));
GRANT SELECT ON audit_log TO liveconvo_jobs;
CREATE POLICY jobs_read ON audit_log FOR SELECT TO liveconvo_jobs
    USING (true);

-- beta_waitlist -------------------------------------------------------------------------------------------------------
GRANT SELECT ON beta_waitlist TO liveconvo_api;
CREATE POLICY api_read ON beta_waitlist FOR SELECT TO liveconvo_api
    USING ((SELECT is_platform_admin()) OR email = (SELECT my_verified_email()));
GRANT UPDATE (
    status, notes, approved_at
) ON beta_waitlist TO liveconvo_api;
CREATE POLICY api_update ON beta_waitlist FOR UPDATE TO liveconvo_api
    USING ((SELECT is_platform_admin()))
    WITH CHECK ((SELECT is_platform_admin()));
GRANT SELECT ON beta_waitlist TO liveconvo_jobs;
CREATE POLICY jobs_read ON beta_waitlist FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT DELETE ON beta_waitlist TO liveconvo_jobs;
CREATE POLICY jobs_delete ON beta_waitlist FOR DELETE TO liveconvo_jobs
    USING (true);

-- call_commands -------------------------------------------------------------------------------------------------------
GRANT SELECT ON call_commands TO liveconvo_api;
CREATE POLICY api_read ON call_commands FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
GRANT INSERT (
    id, session_id, organization_id, kind, payload, created_by
) ON call_commands TO liveconvo_api;
CREATE POLICY api_insert ON call_commands FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND created_by = (SELECT app_user_id())));
GRANT SELECT ON call_commands TO liveconvo_media;
CREATE POLICY media_read ON call_commands FOR SELECT TO liveconvo_media
    USING (true);
GRANT UPDATE (
    acknowledged_at, outcome
) ON call_commands TO liveconvo_media;
CREATE POLICY media_update ON call_commands FOR UPDATE TO liveconvo_media
    USING (has_call(session_id, organization_id, 1))
    WITH CHECK (has_call(session_id, organization_id, 1));
GRANT SELECT ON call_commands TO liveconvo_jobs;
CREATE POLICY jobs_read ON call_commands FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT DELETE ON call_commands TO liveconvo_jobs;
CREATE POLICY jobs_delete ON call_commands FOR DELETE TO liveconvo_jobs
    USING (true);

-- calls ---------------------------------------------------------------------------------------------------------------
GRANT SELECT ON calls TO liveconvo_api;
CREATE POLICY api_read ON calls FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
GRANT SELECT ON calls TO liveconvo_media;
CREATE POLICY media_read ON calls FOR SELECT TO liveconvo_media
    USING (true);
GRANT INSERT ON calls TO liveconvo_media;
CREATE POLICY media_insert ON calls FOR INSERT TO liveconvo_media
    WITH CHECK (true);
GRANT UPDATE ON calls TO liveconvo_media;
CREATE POLICY media_update ON calls FOR UPDATE TO liveconvo_media
    USING (true)
    WITH CHECK (true);
GRANT SELECT ON calls TO liveconvo_jobs;
CREATE POLICY jobs_read ON calls FOR SELECT TO liveconvo_jobs
    USING (true);

-- consents ------------------------------------------------------------------------------------------------------------
GRANT SELECT ON consents TO liveconvo_api;
CREATE POLICY api_read ON consents FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
GRANT UPDATE (
    withdrawn_at
) ON consents TO liveconvo_api;
CREATE POLICY api_update ON consents FOR UPDATE TO liveconvo_api
    USING ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND user_id = (SELECT app_user_id())))
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND user_id = (SELECT app_user_id())));
GRANT SELECT ON consents TO liveconvo_media;
CREATE POLICY media_read ON consents FOR SELECT TO liveconvo_media
    USING (true);
GRANT UPDATE (
    withdrawn_at
) ON consents TO liveconvo_media;
CREATE POLICY media_update ON consents FOR UPDATE TO liveconvo_media
    USING (has_call(session_id, organization_id, 1))
    WITH CHECK (has_call(session_id, organization_id, 1));
GRANT SELECT ON consents TO liveconvo_jobs;
CREATE POLICY jobs_read ON consents FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT UPDATE (
    user_id
) ON consents TO liveconvo_jobs;
CREATE POLICY jobs_update ON consents FOR UPDATE TO liveconvo_jobs
    USING (true)
    WITH CHECK (true);

-- documents -----------------------------------------------------------------------------------------------------------
GRANT SELECT ON documents TO liveconvo_api;
CREATE POLICY api_read ON documents FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
GRANT INSERT (
    session_id, user_id, organization_id, original_filename, file_type, file_size_bytes, file_url
) ON documents TO liveconvo_api;
CREATE POLICY api_insert ON documents FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND user_id = (SELECT app_user_id())));
GRANT UPDATE (
    original_filename, deleted_at
) ON documents TO liveconvo_api;
CREATE POLICY api_update ON documents FOR UPDATE TO liveconvo_api
    USING ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND user_id = (SELECT app_user_id())) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())))
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND user_id = (SELECT app_user_id())) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
GRANT SELECT ON documents TO liveconvo_media;
CREATE POLICY media_read ON documents FOR SELECT TO liveconvo_media
    USING (true);
GRANT SELECT ON documents TO liveconvo_jobs;
CREATE POLICY jobs_read ON documents FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT UPDATE (
    extracted_text, processing_status, processing_error, embedding_status, pinecone_vector_id, ocr_confidence_score,
    deleted_at
) ON documents TO liveconvo_jobs;
CREATE POLICY jobs_update ON documents FOR UPDATE TO liveconvo_jobs
    USING (true)
    WITH CHECK (true);
GRANT DELETE ON documents TO liveconvo_jobs;
CREATE POLICY jobs_delete ON documents FOR DELETE TO liveconvo_jobs
    USING (true);

-- guidance ------------------------------------------------------------------------------------------------------------
GRANT SELECT ON guidance TO liveconvo_api;
CREATE POLICY api_read ON guidance FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
GRANT UPDATE (
    was_displayed, was_clicked, was_dismissed, user_feedback
) ON guidance TO liveconvo_api;
CREATE POLICY api_update ON guidance FOR UPDATE TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_organization_ids())))
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_organization_ids())));
GRANT SELECT ON guidance TO liveconvo_media;
CREATE POLICY media_read ON guidance FOR SELECT TO liveconvo_media
    USING (true);
GRANT INSERT ON guidance TO liveconvo_media;
CREATE POLICY media_insert ON guidance FOR INSERT TO liveconvo_media
    WITH CHECK (has_call(session_id, organization_id, 1));
GRANT UPDATE (
    was_displayed, was_clicked, was_dismissed, user_feedback
) ON guidance TO liveconvo_media;
CREATE POLICY media_update ON guidance FOR UPDATE TO liveconvo_media
    USING (has_call(session_id, organization_id, 1))
    WITH CHECK (has_call(session_id, organization_id, 1));
GRANT SELECT ON guidance TO liveconvo_jobs;
CREATE POLICY jobs_read ON guidance FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT DELETE ON guidance TO liveconvo_jobs;
CREATE POLICY jobs_delete ON guidance FOR DELETE TO liveconvo_jobs
    USING (true);

-- join_tickets --------------------------------------------------------------------------------------------------------
GRANT INSERT (
    token_hash, session_id, organization_id, participant_id, node, media_url, expires_at
) ON join_tickets TO liveconvo_api;
CREATE POLICY api_insert ON join_tickets FOR INSERT TO liveconvo_api
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_organization_ids())));
GRANT SELECT (
    session_id, organization_id, participant_id, created_at, expires_at, used_at
) ON join_tickets TO liveconvo_jobs;
CREATE POLICY jobs_read ON join_tickets FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT DELETE ON join_tickets TO liveconvo_jobs;
CREATE POLICY jobs_delete ON join_tickets FOR DELETE TO liveconvo_jobs
    USING (true);

-- media_nodes ---------------------------------------------------------------------------------------------------------
GRANT SELECT ON media_nodes TO liveconvo_api;
CREATE POLICY api_read ON media_nodes FOR SELECT TO liveconvo_api
    USING (true);
GRANT SELECT ON media_nodes TO liveconvo_media;
CREATE POLICY media_read ON media_nodes FOR SELECT TO liveconvo_media
    USING (true);
GRANT INSERT ON media_nodes TO liveconvo_media;
CREATE POLICY media_insert ON media_nodes FOR INSERT TO liveconvo_media
    WITH CHECK (true);
GRANT UPDATE ON media_nodes TO liveconvo_media;
CREATE POLICY media_update ON media_nodes FOR UPDATE TO liveconvo_media
    USING (true)
    WITH CHECK (true);

-- monthly_usage_cache -------------------------------------------------------------------------------------------------
GRANT SELECT ON monthly_usage_cache TO liveconvo_api;
CREATE POLICY api_read ON monthly_usage_cache FOR SELECT TO liveconvo_api
    USING (user_id = (SELECT app_user_id()) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
GRANT SELECT ON monthly_usage_cache TO liveconvo_media;
CREATE POLICY media_read ON monthly_usage_cache FOR SELECT TO liveconvo_media
    USING (true);
GRANT SELECT ON monthly_usage_cache TO liveconvo_jobs;
CREATE POLICY jobs_read ON monthly_usage_cache FOR SELECT TO liveconvo_jobs
    USING (true);

-- organization_invitations --------------------------------------------------------------------------------------------
GRANT SELECT (
    id, organization_id, invited_by_user_id, email, role, personal_message, expires_at, status, accepted_by_user_id,
    accepted_at, declined_at, created_at, updated_at
) ON organization_invitations TO liveconvo_api;
CREATE POLICY api_read ON organization_invitations FOR SELECT TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())) OR email = (SELECT my_verified_email()));
GRANT INSERT (
    organization_id, invited_by_user_id, email, role, personal_message, invitation_token, expires_at
) ON organization_invitations TO liveconvo_api;
CREATE POLICY api_insert ON organization_invitations FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())) AND invited_by_user_id = (SELECT app_user_id())));
GRANT UPDATE (
    status, personal_message, invitation_token, expires_at
) ON organization_invitations TO liveconvo_api;
CREATE POLICY api_update ON organization_invitations FOR UPDATE TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())))
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
GRANT SELECT (
    id, organization_id, invited_by_user_id, email, role, personal_message, expires_at, status, accepted_by_user_id,
    accepted_at, declined_at, created_at, updated_at
) ON organization_invitations TO liveconvo_jobs;
CREATE POLICY jobs_read ON organization_invitations FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT UPDATE (
    status
) ON organization_invitations TO liveconvo_jobs;
CREATE POLICY jobs_update ON organization_invitations FOR UPDATE TO liveconvo_jobs
    USING (true)
    WITH CHECK (true);
GRANT DELETE ON organization_invitations TO liveconvo_jobs;
CREATE POLICY jobs_delete ON organization_invitations FOR DELETE TO liveconvo_jobs
    USING (true);

-- organization_members ------------------------------------------------------------------------------------------------
GRANT SELECT ON organization_members TO liveconvo_api;
CREATE POLICY api_read ON organization_members FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
GRANT SELECT (
    organization_id, user_id, monthly_audio_hours_limit
) ON organization_members TO liveconvo_media;
CREATE POLICY media_read ON organization_members FOR SELECT TO liveconvo_media
    USING (true);
GRANT SELECT ON organization_members TO liveconvo_jobs;
CREATE POLICY jobs_read ON organization_members FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT UPDATE (
    status
) ON organization_members TO liveconvo_jobs;
CREATE POLICY jobs_update ON organization_members FOR UPDATE TO liveconvo_jobs
    USING (true)
    WITH CHECK (true);

-- organizations -------------------------------------------------------------------------------------------------------
GRANT SELECT ON organizations TO liveconvo_api;
CREATE POLICY api_read ON organizations FOR SELECT TO liveconvo_api
    USING (id = ANY ((SELECT readable_organization_ids())::uuid[]));
GRANT UPDATE (
    name, display_name, description, website_url, contact_email, phone, address_line_1, address_line_2, city,
    state_province, postal_code, country_code, default_timezone, default_language, branding_logo_url,
    branding_primary_color, tax_id, billing_email, monthly_audio_hours_limit, max_members, max_sessions_per_month
) ON organizations TO liveconvo_api;
CREATE POLICY api_update ON organizations FOR UPDATE TO liveconvo_api
    USING (id = ANY (ARRAY(SELECT my_managed_organization_ids())))
    WITH CHECK (id = ANY (ARRAY(SELECT my_managed_organization_ids())));
GRANT SELECT (
    id, monthly_audio_hours_limit
) ON organizations TO liveconvo_media;
CREATE POLICY media_read ON organizations FOR SELECT TO liveconvo_media
    USING (true);
GRANT SELECT ON organizations TO liveconvo_jobs;
CREATE POLICY jobs_read ON organizations FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT UPDATE (
    name, display_name, slug, description, website_url, contact_email, phone, address_line_1, address_line_2, city,
    state_province, postal_code, country_code, branding_logo_url, branding_primary_color, tax_id, billing_email,
    is_active, deleted_at, erased_at
) ON organizations TO liveconvo_jobs;
CREATE POLICY jobs_update ON organizations FOR UPDATE TO liveconvo_jobs
    USING (true)
    WITH CHECK (true);

-- plans ---------------------------------------------------------------------------------------------------------------
GRANT SELECT ON plans TO liveconvo_api;
CREATE POLICY api_read ON plans FOR SELECT TO liveconvo_api
    USING (true);
GRANT SELECT ON plans TO liveconvo_media;
CREATE POLICY media_read ON plans FOR SELECT TO liveconvo_media
    USING (true);
GRANT SELECT ON plans TO liveconvo_jobs;
CREATE POLICY jobs_read ON plans FOR SELECT TO liveconvo_jobs
    USING (true);

-- prep_checklist ------------------------------------------------------------------------------------------------------
GRANT SELECT ON prep_checklist TO liveconvo_api;
CREATE POLICY api_read ON prep_checklist FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
GRANT INSERT (
    session_id, organization_id, text, status, created_by
) ON prep_checklist TO liveconvo_api;
CREATE POLICY api_insert ON prep_checklist FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND created_by = (SELECT app_user_id())));
GRANT UPDATE (
    text, status
) ON prep_checklist TO liveconvo_api;
CREATE POLICY api_update ON prep_checklist FOR UPDATE TO liveconvo_api
    USING ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND created_by = (SELECT app_user_id())) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())))
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND created_by = (SELECT app_user_id())) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
GRANT DELETE ON prep_checklist TO liveconvo_api;
CREATE POLICY api_delete ON prep_checklist FOR DELETE TO liveconvo_api
    USING ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND created_by = (SELECT app_user_id())) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
GRANT SELECT ON prep_checklist TO liveconvo_media;
CREATE POLICY media_read ON prep_checklist FOR SELECT TO liveconvo_media
    USING (true);
GRANT UPDATE (
    status
) ON prep_checklist TO liveconvo_media;
CREATE POLICY media_update ON prep_checklist FOR UPDATE TO liveconvo_media
    USING (has_call(session_id, organization_id, 1))
    WITH CHECK (has_call(session_id, organization_id, 1));
GRANT SELECT ON prep_checklist TO liveconvo_jobs;
CREATE POLICY jobs_read ON prep_checklist FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT DELETE ON prep_checklist TO liveconvo_jobs;
CREATE POLICY jobs_delete ON prep_checklist FOR DELETE TO liveconvo_jobs
    USING (true);

-- recordings ----------------------------------------------------------------------------------------------------------
GRANT SELECT ON recordings TO liveconvo_api;
CREATE POLICY api_read ON recordings FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
GRANT SELECT ON recordings TO liveconvo_media;
CREATE POLICY media_read ON recordings FOR SELECT TO liveconvo_media
    USING (true);
GRANT INSERT ON recordings TO liveconvo_media;
CREATE POLICY media_insert ON recordings FOR INSERT TO liveconvo_media
    WITH CHECK (has_call(session_id, organization_id, 1));
GRANT SELECT ON recordings TO liveconvo_jobs;
CREATE POLICY jobs_read ON recordings FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT UPDATE (
    deleted_at
) ON recordings TO liveconvo_jobs;
CREATE POLICY jobs_update ON recordings FOR UPDATE TO liveconvo_jobs
    USING (true)
    WITH CHECK (true);
GRANT DELETE ON recordings TO liveconvo_jobs;
CREATE POLICY jobs_delete ON recordings FOR DELETE TO liveconvo_jobs
    USING (true);

-- session_context -----------------------------------------------------------------------------------------------------
GRANT SELECT ON session_context TO liveconvo_api;
CREATE POLICY api_read ON session_context FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
GRANT INSERT (
    session_id, user_id, organization_id, text_context, context_metadata
) ON session_context TO liveconvo_api;
CREATE POLICY api_insert ON session_context FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND user_id = (SELECT app_user_id())));
GRANT UPDATE (
    text_context, context_metadata
) ON session_context TO liveconvo_api;
CREATE POLICY api_update ON session_context FOR UPDATE TO liveconvo_api
    USING ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND user_id = (SELECT app_user_id())))
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND user_id = (SELECT app_user_id())));
GRANT DELETE ON session_context TO liveconvo_api;
CREATE POLICY api_delete ON session_context FOR DELETE TO liveconvo_api
    USING ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND user_id = (SELECT app_user_id())));
GRANT SELECT ON session_context TO liveconvo_media;
CREATE POLICY media_read ON session_context FOR SELECT TO liveconvo_media
    USING (true);
GRANT SELECT ON session_context TO liveconvo_jobs;
CREATE POLICY jobs_read ON session_context FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT DELETE ON session_context TO liveconvo_jobs;
CREATE POLICY jobs_delete ON session_context FOR DELETE TO liveconvo_jobs
    USING (true);

-- session_events ------------------------------------------------------------------------------------------------------
GRANT SELECT ON session_events TO liveconvo_api;
CREATE POLICY api_read ON session_events FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
GRANT SELECT ON session_events TO liveconvo_media;
CREATE POLICY media_read ON session_events FOR SELECT TO liveconvo_media
    USING (true);
GRANT INSERT ON session_events TO liveconvo_media;
CREATE POLICY media_insert ON session_events FOR INSERT TO liveconvo_media
    WITH CHECK (has_call(session_id, organization_id, epoch));
GRANT SELECT ON session_events TO liveconvo_jobs;
CREATE POLICY jobs_read ON session_events FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT DELETE ON session_events TO liveconvo_jobs;
CREATE POLICY jobs_delete ON session_events FOR DELETE TO liveconvo_jobs
    USING (true);

-- session_invites -----------------------------------------------------------------------------------------------------
GRANT SELECT (
    id, session_id, organization_id, role, name, created_by, expires_at, revoked_at, created_at
) ON session_invites TO liveconvo_api;
CREATE POLICY api_read ON session_invites FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
GRANT INSERT (
    token_hash, session_id, organization_id, role, name, created_by, expires_at
) ON session_invites TO liveconvo_api;
CREATE POLICY api_insert ON session_invites FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND created_by = (SELECT app_user_id())));
GRANT UPDATE (
    revoked_at
) ON session_invites TO liveconvo_api;
CREATE POLICY api_update ON session_invites FOR UPDATE TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_organization_ids())))
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_organization_ids())));
GRANT SELECT (
    id, session_id, organization_id, role, name, created_by, expires_at, revoked_at, created_at
) ON session_invites TO liveconvo_jobs;
CREATE POLICY jobs_read ON session_invites FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT DELETE ON session_invites TO liveconvo_jobs;
CREATE POLICY jobs_delete ON session_invites FOR DELETE TO liveconvo_jobs
    USING (true);

-- session_participants ------------------------------------------------------------------------------------------------
GRANT SELECT ON session_participants TO liveconvo_api;
CREATE POLICY api_read ON session_participants FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
GRANT INSERT (
    id, session_id, organization_id, user_id, name, role, source, shared_mic, coached, consent_version, consented_at
) ON session_participants TO liveconvo_api;
CREATE POLICY api_insert ON session_participants FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND (user_id IS NULL OR user_id = (SELECT app_user_id()))));
GRANT SELECT ON session_participants TO liveconvo_media;
CREATE POLICY media_read ON session_participants FOR SELECT TO liveconvo_media
    USING (true);
GRANT UPDATE (
    joined_at, left_at
) ON session_participants TO liveconvo_media;
CREATE POLICY media_update ON session_participants FOR UPDATE TO liveconvo_media
    USING (has_call(session_id, organization_id, 1))
    WITH CHECK (has_call(session_id, organization_id, 1));
GRANT SELECT ON session_participants TO liveconvo_jobs;
CREATE POLICY jobs_read ON session_participants FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT UPDATE (
    name, user_id
) ON session_participants TO liveconvo_jobs;
CREATE POLICY jobs_update ON session_participants FOR UPDATE TO liveconvo_jobs
    USING (true)
    WITH CHECK (true);

-- session_share_links -------------------------------------------------------------------------------------------------
GRANT SELECT (
    id, session_id, organization_id, created_by, shared_tabs, message, recipient_email, expires_at, revoked_at,
    access_count, last_accessed_at, created_at
) ON session_share_links TO liveconvo_api;
CREATE POLICY api_read ON session_share_links FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
GRANT INSERT (
    token_hash, session_id, organization_id, created_by, shared_tabs, message, recipient_email, expires_at
) ON session_share_links TO liveconvo_api;
CREATE POLICY api_insert ON session_share_links FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND created_by = (SELECT app_user_id())));
GRANT UPDATE (
    revoked_at
) ON session_share_links TO liveconvo_api;
CREATE POLICY api_update ON session_share_links FOR UPDATE TO liveconvo_api
    USING ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND created_by = (SELECT app_user_id())) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())))
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND created_by = (SELECT app_user_id())) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
GRANT SELECT (
    id, session_id, organization_id, created_by, shared_tabs, message, recipient_email, expires_at, revoked_at,
    access_count, last_accessed_at, created_at
) ON session_share_links TO liveconvo_jobs;
CREATE POLICY jobs_read ON session_share_links FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT DELETE ON session_share_links TO liveconvo_jobs;
CREATE POLICY jobs_delete ON session_share_links FOR DELETE TO liveconvo_jobs
    USING (true);

-- session_timeline_events ---------------------------------------------------------------------------------------------
GRANT SELECT ON session_timeline_events TO liveconvo_api;
CREATE POLICY api_read ON session_timeline_events FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
GRANT SELECT ON session_timeline_events TO liveconvo_media;
CREATE POLICY media_read ON session_timeline_events FOR SELECT TO liveconvo_media
    USING (true);
GRANT INSERT ON session_timeline_events TO liveconvo_media;
CREATE POLICY media_insert ON session_timeline_events FOR INSERT TO liveconvo_media
    WITH CHECK (has_call(session_id, organization_id, 1));
GRANT SELECT ON session_timeline_events TO liveconvo_jobs;
CREATE POLICY jobs_read ON session_timeline_events FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT DELETE ON session_timeline_events TO liveconvo_jobs;
CREATE POLICY jobs_delete ON session_timeline_events FOR DELETE TO liveconvo_jobs
    USING (true);

-- sessions ------------------------------------------------------------------------------------------------------------
GRANT SELECT ON sessions TO liveconvo_api;
CREATE POLICY api_read ON sessions FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
GRANT INSERT (
    user_id, organization_id, title, conversation_type, selected_template_id, data_retention_days
) ON sessions TO liveconvo_api;
CREATE POLICY api_insert ON sessions FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND user_id = (SELECT app_user_id())));
GRANT UPDATE (
    title, conversation_type, status, selected_template_id, recording_ended_at, recording_duration_seconds,
    total_words_spoken, user_talk_time_seconds, silence_periods_count, data_retention_days, deleted_at
) ON sessions TO liveconvo_api;
CREATE POLICY api_update ON sessions FOR UPDATE TO liveconvo_api
    USING ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND user_id = (SELECT app_user_id())) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())))
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND user_id = (SELECT app_user_id())) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
GRANT SELECT ON sessions TO liveconvo_media;
CREATE POLICY media_read ON sessions FOR SELECT TO liveconvo_media
    USING (true);
GRANT UPDATE (
    status, recording_started_at, recording_ended_at, recording_duration_seconds, total_words_spoken,
    user_talk_time_seconds, silence_periods_count, realtime_summary_cache, finalized_at
) ON sessions TO liveconvo_media;
CREATE POLICY media_update ON sessions FOR UPDATE TO liveconvo_media
    USING (true)
    WITH CHECK (has_call(id, organization_id, 1));
GRANT SELECT ON sessions TO liveconvo_jobs;
CREATE POLICY jobs_read ON sessions FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT UPDATE (
    finalized_at, status, recording_ended_at, recording_duration_seconds, total_words_spoken, user_talk_time_seconds,
    silence_periods_count, title, realtime_summary_cache, audio_file_url, audio_deleted_at, selected_template_id,
    deleted_at, erased_at
) ON sessions TO liveconvo_jobs;
CREATE POLICY jobs_update ON sessions FOR UPDATE TO liveconvo_jobs
    USING (true)
    WITH CHECK (true);

-- sign_in_links -------------------------------------------------------------------------------------------------------
GRANT SELECT (
    user_id, created_at, expires_at, used_at
) ON sign_in_links TO liveconvo_jobs;
CREATE POLICY jobs_read ON sign_in_links FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT DELETE ON sign_in_links TO liveconvo_jobs;
CREATE POLICY jobs_delete ON sign_in_links FOR DELETE TO liveconvo_jobs
    USING (true);

-- stripe_events -------------------------------------------------------------------------------------------------------
GRANT SELECT ON stripe_events TO liveconvo_jobs;
CREATE POLICY jobs_read ON stripe_events FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT UPDATE (
    processed_at, outcome
) ON stripe_events TO liveconvo_jobs;
CREATE POLICY jobs_update ON stripe_events FOR UPDATE TO liveconvo_jobs
    USING (true)
    WITH CHECK (true);
GRANT DELETE ON stripe_events TO liveconvo_jobs;
CREATE POLICY jobs_delete ON stripe_events FOR DELETE TO liveconvo_jobs
    USING (true);

-- subscription_events -------------------------------------------------------------------------------------------------
GRANT SELECT ON subscription_events TO liveconvo_api;
CREATE POLICY api_read ON subscription_events FOR SELECT TO liveconvo_api
    USING (user_id = (SELECT app_user_id()) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
GRANT SELECT ON subscription_events TO liveconvo_jobs;
CREATE POLICY jobs_read ON subscription_events FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT INSERT ON subscription_events TO liveconvo_jobs;
CREATE POLICY jobs_insert ON subscription_events FOR INSERT TO liveconvo_jobs
    WITH CHECK (true);

-- subscriptions -------------------------------------------------------------------------------------------------------
GRANT SELECT ON subscriptions TO liveconvo_api;
CREATE POLICY api_read ON subscriptions FOR SELECT TO liveconvo_api
    USING (user_id = (SELECT app_user_id()) OR organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
GRANT SELECT (
    organization_id, user_id, plan_id, status, created_at
) ON subscriptions TO liveconvo_media;
CREATE POLICY media_read ON subscriptions FOR SELECT TO liveconvo_media
    USING (true);
GRANT SELECT ON subscriptions TO liveconvo_jobs;
CREATE POLICY jobs_read ON subscriptions FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT INSERT ON subscriptions TO liveconvo_jobs;
CREATE POLICY jobs_insert ON subscriptions FOR INSERT TO liveconvo_jobs
    WITH CHECK (true);
GRANT UPDATE ON subscriptions TO liveconvo_jobs;
CREATE POLICY jobs_update ON subscriptions FOR UPDATE TO liveconvo_jobs
    USING (true)
    WITH CHECK (true);

-- summaries -----------------------------------------------------------------------------------------------------------
GRANT SELECT ON summaries TO liveconvo_api;
CREATE POLICY api_read ON summaries FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
GRANT INSERT (
    session_id, user_id, organization_id, title
) ON summaries TO liveconvo_api;
CREATE POLICY api_insert ON summaries FOR INSERT TO liveconvo_api
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_organization_ids())));
GRANT UPDATE (
    title, tldr, key_decisions, action_items, follow_up_questions, conversation_highlights, structured_notes,
    generation_status, generation_error, export_count, last_exported_at, is_marked_done, deleted_at
) ON summaries TO liveconvo_api;
CREATE POLICY api_update ON summaries FOR UPDATE TO liveconvo_api
    USING ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND user_id = (SELECT app_user_id())) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())))
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids())) AND user_id = (SELECT app_user_id())) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
GRANT SELECT (
    session_id, generation_status, generation_error, deleted_at
) ON summaries TO liveconvo_media;
CREATE POLICY media_read ON summaries FOR SELECT TO liveconvo_media
    USING (true);
GRANT INSERT (
    session_id, user_id, organization_id, title
) ON summaries TO liveconvo_media;
CREATE POLICY media_insert ON summaries FOR INSERT TO liveconvo_media
    WITH CHECK (has_call(session_id, organization_id, 1));
GRANT UPDATE (
    generation_status, generation_error
) ON summaries TO liveconvo_media;
CREATE POLICY media_update ON summaries FOR UPDATE TO liveconvo_media
    USING (has_call(session_id, organization_id, 1))
    WITH CHECK (has_call(session_id, organization_id, 1));
GRANT SELECT ON summaries TO liveconvo_jobs;
CREATE POLICY jobs_read ON summaries FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT INSERT ON summaries TO liveconvo_jobs;
CREATE POLICY jobs_insert ON summaries FOR INSERT TO liveconvo_jobs
    WITH CHECK (true);
GRANT UPDATE ON summaries TO liveconvo_jobs;
CREATE POLICY jobs_update ON summaries FOR UPDATE TO liveconvo_jobs
    USING (true)
    WITH CHECK (true);
GRANT DELETE ON summaries TO liveconvo_jobs;
CREATE POLICY jobs_delete ON summaries FOR DELETE TO liveconvo_jobs
    USING (true);

-- system_logs ---------------------------------------------------------------------------------------------------------
GRANT SELECT ON system_logs TO liveconvo_api;
CREATE POLICY api_read ON system_logs FOR SELECT TO liveconvo_api
    USING ((SELECT is_platform_admin()));
GRANT INSERT (
    level, logger_name, message, user_id, session_id, module, function_name, line_number, exception_traceback,
    request_id, ip_address, endpoint
) ON system_logs TO liveconvo_api;
CREATE POLICY api_insert ON system_logs FOR INSERT TO liveconvo_api
    WITH CHECK (true);
GRANT INSERT (
    level, logger_name, message, user_id, session_id, module, function_name, line_number, exception_traceback,
    request_id, ip_address, endpoint
) ON system_logs TO liveconvo_media;
CREATE POLICY media_insert ON system_logs FOR INSERT TO liveconvo_media
    WITH CHECK (true);
GRANT SELECT ON system_logs TO liveconvo_jobs;
CREATE POLICY jobs_read ON system_logs FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT INSERT ON system_logs TO liveconvo_jobs;
CREATE POLICY jobs_insert ON system_logs FOR INSERT TO liveconvo_jobs
    WITH CHECK (true);
GRANT DELETE ON system_logs TO liveconvo_jobs;
CREATE POLICY jobs_delete ON system_logs FOR DELETE TO liveconvo_jobs
    USING (true);

-- templates -----------------------------------------------------------------------------------------------------------
GRANT SELECT ON templates TO liveconvo_api;
CREATE POLICY api_read ON templates FOR SELECT TO liveconvo_api
    USING ((user_id = (SELECT app_user_id()) AND NOT is_organization_template AND (organization_id IS NULL OR organization_id = ANY (ARRAY(SELECT my_organization_ids())))) OR (is_organization_template AND organization_id = ANY ((SELECT readable_organization_ids())::uuid[])) OR (is_active AND (is_system_template OR is_public)));
GRANT INSERT (
    user_id, organization_id, name, description, conversation_type, is_organization_template, guidance_prompts,
    context_instructions, summary_template
) ON templates TO liveconvo_api;
CREATE POLICY api_insert ON templates FOR INSERT TO liveconvo_api
    WITH CHECK ((user_id = (SELECT app_user_id()) AND NOT is_organization_template AND (organization_id IS NULL OR organization_id = ANY (ARRAY(SELECT my_organization_ids())))) OR (is_organization_template AND organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))));
GRANT UPDATE (
    name, description, conversation_type, guidance_prompts, context_instructions, summary_template, is_active,
    deleted_at
) ON templates TO liveconvo_api;
CREATE POLICY api_update ON templates FOR UPDATE TO liveconvo_api
    USING ((user_id = (SELECT app_user_id()) AND NOT is_organization_template AND (organization_id IS NULL OR organization_id = ANY (ARRAY(SELECT my_organization_ids())))) OR (is_organization_template AND organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))))
    WITH CHECK ((user_id = (SELECT app_user_id()) AND NOT is_organization_template AND (organization_id IS NULL OR organization_id = ANY (ARRAY(SELECT my_organization_ids())))) OR (is_organization_template AND organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))));
GRANT SELECT ON templates TO liveconvo_media;
CREATE POLICY media_read ON templates FOR SELECT TO liveconvo_media
    USING (true);
GRANT SELECT ON templates TO liveconvo_jobs;
CREATE POLICY jobs_read ON templates FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT DELETE ON templates TO liveconvo_jobs;
CREATE POLICY jobs_delete ON templates FOR DELETE TO liveconvo_jobs
    USING (true);

-- transcripts ---------------------------------------------------------------------------------------------------------
GRANT SELECT ON transcripts TO liveconvo_api;
CREATE POLICY api_read ON transcripts FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
GRANT SELECT ON transcripts TO liveconvo_media;
CREATE POLICY media_read ON transcripts FOR SELECT TO liveconvo_media
    USING (true);
GRANT INSERT ON transcripts TO liveconvo_media;
CREATE POLICY media_insert ON transcripts FOR INSERT TO liveconvo_media
    WITH CHECK (has_call(session_id, organization_id, 1));
GRANT SELECT ON transcripts TO liveconvo_jobs;
CREATE POLICY jobs_read ON transcripts FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT DELETE ON transcripts TO liveconvo_jobs;
CREATE POLICY jobs_delete ON transcripts FOR DELETE TO liveconvo_jobs
    USING (true);

-- usage_intervals -----------------------------------------------------------------------------------------------------
GRANT SELECT ON usage_intervals TO liveconvo_api;
CREATE POLICY api_read ON usage_intervals FOR SELECT TO liveconvo_api
    USING (user_id = (SELECT app_user_id()) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
GRANT SELECT ON usage_intervals TO liveconvo_media;
CREATE POLICY media_read ON usage_intervals FOR SELECT TO liveconvo_media
    USING (true);
GRANT INSERT ON usage_intervals TO liveconvo_media;
CREATE POLICY media_insert ON usage_intervals FOR INSERT TO liveconvo_media
    WITH CHECK (has_call(session_id, organization_id, epoch));
GRANT UPDATE ON usage_intervals TO liveconvo_media;
CREATE POLICY media_update ON usage_intervals FOR UPDATE TO liveconvo_media
    USING (has_call(session_id, organization_id, epoch))
    WITH CHECK (has_call(session_id, organization_id, epoch));
GRANT SELECT ON usage_intervals TO liveconvo_jobs;
CREATE POLICY jobs_read ON usage_intervals FOR SELECT TO liveconvo_jobs
    USING (true);

-- usage_tracking ------------------------------------------------------------------------------------------------------
GRANT SELECT ON usage_tracking TO liveconvo_api;
CREATE POLICY api_read ON usage_tracking FOR SELECT TO liveconvo_api
    USING (user_id = (SELECT app_user_id()) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
GRANT SELECT ON usage_tracking TO liveconvo_media;
CREATE POLICY media_read ON usage_tracking FOR SELECT TO liveconvo_media
    USING (true);
GRANT SELECT ON usage_tracking TO liveconvo_jobs;
CREATE POLICY jobs_read ON usage_tracking FOR SELECT TO liveconvo_jobs
    USING (true);

-- user_app_sessions ---------------------------------------------------------------------------------------------------
GRANT SELECT (
    id, user_id, ip_address, user_agent, country_code, city, started_at, last_activity_at, ended_at, duration_seconds,
    page_views, device_type, browser, os
) ON user_app_sessions TO liveconvo_api;
CREATE POLICY api_read ON user_app_sessions FOR SELECT TO liveconvo_api
    USING (user_id = (SELECT app_user_id()));
GRANT INSERT (
    user_id, session_token, ip_address, user_agent, country_code, city, device_type, browser, os
) ON user_app_sessions TO liveconvo_api;
CREATE POLICY api_insert ON user_app_sessions FOR INSERT TO liveconvo_api
    WITH CHECK (user_id = (SELECT app_user_id()));
GRANT UPDATE (
    ended_at
) ON user_app_sessions TO liveconvo_api;
CREATE POLICY api_update ON user_app_sessions FOR UPDATE TO liveconvo_api
    USING (user_id = (SELECT app_user_id()))
    WITH CHECK (user_id = (SELECT app_user_id()));
GRANT SELECT (
    id, user_id, ip_address, user_agent, country_code, city, started_at, last_activity_at, ended_at, duration_seconds,
    page_views, device_type, browser, os
) ON user_app_sessions TO liveconvo_jobs;
CREATE POLICY jobs_read ON user_app_sessions FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT DELETE ON user_app_sessions TO liveconvo_jobs;
CREATE POLICY jobs_delete ON user_app_sessions FOR DELETE TO liveconvo_jobs
    USING (true);

-- users ---------------------------------------------------------------------------------------------------------------
GRANT SELECT (
    id, email, email_verified, full_name, timezone, google_id, last_login_at, has_completed_onboarding,
    has_completed_organization_setup, default_microphone_id, default_speaker_id, is_active, is_email_verified,
    current_organization_id, personal_context, is_admin, created_at, updated_at, deleted_at
) ON users TO liveconvo_api;
CREATE POLICY api_read ON users FOR SELECT TO liveconvo_api
    USING (id = (SELECT app_user_id()));
GRANT UPDATE (
    full_name, timezone, password_hash, last_login_at, default_microphone_id, default_speaker_id, personal_context
) ON users TO liveconvo_api;
CREATE POLICY api_update ON users FOR UPDATE TO liveconvo_api
    USING (id = (SELECT app_user_id()))
    WITH CHECK (id = (SELECT app_user_id()));
GRANT SELECT (
    id, email, email_verified, full_name, timezone, google_id, last_login_at, has_completed_onboarding,
    has_completed_organization_setup, default_microphone_id, default_speaker_id, is_active, is_email_verified,
    current_organization_id, personal_context, is_admin, stripe_customer_id, created_at, updated_at, deleted_at,
    erased_at
) ON users TO liveconvo_jobs;
CREATE POLICY jobs_read ON users FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT UPDATE (
    email, email_verified, is_email_verified, full_name, timezone, password_hash, google_id, last_login_at,
    default_microphone_id, default_speaker_id, is_active, current_organization_id, personal_context, is_admin,
    stripe_customer_id, deleted_at, erased_at
) ON users TO liveconvo_jobs;
CREATE POLICY jobs_update ON users FOR UPDATE TO liveconvo_jobs
    USING (true)
    WITH CHECK (true);

-- webhook_deliveries --------------------------------------------------------------------------------------------------
GRANT SELECT ON webhook_deliveries TO liveconvo_api;
CREATE POLICY api_read ON webhook_deliveries FOR SELECT TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
GRANT SELECT ON webhook_deliveries TO liveconvo_jobs;
CREATE POLICY jobs_read ON webhook_deliveries FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT INSERT ON webhook_deliveries TO liveconvo_jobs;
CREATE POLICY jobs_insert ON webhook_deliveries FOR INSERT TO liveconvo_jobs
    WITH CHECK (true);
GRANT UPDATE ON webhook_deliveries TO liveconvo_jobs;
CREATE POLICY jobs_update ON webhook_deliveries FOR UPDATE TO liveconvo_jobs
    USING (true)
    WITH CHECK (true);
GRANT DELETE ON webhook_deliveries TO liveconvo_jobs;
CREATE POLICY jobs_delete ON webhook_deliveries FOR DELETE TO liveconvo_jobs
    USING (true);

-- webhook_endpoints ---------------------------------------------------------------------------------------------------
GRANT SELECT (
    id, organization_id, url, event_types, is_active, disabled_reason, created_by, created_at, updated_at
) ON webhook_endpoints TO liveconvo_api;
CREATE POLICY api_read ON webhook_endpoints FOR SELECT TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
GRANT INSERT (
    organization_id, url, signing_secret, event_types, created_by
) ON webhook_endpoints TO liveconvo_api;
CREATE POLICY api_insert ON webhook_endpoints FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())) AND created_by = (SELECT app_user_id())));
GRANT UPDATE (
    url, signing_secret, event_types, is_active, disabled_reason
) ON webhook_endpoints TO liveconvo_api;
CREATE POLICY api_update ON webhook_endpoints FOR UPDATE TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())))
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
GRANT DELETE ON webhook_endpoints TO liveconvo_api;
CREATE POLICY api_delete ON webhook_endpoints FOR DELETE TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
GRANT SELECT ON webhook_endpoints TO liveconvo_jobs;
CREATE POLICY jobs_read ON webhook_endpoints FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT UPDATE (
    is_active, disabled_reason
) ON webhook_endpoints TO liveconvo_jobs;
CREATE POLICY jobs_update ON webhook_endpoints FOR UPDATE TO liveconvo_jobs
    USING (true)
    WITH CHECK (true);
GRANT DELETE ON webhook_endpoints TO liveconvo_jobs;
CREATE POLICY jobs_delete ON webhook_endpoints FOR DELETE TO liveconvo_jobs
    USING (true);

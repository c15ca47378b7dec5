-- Rules that the database holds itself. What a program of ours may have written and a new rule forbids is mended here
-- first, in a decided way: nothing of it is refused, and no row is lost but the double of a waiting-list address.
--
-- Errors: LC001 a conflict, LC002 a value, LC003 not found; the message is a stable code.

-- What every role may be told about a broken rule.
CREATE FUNCTION refuse(code text, kind text DEFAULT 'LC001') RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = kind, MESSAGE = code;
END
$$;

-- people -------------------------------------------------------------------------------------------------------------

ALTER TABLE users ADD COLUMN erased_at timestamptz;

UPDATE users
SET email_verified = true,
    is_email_verified = true
WHERE email_verified <> is_email_verified;

ALTER TABLE users
    -- Not more of its form: an owner may have called their first account "boss".
    ADD CONSTRAINT users_email_form_check CHECK (email <> ''),
    ADD CONSTRAINT users_email_flags_check CHECK (email_verified = is_email_verified);

-- Two columns for one fact: whichever is written moves the other; another address is not proven.
CREATE FUNCTION keep_email_flags_equal() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.email_verified := NEW.email_verified OR NEW.is_email_verified;
    ELSIF NEW.email_verified = OLD.email_verified AND NEW.is_email_verified = OLD.is_email_verified THEN
        NEW.email_verified := NEW.email_verified AND NEW.email = OLD.email;
    ELSIF NEW.email_verified = OLD.email_verified THEN
        NEW.email_verified := NEW.is_email_verified;
    END IF;
    NEW.is_email_verified := NEW.email_verified;
    RETURN NEW;
END
$$;
CREATE TRIGGER keep_email_flags_equal BEFORE INSERT OR UPDATE OF email, email_verified, is_email_verified ON users
    FOR EACH ROW EXECUTE FUNCTION keep_email_flags_equal();

ALTER TABLE user_app_sessions
    ADD CONSTRAINT user_app_sessions_duration_check CHECK (duration_seconds >= 0),
    ADD CONSTRAINT user_app_sessions_page_views_check CHECK (page_views >= 0);

ALTER TABLE sign_in_links
    ADD CONSTRAINT sign_in_links_token_hash_check CHECK (octet_length(token_hash) = 32);

DELETE FROM beta_waitlist AS later
USING beta_waitlist AS earlier
WHERE lower(later.email) = lower(earlier.email)
    AND (later.created_at, later.id) > (earlier.created_at, earlier.id);
UPDATE beta_waitlist
SET email = lower(email)
WHERE email <> lower(email);
ALTER TABLE beta_waitlist ADD CONSTRAINT beta_waitlist_email_check CHECK (email = lower(email) AND email LIKE '_%@%_');

-- organizations ------------------------------------------------------------------------------------------------------

ALTER TABLE organizations ADD COLUMN erased_at timestamptz;
UPDATE organizations
SET name = slug
WHERE name = '';
ALTER TABLE organizations
    ADD CONSTRAINT organizations_name_check CHECK (name <> ''),
    ADD CONSTRAINT organizations_slug_check CHECK (slug <> '' AND slug = lower(slug)),
    ADD CONSTRAINT organizations_country_code_check CHECK (country_code ~ '^[A-Z]{2}$'),
    ADD CONSTRAINT organizations_max_members_check CHECK (max_members > 0),
    ADD CONSTRAINT organizations_max_sessions_per_month_check CHECK (max_sessions_per_month >= 0);

ALTER TABLE organization_members
    ADD CONSTRAINT organization_members_permissions_check CHECK (jsonb_typeof(permissions) = 'array'),
    ADD CONSTRAINT organization_members_max_sessions_per_month_check CHECK (max_sessions_per_month >= 0),
    ADD CONSTRAINT organization_members_counters_check CHECK (
        total_sessions_count >= 0 AND total_audio_hours_used >= 0 AND current_month_minutes_used >= 0
    );

-- Whose owner has left: the one who has been there longest, an admin rather than a member, takes over.
WITH ownerless AS (
    SELECT id
    FROM organizations
    WHERE deleted_at IS NULL
        AND NOT EXISTS (
            SELECT FROM organization_members
            WHERE organization_id = organizations.id
                AND role = 'owner'
                AND status = 'active'
        )
),
heir AS (
    SELECT DISTINCT ON (organization_id) organization_members.id
    FROM organization_members
    JOIN ownerless ON ownerless.id = organization_members.organization_id
    WHERE status = 'active'
    ORDER BY organization_id, role = 'admin' DESC, joined_at, organization_members.id
)
UPDATE organization_members
SET role = 'owner'
FROM heir
WHERE organization_members.id = heir.id;
-- And where nobody is left, nobody acts.
UPDATE organizations
SET is_active = false
WHERE deleted_at IS NULL
    AND NOT EXISTS (
        SELECT FROM organization_members
        WHERE organization_id = organizations.id
            AND status = 'active'
    );

-- Locks the organization: of two owners who step back at the same moment the second one sees what the first one did.
CREATE FUNCTION require_owner(wanted_organization_id uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM FROM organizations WHERE id = wanted_organization_id AND deleted_at IS NULL FOR NO KEY UPDATE;
    IF FOUND AND NOT EXISTS (
        SELECT FROM organization_members
        WHERE organization_id = wanted_organization_id
            AND role = 'owner'
            AND status = 'active'
    ) THEN
        PERFORM refuse('organization_needs_owner');
    END IF;
END
$$;
REVOKE ALL ON FUNCTION require_owner(uuid) FROM PUBLIC;

CREATE FUNCTION new_organization_needs_owner() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM require_owner(NEW.id);
    RETURN NULL;
END
$$;
CREATE FUNCTION organization_needs_owner() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM require_owner(OLD.organization_id);
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION new_organization_needs_owner(), organization_needs_owner() FROM PUBLIC;
-- Deferred: an organization and its owner, or a change of owner, are two statements of one transaction.
CREATE CONSTRAINT TRIGGER organization_needs_owner AFTER INSERT OR UPDATE OF deleted_at ON organizations
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION new_organization_needs_owner();
CREATE CONSTRAINT TRIGGER organization_needs_owner
    AFTER UPDATE OF role, status, organization_id OR DELETE ON organization_members
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.role = 'owner') EXECUTE FUNCTION organization_needs_owner();

-- invitations --------------------------------------------------------------------------------------------------------

UPDATE organization_invitations
SET accepted_at = CASE WHEN status = 'accepted' THEN coalesce(accepted_at, updated_at) END,
    declined_at = CASE WHEN status = 'declined' THEN coalesce(declined_at, updated_at) END
WHERE (status = 'accepted') <> (accepted_at IS NOT NULL)
    OR (status = 'declined') <> (declined_at IS NOT NULL);
ALTER TABLE organization_invitations
    ADD CONSTRAINT organization_invitations_accepted_check CHECK ((status = 'accepted') = (accepted_at IS NOT NULL)),
    ADD CONSTRAINT organization_invitations_declined_check CHECK ((status = 'declined') = (declined_at IS NOT NULL));

CREATE FUNCTION check_invitation_state() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status <> 'pending' THEN
        PERFORM refuse('invitation_state');
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER check_invitation_state BEFORE UPDATE OF status ON organization_invitations
    FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION check_invitation_state();

-- plans and payment --------------------------------------------------------------------------------------------------

ALTER TABLE plans
    ADD CONSTRAINT plans_prices_check CHECK (price_monthly >= 0 AND price_yearly >= 0),
    ADD CONSTRAINT plans_limits_check CHECK (
        monthly_audio_hours_limit >= 0 AND monthly_audio_minutes_limit >= 0 AND max_documents_per_session >= 0
        AND max_file_size_mb >= 0 AND max_sessions_per_month >= 0 AND max_organization_members >= 0
        AND max_guidance_requests_per_session >= 0
    ),
    ADD CONSTRAINT plans_ai_model_access_check CHECK (jsonb_typeof(ai_model_access) = 'array');

UPDATE subscriptions
SET user_id = NULL
WHERE organization_id IS NOT NULL
    AND user_id IS NOT NULL;
UPDATE subscriptions
SET status = 'canceled',
    canceled_at = coalesce(canceled_at, now())
WHERE status IN ('active', 'trialing', 'past_due')
    AND EXISTS (
        SELECT FROM subscriptions AS newer
        WHERE newer.status IN ('active', 'trialing', 'past_due')
            AND (newer.organization_id = subscriptions.organization_id OR newer.user_id = subscriptions.user_id)
            AND (newer.created_at, newer.id) > (subscriptions.created_at, subscriptions.id)
    );
-- Who canceled may subscribe again, under the same customer.
ALTER TABLE subscriptions DROP CONSTRAINT subscriptions_stripe_customer_id_key;
CREATE INDEX subscriptions_stripe_customer_id_idx ON subscriptions (stripe_customer_id);
CREATE INDEX subscriptions_plan_id_idx ON subscriptions (plan_id);
CREATE UNIQUE INDEX subscriptions_live_organization_key
    ON subscriptions (organization_id) WHERE status IN ('active', 'trialing', 'past_due');
CREATE UNIQUE INDEX subscriptions_live_user_key
    ON subscriptions (user_id) WHERE status IN ('active', 'trialing', 'past_due');
ALTER TABLE subscriptions
    ADD CONSTRAINT subscriptions_owner_check CHECK (num_nonnulls(organization_id, user_id) = 1),
    ADD CONSTRAINT subscriptions_period_check CHECK (current_period_end >= current_period_start),
    ADD CONSTRAINT subscriptions_hours_check CHECK (monthly_audio_hours_limit >= 0 AND monthly_audio_hours_used >= 0);

-- sessions -----------------------------------------------------------------------------------------------------------

ALTER TABLE sessions ADD COLUMN erased_at timestamptz;
ALTER TABLE sessions
    ADD CONSTRAINT sessions_counters_check CHECK (
        recording_duration_seconds >= 0 AND total_words_spoken >= 0 AND user_talk_time_seconds >= 0
        AND silence_periods_count >= 0
    ),
    ADD CONSTRAINT sessions_data_retention_days_check CHECK (data_retention_days > 0);

-- draft → active → completed ⇄ archived. Media time 0 is fixed once and for all: the log, the transcripts and the
-- usage of every epoch are placed by it.
CREATE FUNCTION check_session_state() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('draft', 'active'), ('active', 'completed'), ('completed', 'archived'), ('archived', 'completed')
    ) THEN
        PERFORM refuse('session_state');
    END IF;
    IF OLD.recording_started_at IS NOT NULL AND NEW.recording_started_at IS DISTINCT FROM OLD.recording_started_at THEN
        PERFORM refuse('recording_started');
    END IF;
    IF OLD.erased_at IS NOT NULL AND NEW.erased_at IS DISTINCT FROM OLD.erased_at THEN
        PERFORM refuse('session_erased');
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER check_session_state BEFORE UPDATE OF status, recording_started_at, erased_at ON sessions
    FOR EACH ROW EXECUTE FUNCTION check_session_state();

-- A foreign key looks past row level security: a foreign playbook must not be chosen by its id.
CREATE FUNCTION check_session_template() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM templates
        WHERE id = NEW.selected_template_id
            AND deleted_at IS NULL
            AND (is_system_template OR is_public OR organization_id = NEW.organization_id OR user_id = NEW.user_id)
    ) THEN
        PERFORM refuse('template_not_found', 'LC003');
    END IF;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION check_session_template() FROM PUBLIC;
CREATE TRIGGER check_session_template BEFORE INSERT OR UPDATE OF selected_template_id ON sessions
    FOR EACH ROW WHEN (NEW.selected_template_id IS NOT NULL) EXECUTE FUNCTION check_session_template();

-- A participant of one session cannot be named in another one.
ALTER TABLE session_participants
    ADD CONSTRAINT session_participants_id_session_id_key UNIQUE (id, session_id),
    ADD CONSTRAINT session_participants_consent_check CHECK ((consent_version IS NULL) = (consented_at IS NULL));
UPDATE transcripts
SET participant_id = NULL
WHERE participant_id IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM session_participants
        WHERE session_participants.id = transcripts.participant_id
            AND session_participants.session_id = transcripts.session_id
    );
ALTER TABLE transcripts DROP CONSTRAINT transcripts_participant_id_fkey;
ALTER TABLE transcripts
    ADD CONSTRAINT transcripts_participant_id_fkey FOREIGN KEY (participant_id, session_id)
        REFERENCES session_participants (id, session_id) ON DELETE SET NULL (participant_id),
    ADD CONSTRAINT transcripts_start_time_seconds_check CHECK (start_time_seconds >= 0),
    ADD CONSTRAINT transcripts_sequence_number_check CHECK (sequence_number > 0),
    ADD CONSTRAINT transcripts_revision_check CHECK (revision >= 0),
    ADD CONSTRAINT transcripts_words_check CHECK (jsonb_typeof(words) = 'array');

ALTER TABLE guidance
    ADD CONSTRAINT guidance_triggered_at_seconds_check CHECK (triggered_at_seconds >= 0),
    ADD CONSTRAINT guidance_processing_time_ms_check CHECK (processing_time_ms >= 0),
    ADD CONSTRAINT guidance_evidence_check CHECK (jsonb_typeof(evidence) = 'array');

UPDATE summaries
SET generation_error = CASE WHEN generation_status = 'failed' THEN 'unknown' END
WHERE (generation_status = 'failed') <> (generation_error IS NOT NULL);
UPDATE summaries
SET tldr = ''
WHERE generation_status = 'completed'
    AND tldr IS NULL;
ALTER TABLE summaries
    ADD CONSTRAINT summaries_error_check CHECK ((generation_status = 'failed') = (generation_error IS NOT NULL)),
    ADD CONSTRAINT summaries_completed_check CHECK (generation_status <> 'completed' OR tldr IS NOT NULL),
    ADD CONSTRAINT summaries_counters_check CHECK (export_count >= 0 AND generation_time_seconds >= 0),
    ADD CONSTRAINT summaries_lists_check CHECK (
        jsonb_typeof(key_decisions) = 'array' AND jsonb_typeof(action_items) = 'array'
        AND jsonb_typeof(follow_up_questions) = 'array' AND jsonb_typeof(conversation_highlights) = 'array'
    );

-- pending → generating → completed or failed. One that a dead worker left generating is claimed again; one that is
-- settled may be asked for anew.
CREATE FUNCTION check_summary_state() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.generation_status, NEW.generation_status) NOT IN (
        ('pending', 'generating'), ('generating', 'completed'), ('generating', 'failed'),
        ('failed', 'generating'), ('failed', 'pending'), ('completed', 'pending')
    ) THEN
        PERFORM refuse('summary_state');
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER check_summary_state BEFORE UPDATE OF generation_status ON summaries
    FOR EACH ROW WHEN (OLD.generation_status <> NEW.generation_status) EXECUTE FUNCTION check_summary_state();

ALTER TABLE templates
    ADD CONSTRAINT templates_name_check CHECK (name <> ''),
    ADD CONSTRAINT templates_scope_check CHECK (
        CASE
            WHEN is_system_template THEN organization_id IS NULL AND user_id IS NULL AND NOT is_organization_template
            WHEN is_organization_template THEN organization_id IS NOT NULL
            ELSE user_id IS NOT NULL
        END
    ),
    ADD CONSTRAINT templates_guidance_prompts_check CHECK (jsonb_typeof(guidance_prompts) = 'array'),
    ADD CONSTRAINT templates_usage_count_check CHECK (usage_count >= 0);

ALTER TABLE documents
    ADD CONSTRAINT documents_original_filename_check CHECK (original_filename <> ''),
    ADD CONSTRAINT documents_file_size_bytes_check CHECK (file_size_bytes >= 0),
    ADD CONSTRAINT documents_ocr_confidence_score_check CHECK (ocr_confidence_score BETWEEN 0 AND 1);
ALTER TABLE session_context
    ADD CONSTRAINT session_context_context_metadata_check CHECK (jsonb_typeof(context_metadata) = 'object');
ALTER TABLE prep_checklist ADD CONSTRAINT prep_checklist_text_check CHECK (text <> '');

-- live calls ---------------------------------------------------------------------------------------------------------

ALTER TABLE session_events
    ADD CONSTRAINT session_events_epoch_check CHECK (epoch > 0),
    ADD CONSTRAINT session_events_audience_check
        CHECK (audience IN ('everyone', 'coached', 'server') OR audience LIKE 'participant:_%');
ALTER TABLE call_commands
    ADD CONSTRAINT call_commands_payload_check CHECK (jsonb_typeof(payload) = 'object'),
    ADD CONSTRAINT call_commands_outcome_check CHECK ((acknowledged_at IS NULL) = (outcome IS NULL));
ALTER TABLE join_tickets DROP CONSTRAINT join_tickets_participant_id_fkey;
ALTER TABLE join_tickets
    ADD CONSTRAINT join_tickets_participant_id_fkey FOREIGN KEY (participant_id, session_id)
        REFERENCES session_participants (id, session_id) ON DELETE CASCADE,
    ADD CONSTRAINT join_tickets_token_hash_check CHECK (octet_length(token_hash) = 32);
ALTER TABLE session_invites
    ADD CONSTRAINT session_invites_token_hash_check CHECK (octet_length(token_hash) = 32);

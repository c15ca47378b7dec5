-- The database as the migrations make it, for reading: what SCHEMA.md and POLICIES.md tell, to the letter.
-- `make schema` writes this page; a test holds it to the migrations. liveconvo_owner runs them and owns all of it.

-- People and organizations --------------------------------------------------------------------------------------------

CREATE TABLE users (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    email varchar(255) NOT NULL,
    email_verified boolean DEFAULT false NOT NULL,
    full_name varchar(255),
    timezone varchar(50) DEFAULT 'UTC' NOT NULL,
    password_hash varchar(255),
    google_id varchar(255),
    last_login_at timestamptz,
    has_completed_onboarding boolean DEFAULT false NOT NULL,
    has_completed_organization_setup boolean DEFAULT false NOT NULL,
    default_microphone_id varchar(255),
    default_speaker_id varchar(255),
    is_active boolean DEFAULT true NOT NULL,
    is_email_verified boolean DEFAULT false NOT NULL,
    current_organization_id uuid,
    personal_context text,
    is_admin boolean DEFAULT false NOT NULL,
    stripe_customer_id varchar(255),
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    deleted_at timestamptz,
    erased_at timestamptz,
    deletion_due_at timestamptz,
    CONSTRAINT users_pkey PRIMARY KEY (id),
    CONSTRAINT users_email_key UNIQUE (email),
    CONSTRAINT users_google_id_key UNIQUE (google_id),
    CONSTRAINT users_current_organization_id_fkey FOREIGN KEY (current_organization_id) REFERENCES organizations(id)
        ON DELETE SET NULL,
    CONSTRAINT users_email_check CHECK (email = lower(email)),
    CONSTRAINT users_email_flags_check CHECK (email_verified = is_email_verified),
    CONSTRAINT users_email_form_check CHECK (email <> ''),
    CONSTRAINT users_erased_check CHECK ((erased_at IS NULL) OR (deleted_at IS NOT NULL))
);
ALTER TABLE users FORCE ROW LEVEL SECURITY;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;

CREATE INDEX users_created_at_idx ON users (created_at, id);
CREATE INDEX users_current_organization_id_idx ON users (current_organization_id);
CREATE INDEX users_deletion_due_at_idx ON users (deletion_due_at) WHERE ((deletion_due_at IS NOT NULL)
    AND (deleted_at IS NULL));

CREATE TRIGGER end_calls_of_person AFTER UPDATE OF is_active, deleted_at ON users FOR EACH ROW WHEN (old.is_active
    AND (old.deleted_at IS NULL) AND ((NOT new.is_active) OR (new.deleted_at IS NOT NULL)))
    EXECUTE FUNCTION end_calls_of_person();
CREATE TRIGGER forget_readable AFTER UPDATE OF is_active, deleted_at, is_admin ON users FOR EACH STATEMENT
    EXECUTE FUNCTION forget_readable();
CREATE TRIGGER keep_email_flags_equal BEFORE INSERT OR UPDATE OF email, email_verified, is_email_verified ON users
    FOR EACH ROW EXECUTE FUNCTION keep_email_flags_equal();
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE POLICY api_read ON users FOR SELECT TO liveconvo_api USING (id = (SELECT app_user_id()));
CREATE POLICY api_update ON users FOR UPDATE TO liveconvo_api
    USING (id = (SELECT app_user_id()))
    WITH CHECK (id = (SELECT app_user_id()));
CREATE POLICY jobs_read ON users FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_update ON users FOR UPDATE TO liveconvo_jobs USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON users TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT (id, email, email_verified, full_name, timezone, google_id, last_login_at, has_completed_onboarding,
    has_completed_organization_setup, default_microphone_id, default_speaker_id, is_active, is_email_verified,
    current_organization_id, personal_context, is_admin, created_at, updated_at, deleted_at, deletion_due_at) ON users
    TO liveconvo_api;
GRANT UPDATE (full_name, timezone, password_hash, last_login_at, default_microphone_id, default_speaker_id,
    personal_context, deletion_due_at) ON users TO liveconvo_api;
GRANT SELECT (id, email, email_verified, full_name, timezone, google_id, last_login_at, has_completed_onboarding,
    has_completed_organization_setup, default_microphone_id, default_speaker_id, is_active, is_email_verified,
    current_organization_id, personal_context, is_admin, stripe_customer_id, created_at, updated_at, deleted_at,
    erased_at, deletion_due_at) ON users TO liveconvo_jobs;
GRANT UPDATE (email, email_verified, full_name, timezone, password_hash, google_id, last_login_at,
    default_microphone_id, default_speaker_id, is_active, is_email_verified, current_organization_id, personal_context,
    is_admin, stripe_customer_id, deleted_at, erased_at, deletion_due_at) ON users TO liveconvo_jobs;

CREATE TABLE organizations (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name varchar(255) NOT NULL,
    display_name varchar(255),
    slug varchar(100) NOT NULL,
    description text,
    website_url varchar(512),
    contact_email varchar(255),
    phone varchar(50),
    address_line_1 varchar(255),
    address_line_2 varchar(255),
    city varchar(100),
    state_province varchar(100),
    postal_code varchar(20),
    country_code varchar(2),
    default_timezone varchar(50) DEFAULT 'UTC' NOT NULL,
    default_language varchar(10) DEFAULT 'en' NOT NULL,
    branding_logo_url varchar(512),
    branding_primary_color varchar(7),
    tax_id varchar(100),
    billing_email varchar(255),
    monthly_audio_hours_limit integer,
    max_members integer DEFAULT 10,
    max_sessions_per_month integer,
    is_active boolean DEFAULT true NOT NULL,
    is_verified boolean DEFAULT false NOT NULL,
    verification_requested_at timestamptz,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    deleted_at timestamptz,
    erased_at timestamptz,
    CONSTRAINT organizations_pkey PRIMARY KEY (id),
    CONSTRAINT organizations_slug_key UNIQUE (slug),
    CONSTRAINT organizations_branding_primary_color_check CHECK (branding_primary_color ~ '^#[0-9a-fA-F]{6}$'),
    CONSTRAINT organizations_country_code_check CHECK (country_code ~ '^[A-Z]{2}$'),
    CONSTRAINT organizations_erased_check CHECK ((erased_at IS NULL) OR (deleted_at IS NOT NULL)),
    CONSTRAINT organizations_max_members_check CHECK (max_members > 0),
    CONSTRAINT organizations_max_sessions_per_month_check CHECK (max_sessions_per_month >= 0),
    CONSTRAINT organizations_monthly_audio_hours_limit_check CHECK (monthly_audio_hours_limit >= 0),
    CONSTRAINT organizations_name_check CHECK (name <> ''),
    CONSTRAINT organizations_slug_check CHECK ((slug <> '') AND (slug = lower(slug)))
);
ALTER TABLE organizations FORCE ROW LEVEL SECURITY;
ALTER TABLE organizations ENABLE ROW LEVEL SECURITY;

CREATE INDEX organizations_created_at_idx ON organizations (created_at, id);
CREATE INDEX organizations_verification_idx ON organizations (verification_requested_at)
    WHERE ((verification_requested_at IS NOT NULL) AND (NOT is_verified));

CREATE TRIGGER end_calls_of_organization AFTER UPDATE OF is_active, deleted_at ON organizations
    FOR EACH ROW WHEN (old.is_active AND (old.deleted_at IS NULL) AND ((NOT new.is_active)
    OR (new.deleted_at IS NOT NULL))) EXECUTE FUNCTION end_calls_of_organization();
CREATE TRIGGER forget_readable AFTER UPDATE OF is_active, deleted_at ON organizations FOR EACH STATEMENT
    EXECUTE FUNCTION forget_readable();
CREATE TRIGGER forget_verification BEFORE UPDATE OF name, display_name ON organizations
    FOR EACH ROW WHEN (old.is_verified AND ((old.name IS DISTINCT FROM new.name)
    OR (old.display_name IS DISTINCT FROM new.display_name)) AND (new.deleted_at IS NULL))
    EXECUTE FUNCTION forget_verification();
CREATE CONSTRAINT TRIGGER organization_needs_owner AFTER INSERT
    OR UPDATE OF deleted_at ON organizations DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION new_organization_needs_owner();
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON organizations FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE POLICY api_read ON organizations FOR SELECT TO liveconvo_api
    USING (id = ANY ((SELECT readable_organization_ids())::uuid[]));
CREATE POLICY api_update ON organizations FOR UPDATE TO liveconvo_api
    USING (id = ANY (ARRAY(SELECT my_managed_organization_ids())))
    WITH CHECK (id = ANY (ARRAY(SELECT my_managed_organization_ids())));
CREATE POLICY jobs_read ON organizations FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_update ON organizations FOR UPDATE TO liveconvo_jobs USING (true) WITH CHECK (true);
CREATE POLICY media_read ON organizations FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY owner_all ON organizations TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON organizations TO liveconvo_api;
GRANT UPDATE (name, display_name, description, website_url, contact_email, phone, address_line_1, address_line_2, city,
    state_province, postal_code, country_code, default_timezone, default_language, branding_logo_url,
    branding_primary_color, tax_id, billing_email, monthly_audio_hours_limit, max_members, max_sessions_per_month,
    verification_requested_at) ON organizations TO liveconvo_api;
GRANT SELECT ON organizations TO liveconvo_jobs;
GRANT UPDATE (name, display_name, slug, description, website_url, contact_email, phone, address_line_1, address_line_2,
    city, state_province, postal_code, country_code, branding_logo_url, branding_primary_color, tax_id, billing_email,
    is_active, deleted_at, erased_at) ON organizations TO liveconvo_jobs;
GRANT SELECT (id, monthly_audio_hours_limit) ON organizations TO liveconvo_media;

CREATE TABLE organization_members (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    role varchar(20) DEFAULT 'member' NOT NULL,
    permissions jsonb DEFAULT '[]'::jsonb NOT NULL,
    status varchar(20) DEFAULT 'active' NOT NULL,
    monthly_audio_hours_limit integer,
    max_sessions_per_month integer,
    total_sessions_count integer DEFAULT 0 NOT NULL,
    total_audio_hours_used numeric(6,2) DEFAULT 0 NOT NULL,
    last_session_at timestamptz,
    joined_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    current_month_minutes_used integer DEFAULT 0 NOT NULL,
    current_month_start date,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT organization_members_pkey PRIMARY KEY (id),
    CONSTRAINT organization_members_organization_id_user_id_key UNIQUE (organization_id, user_id),
    CONSTRAINT organization_members_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id)
        ON DELETE CASCADE,
    CONSTRAINT organization_members_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT organization_members_counters_check CHECK ((total_sessions_count >= 0) AND (total_audio_hours_used >= 0)
        AND (current_month_minutes_used >= 0)),
    CONSTRAINT organization_members_max_sessions_per_month_check CHECK (max_sessions_per_month >= 0),
    CONSTRAINT organization_members_monthly_audio_hours_limit_check CHECK (monthly_audio_hours_limit >= 0),
    CONSTRAINT organization_members_permissions_check CHECK (jsonb_typeof(permissions) = 'array'),
    CONSTRAINT organization_members_role_check CHECK (role IN ('owner', 'admin', 'member')),
    CONSTRAINT organization_members_status_check CHECK (status IN ('active', 'inactive', 'pending', 'removed'))
);
ALTER TABLE organization_members FORCE ROW LEVEL SECURITY;
ALTER TABLE organization_members ENABLE ROW LEVEL SECURITY;

CREATE INDEX organization_members_user_id_idx ON organization_members (user_id);

CREATE TRIGGER announce AFTER INSERT OR UPDATE OF status ON organization_members FOR EACH ROW
    EXECUTE FUNCTION announce();
CREATE TRIGGER audit_change AFTER INSERT OR DELETE OR UPDATE OF role, status, permissions, monthly_audio_hours_limit,
    max_sessions_per_month ON organization_members FOR EACH ROW EXECUTE FUNCTION audit_change('role', 'status',
    'monthly_audio_hours_limit', 'max_sessions_per_month');
CREATE TRIGGER forget_readable AFTER INSERT OR DELETE OR UPDATE OF organization_id, user_id,
    status ON organization_members FOR EACH STATEMENT EXECUTE FUNCTION forget_readable();
CREATE CONSTRAINT TRIGGER organization_needs_owner AFTER DELETE OR UPDATE OF role, status,
    organization_id ON organization_members DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (old.role = 'owner')
    EXECUTE FUNCTION organization_needs_owner();
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON organization_members FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE POLICY api_read ON organization_members FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
CREATE POLICY jobs_read ON organization_members FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_update ON organization_members FOR UPDATE TO liveconvo_jobs USING (true) WITH CHECK (true);
CREATE POLICY media_read ON organization_members FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY owner_all ON organization_members TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON organization_members TO liveconvo_api;
GRANT SELECT ON organization_members TO liveconvo_jobs;
GRANT UPDATE (status) ON organization_members TO liveconvo_jobs;
GRANT SELECT (organization_id, user_id, monthly_audio_hours_limit) ON organization_members TO liveconvo_media;

CREATE TABLE organization_invitations (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    organization_id uuid NOT NULL,
    invited_by_user_id uuid NOT NULL,
    email varchar(255) NOT NULL,
    role varchar(20) DEFAULT 'member' NOT NULL,
    personal_message text,
    invitation_token varchar(255) NOT NULL,
    expires_at timestamptz NOT NULL,
    status varchar(20) DEFAULT 'pending' NOT NULL,
    accepted_by_user_id uuid,
    accepted_at timestamptz,
    declined_at timestamptz,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT organization_invitations_pkey PRIMARY KEY (id),
    CONSTRAINT organization_invitations_invitation_token_key UNIQUE (invitation_token),
    CONSTRAINT organization_invitations_accepted_by_user_id_fkey FOREIGN KEY (accepted_by_user_id) REFERENCES users(id)
        ON DELETE SET NULL,
    CONSTRAINT organization_invitations_invited_by_user_id_fkey FOREIGN KEY (invited_by_user_id) REFERENCES users(id)
        ON DELETE CASCADE,
    CONSTRAINT organization_invitations_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id)
        ON DELETE CASCADE,
    CONSTRAINT organization_invitations_accepted_check CHECK ((status = 'accepted') = (accepted_at IS NOT NULL)),
    CONSTRAINT organization_invitations_declined_check CHECK ((status = 'declined') = (declined_at IS NOT NULL)),
    CONSTRAINT organization_invitations_email_check CHECK (email = lower(email)),
    CONSTRAINT organization_invitations_role_check CHECK (role IN ('owner', 'admin', 'member')),
    CONSTRAINT organization_invitations_status_check CHECK (status IN ('pending', 'accepted', 'declined', 'expired',
        'cancelled'))
);
ALTER TABLE organization_invitations FORCE ROW LEVEL SECURITY;
ALTER TABLE organization_invitations ENABLE ROW LEVEL SECURITY;

CREATE INDEX organization_invitations_email_idx ON organization_invitations (email);
CREATE INDEX organization_invitations_organization_id_idx ON organization_invitations (organization_id, created_at DESC,
    id DESC);
CREATE UNIQUE INDEX organization_invitations_pending_key ON organization_invitations (organization_id, email)
    WHERE (status = 'pending');

CREATE TRIGGER audit_change AFTER INSERT OR DELETE OR UPDATE OF status, role ON organization_invitations FOR EACH ROW
    EXECUTE FUNCTION audit_change('role', 'status');
CREATE TRIGGER check_invitation_role BEFORE INSERT OR UPDATE OF role, invited_by_user_id ON organization_invitations
    FOR EACH ROW WHEN (new.role = 'owner') EXECUTE FUNCTION check_invitation_role();
CREATE TRIGGER check_invitation_state BEFORE UPDATE OF status ON organization_invitations
    FOR EACH ROW WHEN (old.status <> new.status) EXECUTE FUNCTION check_invitation_state();
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON organization_invitations FOR EACH ROW
    EXECUTE FUNCTION touch_updated_at();

CREATE POLICY api_insert ON organization_invitations FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())))
        AND (invited_by_user_id = (SELECT app_user_id())));
CREATE POLICY api_read ON organization_invitations FOR SELECT TO liveconvo_api
    USING ((organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())))
        OR (email = (SELECT my_verified_email())));
CREATE POLICY api_update ON organization_invitations FOR UPDATE TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())))
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
CREATE POLICY jobs_delete ON organization_invitations FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON organization_invitations FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_update ON organization_invitations FOR UPDATE TO liveconvo_jobs USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON organization_invitations TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT (id, organization_id, invited_by_user_id, email, role, personal_message, expires_at, status,
    accepted_by_user_id, accepted_at, declined_at, created_at, updated_at) ON organization_invitations TO liveconvo_api;
GRANT INSERT (organization_id, invited_by_user_id, email, role, personal_message, invitation_token,
    expires_at) ON organization_invitations TO liveconvo_api;
GRANT UPDATE (personal_message, invitation_token, expires_at, status) ON organization_invitations TO liveconvo_api;
GRANT DELETE ON organization_invitations TO liveconvo_jobs;
GRANT SELECT (id, organization_id, invited_by_user_id, email, role, personal_message, expires_at, status,
    accepted_by_user_id, accepted_at, declined_at, created_at, updated_at) ON organization_invitations
    TO liveconvo_jobs;
GRANT UPDATE (status) ON organization_invitations TO liveconvo_jobs;

CREATE TABLE user_app_sessions (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid,
    session_token varchar(255),
    ip_address inet,
    user_agent text,
    country_code varchar(2),
    city varchar(100),
    started_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    last_activity_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    ended_at timestamptz,
    duration_seconds integer,
    page_views integer DEFAULT 0 NOT NULL,
    device_type varchar(20),
    browser varchar(50),
    os varchar(50),
    CONSTRAINT user_app_sessions_pkey PRIMARY KEY (id),
    CONSTRAINT user_app_sessions_session_token_key UNIQUE (session_token),
    CONSTRAINT user_app_sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT user_app_sessions_device_type_check CHECK (device_type IN ('desktop', 'tablet', 'mobile')),
    CONSTRAINT user_app_sessions_duration_check CHECK (duration_seconds >= 0),
    CONSTRAINT user_app_sessions_page_views_check CHECK (page_views >= 0)
);
ALTER TABLE user_app_sessions FORCE ROW LEVEL SECURITY;
ALTER TABLE user_app_sessions ENABLE ROW LEVEL SECURITY;

CREATE INDEX user_app_sessions_user_id_idx ON user_app_sessions (user_id, started_at);

CREATE POLICY api_insert ON user_app_sessions FOR INSERT TO liveconvo_api WITH CHECK (user_id = (SELECT app_user_id()));
CREATE POLICY api_read ON user_app_sessions FOR SELECT TO liveconvo_api USING (user_id = (SELECT app_user_id()));
CREATE POLICY api_update ON user_app_sessions FOR UPDATE TO liveconvo_api
    USING (user_id = (SELECT app_user_id()))
    WITH CHECK (user_id = (SELECT app_user_id()));
CREATE POLICY jobs_delete ON user_app_sessions FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON user_app_sessions FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY owner_all ON user_app_sessions TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT (id, user_id, ip_address, user_agent, country_code, city, started_at, last_activity_at, ended_at,
    duration_seconds, page_views, device_type, browser, os) ON user_app_sessions TO liveconvo_api;
GRANT INSERT (user_id, session_token, ip_address, user_agent, country_code, city, device_type, browser,
    os) ON user_app_sessions TO liveconvo_api;
GRANT UPDATE (ended_at) ON user_app_sessions TO liveconvo_api;
GRANT DELETE ON user_app_sessions TO liveconvo_jobs;
GRANT SELECT (id, user_id, ip_address, user_agent, country_code, city, started_at, last_activity_at, ended_at,
    duration_seconds, page_views, device_type, browser, os) ON user_app_sessions TO liveconvo_jobs;

CREATE TABLE sign_ups (
    token_hash bytea NOT NULL,
    email varchar(255) NOT NULL,
    full_name varchar(255) NOT NULL,
    timezone varchar(50) DEFAULT 'UTC' NOT NULL,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT sign_ups_pkey PRIMARY KEY (token_hash),
    CONSTRAINT sign_ups_email_check CHECK (email = lower(email)),
    CONSTRAINT sign_ups_token_hash_check CHECK (octet_length(token_hash) = 32)
);
ALTER TABLE sign_ups FORCE ROW LEVEL SECURITY;
ALTER TABLE sign_ups ENABLE ROW LEVEL SECURITY;

CREATE INDEX sign_ups_email_idx ON sign_ups (email);

CREATE POLICY jobs_delete ON sign_ups FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_insert ON sign_ups FOR INSERT TO liveconvo_jobs WITH CHECK (true);
CREATE POLICY jobs_read ON sign_ups FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY owner_all ON sign_ups TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT DELETE ON sign_ups TO liveconvo_jobs;
GRANT INSERT (token_hash, email, full_name, timezone, expires_at) ON sign_ups TO liveconvo_jobs;
GRANT SELECT (email, created_at, expires_at, used_at) ON sign_ups TO liveconvo_jobs;

CREATE TABLE sign_in_links (
    token_hash bytea NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    purpose varchar(20) DEFAULT 'sign_in' NOT NULL,
    CONSTRAINT sign_in_links_pkey PRIMARY KEY (token_hash),
    CONSTRAINT sign_in_links_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT sign_in_links_purpose_check CHECK (purpose IN ('sign_in', 'verify_email', 'reset_password')),
    CONSTRAINT sign_in_links_token_hash_check CHECK (octet_length(token_hash) = 32)
);
ALTER TABLE sign_in_links FORCE ROW LEVEL SECURITY;
ALTER TABLE sign_in_links ENABLE ROW LEVEL SECURITY;

CREATE INDEX sign_in_links_user_id_idx ON sign_in_links (user_id);

CREATE POLICY jobs_delete ON sign_in_links FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_insert ON sign_in_links FOR INSERT TO liveconvo_jobs WITH CHECK (true);
CREATE POLICY jobs_read ON sign_in_links FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY owner_all ON sign_in_links TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT DELETE ON sign_in_links TO liveconvo_jobs;
GRANT INSERT (token_hash, user_id, expires_at, purpose) ON sign_in_links TO liveconvo_jobs;
GRANT SELECT (user_id, created_at, expires_at, used_at, purpose) ON sign_in_links TO liveconvo_jobs;

CREATE TABLE beta_waitlist (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    email text NOT NULL,
    company text NOT NULL,
    use_case text NOT NULL,
    status text DEFAULT 'pending' NOT NULL,
    notes text,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    referral_source text,
    interest_level text,
    approved_at timestamptz,
    CONSTRAINT beta_waitlist_pkey PRIMARY KEY (id),
    CONSTRAINT beta_waitlist_email_key UNIQUE (email),
    CONSTRAINT beta_waitlist_email_check CHECK ((email = lower(email)) AND (email LIKE '_%@%_')),
    CONSTRAINT beta_waitlist_status_check CHECK (status IN ('pending', 'approved', 'rejected', 'invited')),
    CONSTRAINT beta_waitlist_use_case_check CHECK (use_case IN ('sales', 'consulting', 'hiring', 'support', 'other'))
);
ALTER TABLE beta_waitlist FORCE ROW LEVEL SECURITY;
ALTER TABLE beta_waitlist ENABLE ROW LEVEL SECURITY;

CREATE INDEX beta_waitlist_status_idx ON beta_waitlist (status, created_at);

CREATE TRIGGER touch_updated_at BEFORE UPDATE ON beta_waitlist FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE POLICY api_read ON beta_waitlist FOR SELECT TO liveconvo_api
    USING ((SELECT is_platform_admin()) OR (email = (SELECT my_verified_email())));
CREATE POLICY api_update ON beta_waitlist FOR UPDATE TO liveconvo_api
    USING (SELECT is_platform_admin())
    WITH CHECK (SELECT is_platform_admin());
CREATE POLICY jobs_delete ON beta_waitlist FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON beta_waitlist FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY owner_all ON beta_waitlist TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON beta_waitlist TO liveconvo_api;
GRANT UPDATE (status, notes, approved_at) ON beta_waitlist TO liveconvo_api;
GRANT SELECT, DELETE ON beta_waitlist TO liveconvo_jobs;

CREATE TABLE api_keys (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    key_hash bytea NOT NULL,
    key_prefix varchar(16) NOT NULL,
    name varchar(255) NOT NULL,
    user_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    scopes text[] DEFAULT '{}'::text[] NOT NULL,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash),
    CONSTRAINT api_keys_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id)
        ON DELETE CASCADE,
    CONSTRAINT api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT api_keys_check CHECK (expires_at > created_at),
    CONSTRAINT api_keys_key_hash_check CHECK (octet_length(key_hash) = 32),
    CONSTRAINT api_keys_name_check CHECK (name <> ''),
    CONSTRAINT api_keys_scopes_check CHECK (scopes <@ ARRAY['read', 'write', 'admin'])
);
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;

CREATE INDEX api_keys_organization_id_idx ON api_keys (organization_id, created_at DESC);
CREATE INDEX api_keys_user_id_idx ON api_keys (user_id);

CREATE TRIGGER audit_change AFTER INSERT OR DELETE OR UPDATE OF revoked_at ON api_keys FOR EACH ROW
    EXECUTE FUNCTION audit_change('scopes');

CREATE POLICY api_insert ON api_keys FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids()))) AND (user_id = (SELECT app_user_id())));
CREATE POLICY api_read ON api_keys FOR SELECT TO liveconvo_api
    USING ((user_id = (SELECT app_user_id())) OR (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))));
CREATE POLICY api_update ON api_keys FOR UPDATE TO liveconvo_api
    USING ((user_id = (SELECT app_user_id())) OR (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))))
    WITH CHECK ((user_id = (SELECT app_user_id()))
        OR (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))));
CREATE POLICY jobs_delete ON api_keys FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON api_keys FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY owner_all ON api_keys TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT (id, key_prefix, name, user_id, organization_id, scopes, created_at, expires_at, last_used_at,
    revoked_at) ON api_keys TO liveconvo_api;
GRANT INSERT (key_hash, key_prefix, name, user_id, organization_id, scopes, expires_at) ON api_keys TO liveconvo_api;
GRANT UPDATE (name, revoked_at) ON api_keys TO liveconvo_api;
GRANT DELETE ON api_keys TO liveconvo_jobs;
GRANT SELECT (id, key_prefix, name, user_id, organization_id, scopes, created_at, expires_at, last_used_at,
    revoked_at) ON api_keys TO liveconvo_jobs;

CREATE TABLE audit_log (
    id bigint NOT NULL,
    organization_id uuid,
    at timestamptz DEFAULT clock_timestamp() NOT NULL,
    actor_kind varchar(20) NOT NULL,
    actor_id uuid,
    action varchar(100) NOT NULL,
    target_kind varchar(50) NOT NULL,
    target_id uuid,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    previous_hash bytea,
    hash bytea NOT NULL,
    CONSTRAINT audit_log_pkey PRIMARY KEY (id),
    CONSTRAINT audit_log_action_check CHECK (action ~ '^[a-z_]+\.[a-z_]+$'),
    CONSTRAINT audit_log_actor_kind_check CHECK (actor_kind IN ('user', 'platform_admin', 'job', 'system')),
    CONSTRAINT audit_log_details_check CHECK (jsonb_typeof(details) = 'object'),
    CONSTRAINT audit_log_hash_check CHECK (octet_length(hash) = 32)
);
ALTER TABLE audit_log FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;

ALTER TABLE audit_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME audit_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE INDEX audit_log_organization_id_idx ON audit_log (organization_id, id DESC);

CREATE TRIGGER chain_audit BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION chain_audit();
CREATE TRIGGER keep_all_audit BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION keep_audit();
CREATE TRIGGER keep_audit BEFORE DELETE OR UPDATE ON audit_log FOR EACH ROW EXECUTE FUNCTION keep_audit();

CREATE POLICY api_read ON audit_log FOR SELECT TO liveconvo_api
    USING ((organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))) OR (SELECT is_platform_admin()));
CREATE POLICY jobs_read ON audit_log FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY owner_all ON audit_log TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON audit_log TO liveconvo_api;
GRANT SELECT ON audit_log TO liveconvo_jobs;

CREATE TABLE admin_grants (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    reason text NOT NULL,
    opened_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    expires_at timestamptz NOT NULL,
    closed_at timestamptz,
    opened_in xid8 DEFAULT pg_current_xact_id() NOT NULL,
    CONSTRAINT admin_grants_pkey PRIMARY KEY (id),
    CONSTRAINT admin_grants_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id)
        ON DELETE CASCADE,
    CONSTRAINT admin_grants_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT admin_grants_check CHECK ((expires_at > opened_at)
        AND (expires_at <= (opened_at + '01:00:00'::interval))),
    CONSTRAINT admin_grants_reason_check CHECK (btrim(reason) <> '')
);
ALTER TABLE admin_grants FORCE ROW LEVEL SECURITY;
ALTER TABLE admin_grants ENABLE ROW LEVEL SECURITY;

CREATE INDEX admin_grants_organization_id_idx ON admin_grants (organization_id);
CREATE INDEX admin_grants_user_id_idx ON admin_grants (user_id, expires_at);

CREATE TRIGGER forget_readable AFTER INSERT OR DELETE OR UPDATE ON admin_grants FOR EACH STATEMENT
    EXECUTE FUNCTION forget_readable();

CREATE POLICY api_read ON admin_grants FOR SELECT TO liveconvo_api
    USING ((user_id = (SELECT app_user_id())) OR (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))));
CREATE POLICY jobs_delete ON admin_grants FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON admin_grants FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY owner_all ON admin_grants TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON admin_grants TO liveconvo_api;
GRANT SELECT, DELETE ON admin_grants TO liveconvo_jobs;

-- Plans and payment ---------------------------------------------------------------------------------------------------

CREATE TABLE plans (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name varchar(50) NOT NULL,
    display_name varchar(100) NOT NULL,
    description text,
    plan_type varchar(20) DEFAULT 'individual' NOT NULL,
    price_monthly numeric(8,2),
    price_yearly numeric(8,2),
    stripe_price_id_monthly varchar(255),
    stripe_price_id_yearly varchar(255),
    monthly_audio_hours_limit integer,
    monthly_audio_minutes_limit integer,
    max_documents_per_session integer DEFAULT 10,
    max_file_size_mb integer DEFAULT 25,
    max_sessions_per_month integer,
    max_organization_members integer,
    has_real_time_guidance boolean DEFAULT true NOT NULL,
    has_advanced_summaries boolean DEFAULT false NOT NULL,
    has_export_options boolean DEFAULT false NOT NULL,
    has_email_summaries boolean DEFAULT false NOT NULL,
    has_api_access boolean DEFAULT false NOT NULL,
    has_custom_templates boolean DEFAULT false NOT NULL,
    has_priority_support boolean DEFAULT false NOT NULL,
    has_analytics_dashboard boolean DEFAULT false NOT NULL,
    has_team_collaboration boolean DEFAULT false NOT NULL,
    ai_model_access jsonb DEFAULT '["gpt-4o-mini"]'::jsonb NOT NULL,
    max_guidance_requests_per_session integer DEFAULT 50,
    summary_generation_priority integer DEFAULT 3 NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    is_featured boolean DEFAULT false NOT NULL,
    sort_order integer DEFAULT 0 NOT NULL,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT plans_pkey PRIMARY KEY (id),
    CONSTRAINT plans_name_key UNIQUE (name),
    CONSTRAINT plans_ai_model_access_check CHECK (jsonb_typeof(ai_model_access) = 'array'),
    CONSTRAINT plans_limits_check CHECK ((monthly_audio_hours_limit >= 0) AND (monthly_audio_minutes_limit >= 0)
        AND (max_documents_per_session >= 0) AND (max_file_size_mb >= 0) AND (max_sessions_per_month >= 0)
        AND (max_organization_members >= 0) AND (max_guidance_requests_per_session >= 0)),
    CONSTRAINT plans_plan_type_check CHECK (plan_type IN ('individual', 'organization')),
    CONSTRAINT plans_prices_check CHECK ((price_monthly >= 0) AND (price_yearly >= 0)),
    CONSTRAINT plans_summary_generation_priority_check CHECK ((summary_generation_priority >= 1)
        AND (summary_generation_priority <= 3))
);
ALTER TABLE plans FORCE ROW LEVEL SECURITY;
ALTER TABLE plans ENABLE ROW LEVEL SECURITY;

CREATE TRIGGER keep_free_plan BEFORE UPDATE OF is_active ON plans FOR EACH ROW WHEN ((old.name = 'individual_free')
    AND (NOT new.is_active)) EXECUTE FUNCTION keep_free_plan();
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON plans FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE POLICY api_insert ON plans FOR INSERT TO liveconvo_api WITH CHECK (SELECT is_platform_admin());
CREATE POLICY api_read ON plans FOR SELECT TO liveconvo_api USING (true);
CREATE POLICY api_update ON plans FOR UPDATE TO liveconvo_api
    USING (SELECT is_platform_admin())
    WITH CHECK (SELECT is_platform_admin());
CREATE POLICY jobs_read ON plans FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY media_read ON plans FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY owner_all ON plans TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON plans TO liveconvo_api;
GRANT INSERT (name, display_name, description, plan_type, price_monthly, price_yearly, stripe_price_id_monthly,
    stripe_price_id_yearly, monthly_audio_hours_limit, monthly_audio_minutes_limit, max_documents_per_session,
    max_file_size_mb, max_sessions_per_month, max_organization_members, has_real_time_guidance, has_advanced_summaries,
    has_export_options, has_email_summaries, has_api_access, has_custom_templates, has_priority_support,
    has_analytics_dashboard, has_team_collaboration, ai_model_access, max_guidance_requests_per_session,
    summary_generation_priority, is_active, is_featured, sort_order) ON plans TO liveconvo_api;
GRANT UPDATE (display_name, description, price_monthly, price_yearly, stripe_price_id_monthly, stripe_price_id_yearly,
    monthly_audio_hours_limit, monthly_audio_minutes_limit, max_documents_per_session, max_file_size_mb,
    max_sessions_per_month, max_organization_members, has_real_time_guidance, has_advanced_summaries,
    has_export_options, has_email_summaries, has_api_access, has_custom_templates, has_priority_support,
    has_analytics_dashboard, has_team_collaboration, ai_model_access, max_guidance_requests_per_session,
    summary_generation_priority, is_active, is_featured, sort_order) ON plans TO liveconvo_api;
GRANT SELECT ON plans TO liveconvo_jobs;
GRANT SELECT ON plans TO liveconvo_media;

CREATE TABLE subscriptions (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    organization_id uuid,
    user_id uuid,
    plan_id uuid NOT NULL,
    stripe_customer_id varchar(255),
    stripe_subscription_id varchar(255),
    stripe_price_id varchar(255),
    plan_type varchar(20) NOT NULL,
    status varchar(20) NOT NULL,
    current_period_start timestamptz,
    current_period_end timestamptz,
    monthly_audio_hours_limit integer,
    monthly_audio_hours_used numeric(6,2) DEFAULT 0 NOT NULL,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    canceled_at timestamptz,
    stripe_updated_at timestamptz,
    CONSTRAINT subscriptions_pkey PRIMARY KEY (id),
    CONSTRAINT subscriptions_stripe_subscription_id_key UNIQUE (stripe_subscription_id),
    CONSTRAINT subscriptions_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id)
        ON DELETE CASCADE,
    CONSTRAINT subscriptions_plan_id_fkey FOREIGN KEY (plan_id) REFERENCES plans(id),
    CONSTRAINT subscriptions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT subscriptions_hours_check CHECK ((monthly_audio_hours_limit >= 0) AND (monthly_audio_hours_used >= 0)),
    CONSTRAINT subscriptions_owner_check CHECK (num_nonnulls(organization_id, user_id) = 1),
    CONSTRAINT subscriptions_period_check CHECK (current_period_end >= current_period_start),
    CONSTRAINT subscriptions_plan_type_check CHECK (plan_type IN ('monthly', 'yearly', 'lifetime')),
    CONSTRAINT subscriptions_status_check CHECK (status IN ('active', 'past_due', 'canceled', 'unpaid', 'trialing',
        'incomplete'))
);
ALTER TABLE subscriptions FORCE ROW LEVEL SECURITY;
ALTER TABLE subscriptions ENABLE ROW LEVEL SECURITY;

CREATE UNIQUE INDEX subscriptions_live_organization_key ON subscriptions (organization_id) WHERE (status IN ('active',
    'trialing', 'past_due'));
CREATE UNIQUE INDEX subscriptions_live_user_key ON subscriptions (user_id) WHERE (status IN ('active', 'trialing',
    'past_due'));
CREATE INDEX subscriptions_organization_id_idx ON subscriptions (organization_id, status);
CREATE INDEX subscriptions_plan_id_idx ON subscriptions (plan_id);
CREATE INDEX subscriptions_stripe_customer_id_idx ON subscriptions (stripe_customer_id);
CREATE INDEX subscriptions_user_id_idx ON subscriptions (user_id, status);

CREATE TRIGGER audit_change AFTER INSERT OR DELETE OR UPDATE OF status, plan_id ON subscriptions FOR EACH ROW
    EXECUTE FUNCTION audit_change('status', 'plan_id');
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON subscriptions FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE POLICY api_read ON subscriptions FOR SELECT TO liveconvo_api
    USING ((user_id = (SELECT app_user_id()))
        OR (organization_id = ANY ((SELECT readable_organization_ids())::uuid[])));
CREATE POLICY jobs_insert ON subscriptions FOR INSERT TO liveconvo_jobs WITH CHECK (true);
CREATE POLICY jobs_read ON subscriptions FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_update ON subscriptions FOR UPDATE TO liveconvo_jobs USING (true) WITH CHECK (true);
CREATE POLICY media_read ON subscriptions FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY owner_all ON subscriptions TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON subscriptions TO liveconvo_api;
GRANT SELECT, INSERT, UPDATE ON subscriptions TO liveconvo_jobs;
GRANT SELECT (organization_id, user_id, plan_id, status, created_at) ON subscriptions TO liveconvo_media;

CREATE TABLE subscription_events (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid NOT NULL,
    organization_id uuid,
    subscription_id uuid,
    event_type text NOT NULL,
    metadata jsonb,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT subscription_events_pkey PRIMARY KEY (id),
    CONSTRAINT subscription_events_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id)
        ON DELETE CASCADE,
    CONSTRAINT subscription_events_subscription_id_fkey FOREIGN KEY (subscription_id) REFERENCES subscriptions(id)
        ON DELETE CASCADE,
    CONSTRAINT subscription_events_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE
);
ALTER TABLE subscription_events FORCE ROW LEVEL SECURITY;
ALTER TABLE subscription_events ENABLE ROW LEVEL SECURITY;

CREATE INDEX subscription_events_subscription_id_idx ON subscription_events (subscription_id);
CREATE INDEX subscription_events_user_id_idx ON subscription_events (user_id, created_at);

CREATE POLICY api_read ON subscription_events FOR SELECT TO liveconvo_api
    USING ((user_id = (SELECT app_user_id())) OR (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))));
CREATE POLICY jobs_insert ON subscription_events FOR INSERT TO liveconvo_jobs WITH CHECK (true);
CREATE POLICY jobs_read ON subscription_events FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY owner_all ON subscription_events TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON subscription_events TO liveconvo_api;
GRANT SELECT, INSERT ON subscription_events TO liveconvo_jobs;

CREATE TABLE stripe_events (
    id text NOT NULL,
    type text NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    received_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    processed_at timestamptz,
    outcome varchar(50),
    CONSTRAINT stripe_events_pkey PRIMARY KEY (id),
    CONSTRAINT stripe_events_check CHECK ((processed_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT stripe_events_id_check CHECK (id <> '')
);
ALTER TABLE stripe_events FORCE ROW LEVEL SECURITY;
ALTER TABLE stripe_events ENABLE ROW LEVEL SECURITY;

CREATE INDEX stripe_events_waiting_idx ON stripe_events (created_at) WHERE (processed_at IS NULL);

CREATE POLICY jobs_delete ON stripe_events FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON stripe_events FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_update ON stripe_events FOR UPDATE TO liveconvo_jobs USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON stripe_events TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT, DELETE ON stripe_events TO liveconvo_jobs;
GRANT UPDATE (processed_at, outcome) ON stripe_events TO liveconvo_jobs;

CREATE TABLE usage_intervals (
    session_id uuid NOT NULL,
    participant_id uuid NOT NULL,
    epoch integer NOT NULL,
    from_ms bigint NOT NULL,
    to_ms bigint NOT NULL,
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT usage_intervals_pkey PRIMARY KEY (session_id, participant_id, epoch, from_ms),
    CONSTRAINT usage_intervals_session_id_organization_id_fkey FOREIGN KEY (session_id, organization_id)
        REFERENCES sessions(id, organization_id),
    CONSTRAINT usage_intervals_check CHECK (to_ms > from_ms),
    CONSTRAINT usage_intervals_epoch_check CHECK (epoch >= 0),
    CONSTRAINT usage_intervals_from_ms_check CHECK (from_ms >= 0)
);
ALTER TABLE usage_intervals FORCE ROW LEVEL SECURITY;
ALTER TABLE usage_intervals ENABLE ROW LEVEL SECURITY;

CREATE TRIGGER derive_from_changed AFTER UPDATE ON usage_intervals REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
    EXECUTE FUNCTION derive_from_intervals();
CREATE TRIGGER derive_from_deleted AFTER DELETE ON usage_intervals REFERENCING OLD TABLE AS changed FOR EACH STATEMENT
    EXECUTE FUNCTION derive_from_intervals();
CREATE TRIGGER derive_from_new AFTER INSERT ON usage_intervals REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
    EXECUTE FUNCTION derive_from_intervals();

CREATE POLICY api_read ON usage_intervals FOR SELECT TO liveconvo_api
    USING ((user_id = (SELECT app_user_id())) OR (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))));
CREATE POLICY jobs_insert ON usage_intervals FOR INSERT TO liveconvo_jobs
    WITH CHECK (has_call(session_id, organization_id, epoch));
CREATE POLICY jobs_read ON usage_intervals FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_update ON usage_intervals FOR UPDATE TO liveconvo_jobs
    USING (has_call(session_id, organization_id, epoch))
    WITH CHECK (has_call(session_id, organization_id, epoch));
CREATE POLICY media_insert ON usage_intervals FOR INSERT TO liveconvo_media
    WITH CHECK (has_call(session_id, organization_id, epoch));
CREATE POLICY media_read ON usage_intervals FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY media_update ON usage_intervals FOR UPDATE TO liveconvo_media
    USING (has_call(session_id, organization_id, epoch))
    WITH CHECK (has_call(session_id, organization_id, epoch));
CREATE POLICY owner_all ON usage_intervals TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON usage_intervals TO liveconvo_api;
GRANT SELECT, INSERT, UPDATE ON usage_intervals TO liveconvo_jobs;
GRANT SELECT, INSERT, UPDATE ON usage_intervals TO liveconvo_media;

CREATE TABLE usage_tracking (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    session_id uuid NOT NULL,
    minute_timestamp timestamptz NOT NULL,
    seconds_recorded integer DEFAULT 0 NOT NULL,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT usage_tracking_pkey PRIMARY KEY (id),
    CONSTRAINT usage_tracking_session_id_minute_timestamp_key UNIQUE (session_id, minute_timestamp),
    CONSTRAINT usage_tracking_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id),
    CONSTRAINT usage_tracking_session_id_fkey FOREIGN KEY (session_id) REFERENCES sessions(id),
    CONSTRAINT usage_tracking_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id),
    CONSTRAINT usage_tracking_minute_timestamp_check CHECK (EXTRACT(second FROM (minute_timestamp AT TIME ZONE 'UTC')) = 0),
    CONSTRAINT usage_tracking_seconds_recorded_check CHECK ((seconds_recorded >= 0) AND (seconds_recorded <= 60))
);
ALTER TABLE usage_tracking FORCE ROW LEVEL SECURITY;
ALTER TABLE usage_tracking ENABLE ROW LEVEL SECURITY;

CREATE INDEX usage_tracking_organization_id_idx ON usage_tracking (organization_id, minute_timestamp);
CREATE INDEX usage_tracking_user_id_idx ON usage_tracking (user_id, organization_id,
    minute_timestamp) INCLUDE (seconds_recorded);

CREATE TRIGGER sum_up_changed AFTER UPDATE ON usage_tracking REFERENCING OLD TABLE AS replaced NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION sum_up_minutes();
CREATE TRIGGER sum_up_deleted AFTER DELETE ON usage_tracking REFERENCING OLD TABLE AS changed FOR EACH STATEMENT
    EXECUTE FUNCTION sum_up_minutes();
CREATE TRIGGER sum_up_new AFTER INSERT ON usage_tracking REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
    EXECUTE FUNCTION sum_up_minutes();

CREATE POLICY api_read ON usage_tracking FOR SELECT TO liveconvo_api
    USING ((user_id = (SELECT app_user_id())) OR (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))));
CREATE POLICY jobs_read ON usage_tracking FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY media_read ON usage_tracking FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY owner_all ON usage_tracking TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON usage_tracking TO liveconvo_api;
GRANT SELECT ON usage_tracking TO liveconvo_jobs;
GRANT SELECT ON usage_tracking TO liveconvo_media;

CREATE TABLE monthly_usage_cache (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    month_year varchar(7) NOT NULL,
    total_minutes_used integer DEFAULT 0 NOT NULL,
    total_seconds_used integer DEFAULT 0 NOT NULL,
    last_updated timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    warned_percent smallint DEFAULT 0 NOT NULL,
    CONSTRAINT monthly_usage_cache_pkey PRIMARY KEY (id),
    CONSTRAINT monthly_usage_cache_organization_id_user_id_month_year_key UNIQUE (organization_id, user_id, month_year),
    CONSTRAINT monthly_usage_cache_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id),
    CONSTRAINT monthly_usage_cache_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id),
    CONSTRAINT monthly_usage_cache_month_year_check CHECK (month_year ~ '^[0-9]{4}-[0-9]{2}$'),
    CONSTRAINT monthly_usage_cache_total_minutes_used_check CHECK (total_minutes_used >= 0),
    CONSTRAINT monthly_usage_cache_total_seconds_used_check CHECK (total_seconds_used >= 0),
    CONSTRAINT monthly_usage_cache_warned_percent_check CHECK ((warned_percent >= 0) AND (warned_percent <= 100))
);
ALTER TABLE monthly_usage_cache FORCE ROW LEVEL SECURITY;
ALTER TABLE monthly_usage_cache ENABLE ROW LEVEL SECURITY;

CREATE INDEX monthly_usage_cache_unwarned_idx ON monthly_usage_cache (month_year) WHERE (warned_percent < 100);
CREATE INDEX monthly_usage_cache_user_id_idx ON monthly_usage_cache (user_id, organization_id);

CREATE POLICY api_read ON monthly_usage_cache FOR SELECT TO liveconvo_api
    USING ((user_id = (SELECT app_user_id())) OR (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))));
CREATE POLICY jobs_read ON monthly_usage_cache FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_update ON monthly_usage_cache FOR UPDATE TO liveconvo_jobs USING (true) WITH CHECK (true);
CREATE POLICY media_read ON monthly_usage_cache FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY owner_all ON monthly_usage_cache TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON monthly_usage_cache TO liveconvo_api;
GRANT SELECT ON monthly_usage_cache TO liveconvo_jobs;
GRANT UPDATE (warned_percent) ON monthly_usage_cache TO liveconvo_jobs;
GRANT SELECT ON monthly_usage_cache TO liveconvo_media;

-- Sessions ------------------------------------------------------------------------------------------------------------

CREATE TABLE sessions (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    title varchar(255) NOT NULL,
    conversation_type varchar(50),
    status varchar(20) DEFAULT 'draft' NOT NULL,
    selected_template_id uuid,
    audio_file_url varchar(512),
    recording_duration_seconds integer DEFAULT 0 NOT NULL,
    recording_started_at timestamptz,
    recording_ended_at timestamptz,
    total_words_spoken integer DEFAULT 0 NOT NULL,
    user_talk_time_seconds integer DEFAULT 0 NOT NULL,
    silence_periods_count integer DEFAULT 0 NOT NULL,
    audio_deleted_at timestamptz,
    data_retention_days integer DEFAULT 30 NOT NULL,
    realtime_summary_cache jsonb,
    finalized_at timestamptz,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    deleted_at timestamptz,
    erased_at timestamptz,
    tags text[] DEFAULT '{}'::text[] NOT NULL,
    coached_roles text[] DEFAULT '{host,supervisor}'::text[] NOT NULL,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_id_organization_id_key UNIQUE (id, organization_id),
    CONSTRAINT sessions_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id)
        ON DELETE CASCADE,
    CONSTRAINT sessions_selected_template_id_fkey FOREIGN KEY (selected_template_id) REFERENCES templates(id)
        ON DELETE SET NULL,
    CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT sessions_coached_roles_check CHECK ((coached_roles <@ ARRAY['host', 'supervisor', 'participant'])
        AND ('host' = ANY (coached_roles))),
    CONSTRAINT sessions_conversation_type_check CHECK (conversation_type IN ('sales', 'support', 'meeting',
        'interview')),
    CONSTRAINT sessions_counters_check CHECK ((recording_duration_seconds >= 0) AND (total_words_spoken >= 0)
        AND (user_talk_time_seconds >= 0) AND (silence_periods_count >= 0)),
    CONSTRAINT sessions_data_retention_days_check CHECK (data_retention_days > 0),
    CONSTRAINT sessions_erased_check CHECK ((erased_at IS NULL) OR (deleted_at IS NOT NULL)),
    CONSTRAINT sessions_status_check CHECK (status IN ('draft', 'active', 'completed', 'archived')),
    CONSTRAINT sessions_tags_check CHECK (cardinality(tags) <= 20)
);
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;

CREATE INDEX sessions_active_idx ON sessions (id) WHERE ((status = 'active') AND (deleted_at IS NULL));
CREATE INDEX sessions_created_at_idx ON sessions (organization_id, created_at);
CREATE INDEX sessions_deleted_at_idx ON sessions (deleted_at) WHERE ((deleted_at IS NOT NULL) AND (erased_at IS NULL));
CREATE INDEX sessions_organization_id_idx ON sessions (organization_id, created_at DESC, id DESC)
    WHERE (deleted_at IS NULL);
CREATE INDEX sessions_retention_idx ON sessions ((((COALESCE(recording_ended_at,
    created_at) AT TIME ZONE 'UTC') + make_interval(days => data_retention_days)))) WHERE (erased_at IS NULL);
CREATE INDEX sessions_selected_template_id_idx ON sessions (selected_template_id);
CREATE INDEX sessions_user_id_idx ON sessions (user_id);
CREATE INDEX sessions_words_idx ON sessions USING gin (title_words(organization_id, title)) WHERE (deleted_at IS NULL);

CREATE TRIGGER announce AFTER INSERT OR UPDATE OF status, deleted_at ON sessions FOR EACH ROW
    EXECUTE FUNCTION announce();
CREATE TRIGGER check_session_limits BEFORE INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION check_session_limits();
CREATE TRIGGER check_session_state BEFORE UPDATE OF status, recording_started_at, erased_at ON sessions FOR EACH ROW
    EXECUTE FUNCTION check_session_state();
CREATE TRIGGER check_session_template BEFORE INSERT OR UPDATE OF selected_template_id ON sessions
    FOR EACH ROW WHEN (new.selected_template_id IS NOT NULL) EXECUTE FUNCTION check_session_template();
CREATE TRIGGER count_new_sessions AFTER INSERT ON sessions REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
    EXECUTE FUNCTION count_new_sessions();
CREATE TRIGGER count_template_use AFTER INSERT ON sessions FOR EACH ROW WHEN (new.selected_template_id IS NOT NULL)
    EXECUTE FUNCTION count_template_use();
CREATE TRIGGER place_usage AFTER UPDATE OF recording_started_at ON sessions
    FOR EACH ROW WHEN (old.recording_started_at IS DISTINCT FROM new.recording_started_at)
    EXECUTE FUNCTION place_usage();
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE POLICY api_insert ON sessions FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids()))) AND (user_id = (SELECT app_user_id())));
CREATE POLICY api_read ON sessions FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
CREATE POLICY api_update ON sessions FOR UPDATE TO liveconvo_api
    USING (((organization_id = ANY (ARRAY(SELECT my_organization_ids()))) AND (user_id = (SELECT app_user_id())))
        OR (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))))
    WITH CHECK (((organization_id = ANY (ARRAY(SELECT my_organization_ids()))) AND (user_id = (SELECT app_user_id())))
        OR (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))));
CREATE POLICY jobs_read ON sessions FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_update ON sessions FOR UPDATE TO liveconvo_jobs USING (true) WITH CHECK (true);
CREATE POLICY media_read ON sessions FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY media_update ON sessions FOR UPDATE TO liveconvo_media
    USING (true)
    WITH CHECK (has_call(id, organization_id, 1));
CREATE POLICY owner_all ON sessions TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON sessions TO liveconvo_api;
GRANT INSERT (user_id, organization_id, title, conversation_type, selected_template_id, data_retention_days, tags,
    coached_roles) ON sessions TO liveconvo_api;
GRANT UPDATE (title, conversation_type, status, selected_template_id, recording_duration_seconds, recording_ended_at,
    total_words_spoken, user_talk_time_seconds, silence_periods_count, data_retention_days, deleted_at, tags,
    coached_roles) ON sessions TO liveconvo_api;
GRANT SELECT ON sessions TO liveconvo_jobs;
GRANT UPDATE (title, status, selected_template_id, audio_file_url, recording_duration_seconds, recording_started_at,
    recording_ended_at, total_words_spoken, user_talk_time_seconds, silence_periods_count, audio_deleted_at,
    realtime_summary_cache, finalized_at, deleted_at, erased_at, tags) ON sessions TO liveconvo_jobs;
GRANT SELECT ON sessions TO liveconvo_media;
GRANT UPDATE (status, recording_duration_seconds, recording_started_at, recording_ended_at, total_words_spoken,
    user_talk_time_seconds, silence_periods_count, realtime_summary_cache, finalized_at) ON sessions TO liveconvo_media;

CREATE TABLE session_participants (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    session_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    user_id uuid,
    name varchar(255) NOT NULL,
    role varchar(20) NOT NULL,
    source varchar(20) NOT NULL,
    shared_mic boolean DEFAULT false NOT NULL,
    coached boolean DEFAULT false NOT NULL,
    consent_version varchar(50),
    consented_at timestamptz,
    joined_at timestamptz,
    left_at timestamptz,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT session_participants_pkey PRIMARY KEY (id),
    CONSTRAINT session_participants_id_session_id_key UNIQUE (id, session_id),
    CONSTRAINT session_participants_session_id_organization_id_fkey FOREIGN KEY (session_id, organization_id)
        REFERENCES sessions(id, organization_id) ON DELETE CASCADE,
    CONSTRAINT session_participants_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE SET NULL,
    CONSTRAINT session_participants_consent_check CHECK ((consent_version IS NULL) = (consented_at IS NULL)),
    CONSTRAINT session_participants_name_check CHECK (name <> ''),
    CONSTRAINT session_participants_role_check CHECK (role IN ('host', 'participant', 'supervisor', 'customer')),
    CONSTRAINT session_participants_source_check CHECK (source IN ('browser', 'whip', 'bridge', 'upload'))
);
ALTER TABLE session_participants FORCE ROW LEVEL SECURITY;
ALTER TABLE session_participants ENABLE ROW LEVEL SECURITY;

CREATE INDEX session_participants_session_id_idx ON session_participants (session_id);
CREATE INDEX session_participants_user_id_idx ON session_participants (user_id);

CREATE TRIGGER check_session BEFORE INSERT ON session_participants FOR EACH ROW EXECUTE FUNCTION check_session();
CREATE TRIGGER note_consent AFTER INSERT OR UPDATE OF consented_at ON session_participants FOR EACH ROW
    EXECUTE FUNCTION note_consent();
CREATE TRIGGER refuse_erased AFTER INSERT ON session_participants REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_erased();

CREATE POLICY api_insert ON session_participants FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids()))) AND ((user_id IS NULL)
        OR (user_id = (SELECT app_user_id()))));
CREATE POLICY api_read ON session_participants FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
CREATE POLICY jobs_read ON session_participants FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_update ON session_participants FOR UPDATE TO liveconvo_jobs USING (true) WITH CHECK (true);
CREATE POLICY media_read ON session_participants FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY media_update ON session_participants FOR UPDATE TO liveconvo_media
    USING (has_call(session_id, organization_id, 1))
    WITH CHECK (has_call(session_id, organization_id, 1));
CREATE POLICY owner_all ON session_participants TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON session_participants TO liveconvo_api;
GRANT INSERT (id, session_id, organization_id, user_id, name, role, source, shared_mic, coached, consent_version,
    consented_at) ON session_participants TO liveconvo_api;
GRANT SELECT ON session_participants TO liveconvo_jobs;
GRANT UPDATE (user_id, name, joined_at, left_at) ON session_participants TO liveconvo_jobs;
GRANT SELECT ON session_participants TO liveconvo_media;
GRANT UPDATE (joined_at, left_at) ON session_participants TO liveconvo_media;

CREATE TABLE transcripts (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    session_id uuid NOT NULL,
    content text NOT NULL,
    speaker varchar(50) DEFAULT 'user' NOT NULL,
    confidence_score numeric(3,2),
    start_time_seconds numeric(10,3) NOT NULL,
    stt_provider varchar(50),
    is_final boolean DEFAULT false NOT NULL,
    client_id varchar(255),
    sequence_number integer DEFAULT 1 NOT NULL,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    organization_id uuid NOT NULL,
    participant_id uuid,
    utterance_id text,
    end_time_seconds numeric(10,3),
    words jsonb,
    language varchar(10),
    revision integer DEFAULT 0 NOT NULL,
    CONSTRAINT transcripts_pkey PRIMARY KEY (id),
    CONSTRAINT transcripts_session_id_sequence_number_key UNIQUE (session_id, sequence_number),
    CONSTRAINT transcripts_participant_id_fkey FOREIGN KEY (participant_id, session_id)
        REFERENCES session_participants(id, session_id) ON DELETE SET NULL (participant_id),
    CONSTRAINT transcripts_session_id_fkey FOREIGN KEY (session_id) REFERENCES sessions(id) ON DELETE CASCADE,
    CONSTRAINT transcripts_session_id_organization_id_fkey FOREIGN KEY (session_id, organization_id)
        REFERENCES sessions(id, organization_id) ON DELETE CASCADE,
    CONSTRAINT transcripts_check CHECK (end_time_seconds >= start_time_seconds),
    CONSTRAINT transcripts_confidence_score_check CHECK ((confidence_score >= 0) AND (confidence_score <= 1)),
    CONSTRAINT transcripts_revision_check CHECK (revision >= 0),
    CONSTRAINT transcripts_sequence_number_check CHECK (sequence_number > 0),
    CONSTRAINT transcripts_start_time_seconds_check CHECK (start_time_seconds >= 0),
    CONSTRAINT transcripts_words_check CHECK (jsonb_typeof(words) = 'array')
);
ALTER TABLE transcripts FORCE ROW LEVEL SECURITY;
ALTER TABLE transcripts ENABLE ROW LEVEL SECURITY;

CREATE INDEX transcripts_participant_id_idx ON transcripts (participant_id);
CREATE INDEX transcripts_words_idx ON transcripts USING gin (transcript_words(organization_id, created_at, language,
    content));

CREATE TRIGGER refuse_erased AFTER INSERT ON transcripts REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_erased();
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON transcripts FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE POLICY api_read ON transcripts FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
CREATE POLICY jobs_delete ON transcripts FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_insert ON transcripts FOR INSERT TO liveconvo_jobs
    WITH CHECK (has_call(session_id, organization_id, 1));
CREATE POLICY jobs_read ON transcripts FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY media_insert ON transcripts FOR INSERT TO liveconvo_media
    WITH CHECK (has_call(session_id, organization_id, 1));
CREATE POLICY media_read ON transcripts FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY owner_all ON transcripts TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON transcripts TO liveconvo_api;
GRANT SELECT, INSERT, DELETE ON transcripts TO liveconvo_jobs;
GRANT SELECT, INSERT ON transcripts TO liveconvo_media;

CREATE TABLE guidance (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    session_id uuid NOT NULL,
    content text NOT NULL,
    guidance_type varchar(20) NOT NULL,
    priority integer DEFAULT 1 NOT NULL,
    triggered_by_transcript_id uuid,
    context_snippet text,
    triggered_at_seconds numeric(10,3),
    was_displayed boolean DEFAULT false NOT NULL,
    was_clicked boolean DEFAULT false NOT NULL,
    was_dismissed boolean DEFAULT false NOT NULL,
    user_feedback varchar(20),
    model_used varchar(50),
    prompt_template_id uuid,
    processing_time_ms integer,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    organization_id uuid NOT NULL,
    cue varchar(50),
    evidence jsonb,
    expires_at_seconds numeric(10,3),
    audience text DEFAULT 'coached' NOT NULL,
    CONSTRAINT guidance_pkey PRIMARY KEY (id),
    CONSTRAINT guidance_prompt_template_id_fkey FOREIGN KEY (prompt_template_id) REFERENCES templates(id)
        ON DELETE SET NULL,
    CONSTRAINT guidance_session_id_fkey FOREIGN KEY (session_id) REFERENCES sessions(id) ON DELETE CASCADE,
    CONSTRAINT guidance_session_id_organization_id_fkey FOREIGN KEY (session_id, organization_id)
        REFERENCES sessions(id, organization_id) ON DELETE CASCADE,
    CONSTRAINT guidance_triggered_by_transcript_id_fkey FOREIGN KEY (triggered_by_transcript_id)
        REFERENCES transcripts(id) ON DELETE SET NULL,
    CONSTRAINT guidance_audience_check CHECK ((audience IN ('coached', 'role:host', 'role:supervisor',
        'role:participant')) OR (audience LIKE 'participant:_%')),
    CONSTRAINT guidance_evidence_check CHECK (jsonb_typeof(evidence) = 'array'),
    CONSTRAINT guidance_guidance_type_check CHECK (guidance_type IN ('ask', 'clarify', 'avoid', 'suggest', 'warn')),
    CONSTRAINT guidance_priority_check CHECK ((priority >= 1) AND (priority <= 3)),
    CONSTRAINT guidance_processing_time_ms_check CHECK (processing_time_ms >= 0),
    CONSTRAINT guidance_triggered_at_seconds_check CHECK (triggered_at_seconds >= 0),
    CONSTRAINT guidance_user_feedback_check CHECK (user_feedback IN ('helpful', 'irrelevant', 'too_late'))
);
ALTER TABLE guidance FORCE ROW LEVEL SECURITY;
ALTER TABLE guidance ENABLE ROW LEVEL SECURITY;

CREATE INDEX guidance_prompt_template_id_idx ON guidance (prompt_template_id);
CREATE INDEX guidance_session_id_idx ON guidance (session_id, triggered_at_seconds);
CREATE INDEX guidance_triggered_by_transcript_id_idx ON guidance (triggered_by_transcript_id);

CREATE TRIGGER refuse_erased AFTER INSERT ON guidance REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_erased();
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON guidance FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE POLICY api_read ON guidance FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
CREATE POLICY api_update ON guidance FOR UPDATE TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_organization_ids())))
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_organization_ids())));
CREATE POLICY jobs_delete ON guidance FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON guidance FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY media_insert ON guidance FOR INSERT TO liveconvo_media
    WITH CHECK (has_call(session_id, organization_id, 1));
CREATE POLICY media_read ON guidance FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY media_update ON guidance FOR UPDATE TO liveconvo_media
    USING (has_call(session_id, organization_id, 1))
    WITH CHECK (has_call(session_id, organization_id, 1));
CREATE POLICY owner_all ON guidance TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON guidance TO liveconvo_api;
GRANT UPDATE (was_displayed, was_clicked, was_dismissed, user_feedback) ON guidance TO liveconvo_api;
GRANT SELECT, DELETE ON guidance TO liveconvo_jobs;
GRANT SELECT, INSERT ON guidance TO liveconvo_media;
GRANT UPDATE (was_displayed, was_clicked, was_dismissed, user_feedback) ON guidance TO liveconvo_media;

CREATE TABLE summaries (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    session_id uuid NOT NULL,
    user_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    title varchar(255),
    tldr text,
    key_decisions jsonb,
    action_items jsonb,
    follow_up_questions jsonb,
    conversation_highlights jsonb,
    full_transcript text,
    structured_notes text,
    generation_status varchar(20) DEFAULT 'pending' NOT NULL,
    generation_error text,
    model_used varchar(50),
    generation_time_seconds numeric(6,2),
    export_count integer DEFAULT 0 NOT NULL,
    last_exported_at timestamptz,
    is_marked_done boolean DEFAULT false NOT NULL,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    deleted_at timestamptz,
    corrected_at timestamptz,
    CONSTRAINT summaries_pkey PRIMARY KEY (id),
    CONSTRAINT summaries_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id)
        ON DELETE CASCADE,
    CONSTRAINT summaries_session_id_fkey FOREIGN KEY (session_id) REFERENCES sessions(id) ON DELETE CASCADE,
    CONSTRAINT summaries_session_id_organization_id_fkey FOREIGN KEY (session_id, organization_id)
        REFERENCES sessions(id, organization_id) ON DELETE CASCADE,
    CONSTRAINT summaries_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT summaries_completed_check CHECK ((generation_status <> 'completed') OR (tldr IS NOT NULL)),
    CONSTRAINT summaries_counters_check CHECK ((export_count >= 0) AND (generation_time_seconds >= 0)),
    CONSTRAINT summaries_error_check CHECK ((generation_status = 'failed') = (generation_error IS NOT NULL)),
    CONSTRAINT summaries_generation_status_check CHECK (generation_status IN ('pending', 'generating', 'completed',
        'failed')),
    CONSTRAINT summaries_lists_check CHECK ((jsonb_typeof(key_decisions) = 'array')
        AND (jsonb_typeof(action_items) = 'array') AND (jsonb_typeof(follow_up_questions) = 'array')
        AND (jsonb_typeof(conversation_highlights) = 'array'))
);
ALTER TABLE summaries FORCE ROW LEVEL SECURITY;
ALTER TABLE summaries ENABLE ROW LEVEL SECURITY;

CREATE UNIQUE INDEX summaries_live_session_key ON summaries (session_id) WHERE (deleted_at IS NULL);
CREATE INDEX summaries_organization_id_idx ON summaries (organization_id, created_at);
CREATE INDEX summaries_session_id_idx ON summaries (session_id);
CREATE INDEX summaries_unwritten_idx ON summaries (updated_at) WHERE ((generation_status IN ('pending', 'generating'))
    AND (deleted_at IS NULL));
CREATE INDEX summaries_user_id_idx ON summaries (user_id);
CREATE INDEX summaries_words_idx ON summaries USING gin (title_words(organization_id, summary_text(tldr, key_decisions,
    action_items, follow_up_questions, conversation_highlights))) WHERE (deleted_at IS NULL);

CREATE TRIGGER announce AFTER UPDATE OF generation_status ON summaries FOR EACH ROW EXECUTE FUNCTION announce();
CREATE TRIGGER check_session BEFORE INSERT ON summaries FOR EACH ROW EXECUTE FUNCTION check_session();
CREATE TRIGGER check_summary_state BEFORE UPDATE OF generation_status ON summaries
    FOR EACH ROW WHEN (old.generation_status <> new.generation_status) EXECUTE FUNCTION check_summary_state();
CREATE TRIGGER refuse_erased AFTER INSERT ON summaries REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_erased();
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON summaries FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE POLICY api_insert ON summaries FOR INSERT TO liveconvo_api
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_organization_ids())));
CREATE POLICY api_read ON summaries FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
CREATE POLICY api_update ON summaries FOR UPDATE TO liveconvo_api
    USING (((organization_id = ANY (ARRAY(SELECT my_organization_ids()))) AND (user_id = (SELECT app_user_id())))
        OR (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))))
    WITH CHECK (((organization_id = ANY (ARRAY(SELECT my_organization_ids()))) AND (user_id = (SELECT app_user_id())))
        OR (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))));
CREATE POLICY jobs_delete ON summaries FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_insert ON summaries FOR INSERT TO liveconvo_jobs WITH CHECK (true);
CREATE POLICY jobs_read ON summaries FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_update ON summaries FOR UPDATE TO liveconvo_jobs USING (true) WITH CHECK (true);
CREATE POLICY media_insert ON summaries FOR INSERT TO liveconvo_media
    WITH CHECK (has_call(session_id, organization_id, 1));
CREATE POLICY media_read ON summaries FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY media_update ON summaries FOR UPDATE TO liveconvo_media
    USING (has_call(session_id, organization_id, 1))
    WITH CHECK (has_call(session_id, organization_id, 1));
CREATE POLICY owner_all ON summaries TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON summaries TO liveconvo_api;
GRANT INSERT (session_id, user_id, organization_id, title) ON summaries TO liveconvo_api;
GRANT UPDATE (title, tldr, key_decisions, action_items, follow_up_questions, conversation_highlights, structured_notes,
    generation_status, generation_error, export_count, last_exported_at, is_marked_done, deleted_at,
    corrected_at) ON summaries TO liveconvo_api;
GRANT SELECT, INSERT, DELETE, UPDATE ON summaries TO liveconvo_jobs;
GRANT SELECT (session_id, generation_status, generation_error, deleted_at, corrected_at) ON summaries
    TO liveconvo_media;
GRANT INSERT (session_id, user_id, organization_id, title) ON summaries TO liveconvo_media;
GRANT UPDATE (generation_status, generation_error) ON summaries TO liveconvo_media;

CREATE TABLE templates (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    user_id uuid,
    organization_id uuid,
    name varchar(255) NOT NULL,
    description text,
    conversation_type varchar(50),
    is_system_template boolean DEFAULT false NOT NULL,
    is_organization_template boolean DEFAULT false NOT NULL,
    is_public boolean DEFAULT false NOT NULL,
    guidance_prompts jsonb,
    context_instructions text,
    summary_template text,
    usage_count integer DEFAULT 0 NOT NULL,
    last_used_at timestamptz,
    is_active boolean DEFAULT true NOT NULL,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    deleted_at timestamptz,
    version integer DEFAULT 1 NOT NULL,
CASE,
    WHEN is_system_template THEN ((organization_id IS NULL) AND (user_id IS NULL) AND (NOT is_organization_template)),
    WHEN is_organization_template THEN (organization_id IS NOT NULL),
    ELSE (user_id IS NOT NULL),
END),
    CONSTRAINT templates_pkey PRIMARY KEY (id),
    CONSTRAINT templates_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id)
        ON DELETE CASCADE,
    CONSTRAINT templates_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT templates_conversation_type_check CHECK (conversation_type IN ('sales', 'support', 'meeting',
        'interview')),
    CONSTRAINT templates_guidance_prompts_check CHECK (jsonb_typeof(guidance_prompts) = 'array'),
    CONSTRAINT templates_name_check CHECK (name <> ''),
    CONSTRAINT templates_scope_check CHECK (,
    CONSTRAINT templates_usage_count_check CHECK (usage_count >= 0),
    CONSTRAINT templates_version_check CHECK (version > 0)
);
ALTER TABLE templates FORCE ROW LEVEL SECURITY;
ALTER TABLE templates ENABLE ROW LEVEL SECURITY;

CREATE INDEX templates_everybody_idx ON templates (id) WHERE (is_system_template OR is_public);
CREATE INDEX templates_organization_id_idx ON templates (organization_id);
CREATE INDEX templates_user_id_idx ON templates (user_id);

CREATE TRIGGER check_template_change BEFORE UPDATE ON templates FOR EACH ROW EXECUTE FUNCTION check_template_change();
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON templates FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE POLICY api_insert ON templates FOR INSERT TO liveconvo_api
    WITH CHECK (((user_id = (SELECT app_user_id())) AND (NOT is_organization_template) AND ((organization_id IS NULL)
        OR (organization_id = ANY (ARRAY(SELECT my_organization_ids()))))) OR (is_organization_template
        AND (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())))));
CREATE POLICY api_read ON templates FOR SELECT TO liveconvo_api
    USING (((user_id = (SELECT app_user_id())) AND (NOT is_organization_template) AND ((organization_id IS NULL)
        OR (organization_id = ANY (ARRAY(SELECT my_organization_ids()))))) OR (is_organization_template
        AND (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]))) OR (is_active
        AND (is_system_template OR is_public)));
CREATE POLICY api_update ON templates FOR UPDATE TO liveconvo_api
    USING (((user_id = (SELECT app_user_id())) AND (NOT is_organization_template) AND ((organization_id IS NULL)
        OR (organization_id = ANY (ARRAY(SELECT my_organization_ids()))))) OR (is_organization_template
        AND (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())))))
    WITH CHECK (((user_id = (SELECT app_user_id())) AND (NOT is_organization_template) AND ((organization_id IS NULL)
        OR (organization_id = ANY (ARRAY(SELECT my_organization_ids()))))) OR (is_organization_template
        AND (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())))));
CREATE POLICY jobs_delete ON templates FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON templates FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY media_read ON templates FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY owner_all ON templates TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON templates TO liveconvo_api;
GRANT INSERT (user_id, organization_id, name, description, conversation_type, is_organization_template,
    guidance_prompts, context_instructions, summary_template) ON templates TO liveconvo_api;
GRANT UPDATE (name, description, conversation_type, is_public, guidance_prompts, context_instructions, summary_template,
    is_active, deleted_at) ON templates TO liveconvo_api;
GRANT SELECT, DELETE ON templates TO liveconvo_jobs;
GRANT SELECT ON templates TO liveconvo_media;

CREATE TABLE documents (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    session_id uuid NOT NULL,
    user_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    original_filename varchar(255) NOT NULL,
    file_type varchar(50) NOT NULL,
    file_size_bytes integer NOT NULL,
    file_url varchar(512),
    extracted_text text,
    processing_status varchar(20) DEFAULT 'pending' NOT NULL,
    processing_error text,
    embedding_status varchar(20) DEFAULT 'pending' NOT NULL,
    pinecone_vector_id varchar(255),
    ocr_confidence_score numeric(3,2),
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    deleted_at timestamptz,
    CONSTRAINT documents_pkey PRIMARY KEY (id),
    CONSTRAINT documents_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id)
        ON DELETE CASCADE,
    CONSTRAINT documents_session_id_fkey FOREIGN KEY (session_id) REFERENCES sessions(id) ON DELETE CASCADE,
    CONSTRAINT documents_session_id_organization_id_fkey FOREIGN KEY (session_id, organization_id)
        REFERENCES sessions(id, organization_id) ON DELETE CASCADE,
    CONSTRAINT documents_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT documents_embedding_status_check CHECK (embedding_status IN ('pending', 'processing', 'completed',
        'failed')),
    CONSTRAINT documents_file_size_bytes_check CHECK (file_size_bytes >= 0),
    CONSTRAINT documents_ocr_confidence_score_check CHECK ((ocr_confidence_score >= 0) AND (ocr_confidence_score <= 1)),
    CONSTRAINT documents_original_filename_check CHECK (original_filename <> ''),
    CONSTRAINT documents_processing_status_check CHECK (processing_status IN ('pending', 'processing', 'completed',
        'failed'))
);
ALTER TABLE documents FORCE ROW LEVEL SECURITY;
ALTER TABLE documents ENABLE ROW LEVEL SECURITY;

CREATE INDEX documents_file_url_idx ON documents (file_url);
CREATE INDEX documents_organization_id_idx ON documents (organization_id);
CREATE INDEX documents_session_id_idx ON documents (session_id);
CREATE INDEX documents_user_id_idx ON documents (user_id);

CREATE TRIGGER announce AFTER UPDATE OF processing_status ON documents FOR EACH ROW EXECUTE FUNCTION announce();
CREATE TRIGGER check_session BEFORE INSERT ON documents FOR EACH ROW EXECUTE FUNCTION check_session();
CREATE TRIGGER refuse_erased AFTER INSERT ON documents REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_erased();
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON documents FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE POLICY api_insert ON documents FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids()))) AND (user_id = (SELECT app_user_id())));
CREATE POLICY api_read ON documents FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
CREATE POLICY api_update ON documents FOR UPDATE TO liveconvo_api
    USING (((organization_id = ANY (ARRAY(SELECT my_organization_ids()))) AND (user_id = (SELECT app_user_id())))
        OR (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))))
    WITH CHECK (((organization_id = ANY (ARRAY(SELECT my_organization_ids()))) AND (user_id = (SELECT app_user_id())))
        OR (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))));
CREATE POLICY jobs_delete ON documents FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON documents FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_update ON documents FOR UPDATE TO liveconvo_jobs USING (true) WITH CHECK (true);
CREATE POLICY media_read ON documents FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY owner_all ON documents TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON documents TO liveconvo_api;
GRANT INSERT (session_id, user_id, organization_id, original_filename, file_type, file_size_bytes,
    file_url) ON documents TO liveconvo_api;
GRANT UPDATE (original_filename, deleted_at) ON documents TO liveconvo_api;
GRANT SELECT, DELETE ON documents TO liveconvo_jobs;
GRANT UPDATE (file_url, extracted_text, processing_status, processing_error, embedding_status, pinecone_vector_id,
    ocr_confidence_score, deleted_at) ON documents TO liveconvo_jobs;
GRANT SELECT ON documents TO liveconvo_media;

CREATE TABLE document_passages (
    document_id uuid NOT NULL,
    "position" integer NOT NULL,
    session_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    page integer,
    content text NOT NULL,
    language text NOT NULL,
    words tsvector NOT NULL,
    CONSTRAINT document_passages_pkey PRIMARY KEY (document_id, "position"),
    CONSTRAINT document_passages_document_id_fkey FOREIGN KEY (document_id) REFERENCES documents(id) ON DELETE CASCADE,
    CONSTRAINT document_passages_session_id_organization_id_fkey FOREIGN KEY (session_id, organization_id)
        REFERENCES sessions(id, organization_id) ON DELETE CASCADE,
    CONSTRAINT document_passages_content_check CHECK (content <> ''),
    CONSTRAINT document_passages_page_check CHECK (page > 0),
    CONSTRAINT document_passages_position_check CHECK ("position" >= 0)
);
ALTER TABLE document_passages FORCE ROW LEVEL SECURITY;
ALTER TABLE document_passages ENABLE ROW LEVEL SECURITY;

CREATE INDEX document_passages_session_id_idx ON document_passages (session_id);

CREATE TRIGGER check_session BEFORE INSERT ON document_passages FOR EACH ROW EXECUTE FUNCTION check_session();
CREATE TRIGGER refuse_erased AFTER INSERT ON document_passages REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_erased();

CREATE POLICY api_read ON document_passages FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
CREATE POLICY jobs_delete ON document_passages FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_insert ON document_passages FOR INSERT TO liveconvo_jobs WITH CHECK (true);
CREATE POLICY jobs_read ON document_passages FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY media_read ON document_passages FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY owner_all ON document_passages TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON document_passages TO liveconvo_api;
GRANT SELECT, INSERT, DELETE ON document_passages TO liveconvo_jobs;
GRANT SELECT ON document_passages TO liveconvo_media;

CREATE TABLE session_context (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    session_id uuid NOT NULL,
    user_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    text_context text,
    context_metadata jsonb,
    processing_status varchar(20) DEFAULT 'completed' NOT NULL,
    processing_error text,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT session_context_pkey PRIMARY KEY (id),
    CONSTRAINT session_context_session_id_key UNIQUE (session_id),
    CONSTRAINT session_context_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id)
        ON DELETE CASCADE,
    CONSTRAINT session_context_session_id_fkey FOREIGN KEY (session_id) REFERENCES sessions(id) ON DELETE CASCADE,
    CONSTRAINT session_context_session_id_organization_id_fkey FOREIGN KEY (session_id, organization_id)
        REFERENCES sessions(id, organization_id) ON DELETE CASCADE,
    CONSTRAINT session_context_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT session_context_context_metadata_check CHECK (jsonb_typeof(context_metadata) = 'object'),
    CONSTRAINT session_context_processing_status_check CHECK (processing_status IN ('pending', 'processing',
        'completed', 'failed'))
);
ALTER TABLE session_context FORCE ROW LEVEL SECURITY;
ALTER TABLE session_context ENABLE ROW LEVEL SECURITY;

CREATE INDEX session_context_organization_id_idx ON session_context (organization_id);
CREATE INDEX session_context_user_id_idx ON session_context (user_id);

CREATE TRIGGER check_session BEFORE INSERT ON session_context FOR EACH ROW EXECUTE FUNCTION check_session();
CREATE TRIGGER refuse_erased AFTER INSERT ON session_context REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_erased();
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON session_context FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE POLICY api_delete ON session_context FOR DELETE TO liveconvo_api
    USING ((organization_id = ANY (ARRAY(SELECT my_organization_ids()))) AND (user_id = (SELECT app_user_id())));
CREATE POLICY api_insert ON session_context FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids()))) AND (user_id = (SELECT app_user_id())));
CREATE POLICY api_read ON session_context FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
CREATE POLICY api_update ON session_context FOR UPDATE TO liveconvo_api
    USING ((organization_id = ANY (ARRAY(SELECT my_organization_ids()))) AND (user_id = (SELECT app_user_id())))
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids()))) AND (user_id = (SELECT app_user_id())));
CREATE POLICY jobs_delete ON session_context FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON session_context FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY media_read ON session_context FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY owner_all ON session_context TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT, DELETE ON session_context TO liveconvo_api;
GRANT INSERT (session_id, user_id, organization_id, text_context, context_metadata) ON session_context TO liveconvo_api;
GRANT UPDATE (text_context, context_metadata) ON session_context TO liveconvo_api;
GRANT SELECT, DELETE ON session_context TO liveconvo_jobs;
GRANT SELECT ON session_context TO liveconvo_media;

CREATE TABLE prep_checklist (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    session_id uuid NOT NULL,
    text text NOT NULL,
    status text DEFAULT 'open' NOT NULL,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    created_by uuid NOT NULL,
    organization_id uuid NOT NULL,
    CONSTRAINT prep_checklist_pkey PRIMARY KEY (id),
    CONSTRAINT prep_checklist_created_by_fkey FOREIGN KEY (created_by) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT prep_checklist_session_id_fkey FOREIGN KEY (session_id) REFERENCES sessions(id) ON DELETE CASCADE,
    CONSTRAINT prep_checklist_session_id_organization_id_fkey FOREIGN KEY (session_id, organization_id)
        REFERENCES sessions(id, organization_id) ON DELETE CASCADE,
    CONSTRAINT prep_checklist_status_check CHECK (status IN ('open', 'done')),
    CONSTRAINT prep_checklist_text_check CHECK (text <> '')
);
ALTER TABLE prep_checklist FORCE ROW LEVEL SECURITY;
ALTER TABLE prep_checklist ENABLE ROW LEVEL SECURITY;

CREATE INDEX prep_checklist_created_by_idx ON prep_checklist (created_by);
CREATE INDEX prep_checklist_session_id_idx ON prep_checklist (session_id, created_at);

CREATE TRIGGER check_session BEFORE INSERT ON prep_checklist FOR EACH ROW EXECUTE FUNCTION check_session();
CREATE TRIGGER refuse_erased AFTER INSERT ON prep_checklist REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_erased();
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON prep_checklist FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE POLICY api_delete ON prep_checklist FOR DELETE TO liveconvo_api
    USING (((organization_id = ANY (ARRAY(SELECT my_organization_ids()))) AND (created_by = (SELECT app_user_id())))
        OR (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))));
CREATE POLICY api_insert ON prep_checklist FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids())))
        AND (created_by = (SELECT app_user_id())));
CREATE POLICY api_read ON prep_checklist FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
CREATE POLICY api_update ON prep_checklist FOR UPDATE TO liveconvo_api
    USING (((organization_id = ANY (ARRAY(SELECT my_organization_ids()))) AND (created_by = (SELECT app_user_id())))
        OR (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))))
    WITH CHECK (((organization_id = ANY (ARRAY(SELECT my_organization_ids())))
        AND (created_by = (SELECT app_user_id())))
        OR (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))));
CREATE POLICY jobs_delete ON prep_checklist FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON prep_checklist FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY media_read ON prep_checklist FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY media_update ON prep_checklist FOR UPDATE TO liveconvo_media
    USING (has_call(session_id, organization_id, 1))
    WITH CHECK (has_call(session_id, organization_id, 1));
CREATE POLICY owner_all ON prep_checklist TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT, DELETE ON prep_checklist TO liveconvo_api;
GRANT INSERT (session_id, text, status, created_by, organization_id) ON prep_checklist TO liveconvo_api;
GRANT UPDATE (text, status) ON prep_checklist TO liveconvo_api;
GRANT SELECT, DELETE ON prep_checklist TO liveconvo_jobs;
GRANT SELECT ON prep_checklist TO liveconvo_media;
GRANT UPDATE (status) ON prep_checklist TO liveconvo_media;

CREATE TABLE session_timeline_events (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    session_id uuid NOT NULL,
    event_timestamp timestamptz NOT NULL,
    title varchar(255) NOT NULL,
    description text,
    type varchar(50) NOT NULL,
    importance varchar(20) NOT NULL,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    organization_id uuid NOT NULL,
    CONSTRAINT session_timeline_events_pkey PRIMARY KEY (id),
    CONSTRAINT session_timeline_events_session_id_fkey FOREIGN KEY (session_id) REFERENCES sessions(id)
        ON DELETE CASCADE,
    CONSTRAINT session_timeline_events_session_id_organization_id_fkey FOREIGN KEY (session_id, organization_id)
        REFERENCES sessions(id, organization_id) ON DELETE CASCADE,
    CONSTRAINT session_timeline_events_importance_check CHECK (importance IN ('low', 'medium', 'high')),
    CONSTRAINT session_timeline_events_type_check CHECK (type IN ('milestone', 'decision', 'topic_shift', 'action_item',
        'question', 'agreement', 'speaker_change', 'key_statement'))
);
ALTER TABLE session_timeline_events FORCE ROW LEVEL SECURITY;
ALTER TABLE session_timeline_events ENABLE ROW LEVEL SECURITY;

CREATE INDEX session_timeline_events_session_id_idx ON session_timeline_events (session_id, event_timestamp DESC);

CREATE TRIGGER refuse_erased AFTER INSERT ON session_timeline_events REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_erased();

CREATE POLICY api_read ON session_timeline_events FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
CREATE POLICY jobs_delete ON session_timeline_events FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON session_timeline_events FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY media_insert ON session_timeline_events FOR INSERT TO liveconvo_media
    WITH CHECK (has_call(session_id, organization_id, 1));
CREATE POLICY media_read ON session_timeline_events FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY owner_all ON session_timeline_events TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON session_timeline_events TO liveconvo_api;
GRANT SELECT, DELETE ON session_timeline_events TO liveconvo_jobs;
GRANT SELECT, INSERT ON session_timeline_events TO liveconvo_media;

CREATE TABLE recordings (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    session_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    participant_id uuid,
    storage_key varchar(512) NOT NULL,
    media_type varchar(100) NOT NULL,
    started_at_ms bigint NOT NULL,
    duration_ms bigint NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 bytea NOT NULL,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    deleted_at timestamptz,
    status varchar(20) DEFAULT 'ready' NOT NULL,
    error_code varchar(50),
    CONSTRAINT recordings_pkey PRIMARY KEY (id),
    CONSTRAINT recordings_storage_key_key UNIQUE (storage_key),
    CONSTRAINT recordings_participant_id_session_id_fkey FOREIGN KEY (participant_id, session_id)
        REFERENCES session_participants(id, session_id) ON DELETE SET NULL (participant_id),
    CONSTRAINT recordings_session_id_organization_id_fkey FOREIGN KEY (session_id, organization_id)
        REFERENCES sessions(id, organization_id) ON DELETE CASCADE,
    CONSTRAINT recordings_duration_ms_check CHECK (duration_ms >= 0),
    CONSTRAINT recordings_error_code_check CHECK (error_code <> ''),
    CONSTRAINT recordings_reason_check CHECK ((status = 'failed') = (error_code IS NOT NULL)),
    CONSTRAINT recordings_sha256_check CHECK (octet_length(sha256) = 32),
    CONSTRAINT recordings_size_bytes_check CHECK (size_bytes >= 0),
    CONSTRAINT recordings_started_at_ms_check CHECK (started_at_ms >= 0),
    CONSTRAINT recordings_status_check CHECK (status IN ('processing', 'ready', 'failed')),
    CONSTRAINT recordings_storage_key_check CHECK (storage_key !~ '(^/|\.\.)')
);
ALTER TABLE recordings FORCE ROW LEVEL SECURITY;
ALTER TABLE recordings ENABLE ROW LEVEL SECURITY;

CREATE INDEX recordings_organization_id_idx ON recordings (organization_id) INCLUDE (size_bytes)
    WHERE (deleted_at IS NULL);
CREATE UNIQUE INDEX recordings_processing_key ON recordings (organization_id, session_id) WHERE ((status = 'processing')
    AND (deleted_at IS NULL));
CREATE INDEX recordings_session_id_idx ON recordings (session_id, started_at_ms);

CREATE TRIGGER announce AFTER INSERT OR UPDATE OF status ON recordings FOR EACH ROW EXECUTE FUNCTION announce();
CREATE TRIGGER refuse_erased AFTER INSERT ON recordings REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_erased();

CREATE POLICY api_insert ON recordings FOR INSERT TO liveconvo_api
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_organization_ids())));
CREATE POLICY api_read ON recordings FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
CREATE POLICY api_update ON recordings FOR UPDATE TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_organization_ids())))
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_organization_ids())));
CREATE POLICY jobs_delete ON recordings FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON recordings FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_update ON recordings FOR UPDATE TO liveconvo_jobs USING (true) WITH CHECK (true);
CREATE POLICY media_insert ON recordings FOR INSERT TO liveconvo_media
    WITH CHECK (has_call(session_id, organization_id, 1));
CREATE POLICY media_read ON recordings FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY owner_all ON recordings TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON recordings TO liveconvo_api;
GRANT INSERT (id, session_id, organization_id, participant_id, storage_key, media_type, started_at_ms, duration_ms,
    size_bytes, sha256, status) ON recordings TO liveconvo_api;
GRANT UPDATE (deleted_at) ON recordings TO liveconvo_api;
GRANT SELECT, DELETE ON recordings TO liveconvo_jobs;
GRANT UPDATE (duration_ms, deleted_at, status, error_code) ON recordings TO liveconvo_jobs;
GRANT SELECT, INSERT ON recordings TO liveconvo_media;

CREATE TABLE consents (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    session_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    participant_id uuid NOT NULL,
    user_id uuid,
    version varchar(50) NOT NULL,
    given_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    withdrawn_at timestamptz,
    CONSTRAINT consents_pkey PRIMARY KEY (id),
    CONSTRAINT consents_participant_id_session_id_fkey FOREIGN KEY (participant_id, session_id)
        REFERENCES session_participants(id, session_id) ON DELETE CASCADE,
    CONSTRAINT consents_session_id_organization_id_fkey FOREIGN KEY (session_id, organization_id)
        REFERENCES sessions(id, organization_id) ON DELETE CASCADE,
    CONSTRAINT consents_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE SET NULL,
    CONSTRAINT consents_version_check CHECK (version <> '')
);
ALTER TABLE consents FORCE ROW LEVEL SECURITY;
ALTER TABLE consents ENABLE ROW LEVEL SECURITY;

CREATE INDEX consents_session_id_idx ON consents (session_id);
CREATE UNIQUE INDEX consents_standing_key ON consents (participant_id) WHERE (withdrawn_at IS NULL);
CREATE INDEX consents_user_id_idx ON consents (user_id);

CREATE TRIGGER refuse_erased AFTER INSERT ON consents REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_erased();

CREATE POLICY api_read ON consents FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
CREATE POLICY api_update ON consents FOR UPDATE TO liveconvo_api
    USING ((organization_id = ANY (ARRAY(SELECT my_organization_ids()))) AND (user_id = (SELECT app_user_id())))
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids()))) AND (user_id = (SELECT app_user_id())));
CREATE POLICY jobs_read ON consents FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_update ON consents FOR UPDATE TO liveconvo_jobs USING (true) WITH CHECK (true);
CREATE POLICY media_read ON consents FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY media_update ON consents FOR UPDATE TO liveconvo_media
    USING (has_call(session_id, organization_id, 1))
    WITH CHECK (has_call(session_id, organization_id, 1));
CREATE POLICY owner_all ON consents TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON consents TO liveconvo_api;
GRANT UPDATE (withdrawn_at) ON consents TO liveconvo_api;
GRANT SELECT ON consents TO liveconvo_jobs;
GRANT UPDATE (user_id) ON consents TO liveconvo_jobs;
GRANT SELECT ON consents TO liveconvo_media;
GRANT UPDATE (withdrawn_at) ON consents TO liveconvo_media;

CREATE TABLE session_share_links (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    token_hash bytea NOT NULL,
    session_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    created_by uuid NOT NULL,
    shared_tabs text[] DEFAULT '{summary}'::text[] NOT NULL,
    message text,
    recipient_email varchar(255),
    expires_at timestamptz,
    revoked_at timestamptz,
    access_count integer DEFAULT 0 NOT NULL,
    last_accessed_at timestamptz,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT session_share_links_pkey PRIMARY KEY (id),
    CONSTRAINT session_share_links_token_hash_key UNIQUE (token_hash),
    CONSTRAINT session_share_links_created_by_fkey FOREIGN KEY (created_by) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT session_share_links_session_id_organization_id_fkey FOREIGN KEY (session_id, organization_id)
        REFERENCES sessions(id, organization_id) ON DELETE CASCADE,
    CONSTRAINT session_share_links_access_count_check CHECK (access_count >= 0),
    CONSTRAINT session_share_links_check CHECK (expires_at > created_at),
    CONSTRAINT session_share_links_recipient_email_check CHECK (recipient_email = lower(recipient_email)),
    CONSTRAINT session_share_links_shared_tabs_check CHECK ((shared_tabs <@ ARRAY['summary', 'transcript', 'guidance',
        'metrics']) AND (cardinality(shared_tabs) > 0)),
    CONSTRAINT session_share_links_token_hash_check CHECK (octet_length(token_hash) = 32)
);
ALTER TABLE session_share_links FORCE ROW LEVEL SECURITY;
ALTER TABLE session_share_links ENABLE ROW LEVEL SECURITY;

CREATE INDEX session_share_links_created_by_idx ON session_share_links (created_by);
CREATE INDEX session_share_links_session_id_idx ON session_share_links (session_id, created_at DESC);

CREATE TRIGGER audit_change AFTER INSERT OR DELETE OR UPDATE OF revoked_at ON session_share_links FOR EACH ROW
    EXECUTE FUNCTION audit_change('shared_tabs', 'expires_at');
CREATE TRIGGER check_session BEFORE INSERT ON session_share_links FOR EACH ROW EXECUTE FUNCTION check_session();
CREATE TRIGGER refuse_erased AFTER INSERT ON session_share_links REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_erased();

CREATE POLICY api_insert ON session_share_links FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids())))
        AND (created_by = (SELECT app_user_id())));
CREATE POLICY api_read ON session_share_links FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
CREATE POLICY api_update ON session_share_links FOR UPDATE TO liveconvo_api
    USING (((organization_id = ANY (ARRAY(SELECT my_organization_ids()))) AND (created_by = (SELECT app_user_id())))
        OR (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))))
    WITH CHECK (((organization_id = ANY (ARRAY(SELECT my_organization_ids())))
        AND (created_by = (SELECT app_user_id())))
        OR (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))));
CREATE POLICY jobs_delete ON session_share_links FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON session_share_links FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY owner_all ON session_share_links TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT (id, session_id, organization_id, created_by, shared_tabs, message, recipient_email, expires_at,
    revoked_at, access_count, last_accessed_at, created_at) ON session_share_links TO liveconvo_api;
GRANT INSERT (token_hash, session_id, organization_id, created_by, shared_tabs, message, recipient_email,
    expires_at) ON session_share_links TO liveconvo_api;
GRANT UPDATE (revoked_at) ON session_share_links TO liveconvo_api;
GRANT DELETE ON session_share_links TO liveconvo_jobs;
GRANT SELECT (id, session_id, organization_id, created_by, shared_tabs, message, recipient_email, expires_at,
    revoked_at, access_count, last_accessed_at, created_at) ON session_share_links TO liveconvo_jobs;

CREATE TABLE transcript_revisions (
    transcript_id uuid NOT NULL,
    revision integer NOT NULL,
    session_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    content text NOT NULL,
    speaker varchar(50) NOT NULL,
    words jsonb,
    replaced_by uuid,
    replaced_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT transcript_revisions_pkey PRIMARY KEY (transcript_id, revision),
    CONSTRAINT transcript_revisions_replaced_by_fkey FOREIGN KEY (replaced_by) REFERENCES users(id) ON DELETE SET NULL,
    CONSTRAINT transcript_revisions_session_id_organization_id_fkey FOREIGN KEY (session_id, organization_id)
        REFERENCES sessions(id, organization_id) ON DELETE CASCADE,
    CONSTRAINT transcript_revisions_transcript_id_fkey FOREIGN KEY (transcript_id) REFERENCES transcripts(id)
        ON DELETE CASCADE,
    CONSTRAINT transcript_revisions_revision_check CHECK (revision >= 0),
    CONSTRAINT transcript_revisions_words_check CHECK (jsonb_typeof(words) = 'array')
);
ALTER TABLE transcript_revisions FORCE ROW LEVEL SECURITY;
ALTER TABLE transcript_revisions ENABLE ROW LEVEL SECURITY;

CREATE INDEX transcript_revisions_replaced_by_idx ON transcript_revisions (replaced_by);
CREATE INDEX transcript_revisions_session_id_idx ON transcript_revisions (session_id);

CREATE TRIGGER check_session BEFORE INSERT ON transcript_revisions FOR EACH ROW EXECUTE FUNCTION check_session();
CREATE TRIGGER refuse_erased AFTER INSERT ON transcript_revisions REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_erased();

CREATE POLICY api_read ON transcript_revisions FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
CREATE POLICY jobs_delete ON transcript_revisions FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON transcript_revisions FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY owner_all ON transcript_revisions TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON transcript_revisions TO liveconvo_api;
GRANT SELECT, DELETE ON transcript_revisions TO liveconvo_jobs;

CREATE TABLE idempotency_keys (
    user_id uuid NOT NULL,
    key_hash bytea NOT NULL,
    request_hash bytea NOT NULL,
    status smallint,
    answer bytea,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (user_id, key_hash),
    CONSTRAINT idempotency_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT idempotency_keys_answer_check CHECK ((status IS NULL) = (answer IS NULL)),
    CONSTRAINT idempotency_keys_key_hash_check CHECK (octet_length(key_hash) = 32),
    CONSTRAINT idempotency_keys_request_hash_check CHECK (octet_length(request_hash) = 32),
    CONSTRAINT idempotency_keys_status_check CHECK ((status >= 200) AND (status <= 599))
);
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;

CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at);

CREATE POLICY api_insert ON idempotency_keys FOR INSERT TO liveconvo_api WITH CHECK (user_id = (SELECT app_user_id()));
CREATE POLICY api_read ON idempotency_keys FOR SELECT TO liveconvo_api USING (user_id = (SELECT app_user_id()));
CREATE POLICY api_update ON idempotency_keys FOR UPDATE TO liveconvo_api
    USING (user_id = (SELECT app_user_id()))
    WITH CHECK (user_id = (SELECT app_user_id()));
CREATE POLICY jobs_delete ON idempotency_keys FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON idempotency_keys FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY owner_all ON idempotency_keys TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON idempotency_keys TO liveconvo_api;
GRANT INSERT (user_id, key_hash, request_hash) ON idempotency_keys TO liveconvo_api;
GRANT UPDATE (status, answer) ON idempotency_keys TO liveconvo_api;
GRANT DELETE ON idempotency_keys TO liveconvo_jobs;
GRANT SELECT (user_id, key_hash, created_at) ON idempotency_keys TO liveconvo_jobs;

CREATE TABLE webhook_endpoints (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    organization_id uuid NOT NULL,
    url varchar(2048) NOT NULL,
    signing_secret bytea NOT NULL,
    event_types text[] NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    disabled_reason varchar(50),
    created_by uuid,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    previous_secret bytea,
    previous_secret_until timestamptz,
    failing_since timestamptz,
    CONSTRAINT webhook_endpoints_pkey PRIMARY KEY (id),
    CONSTRAINT webhook_endpoints_id_organization_id_key UNIQUE (id, organization_id),
    CONSTRAINT webhook_endpoints_created_by_fkey FOREIGN KEY (created_by) REFERENCES users(id) ON DELETE SET NULL,
    CONSTRAINT webhook_endpoints_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id)
        ON DELETE CASCADE,
    CONSTRAINT webhook_endpoints_event_types_check CHECK (cardinality(event_types) > 0),
    CONSTRAINT webhook_endpoints_signing_secret_check CHECK ((octet_length(signing_secret) >= 24)
        AND (octet_length(signing_secret) <= 512)),
    CONSTRAINT webhook_endpoints_url_check CHECK ((url LIKE 'https://_%') OR (url LIKE 'http://_%'))
);
ALTER TABLE webhook_endpoints FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_endpoints ENABLE ROW LEVEL SECURITY;

CREATE INDEX webhook_endpoints_created_by_idx ON webhook_endpoints (created_by);
CREATE INDEX webhook_endpoints_organization_id_idx ON webhook_endpoints (organization_id);

CREATE TRIGGER audit_change AFTER INSERT OR DELETE OR UPDATE OF is_active, url, event_types ON webhook_endpoints
    FOR EACH ROW EXECUTE FUNCTION audit_change('is_active', 'event_types');
CREATE TRIGGER keep_previous_secret BEFORE UPDATE OF signing_secret ON webhook_endpoints
    FOR EACH ROW WHEN (new.signing_secret IS DISTINCT FROM old.signing_secret) EXECUTE FUNCTION keep_previous_secret();
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON webhook_endpoints FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE POLICY api_delete ON webhook_endpoints FOR DELETE TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
CREATE POLICY api_insert ON webhook_endpoints FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())))
        AND (created_by = (SELECT app_user_id())));
CREATE POLICY api_read ON webhook_endpoints FOR SELECT TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
CREATE POLICY api_update ON webhook_endpoints FOR UPDATE TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())))
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
CREATE POLICY jobs_delete ON webhook_endpoints FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON webhook_endpoints FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_update ON webhook_endpoints FOR UPDATE TO liveconvo_jobs USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON webhook_endpoints TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT DELETE ON webhook_endpoints TO liveconvo_api;
GRANT SELECT (id, organization_id, url, event_types, is_active, disabled_reason, created_by, created_at, updated_at,
    previous_secret_until, failing_since) ON webhook_endpoints TO liveconvo_api;
GRANT INSERT (organization_id, url, signing_secret, event_types, created_by) ON webhook_endpoints TO liveconvo_api;
GRANT UPDATE (url, signing_secret, event_types, is_active, disabled_reason, previous_secret_until,
    failing_since) ON webhook_endpoints TO liveconvo_api;
GRANT SELECT, DELETE ON webhook_endpoints TO liveconvo_jobs;
GRANT UPDATE (is_active, disabled_reason, failing_since) ON webhook_endpoints TO liveconvo_jobs;

CREATE TABLE webhook_deliveries (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    endpoint_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    event_type text NOT NULL,
    payload jsonb NOT NULL,
    status varchar(20) DEFAULT 'pending' NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_attempt_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    response_status integer,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    delivered_at timestamptz,
    attempt_log jsonb DEFAULT '[]'::jsonb NOT NULL,
    CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (id),
    CONSTRAINT webhook_deliveries_endpoint_id_organization_id_fkey FOREIGN KEY (endpoint_id, organization_id)
        REFERENCES webhook_endpoints(id, organization_id) ON DELETE CASCADE,
    CONSTRAINT webhook_deliveries_attempt_log_check CHECK (jsonb_typeof(attempt_log) = 'array'),
    CONSTRAINT webhook_deliveries_attempts_check CHECK (attempts >= 0),
    CONSTRAINT webhook_deliveries_check CHECK ((status = 'delivered') = (delivered_at IS NOT NULL)),
    CONSTRAINT webhook_deliveries_payload_check CHECK (octet_length(payload) <= 20000),
    CONSTRAINT webhook_deliveries_response_status_check CHECK ((response_status >= 100) AND (response_status <= 599)),
    CONSTRAINT webhook_deliveries_status_check CHECK (status IN ('pending', 'delivered', 'failed'))
);
ALTER TABLE webhook_deliveries FORCE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries ENABLE ROW LEVEL SECURITY;

CREATE INDEX webhook_deliveries_endpoint_id_idx ON webhook_deliveries (endpoint_id, created_at DESC);
CREATE INDEX webhook_deliveries_waiting_idx ON webhook_deliveries (endpoint_id, next_attempt_at)
    WHERE (status = 'pending');

CREATE POLICY api_insert ON webhook_deliveries FOR INSERT TO liveconvo_api
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
CREATE POLICY api_read ON webhook_deliveries FOR SELECT TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
CREATE POLICY api_update ON webhook_deliveries FOR UPDATE TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())))
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
CREATE POLICY jobs_delete ON webhook_deliveries FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_insert ON webhook_deliveries FOR INSERT TO liveconvo_jobs WITH CHECK (true);
CREATE POLICY jobs_read ON webhook_deliveries FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_update ON webhook_deliveries FOR UPDATE TO liveconvo_jobs USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON webhook_deliveries TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON webhook_deliveries TO liveconvo_api;
GRANT INSERT (endpoint_id, organization_id, event_type, payload) ON webhook_deliveries TO liveconvo_api;
GRANT UPDATE (status, attempts, next_attempt_at, response_status, delivered_at) ON webhook_deliveries TO liveconvo_api;
GRANT SELECT, INSERT, DELETE, UPDATE ON webhook_deliveries TO liveconvo_jobs;

-- Live calls ----------------------------------------------------------------------------------------------------------

CREATE TABLE calls (
    session_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    node text NOT NULL,
    epoch integer NOT NULL,
    media_url text NOT NULL,
    lease_until timestamptz NOT NULL,
    started_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    paused boolean DEFAULT false NOT NULL,
    reserved_seq bigint NOT NULL,
    CONSTRAINT calls_pkey PRIMARY KEY (session_id),
    CONSTRAINT calls_session_id_organization_id_fkey FOREIGN KEY (session_id, organization_id) REFERENCES sessions(id,
        organization_id) ON DELETE CASCADE,
    CONSTRAINT calls_epoch_check CHECK (epoch > 0)
);
ALTER TABLE calls FORCE ROW LEVEL SECURITY;
ALTER TABLE calls ENABLE ROW LEVEL SECURITY;

CREATE INDEX calls_node_idx ON calls (node);
CREATE INDEX calls_organization_id_idx ON calls (organization_id);

CREATE POLICY api_read ON calls FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
CREATE POLICY jobs_insert ON calls FOR INSERT TO liveconvo_jobs WITH CHECK (true);
CREATE POLICY jobs_read ON calls FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_update ON calls FOR UPDATE TO liveconvo_jobs USING (true) WITH CHECK (true);
CREATE POLICY media_insert ON calls FOR INSERT TO liveconvo_media WITH CHECK (true);
CREATE POLICY media_read ON calls FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY media_update ON calls FOR UPDATE TO liveconvo_media USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON calls TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON calls TO liveconvo_api;
GRANT SELECT, INSERT, UPDATE ON calls TO liveconvo_jobs;
GRANT SELECT, INSERT, UPDATE ON calls TO liveconvo_media;

CREATE TABLE session_events (
    session_id uuid NOT NULL,
    seq bigint NOT NULL,
    epoch integer NOT NULL,
    type text NOT NULL,
    at_ms bigint NOT NULL,
    audience text NOT NULL,
    payload jsonb NOT NULL,
    organization_id uuid NOT NULL,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT session_events_pkey PRIMARY KEY (session_id, seq),
    CONSTRAINT session_events_session_id_organization_id_fkey FOREIGN KEY (session_id, organization_id)
        REFERENCES sessions(id, organization_id) ON DELETE CASCADE,
    CONSTRAINT session_events_audience_check CHECK ((audience IN ('everyone', 'coached', 'server', 'role:host',
        'role:supervisor', 'role:participant')) OR (audience LIKE 'participant:_%')),
    CONSTRAINT session_events_epoch_check CHECK (epoch > 0),
    CONSTRAINT session_events_seq_check CHECK (seq > 0)
);
ALTER TABLE session_events FORCE ROW LEVEL SECURITY;
ALTER TABLE session_events ENABLE ROW LEVEL SECURITY;

CREATE TRIGGER refuse_erased AFTER INSERT ON session_events REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_erased();

CREATE POLICY api_read ON session_events FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
CREATE POLICY jobs_delete ON session_events FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_insert ON session_events FOR INSERT TO liveconvo_jobs
    WITH CHECK (has_call(session_id, organization_id, epoch));
CREATE POLICY jobs_read ON session_events FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY media_insert ON session_events FOR INSERT TO liveconvo_media
    WITH CHECK (has_call(session_id, organization_id, epoch));
CREATE POLICY media_read ON session_events FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY owner_all ON session_events TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON session_events TO liveconvo_api;
GRANT SELECT, INSERT, DELETE ON session_events TO liveconvo_jobs;
GRANT SELECT, INSERT ON session_events TO liveconvo_media;

CREATE TABLE media_nodes (
    node text NOT NULL,
    media_url text NOT NULL,
    registered_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    seen_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT media_nodes_pkey PRIMARY KEY (node)
);
ALTER TABLE media_nodes FORCE ROW LEVEL SECURITY;
ALTER TABLE media_nodes ENABLE ROW LEVEL SECURITY;

CREATE POLICY api_read ON media_nodes FOR SELECT TO liveconvo_api USING (true);
CREATE POLICY media_insert ON media_nodes FOR INSERT TO liveconvo_media WITH CHECK (true);
CREATE POLICY media_read ON media_nodes FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY media_update ON media_nodes FOR UPDATE TO liveconvo_media USING (true) WITH CHECK (true);
CREATE POLICY owner_all ON media_nodes TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON media_nodes TO liveconvo_api;
GRANT SELECT, INSERT, UPDATE ON media_nodes TO liveconvo_media;

CREATE TABLE call_commands (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    session_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    kind varchar(50) NOT NULL,
    payload jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_by uuid,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    acknowledged_at timestamptz,
    outcome varchar(50),
    CONSTRAINT call_commands_pkey PRIMARY KEY (id),
    CONSTRAINT call_commands_created_by_fkey FOREIGN KEY (created_by) REFERENCES users(id) ON DELETE SET NULL,
    CONSTRAINT call_commands_session_id_organization_id_fkey FOREIGN KEY (session_id, organization_id)
        REFERENCES sessions(id, organization_id) ON DELETE CASCADE,
    CONSTRAINT call_commands_outcome_check CHECK ((acknowledged_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT call_commands_payload_check CHECK (jsonb_typeof(payload) = 'object')
);
ALTER TABLE call_commands FORCE ROW LEVEL SECURITY;
ALTER TABLE call_commands ENABLE ROW LEVEL SECURITY;

CREATE INDEX call_commands_created_by_idx ON call_commands (created_by);
CREATE INDEX call_commands_pending_idx ON call_commands (session_id, created_at) WHERE (acknowledged_at IS NULL);
CREATE INDEX call_commands_session_id_idx ON call_commands (session_id);

CREATE TRIGGER check_session BEFORE INSERT ON call_commands FOR EACH ROW EXECUTE FUNCTION check_session();
CREATE TRIGGER refuse_erased AFTER INSERT ON call_commands REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_erased();

CREATE POLICY api_insert ON call_commands FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids())))
        AND (created_by = (SELECT app_user_id())));
CREATE POLICY api_read ON call_commands FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
CREATE POLICY jobs_delete ON call_commands FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON call_commands FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY media_read ON call_commands FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY media_update ON call_commands FOR UPDATE TO liveconvo_media
    USING (has_call(session_id, organization_id, 1))
    WITH CHECK (has_call(session_id, organization_id, 1));
CREATE POLICY owner_all ON call_commands TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON call_commands TO liveconvo_api;
GRANT INSERT (id, session_id, organization_id, kind, payload, created_by) ON call_commands TO liveconvo_api;
GRANT SELECT, DELETE ON call_commands TO liveconvo_jobs;
GRANT SELECT ON call_commands TO liveconvo_media;
GRANT UPDATE (acknowledged_at, outcome) ON call_commands TO liveconvo_media;

CREATE TABLE join_tickets (
    token_hash bytea NOT NULL,
    session_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    participant_id uuid NOT NULL,
    node text NOT NULL,
    media_url text NOT NULL,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT join_tickets_pkey PRIMARY KEY (token_hash),
    CONSTRAINT join_tickets_participant_id_fkey FOREIGN KEY (participant_id, session_id)
        REFERENCES session_participants(id, session_id) ON DELETE CASCADE,
    CONSTRAINT join_tickets_session_id_organization_id_fkey FOREIGN KEY (session_id, organization_id)
        REFERENCES sessions(id, organization_id) ON DELETE CASCADE,
    CONSTRAINT join_tickets_token_hash_check CHECK (octet_length(token_hash) = 32)
);
ALTER TABLE join_tickets FORCE ROW LEVEL SECURITY;
ALTER TABLE join_tickets ENABLE ROW LEVEL SECURITY;

CREATE INDEX join_tickets_participant_id_idx ON join_tickets (participant_id);
CREATE INDEX join_tickets_session_id_idx ON join_tickets (session_id);

CREATE TRIGGER check_session BEFORE INSERT ON join_tickets FOR EACH ROW EXECUTE FUNCTION check_session();
CREATE TRIGGER refuse_erased AFTER INSERT ON join_tickets REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_erased();

CREATE POLICY api_insert ON join_tickets FOR INSERT TO liveconvo_api
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_organization_ids())));
CREATE POLICY jobs_delete ON join_tickets FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON join_tickets FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY owner_all ON join_tickets TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT INSERT (token_hash, session_id, organization_id, participant_id, node, media_url, expires_at) ON join_tickets
    TO liveconvo_api;
GRANT DELETE ON join_tickets TO liveconvo_jobs;
GRANT SELECT (session_id, organization_id, participant_id, created_at, expires_at, used_at) ON join_tickets
    TO liveconvo_jobs;

CREATE TABLE session_invites (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    token_hash bytea NOT NULL,
    session_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    role varchar(20) NOT NULL,
    name varchar(255),
    created_by uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT session_invites_pkey PRIMARY KEY (id),
    CONSTRAINT session_invites_token_hash_key UNIQUE (token_hash),
    CONSTRAINT session_invites_created_by_fkey FOREIGN KEY (created_by) REFERENCES users(id) ON DELETE CASCADE,
    CONSTRAINT session_invites_session_id_organization_id_fkey FOREIGN KEY (session_id, organization_id)
        REFERENCES sessions(id, organization_id) ON DELETE CASCADE,
    CONSTRAINT session_invites_role_check CHECK (role IN ('participant', 'supervisor', 'customer')),
    CONSTRAINT session_invites_token_hash_check CHECK (octet_length(token_hash) = 32)
);
ALTER TABLE session_invites FORCE ROW LEVEL SECURITY;
ALTER TABLE session_invites ENABLE ROW LEVEL SECURITY;

CREATE INDEX session_invites_created_by_idx ON session_invites (created_by);
CREATE INDEX session_invites_session_id_idx ON session_invites (session_id);

CREATE TRIGGER check_session BEFORE INSERT ON session_invites FOR EACH ROW EXECUTE FUNCTION check_session();
CREATE TRIGGER refuse_erased AFTER INSERT ON session_invites REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_erased();

CREATE POLICY api_insert ON session_invites FOR INSERT TO liveconvo_api
    WITH CHECK ((organization_id = ANY (ARRAY(SELECT my_organization_ids())))
        AND (created_by = (SELECT app_user_id())));
CREATE POLICY api_read ON session_invites FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
CREATE POLICY api_update ON session_invites FOR UPDATE TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_organization_ids())))
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_organization_ids())));
CREATE POLICY jobs_delete ON session_invites FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON session_invites FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY owner_all ON session_invites TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT (id, session_id, organization_id, role, name, created_by, expires_at, revoked_at,
    created_at) ON session_invites TO liveconvo_api;
GRANT INSERT (token_hash, session_id, organization_id, role, name, created_by, expires_at) ON session_invites
    TO liveconvo_api;
GRANT UPDATE (revoked_at) ON session_invites TO liveconvo_api;
GRANT DELETE ON session_invites TO liveconvo_jobs;
GRANT SELECT (id, session_id, organization_id, role, name, created_by, expires_at, revoked_at,
    created_at) ON session_invites TO liveconvo_jobs;

-- Housekeeping --------------------------------------------------------------------------------------------------------

CREATE TABLE system_logs (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    level varchar(10) NOT NULL,
    logger_name varchar(100),
    message text NOT NULL,
    user_id uuid,
    session_id uuid,
    module varchar(100),
    function_name varchar(100),
    line_number integer,
    exception_traceback text,
    request_id varchar(100),
    ip_address inet,
    endpoint varchar(255),
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT system_logs_pkey PRIMARY KEY (id),
    CONSTRAINT system_logs_session_id_fkey FOREIGN KEY (session_id) REFERENCES sessions(id) ON DELETE SET NULL,
    CONSTRAINT system_logs_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE SET NULL,
    CONSTRAINT system_logs_level_check CHECK (level IN ('DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'))
);
ALTER TABLE system_logs FORCE ROW LEVEL SECURITY;
ALTER TABLE system_logs ENABLE ROW LEVEL SECURITY;

CREATE INDEX system_logs_created_at_idx ON system_logs (created_at);
CREATE INDEX system_logs_mail_idx ON system_logs (request_id) WHERE (logger_name = 'control_api.mail.queue');
CREATE INDEX system_logs_session_id_idx ON system_logs (session_id);
CREATE INDEX system_logs_user_id_idx ON system_logs (user_id);

CREATE POLICY api_insert ON system_logs FOR INSERT TO liveconvo_api WITH CHECK (true);
CREATE POLICY api_read ON system_logs FOR SELECT TO liveconvo_api USING (SELECT is_platform_admin());
CREATE POLICY jobs_delete ON system_logs FOR DELETE TO liveconvo_jobs USING (true);
CREATE POLICY jobs_insert ON system_logs FOR INSERT TO liveconvo_jobs WITH CHECK (true);
CREATE POLICY jobs_read ON system_logs FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY media_insert ON system_logs FOR INSERT TO liveconvo_media WITH CHECK (true);
CREATE POLICY owner_all ON system_logs TO liveconvo_owner USING (true) WITH CHECK (true);

GRANT SELECT ON system_logs TO liveconvo_api;
GRANT INSERT (level, logger_name, message, user_id, session_id, module, function_name, line_number, exception_traceback,
    request_id, ip_address, endpoint) ON system_logs TO liveconvo_api;
GRANT SELECT, INSERT, DELETE ON system_logs TO liveconvo_jobs;
GRANT INSERT (level, logger_name, message, user_id, session_id, module, function_name, line_number, exception_traceback,
    request_id, ip_address, endpoint) ON system_logs TO liveconvo_media;

CREATE TABLE schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz DEFAULT CURRENT_TIMESTAMP NOT NULL,
    CONSTRAINT schema_migrations_pkey PRIMARY KEY (version)
);

-- Functions -----------------------------------------------------------------------------------------------------------

CREATE FUNCTION accept_invitation(wanted_token text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    invitation organization_invitations := hold_invitation(wanted_token);
    is_member boolean := EXISTS (
        SELECT FROM organization_members
        WHERE organization_id = invitation.organization_id
            AND user_id = app_user_id()
            AND status = 'active'
    );
BEGIN
    -- Whoever closes their account meanwhile is waited for, and then nobody.
    PERFORM FROM users WHERE id = app_user_id() FOR NO KEY UPDATE;
    IF invitation.email IS DISTINCT FROM my_verified_email() THEN
        PERFORM refuse('invitation_not_yours');
    END IF;
    IF invitation.status = 'accepted' AND invitation.accepted_by_user_id = app_user_id() AND is_member THEN
        RETURN invitation.organization_id;
    END IF;
    IF invitation.status <> 'pending' THEN
        PERFORM refuse('invitation_state');
    END IF;
    IF invitation.expires_at <= now() THEN
        PERFORM refuse('invitation_expired');
    END IF;
    IF NOT is_member AND free_seats(invitation.organization_id) < 1 THEN
        PERFORM refuse('member_limit');
    END IF;
    IF NOT is_member THEN
        INSERT INTO organization_members (organization_id, user_id, role)
        VALUES (invitation.organization_id, app_user_id(), invitation.role)
        ON CONFLICT (organization_id, user_id) DO UPDATE
        SET role = excluded.role,
            joined_at = excluded.joined_at,
            status = 'active';
    END IF;
    UPDATE organization_invitations
    SET status = 'accepted',
        accepted_by_user_id = app_user_id(),
        accepted_at = now()
    WHERE id = invitation.id;
    UPDATE users
    SET current_organization_id = invitation.organization_id,
        has_completed_onboarding = true,
        has_completed_organization_setup = true
    WHERE id = app_user_id();
    RETURN invitation.organization_id;
END
$$;

REVOKE ALL ON FUNCTION accept_invitation FROM PUBLIC;
GRANT ALL ON FUNCTION accept_invitation TO liveconvo_api;

CREATE FUNCTION act_as(wanted_user_id uuid) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM set_config('app.user_id', wanted_user_id::text, true);
    PERFORM set_config('app.readable', look_up_readable()::text, true);
    PERFORM set_config('app.readable_by', wanted_user_id::text, true);
END
$$;

REVOKE ALL ON FUNCTION act_as FROM PUBLIC;
GRANT ALL ON FUNCTION act_as TO liveconvo_api;

CREATE FUNCTION add_usage_seconds(session_ids uuid[], organization_ids uuid[], user_ids uuid[],
    minutes_at timestamptz[], seconds integer[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM lock_usage(session_ids);
    INSERT INTO usage_intervals (session_id, participant_id, epoch, from_ms, to_ms, organization_id, user_id)
    SELECT id, id, 0, free_ms, least(free_ms + wanted_ms, ends_ms), organization_id, user_id
    FROM (
        SELECT
            sessions.id,
            sessions.organization_id,
            sessions.user_id,
            metered.wanted_ms,
            placed.begins_ms + 60000 AS ends_ms,
            greatest(
                0,
                placed.begins_ms,
                (
                    SELECT max(to_ms)
                    FROM usage_intervals
                    WHERE session_id = sessions.id
                        AND participant_id = sessions.id
                        AND epoch = 0
                        AND from_ms < placed.begins_ms + 60000
                )
            ) AS free_ms
        FROM (
            SELECT session_id, organization_id, user_id, minute_at, sum(added.seconds) * 1000 AS wanted_ms
            FROM (
                SELECT
                    unnest(session_ids) AS session_id,
                    unnest(organization_ids) AS organization_id,
                    unnest(user_ids) AS user_id,
                    date_trunc('minute', unnest(minutes_at)) AS minute_at,
                    unnest(seconds) AS seconds
            ) AS added
            WHERE added.seconds > 0
            GROUP BY session_id, organization_id, user_id, minute_at
        ) AS metered
        JOIN sessions
            ON sessions.id = metered.session_id
            AND sessions.organization_id = metered.organization_id
            AND sessions.user_id = metered.user_id
        JOIN calls ON calls.session_id = sessions.id
        CROSS JOIN LATERAL (
            SELECT
                (extract(epoch FROM minute_at) * 1000)::bigint
                - media_zero_ms(recording_started_at, calls.started_at, sessions.created_at) AS begins_ms
        ) AS placed
    ) AS report
    WHERE free_ms < ends_ms;
END
$$;

REVOKE ALL ON FUNCTION add_usage_seconds FROM PUBLIC;
GRANT ALL ON FUNCTION add_usage_seconds TO liveconvo_media;

CREATE FUNCTION admin_decide_verification(wanted_id uuid, is_approved boolean) RETURNS TABLE(organization_name varchar,
    owner_email varchar)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    asking organizations;
BEGIN
    PERFORM require_admin();
    SELECT * INTO asking FROM organizations WHERE id = wanted_id AND deleted_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM refuse('organization_not_found', 'LC003');
    END IF;
    IF asking.is_verified THEN
        PERFORM refuse('organization_verified');
    END IF;
    IF asking.verification_requested_at IS NULL THEN
        PERFORM refuse('verification_not_requested');
    END IF;
    UPDATE organizations
    SET is_verified = is_approved,
        verification_requested_at = CASE WHEN is_approved THEN verification_requested_at END
    WHERE id = wanted_id;
    RETURN QUERY
        SELECT asking.name, users.email
        FROM organization_members
        JOIN users ON users.id = organization_members.user_id
        WHERE organization_members.organization_id = wanted_id
            AND organization_members.role = 'owner'
            AND organization_members.status = 'active'
            AND users.is_active
            AND users.email_verified;
    PERFORM audit_admin(
        wanted_id,
        CASE WHEN is_approved THEN 'organizations.verified' ELSE 'organizations.verification_refused' END,
        wanted_id
    );
END
$$;

REVOKE ALL ON FUNCTION admin_decide_verification FROM PUBLIC;
GRANT ALL ON FUNCTION admin_decide_verification TO liveconvo_api;

CREATE FUNCTION admin_end_sign_ins(wanted_id uuid) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    ended bigint;
BEGIN
    PERFORM require_admin();
    IF NOT EXISTS (SELECT FROM users WHERE id = wanted_id AND deleted_at IS NULL) THEN
        PERFORM refuse('user_not_found', 'LC003');
    END IF;
    UPDATE user_app_sessions SET ended_at = now() WHERE user_id = wanted_id AND ended_at IS NULL;
    GET DIAGNOSTICS ended = ROW_COUNT;
    PERFORM audit_admin(NULL, 'users.signed_out', wanted_id, jsonb_build_object('sign_ins', ended));
    RETURN ended;
END
$$;

REVOKE ALL ON FUNCTION admin_end_sign_ins FROM PUBLIC;
GRANT ALL ON FUNCTION admin_end_sign_ins TO liveconvo_api;

CREATE FUNCTION admin_figures(wanted_days integer) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    today date := (now() AT TIME ZONE 'UTC')::date;
    first_at timestamptz := (today - wanted_days + 1)::timestamp AT TIME ZONE 'UTC';
    found jsonb;
BEGIN
    PERFORM require_admin();
    SELECT jsonb_build_object(
        'users', (SELECT count(*) FROM users WHERE deleted_at IS NULL),
        'inactive_users', (SELECT count(*) FROM users WHERE deleted_at IS NULL AND NOT is_active),
        'active_users_day', active.of_day,
        'active_users_week', active.of_week,
        'active_users_month', active.of_month,
        'organizations', (SELECT count(*) FROM organizations WHERE deleted_at IS NULL),
        'suspended_organizations', (SELECT count(*) FROM organizations WHERE deleted_at IS NULL AND NOT is_active),
        'verifications_asked_for', (
            SELECT count(*)
            FROM organizations
            WHERE verification_requested_at IS NOT NULL
                AND NOT is_verified
                AND deleted_at IS NULL
        ),
        'sessions', (SELECT count(*) FROM sessions WHERE deleted_at IS NULL),
        'audio_seconds', (SELECT coalesce(sum(total_seconds_used), 0) FROM monthly_usage_cache),
        'audio_seconds_month', (
            SELECT coalesce(sum(total_seconds_used), 0)
            FROM monthly_usage_cache
            WHERE month_year = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')
        ),
        'live_calls', (
            SELECT count(*)
            FROM sessions
            JOIN calls ON calls.session_id = sessions.id
            WHERE sessions.status = 'active'
                AND sessions.deleted_at IS NULL
                AND calls.lease_until > now()
        ),
        'people_in_calls', (
            SELECT count(*)
            FROM sessions
            JOIN calls ON calls.session_id = sessions.id
            JOIN session_participants AS people ON people.session_id = sessions.id
            WHERE sessions.status = 'active'
                AND sessions.deleted_at IS NULL
                AND calls.lease_until > now()
                AND people.joined_at IS NOT NULL
                AND people.left_at IS NULL
        ),
        'waitlist', (
            SELECT coalesce(jsonb_object_agg(status, number), '{}')
            FROM (SELECT status, count(*) AS number FROM beta_waitlist GROUP BY status) AS waiting
        ),
        'subscriptions', (
            SELECT coalesce(jsonb_object_agg(name, number), '{}')
            FROM (
                SELECT plans.name, count(*) AS number
                FROM subscriptions
                JOIN plans ON plans.id = subscriptions.plan_id
                WHERE status IN ('active', 'trialing', 'past_due')
                GROUP BY plans.name
            ) AS subscribed
        ),
        'monthly_revenue', (
            SELECT coalesce(round(sum(
                CASE subscriptions.plan_type
                    WHEN 'monthly' THEN plans.price_monthly
                    WHEN 'yearly' THEN plans.price_yearly / 12
                END
            ), 2), 0)
            FROM subscriptions
            JOIN plans ON plans.id = subscriptions.plan_id
            WHERE status IN ('active', 'past_due')
        ),
        'days', (
            SELECT jsonb_agg(jsonb_build_object(
                'day', days.day, 'sign_ups', coalesce(signed_up.number, 0), 'sessions', coalesce(made.number, 0),
                'audio_seconds', coalesce(heard.seconds, 0)
            ) ORDER BY days.day)
            FROM (
                SELECT (today - wanted_days + number)::date AS day FROM generate_series(1, wanted_days) AS number
            ) AS days
            LEFT JOIN (
                SELECT (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS number
                FROM users
                WHERE created_at >= first_at
                GROUP BY 1
            ) AS signed_up
    USING (day)
            LEFT JOIN (
                SELECT (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS number
                FROM sessions
                WHERE created_at >= first_at
                GROUP BY 1
            ) AS made
    USING (day)
            LEFT JOIN (
                SELECT (minute_timestamp AT TIME ZONE 'UTC')::date AS day, sum(seconds_recorded) AS seconds
                FROM usage_tracking
                WHERE minute_timestamp >= first_at
                GROUP BY 1
            ) AS heard
    USING (day)
        )
    )
    INTO found
    FROM (
        SELECT
            count(DISTINCT user_id) FILTER (WHERE last_activity_at > now() - interval '1 day') AS of_day,
            count(DISTINCT user_id) FILTER (WHERE last_activity_at > now() - interval '7 days') AS of_week,
            count(DISTINCT user_id) FILTER (WHERE last_activity_at > now() - interval '30 days') AS of_month
        FROM user_app_sessions
    ) AS active;
    PERFORM audit_admin(NULL, 'figures.read', NULL);
    RETURN found;
END
$$;

REVOKE ALL ON FUNCTION admin_figures FROM PUBLIC;
GRANT ALL ON FUNCTION admin_figures TO liveconvo_api;

CREATE FUNCTION admin_nodes() RETURNS TABLE(node text, age_s double precision, live_calls bigint)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
#variable_conflict use_column
BEGIN
    PERFORM require_admin();
    RETURN QUERY
        SELECT
            media_nodes.node,
            extract(epoch FROM now() - media_nodes.seen_at)::double precision,
            (
                SELECT count(*)
                FROM calls
                WHERE calls.node = media_nodes.node
                    AND calls.lease_until > now()
            )
        FROM media_nodes
        WHERE media_nodes.seen_at > now() - interval '1 hour'
        ORDER BY media_nodes.node;
END
$$;

REVOKE ALL ON FUNCTION admin_nodes FROM PUBLIC;
GRANT ALL ON FUNCTION admin_nodes TO liveconvo_api;

CREATE FUNCTION admin_organization(wanted_id uuid) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    found jsonb;
BEGIN
    PERFORM require_admin();
    SELECT jsonb_build_object(
        'id', organizations.id, 'name', organizations.name, 'display_name', organizations.display_name,
        'slug', organizations.slug, 'website_url', organizations.website_url,
        'contact_email', organizations.contact_email, 'country_code', organizations.country_code,
        'is_active', organizations.is_active, 'is_verified', organizations.is_verified,
        'verification_requested_at', organizations.verification_requested_at,
        'created_at', organizations.created_at,
        'plan_name', plan.name,
        'limits', jsonb_build_object(
            'monthly_audio_hours_limit', organizations.monthly_audio_hours_limit,
            'max_members', organizations.max_members,
            'max_sessions_per_month', organizations.max_sessions_per_month
        ),
        'usage', jsonb_build_object(
            'members', (
                SELECT count(*)
                FROM organization_members
                WHERE organization_members.organization_id = organizations.id
                    AND status = 'active'
            ),
            'sessions_this_month', (SELECT of_organization FROM count_month_sessions(organizations.id, NULL)),
            'minutes_this_month', (
                SELECT coalesce(sum(total_minutes_used), 0)
                FROM organization_members AS people
                JOIN monthly_usage_cache
                    ON monthly_usage_cache.user_id = people.user_id
                    AND monthly_usage_cache.organization_id = people.organization_id
                WHERE people.organization_id = organizations.id
                    AND month_year = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')
            ),
            'live_calls', (
                SELECT count(*)
                FROM sessions
                JOIN calls ON calls.session_id = sessions.id
                WHERE sessions.organization_id = wanted_id
                    AND sessions.status = 'active'
                    AND sessions.deleted_at IS NULL
                    AND calls.lease_until > now()
            )
        ),
        'owners', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'id', users.id, 'email', users.email, 'full_name', users.full_name
            ) ORDER BY users.id), '[]')
            FROM organization_members AS owners
            JOIN users ON users.id = owners.user_id
            WHERE owners.organization_id = organizations.id
                AND owners.role = 'owner'
                AND owners.status = 'active'
        )
    )
    INTO found
    FROM organizations
    LEFT JOIN LATERAL plan_of(NULL, organizations.id) AS plan ON true
    WHERE organizations.id = wanted_id
        AND organizations.deleted_at IS NULL;
    IF found IS NULL THEN
        PERFORM refuse('organization_not_found', 'LC003');
    END IF;
    PERFORM audit_admin(wanted_id, 'organizations.read', wanted_id);
    RETURN found;
END
$$;

REVOKE ALL ON FUNCTION admin_organization FROM PUBLIC;
GRANT ALL ON FUNCTION admin_organization TO liveconvo_api;

CREATE FUNCTION admin_organizations(wanted_text text, wanted_active boolean, wanted_verified boolean,
    awaits_verification boolean, before_at timestamptz, before_id uuid, wanted_limit integer) RETURNS TABLE(id uuid,
    name varchar, slug varchar, is_active boolean, is_verified boolean, verification_requested_at timestamptz,
    members bigint, plan_name varchar, created_at timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
#variable_conflict use_column
BEGIN
    PERFORM require_admin();
    RETURN QUERY
        SELECT
            organizations.id, organizations.name, organizations.slug, organizations.is_active,
            organizations.is_verified, organizations.verification_requested_at,
            (
                SELECT count(*)
                FROM organization_members
                WHERE organization_members.organization_id = organizations.id
                    AND organization_members.status = 'active'
            ),
            (plan_of(NULL, organizations.id)).name,
            organizations.created_at
        FROM organizations
        WHERE organizations.deleted_at IS NULL
            AND (wanted_active IS NULL OR organizations.is_active = wanted_active)
            AND (wanted_verified IS NULL OR organizations.is_verified = wanted_verified)
            AND (
                awaits_verification IS NULL
                OR awaits_verification
                    = (organizations.verification_requested_at IS NOT NULL AND NOT organizations.is_verified)
            )
            AND (
                wanted_text IS NULL
                OR strpos(lower(organizations.name), lower(wanted_text)) > 0
                OR strpos(organizations.slug, lower(wanted_text)) > 0
            )
            AND (before_at IS NULL OR (organizations.created_at, organizations.id) < (before_at, before_id))
        ORDER BY organizations.created_at DESC, organizations.id DESC
        LIMIT wanted_limit;
    PERFORM audit_admin(NULL, 'organizations.listed', NULL);
END
$$;

REVOKE ALL ON FUNCTION admin_organizations FROM PUBLIC;
GRANT ALL ON FUNCTION admin_organizations TO liveconvo_api;

CREATE FUNCTION admin_plan_subscriptions(wanted_plan_id uuid) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM require_admin();
    RETURN (
        SELECT count(*)
        FROM subscriptions
        WHERE plan_id = wanted_plan_id
            AND status IN ('active', 'trialing', 'past_due')
    );
END
$$;

REVOKE ALL ON FUNCTION admin_plan_subscriptions FROM PUBLIC;
GRANT ALL ON FUNCTION admin_plan_subscriptions TO liveconvo_api;

CREATE FUNCTION admin_queues() RETURNS TABLE(entrypoint text, waiting bigint, running bigint, given_up bigint,
    oldest_wait_s double precision)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
#variable_conflict use_column
BEGIN
    PERFORM require_admin();
    RETURN QUERY
        SELECT
            pgqueuer.entrypoint,
            count(*) FILTER (WHERE status = 'queued'),
            count(*) FILTER (WHERE status = 'picked'),
            count(*) FILTER (WHERE status NOT IN ('queued', 'picked')),
            coalesce(extract(
                epoch FROM now() - min(execute_after) FILTER (WHERE status = 'queued' AND execute_after <= now())
            ), 0)::double precision
        FROM pgqueuer
        GROUP BY pgqueuer.entrypoint
        ORDER BY pgqueuer.entrypoint;
    PERFORM audit_admin(NULL, 'health.read', NULL);
END
$$;

REVOKE ALL ON FUNCTION admin_queues FROM PUBLIC;
GRANT ALL ON FUNCTION admin_queues TO liveconvo_api;

CREATE FUNCTION admin_set_organization_active(wanted_id uuid, wanted_active boolean, wanted_reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM require_admin();
    UPDATE organizations SET is_active = wanted_active WHERE id = wanted_id AND deleted_at IS NULL;
    IF NOT FOUND THEN
        PERFORM refuse('organization_not_found', 'LC003');
    END IF;
    PERFORM audit_admin(
        wanted_id, CASE WHEN wanted_active THEN 'organizations.activated' ELSE 'organizations.suspended' END, wanted_id,
        jsonb_build_object('reason', wanted_reason)
    );
END
$$;

REVOKE ALL ON FUNCTION admin_set_organization_active FROM PUBLIC;
GRANT ALL ON FUNCTION admin_set_organization_active TO liveconvo_api;

CREATE FUNCTION admin_set_organization_limits(wanted_id uuid, wanted_hours integer, wanted_members integer,
    wanted_sessions integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM require_admin();
    UPDATE organizations
    SET monthly_audio_hours_limit = wanted_hours,
        max_members = wanted_members,
        max_sessions_per_month = wanted_sessions
    WHERE id = wanted_id
        AND deleted_at IS NULL;
    IF NOT FOUND THEN
        PERFORM refuse('organization_not_found', 'LC003');
    END IF;
    PERFORM audit_admin(
        wanted_id, 'organizations.limits_changed', wanted_id,
        jsonb_build_object(
            'monthly_audio_hours_limit', wanted_hours, 'max_members', wanted_members,
            'max_sessions_per_month', wanted_sessions
        )
    );
END
$$;

REVOKE ALL ON FUNCTION admin_set_organization_limits FROM PUBLIC;
GRANT ALL ON FUNCTION admin_set_organization_limits TO liveconvo_api;

CREATE FUNCTION admin_set_organization_plan(wanted_id uuid, wanted_plan_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    current subscriptions;
BEGIN
    PERFORM require_admin();
    PERFORM FROM organizations WHERE id = wanted_id AND deleted_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM refuse('organization_not_found', 'LC003');
    END IF;
    IF NOT EXISTS (SELECT FROM plans WHERE id = wanted_plan_id) THEN
        PERFORM refuse('plan_not_found', 'LC003');
    END IF;
    SELECT *
    INTO current
    FROM subscriptions
    WHERE organization_id = wanted_id
        AND status IN ('active', 'trialing', 'past_due')
    FOR UPDATE;
    IF current.stripe_subscription_id IS NOT NULL THEN
        PERFORM refuse('paid_by_stripe');
    END IF;
    IF current.id IS NOT NULL THEN
        UPDATE subscriptions
        SET plan_id = wanted_plan_id, plan_type = 'lifetime', status = 'active', current_period_end = NULL
        WHERE id = current.id;
    ELSE
        INSERT INTO subscriptions (organization_id, plan_id, plan_type, status, current_period_start)
        VALUES (wanted_id, wanted_plan_id, 'lifetime', 'active', now());
    END IF;
    PERFORM audit_admin(
        wanted_id, 'organizations.plan_changed', wanted_id, jsonb_build_object('plan_id', wanted_plan_id)
    );
END
$$;

REVOKE ALL ON FUNCTION admin_set_organization_plan FROM PUBLIC;
GRANT ALL ON FUNCTION admin_set_organization_plan TO liveconvo_api;

CREATE FUNCTION admin_set_user_active(wanted_id uuid, wanted_active boolean, wanted_reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM require_admin();
    IF wanted_id = app_user_id() THEN
        PERFORM refuse('own_account');
    END IF;
    UPDATE users SET is_active = wanted_active WHERE id = wanted_id AND deleted_at IS NULL;
    IF NOT FOUND THEN
        PERFORM refuse('user_not_found', 'LC003');
    END IF;
    IF NOT wanted_active THEN
        UPDATE user_app_sessions SET ended_at = now() WHERE user_id = wanted_id AND ended_at IS NULL;
    END IF;
    PERFORM audit_admin(
        NULL, CASE WHEN wanted_active THEN 'users.reactivated' ELSE 'users.deactivated' END, wanted_id,
        jsonb_build_object('reason', wanted_reason)
    );
END
$$;

REVOKE ALL ON FUNCTION admin_set_user_active FROM PUBLIC;
GRANT ALL ON FUNCTION admin_set_user_active TO liveconvo_api;

CREATE FUNCTION admin_unproven_email(wanted_id uuid) RETURNS varchar
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    person users;
BEGIN
    PERFORM require_admin();
    SELECT * INTO person FROM users WHERE id = wanted_id AND deleted_at IS NULL;
    IF NOT FOUND THEN
        PERFORM refuse('user_not_found', 'LC003');
    END IF;
    IF person.email_verified THEN
        PERFORM refuse('email_verified');
    END IF;
    IF NOT person.is_active THEN
        PERFORM refuse('user_inactive');
    END IF;
    PERFORM audit_admin(NULL, 'users.verification_sent', wanted_id);
    RETURN person.email;
END
$$;

REVOKE ALL ON FUNCTION admin_unproven_email FROM PUBLIC;
GRANT ALL ON FUNCTION admin_unproven_email TO liveconvo_api;

CREATE FUNCTION admin_user(wanted_id uuid) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    found jsonb;
BEGIN
    PERFORM require_admin();
    SELECT jsonb_build_object(
        'id', users.id, 'email', users.email, 'full_name', users.full_name, 'timezone', users.timezone,
        'is_active', users.is_active, 'is_admin', users.is_admin, 'email_verified', users.email_verified,
        'has_password', users.password_hash IS NOT NULL, 'has_google', users.google_id IS NOT NULL,
        'current_organization_id', users.current_organization_id, 'last_login_at', users.last_login_at,
        'deletion_due_at', users.deletion_due_at, 'created_at', users.created_at,
        'sign_ins', (
            SELECT count(*)
            FROM user_app_sessions
            WHERE user_app_sessions.user_id = users.id
                AND ended_at IS NULL
                AND last_activity_at > now() - interval '30 days'
        ),
        'organizations', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'id', organizations.id, 'name', organizations.name, 'role', members.role, 'status', members.status,
                'sessions', members.total_sessions_count,
                'minutes_this_month', CASE
                    WHEN members.current_month_start = date_trunc('month', now() AT TIME ZONE 'UTC')::date
                        THEN members.current_month_minutes_used
                    ELSE 0
                END
            ) ORDER BY organizations.name, organizations.id), '[]')
            FROM organization_members AS members
            JOIN organizations ON organizations.id = members.organization_id
            WHERE members.user_id = users.id
                AND members.status <> 'removed'
                AND organizations.deleted_at IS NULL
        )
    )
    INTO found
    FROM users
    WHERE users.id = wanted_id
        AND users.deleted_at IS NULL;
    IF found IS NULL THEN
        PERFORM refuse('user_not_found', 'LC003');
    END IF;
    PERFORM audit_admin(NULL, 'users.read', wanted_id);
    RETURN found;
END
$$;

REVOKE ALL ON FUNCTION admin_user FROM PUBLIC;
GRANT ALL ON FUNCTION admin_user TO liveconvo_api;

CREATE FUNCTION admin_users(wanted_text text, wanted_active boolean, wanted_admin boolean, before_at timestamptz,
    before_id uuid, wanted_limit integer) RETURNS TABLE(id uuid, email varchar, full_name varchar, is_active boolean,
    is_admin boolean, email_verified boolean, current_organization_id uuid, organizations bigint,
    last_login_at timestamptz, deletion_due_at timestamptz, created_at timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
#variable_conflict use_column
BEGIN
    PERFORM require_admin();
    RETURN QUERY
        SELECT
            users.id, users.email, users.full_name, users.is_active, users.is_admin, users.email_verified,
            users.current_organization_id,
            (
                SELECT count(*)
                FROM organization_members
                WHERE organization_members.user_id = users.id
                    AND organization_members.status = 'active'
            ),
            users.last_login_at, users.deletion_due_at, users.created_at
        FROM users
        WHERE users.deleted_at IS NULL
            AND (wanted_active IS NULL OR users.is_active = wanted_active)
            AND (wanted_admin IS NULL OR users.is_admin = wanted_admin)
            AND (
                wanted_text IS NULL
                OR strpos(users.email, lower(wanted_text)) > 0
                OR strpos(lower(users.full_name), lower(wanted_text)) > 0
            )
            AND (before_at IS NULL OR (users.created_at, users.id) < (before_at, before_id))
        ORDER BY users.created_at DESC, users.id DESC
        LIMIT wanted_limit;
    PERFORM audit_admin(NULL, 'users.listed', NULL);
END
$$;

REVOKE ALL ON FUNCTION admin_users FROM PUBLIC;
GRANT ALL ON FUNCTION admin_users TO liveconvo_api;

CREATE FUNCTION announce() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    event text;
    told jsonb;
BEGIN
    IF TG_TABLE_NAME = 'sessions' THEN
        event := CASE
            WHEN TG_OP = 'INSERT' THEN 'session.created'
            WHEN NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL THEN 'session.deleted'
            WHEN NEW.status = 'active' AND OLD.status = 'draft' THEN 'session.started'
            WHEN NEW.status = 'completed' AND OLD.status = 'active' THEN 'session.ended'
        END;
        told := jsonb_build_object('session_id', NEW.id);
    ELSIF TG_TABLE_NAME = 'summaries' THEN
        event := CASE
            WHEN NEW.generation_status = OLD.generation_status THEN NULL
            WHEN NEW.generation_status = 'completed' THEN 'summary.ready'
            WHEN NEW.generation_status = 'failed' THEN 'summary.failed'
        END;
        told := jsonb_build_object('session_id', NEW.session_id);
    ELSIF TG_TABLE_NAME = 'organization_members' THEN
        event := CASE
            WHEN NEW.status = 'active' AND (TG_OP = 'INSERT' OR OLD.status = 'removed') THEN 'member.joined'
            WHEN NEW.status = 'removed' AND OLD.status <> 'removed' THEN 'member.removed'
        END;
        told := jsonb_build_object('user_id', NEW.user_id, 'role', NEW.role);
    ELSIF TG_TABLE_NAME = 'recordings' THEN
        event := CASE
            WHEN TG_OP = 'UPDATE' AND NEW.status = OLD.status THEN NULL
            WHEN NEW.status = 'ready' THEN 'recording.ready'
            WHEN NEW.status = 'failed' THEN 'recording.failed'
        END;
        told := jsonb_build_object('session_id', NEW.session_id, 'recording_id', NEW.id);
    ELSIF TG_TABLE_NAME = 'documents' THEN
        event := CASE
            WHEN NEW.processing_status = OLD.processing_status THEN NULL
            WHEN NEW.processing_status = 'completed' THEN 'document.ready'
            WHEN NEW.processing_status = 'failed' THEN 'document.failed'
        END;
        told := jsonb_build_object('session_id', NEW.session_id, 'document_id', NEW.id);
    END IF;
    IF event IS NOT NULL THEN
        PERFORM tell_webhooks(NEW.organization_id, event, told);
    END IF;
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION announce FROM PUBLIC;

CREATE FUNCTION answer_own_invitation(wanted_id uuid, is_accepted boolean) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    own organization_invitations;
BEGIN
    SELECT *
    INTO own
    FROM organization_invitations
    WHERE id = wanted_id
        AND email = my_verified_email();
    IF NOT FOUND THEN
        PERFORM refuse('invitation_not_found', 'LC003');
    END IF;
    IF is_accepted THEN
        RETURN accept_invitation(own.invitation_token);
    END IF;
    PERFORM decline_invitation(own.invitation_token);
    RETURN own.organization_id;
END
$$;

REVOKE ALL ON FUNCTION answer_own_invitation FROM PUBLIC;
GRANT ALL ON FUNCTION answer_own_invitation TO liveconvo_api;

CREATE FUNCTION app_user_id() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (NULLIF(current_setting('app.user_id', true), ''))::uuid;

CREATE FUNCTION append_audit(wanted_organization_id uuid, wanted_action text, wanted_target_kind text,
    wanted_target_id uuid, wanted_details jsonb DEFAULT '{}'::jsonb) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    INSERT INTO audit_log (organization_id, actor_kind, actor_id, action, target_kind, target_id, details, hash)
    VALUES (
        wanted_organization_id,
        CASE
            WHEN app_user_id() IS NOT NULL THEN 'user'
            WHEN session_user = 'liveconvo_jobs' THEN 'job'
            ELSE 'system'
        END,
        app_user_id(), wanted_action, wanted_target_kind, wanted_target_id, wanted_details, '\x'
    )
    RETURNING id
$$;

REVOKE ALL ON FUNCTION append_audit FROM PUBLIC;

CREATE FUNCTION audit_admin(wanted_organization_id uuid, wanted_action text, wanted_target_id uuid,
    wanted_details jsonb DEFAULT '{}'::jsonb) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    number bigint;
BEGIN
    PERFORM require_admin();
    IF wanted_organization_id IS NOT NULL
        AND NOT EXISTS (SELECT FROM organizations WHERE id = wanted_organization_id)
    THEN
        PERFORM refuse('organization_not_found', 'LC003');
    END IF;
    INSERT INTO audit_log (organization_id, actor_kind, actor_id, action, target_kind, target_id, details, hash)
    VALUES (
        wanted_organization_id, 'platform_admin', app_user_id(), wanted_action, split_part(wanted_action, '.', 1),
        wanted_target_id, wanted_details, '\x'
    )
    RETURNING id INTO number;
    RETURN number;
END
$$;

REVOKE ALL ON FUNCTION audit_admin FROM PUBLIC;
GRANT ALL ON FUNCTION audit_admin TO liveconvo_api;

CREATE FUNCTION audit_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    before jsonb := CASE WHEN TG_OP = 'INSERT' THEN '{}' ELSE to_jsonb(OLD) END;
    after jsonb := CASE WHEN TG_OP = 'DELETE' THEN '{}' ELSE to_jsonb(NEW) END;
    written jsonb := CASE WHEN TG_OP = 'DELETE' THEN before ELSE after END;
    changed jsonb;
BEGIN
    SELECT coalesce(jsonb_object_agg(
        key,
        CASE WHEN key = ANY (TG_ARGV) THEN jsonb_build_array(before -> key, after -> key) ELSE 'true' END
    ), '{}')
    INTO changed
    FROM jsonb_object_keys(written) AS key
    WHERE before -> key IS DISTINCT FROM after -> key
        AND key NOT IN ('id', 'created_at', 'updated_at');
    PERFORM append_audit(
        (written ->> 'organization_id')::uuid,
        TG_TABLE_NAME || '.' || lower(TG_OP),
        TG_TABLE_NAME,
        (written ->> CASE TG_TABLE_NAME WHEN 'organization_members' THEN 'user_id' ELSE 'id' END)::uuid,
        changed
    );
    RETURN NULL;
END
$$;


SET default_tablespace = '';

SET default_table_access_method = heap;

REVOKE ALL ON FUNCTION audit_change FROM PUBLIC;

CREATE FUNCTION audit_hash(entry audit_log) RETURNS bytea
    LANGUAGE sql STABLE
    RETURN sha256((COALESCE((entry).previous_hash, '\x'::bytea) || convert_to((jsonb_build_array((entry).id,
        (entry).organization_id, to_char(((entry).at AT TIME ZONE 'UTC'), 'YYYY-MM-DD HH24:MI:SS.US'),
        (entry).actor_kind, (entry).actor_id, (entry).action, (entry).target_kind, (entry).target_id,
        (entry).details))::text, 'UTF8'::name)));

REVOKE ALL ON FUNCTION audit_hash FROM PUBLIC;

CREATE FUNCTION authenticate(wanted_hash bytea) RETURNS TABLE(user_id uuid, email varchar, full_name varchar,
    has_password boolean, organization_id uuid, organization_name varchar, organization_slug varchar, role varchar)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    WITH touched AS (
        UPDATE user_app_sessions
        SET last_activity_at = now()
        WHERE session_token = encode(wanted_hash, 'hex')
            AND ended_at IS NULL
            AND last_activity_at BETWEEN now() - interval '30 days' AND now() - interval '5 minutes'
    )
    SELECT
        users.id,
        users.email,
        users.full_name,
        users.password_hash IS NOT NULL,
        organizations.id,
        organizations.name,
        organizations.slug,
        organization_members.role
    FROM user_app_sessions
    JOIN users ON users.id = user_app_sessions.user_id
    JOIN organizations ON organizations.id = users.current_organization_id
    JOIN organization_members
        ON organization_members.organization_id = organizations.id
        AND organization_members.user_id = users.id
        AND organization_members.status = 'active'
    WHERE user_app_sessions.session_token = encode(wanted_hash, 'hex')
        AND user_app_sessions.ended_at IS NULL
        AND user_app_sessions.last_activity_at > now() - interval '30 days'
        AND users.is_active
        AND users.deleted_at IS NULL
        AND organizations.is_active
        AND organizations.deleted_at IS NULL
$$;

REVOKE ALL ON FUNCTION authenticate FROM PUBLIC;
GRANT ALL ON FUNCTION authenticate TO liveconvo_api;

CREATE FUNCTION authenticate_api_key(wanted_hash bytea) RETURNS TABLE(api_key_id uuid, scopes text[], user_id uuid,
    email varchar, full_name varchar, organization_id uuid, organization_name varchar, organization_slug varchar,
    role varchar, has_api_access boolean)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    WITH touched AS (
        UPDATE api_keys
        SET last_used_at = now()
        WHERE key_hash = wanted_hash
            AND revoked_at IS NULL
            AND (last_used_at IS NULL OR last_used_at < now() - interval '5 minutes')
    )
    SELECT
        api_keys.id,
        api_keys.scopes,
        users.id,
        users.email,
        users.full_name,
        organizations.id,
        organizations.name,
        organizations.slug,
        organization_members.role,
        coalesce((plan_of(users.id, organizations.id)).has_api_access, false)
    FROM api_keys
    JOIN users ON users.id = api_keys.user_id
    JOIN organizations ON organizations.id = api_keys.organization_id
    JOIN organization_members
        ON organization_members.organization_id = api_keys.organization_id
        AND organization_members.user_id = api_keys.user_id
        AND organization_members.status = 'active'
    WHERE api_keys.key_hash = wanted_hash
        AND api_keys.revoked_at IS NULL
        AND (api_keys.expires_at IS NULL OR api_keys.expires_at > now())
        AND users.is_active
        AND users.deleted_at IS NULL
        AND organizations.is_active
        AND organizations.deleted_at IS NULL
$$;

REVOKE ALL ON FUNCTION authenticate_api_key FROM PUBLIC;
GRANT ALL ON FUNCTION authenticate_api_key TO liveconvo_api;

CREATE FUNCTION authenticate_person(wanted_hash bytea) RETURNS TABLE(user_id uuid, email varchar,
    email_verified boolean, full_name varchar, has_password boolean, app_session_id uuid, deletion_due_at timestamptz,
    organization_id uuid, organization_name varchar, organization_slug varchar, role varchar)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    WITH touched AS (
        UPDATE user_app_sessions
        SET last_activity_at = now()
        WHERE session_token = encode(wanted_hash, 'hex')
            AND ended_at IS NULL
            AND last_activity_at BETWEEN now() - interval '30 days' AND now() - interval '5 minutes'
    )
    SELECT
        users.id,
        users.email,
        users.email_verified,
        users.full_name,
        users.password_hash IS NOT NULL,
        user_app_sessions.id,
        users.deletion_due_at,
        organizations.id,
        organizations.name,
        organizations.slug,
        CASE WHEN organizations.id IS NOT NULL THEN organization_members.role END
    FROM user_app_sessions
    JOIN users ON users.id = user_app_sessions.user_id
    LEFT JOIN organization_members
        ON organization_members.organization_id = users.current_organization_id
        AND organization_members.user_id = users.id
        AND organization_members.status = 'active'
    LEFT JOIN organizations
        ON organizations.id = organization_members.organization_id
        AND organizations.is_active
        AND organizations.deleted_at IS NULL
    WHERE user_app_sessions.session_token = encode(wanted_hash, 'hex')
        AND user_app_sessions.ended_at IS NULL
        AND user_app_sessions.last_activity_at > now() - interval '30 days'
        AND users.is_active
        AND users.deleted_at IS NULL
$$;

REVOKE ALL ON FUNCTION authenticate_person FROM PUBLIC;
GRANT ALL ON FUNCTION authenticate_person TO liveconvo_api;

CREATE FUNCTION chain_audit() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('audit ' || coalesce(NEW.organization_id::text, ''), 0));
    NEW.id := nextval(pg_get_serial_sequence('audit_log', 'id'));
    NEW.at := clock_timestamp();
    -- Two branches: IS NOT DISTINCT FROM knows no index, and this runs for every entry. In the order of the chains'
    -- index, and BETWEEN instead of =, which would make that order the same as by id alone: a chain that has rested for
    -- long would be looked for through everybody's entries.
    IF NEW.organization_id IS NULL THEN
        NEW.previous_hash := (
            SELECT hash
            FROM audit_log
            WHERE organization_id IS NULL
            ORDER BY organization_id, id DESC
            LIMIT 1
        );
    ELSE
        NEW.previous_hash := (
            SELECT hash
            FROM audit_log
            WHERE organization_id BETWEEN NEW.organization_id AND NEW.organization_id
            ORDER BY organization_id, id DESC
            LIMIT 1
        );
    END IF;
    NEW.hash := audit_hash(NEW);
    RETURN NEW;
END
$$;

REVOKE ALL ON FUNCTION chain_audit FROM PUBLIC;

CREATE FUNCTION charged_minutes(wanted_session_id uuid) RETURNS TABLE(minutes_used integer, minutes_limit integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT minutes_recorded(user_id, organization_id), minutes_allowed(user_id, organization_id)
    FROM sessions
    WHERE sessions.id = wanted_session_id
        AND sessions.deleted_at IS NULL
$$;

REVOKE ALL ON FUNCTION charged_minutes FROM PUBLIC;
GRANT ALL ON FUNCTION charged_minutes TO liveconvo_jobs;

CREATE FUNCTION check_invitation_role() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM organization_members
        WHERE organization_id = NEW.organization_id
            AND user_id = NEW.invited_by_user_id
            AND status = 'active'
            AND role = 'owner'
    ) THEN
        PERFORM refuse('not_an_owner');
    END IF;
    RETURN NEW;
END
$$;

REVOKE ALL ON FUNCTION check_invitation_role FROM PUBLIC;

CREATE FUNCTION check_invitation_state() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF OLD.status <> 'pending' THEN
        PERFORM refuse('invitation_state');
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION check_session() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM sessions WHERE id = NEW.session_id AND organization_id = NEW.organization_id) THEN
        PERFORM refuse('session_not_found', 'LC003');
    END IF;
    RETURN NEW;
END
$$;

REVOKE ALL ON FUNCTION check_session FROM PUBLIC;

CREATE FUNCTION check_session_limits() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    allowed integer;
    own_allowed integer;
    minutes integer;
    used record;
BEGIN
    IF app_user_id() IS NULL THEN
        RETURN NEW;
    END IF;
    minutes := minutes_allowed(NEW.user_id, NEW.organization_id);
    IF minutes_recorded(NEW.user_id, NEW.organization_id) >= minutes THEN
        RAISE EXCEPTION USING ERRCODE = 'LC001', MESSAGE = 'audio_limit', DETAIL = jsonb_build_object(
            'used', minutes_recorded(NEW.user_id, NEW.organization_id), 'limit', minutes
        );
    END IF;
    SELECT
        least(organizations.max_sessions_per_month, (plan_of(NEW.user_id, NEW.organization_id)).max_sessions_per_month),
        organization_members.max_sessions_per_month
    INTO allowed, own_allowed
    FROM organizations
    LEFT JOIN organization_members
        ON organization_members.organization_id = organizations.id
        AND organization_members.user_id = NEW.user_id
    WHERE organizations.id = NEW.organization_id;
    IF allowed IS NULL AND own_allowed IS NULL THEN
        RETURN NEW;
    END IF;
    -- The first figure keeps these locks apart from others: this migration's number.
    PERFORM pg_advisory_xact_lock(31, hashtext(NEW.organization_id::text));
    SELECT * INTO used FROM count_month_sessions(NEW.organization_id, NEW.user_id);
    IF used.of_organization >= allowed THEN
        RAISE EXCEPTION USING ERRCODE = 'LC001', MESSAGE = 'session_limit',
            DETAIL = jsonb_build_object('used', used.of_organization, 'limit', allowed);
    END IF;
    IF used.of_person >= own_allowed THEN
        RAISE EXCEPTION USING ERRCODE = 'LC001', MESSAGE = 'member_session_limit',
            DETAIL = jsonb_build_object('used', used.of_person, 'limit', own_allowed);
    END IF;
    RETURN NEW;
END
$$;

REVOKE ALL ON FUNCTION check_session_limits FROM PUBLIC;

CREATE FUNCTION check_session_state() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION check_session_template() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.selected_template_id IS NOT DISTINCT FROM OLD.selected_template_id THEN
        RETURN NEW;
    END IF;
    IF NOT EXISTS (
        SELECT FROM templates
        WHERE id = NEW.selected_template_id
            AND is_active
            AND deleted_at IS NULL
            AND (
                is_system_template
                OR is_public
                OR (is_organization_template AND organization_id = NEW.organization_id)
                OR (user_id = NEW.user_id AND (organization_id IS NULL OR organization_id = NEW.organization_id))
            )
    ) THEN
        PERFORM refuse('template_not_found', 'LC003');
    END IF;
    RETURN NEW;
END
$$;

REVOKE ALL ON FUNCTION check_session_template FROM PUBLIC;

CREATE FUNCTION check_summary_state() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION check_template_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    IF NEW.is_public AND NOT OLD.is_public AND NOT (NEW.is_organization_template OR NEW.is_system_template) THEN
        PERFORM refuse('template_not_shared');
    END IF;
    NEW.version := OLD.version + CASE
        WHEN (NEW.conversation_type, NEW.guidance_prompts, NEW.context_instructions, NEW.summary_template)
            IS DISTINCT FROM
            (OLD.conversation_type, OLD.guidance_prompts, OLD.context_instructions, OLD.summary_template)
        THEN 1 ELSE 0 END;
    RETURN NEW;
END
$$;

REVOKE ALL ON FUNCTION check_template_change FROM PUBLIC;

CREATE FUNCTION close_account(wanted_user_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    alone uuid;
BEGIN
    PERFORM FROM organizations
    WHERE deleted_at IS NULL
        AND id IN (
            SELECT organization_id
            FROM organization_members
            WHERE user_id = wanted_user_id
                AND status = 'active'
        )
    ORDER BY id
    FOR NO KEY UPDATE;
    PERFORM FROM users WHERE id = wanted_user_id FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM refuse('user_not_found', 'LC003');
    END IF;
    IF EXISTS (
        SELECT FROM organization_members AS mine
        JOIN organizations ON organizations.id = mine.organization_id
        JOIN organization_members AS others
            ON others.organization_id = mine.organization_id
            AND others.user_id <> mine.user_id
            AND others.status = 'active'
        WHERE mine.user_id = wanted_user_id
            AND mine.status = 'active'
            AND mine.role = 'owner'
            AND organizations.deleted_at IS NULL
        GROUP BY mine.organization_id
        HAVING NOT bool_or(others.role = 'owner')
    ) THEN
        PERFORM refuse('sole_owner');
    END IF;
    FOR alone IN
        UPDATE organizations
        SET deleted_at = now()
        WHERE deleted_at IS NULL
            AND EXISTS (
                SELECT FROM organization_members
                WHERE organization_id = organizations.id
                    AND user_id = wanted_user_id
                    AND status = 'active'
            )
            AND NOT EXISTS (
                SELECT FROM organization_members
                WHERE organization_id = organizations.id
                    AND user_id <> wanted_user_id
                    AND status = 'active'
            )
        RETURNING id
    LOOP
        PERFORM append_audit(alone, 'organizations.deleted', 'organizations', alone);
    END LOOP;
    UPDATE organization_members
    SET status = 'removed'
    WHERE user_id = wanted_user_id
        AND status <> 'removed';
    UPDATE users
    SET deleted_at = now(),
        is_active = false
    WHERE id = wanted_user_id
        AND deleted_at IS NULL;
    IF FOUND THEN
        PERFORM append_audit(NULL, 'users.deleted', 'users', wanted_user_id);
    END IF;
END
$$;

REVOKE ALL ON FUNCTION close_account FROM PUBLIC;
GRANT ALL ON FUNCTION close_account TO liveconvo_jobs;

CREATE FUNCTION close_admin_door(wanted_id uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    closed uuid;
BEGIN
    UPDATE admin_grants
    SET closed_at = now()
    WHERE id = wanted_id
        AND user_id = app_user_id()
        AND closed_at IS NULL
    RETURNING organization_id INTO closed;
    IF closed IS NULL THEN
        RETURN false;
    END IF;
    INSERT INTO audit_log (organization_id, actor_kind, actor_id, action, target_kind, target_id, hash)
    VALUES (closed, 'platform_admin', app_user_id(), 'admin_door.closed', 'admin_grants', wanted_id, '\x');
    RETURN true;
END
$$;

REVOKE ALL ON FUNCTION close_admin_door FROM PUBLIC;
GRANT ALL ON FUNCTION close_admin_door TO liveconvo_api;

CREATE FUNCTION count_month_sessions(wanted_organization_id uuid,
    wanted_user_id uuid) RETURNS TABLE(of_organization bigint, of_person bigint)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT count(*), count(*) FILTER (WHERE user_id = wanted_user_id)
    FROM sessions
    WHERE organization_id = wanted_organization_id
        AND created_at >= date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
$$;

REVOKE ALL ON FUNCTION count_month_sessions FROM PUBLIC;

CREATE FUNCTION count_new_sessions() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    touched record;
BEGIN
    SELECT array_agg(organization_id) AS organization_ids, array_agg(user_id) AS user_ids
    INTO touched
    FROM changed
    WHERE recording_started_at IS NOT NULL;
    IF touched.user_ids IS NOT NULL THEN
        PERFORM count_recorded_sessions(touched.organization_ids, touched.user_ids);
    END IF;
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION count_new_sessions FROM PUBLIC;

CREATE FUNCTION count_recorded_sessions(organization_ids uuid[], user_ids uuid[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM take_usage_locks(ARRAY(
        SELECT usage_lock(organization_id, user_id)
        FROM unnest(organization_ids, user_ids) AS person (organization_id, user_id)
    ));
    UPDATE organization_members
    SET total_sessions_count = recorded.sessions
    FROM (
        SELECT DISTINCT organization_id, user_id
        FROM unnest(organization_ids, user_ids) AS changed (organization_id, user_id)
    ) AS person
    CROSS JOIN LATERAL (
        SELECT count(*) AS sessions
        FROM sessions
        WHERE sessions.user_id = person.user_id
            AND sessions.organization_id = person.organization_id
            AND recording_started_at IS NOT NULL
    ) AS recorded
    WHERE organization_members.organization_id = person.organization_id
        AND organization_members.user_id = person.user_id;
END
$$;

REVOKE ALL ON FUNCTION count_recorded_sessions FROM PUBLIC;

CREATE FUNCTION count_template_use() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    UPDATE templates
    SET usage_count = usage_count + 1,
        last_used_at = now()
    WHERE id = NEW.selected_template_id;
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION count_template_use FROM PUBLIC;

CREATE FUNCTION create_organization(wanted_name text, wanted_slug text, wanted_timezone text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    person users;
    plan plans;
    made uuid;
BEGIN
    SELECT * INTO person FROM users WHERE id = app_user_id() AND is_active AND deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM refuse('user_not_found', 'LC003');
    END IF;
    IF EXISTS (
        SELECT FROM organization_members
        JOIN organizations ON organizations.id = organization_members.organization_id
        WHERE organization_members.user_id = person.id
            AND organization_members.role = 'owner'
            AND organization_members.status = 'active'
            AND organizations.deleted_at IS NULL
    ) THEN
        PERFORM refuse('organization_exists');
    END IF;
    SELECT * INTO plan FROM plans WHERE name IN ('individual_free', 'free') AND is_active ORDER BY name DESC LIMIT 1;
    IF NOT FOUND THEN
        PERFORM refuse('no_free_plan');
    END IF;
    -- Without a limit of its own, so that the plan's holds, and another plan's after an upgrade.
    -- A slug that is taken is not told, it gets a suffix; the index decides between two who ask at once.
    FOR attempt IN 1..20 LOOP
        INSERT INTO organizations (name, display_name, slug, contact_email, default_timezone, max_members)
        VALUES (
            wanted_name, wanted_name,
            CASE WHEN attempt = 1 THEN wanted_slug
                ELSE left(wanted_slug, 91) || '-' || substr(md5(gen_random_uuid()::text), 1, 8) END,
            person.email, wanted_timezone, NULL
        )
        ON CONFLICT (slug) DO NOTHING
        RETURNING id INTO made;
        EXIT WHEN made IS NOT NULL;
    END LOOP;
    INSERT INTO organization_members (organization_id, user_id, role) VALUES (made, person.id, 'owner');
    INSERT INTO subscriptions (
        organization_id, plan_id, plan_type, status, current_period_start, current_period_end
    )
    VALUES (made, plan.id, 'monthly', 'active', now(), now() + interval '30 days');
    UPDATE users
    SET current_organization_id = made,
        timezone = wanted_timezone,
        has_completed_onboarding = true,
        has_completed_organization_setup = true
    WHERE id = person.id;
    RETURN made;
END
$$;

REVOKE ALL ON FUNCTION create_organization FROM PUBLIC;
GRANT ALL ON FUNCTION create_organization TO liveconvo_api;

CREATE FUNCTION decline_invitation(wanted_token text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    invitation organization_invitations := hold_invitation(wanted_token);
BEGIN
    IF invitation.status <> 'pending' THEN
        PERFORM refuse('invitation_state');
    END IF;
    UPDATE organization_invitations
    SET status = 'declined',
        declined_at = now()
    WHERE id = invitation.id;
END
$$;

REVOKE ALL ON FUNCTION decline_invitation FROM PUBLIC;
GRANT ALL ON FUNCTION decline_invitation TO liveconvo_api;

CREATE FUNCTION delete_account() RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM close_account(app_user_id());
    RETURN app_user_id();
END
$$;

REVOKE ALL ON FUNCTION delete_account FROM PUBLIC;
GRANT ALL ON FUNCTION delete_account TO liveconvo_api;

CREATE FUNCTION delete_organization(wanted_organization_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    IF wanted_organization_id IN (SELECT my_organization_ids()) THEN
        PERFORM lock_organization(wanted_organization_id);
    END IF;
    IF wanted_organization_id NOT IN (SELECT my_organization_ids()) THEN
        PERFORM refuse('organization_not_found', 'LC003');
    END IF;
    IF wanted_organization_id NOT IN (SELECT my_owned_organization_ids()) THEN
        PERFORM refuse('not_an_owner');
    END IF;
    UPDATE organizations
    SET deleted_at = now()
    WHERE id = wanted_organization_id;
    PERFORM move_out(wanted_organization_id, NULL);
    PERFORM append_audit(wanted_organization_id, 'organizations.deleted', 'organizations', wanted_organization_id);
END
$$;

REVOKE ALL ON FUNCTION delete_organization FROM PUBLIC;
GRANT ALL ON FUNCTION delete_organization TO liveconvo_api;

CREATE FUNCTION derive_from_intervals() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    changed_ids uuid[] := ARRAY(SELECT DISTINCT session_id FROM changed);
BEGIN
    IF cardinality(changed_ids) > 0 THEN
        PERFORM derive_usage(changed_ids);
    END IF;
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION derive_from_intervals FROM PUBLIC;

CREATE FUNCTION derive_usage(wanted_session_ids uuid[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
BEGIN
    PERFORM lock_usage(wanted_session_ids);
    -- A statement of its own: it sees what others committed before they gave the lock away.
    WITH metered AS (
        SELECT
            sessions.id,
            sessions.organization_id,
            sessions.user_id,
            media_zero_ms(recording_started_at, calls.started_at, sessions.created_at) AS zero_ms
        FROM sessions
        LEFT JOIN calls ON calls.session_id = sessions.id
        WHERE sessions.id = ANY (wanted_session_ids)
    ),
    pieces AS (
        SELECT metered.id, unnest(range_agg(int8range(zero_ms + from_ms, zero_ms + to_ms))) AS piece
        FROM metered
        JOIN usage_intervals ON usage_intervals.session_id = metered.id
        GROUP BY metered.id
    ),
    minutes AS (
        SELECT
            id,
            minute,
            sum(
                least(upper(piece), (minute + 1) * 60000) - greatest(lower(piece), minute * 60000)
            )::bigint AS covered_ms
        FROM pieces
        CROSS JOIN LATERAL generate_series(lower(piece) / 60000, (upper(piece) - 1) / 60000) AS minute
        GROUP BY id, minute
    ),
    totals AS (
        SELECT id, minute, covered_ms, (sum(covered_ms) OVER (PARTITION BY id ORDER BY minute))::bigint AS total_ms
        FROM minutes
    ),
    derived AS (
        SELECT
            id,
            to_timestamp(minute * 60) AS minute_at,
            (total_ms / 1000 - (total_ms - covered_ms) / 1000)::integer AS seconds
        FROM totals
    ),
    gone AS (
        DELETE FROM usage_tracking
        WHERE session_id = ANY (wanted_session_ids)
            AND NOT EXISTS (
                SELECT FROM derived
                WHERE derived.id = usage_tracking.session_id
                    AND derived.minute_at = usage_tracking.minute_timestamp
                    AND derived.seconds > 0
            )
    )
    INSERT INTO usage_tracking AS stored (organization_id, user_id, session_id, minute_timestamp, seconds_recorded)
    SELECT metered.organization_id, metered.user_id, metered.id, derived.minute_at, derived.seconds
    FROM derived
    JOIN metered
    USING (id)
    LEFT JOIN usage_tracking AS known
        ON known.session_id = derived.id
        AND known.minute_timestamp = derived.minute_at
    WHERE derived.seconds > 0
        AND known.seconds_recorded IS DISTINCT FROM derived.seconds
    ON CONFLICT (session_id, minute_timestamp) DO UPDATE
    SET seconds_recorded = excluded.seconds_recorded;
END
$$;

REVOKE ALL ON FUNCTION derive_usage FROM PUBLIC;

CREATE FUNCTION end_app_session(wanted_hash bytea) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    WITH ended AS (
        UPDATE user_app_sessions
        SET ended_at = now(),
            last_activity_at = now(),
            duration_seconds = extract(epoch FROM now() - started_at)
        WHERE session_token = encode(wanted_hash, 'hex')
            AND ended_at IS NULL
        RETURNING id
    )
    SELECT EXISTS (SELECT FROM ended)
$$;

REVOKE ALL ON FUNCTION end_app_session FROM PUBLIC;
GRANT ALL ON FUNCTION end_app_session TO liveconvo_api;

CREATE FUNCTION end_calls_of_organization() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO call_commands (session_id, organization_id, kind)
    SELECT session_id, organization_id, 'end'
    FROM calls
    WHERE organization_id = NEW.id
        AND lease_until > now();
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION end_calls_of_organization FROM PUBLIC;

CREATE FUNCTION end_calls_of_person() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO call_commands (session_id, organization_id, kind)
    SELECT calls.session_id, calls.organization_id, 'end'
    FROM calls
    JOIN sessions ON sessions.id = calls.session_id
    WHERE sessions.user_id = NEW.id
        AND calls.lease_until > now();
    INSERT INTO call_commands (session_id, organization_id, kind, payload)
    SELECT calls.session_id, calls.organization_id, 'remove_participant',
        jsonb_build_object('participant_id', session_participants.id)
    FROM session_participants
    JOIN calls ON calls.session_id = session_participants.session_id
    JOIN sessions ON sessions.id = session_participants.session_id
    WHERE session_participants.user_id = NEW.id
        AND sessions.user_id <> NEW.id
        AND calls.lease_until > now();
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION end_calls_of_person FROM PUBLIC;

CREATE FUNCTION find_credentials(wanted_email text) RETURNS TABLE(user_id uuid, password_hash varchar)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT id, users.password_hash
    FROM users
    WHERE email = wanted_email
        AND is_active
        AND deleted_at IS NULL
$$;

REVOKE ALL ON FUNCTION find_credentials FROM PUBLIC;
GRANT ALL ON FUNCTION find_credentials TO liveconvo_api;

CREATE FUNCTION find_invitation(wanted_token text) RETURNS TABLE(id uuid, email varchar, role varchar,
    organization_id uuid, organization_name varchar, personal_message text, expires_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT
        organization_invitations.id,
        organization_invitations.email,
        organization_invitations.role,
        organizations.id,
        organizations.name,
        organization_invitations.personal_message,
        organization_invitations.expires_at
    FROM organization_invitations
    JOIN organizations ON organizations.id = organization_invitations.organization_id
    WHERE organization_invitations.invitation_token = wanted_token
        AND organization_invitations.status = 'pending'
        AND organization_invitations.expires_at > now()
        AND organizations.is_active
        AND organizations.deleted_at IS NULL
$$;

REVOKE ALL ON FUNCTION find_invitation FROM PUBLIC;
GRANT ALL ON FUNCTION find_invitation TO liveconvo_api;

CREATE FUNCTION find_invite(wanted_hash bytea) RETURNS TABLE(id uuid, session_id uuid, organization_id uuid,
    role varchar, name varchar, created_by uuid, expires_at timestamptz, session_title varchar,
    conversation_type varchar, session_status varchar, organization_name varchar)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT
        session_invites.id,
        session_invites.session_id,
        session_invites.organization_id,
        session_invites.role,
        session_invites.name,
        session_invites.created_by,
        session_invites.expires_at,
        sessions.title,
        sessions.conversation_type,
        sessions.status,
        organizations.name
    FROM session_invites
    JOIN sessions ON sessions.id = session_invites.session_id
    JOIN organizations ON organizations.id = session_invites.organization_id
    JOIN users ON users.id = session_invites.created_by
    JOIN organization_members
        ON organization_members.organization_id = session_invites.organization_id
        AND organization_members.user_id = session_invites.created_by
        AND organization_members.status = 'active'
    WHERE session_invites.token_hash = wanted_hash
        AND session_invites.revoked_at IS NULL
        AND session_invites.expires_at > now()
        AND sessions.deleted_at IS NULL
        AND users.is_active
        AND users.deleted_at IS NULL
        AND organizations.is_active
        AND organizations.deleted_at IS NULL
$$;

REVOKE ALL ON FUNCTION find_invite FROM PUBLIC;
GRANT ALL ON FUNCTION find_invite TO liveconvo_api;

CREATE FUNCTION find_ticket(wanted_hash bytea) RETURNS TABLE(session_id uuid, organization_id uuid, participant_id uuid,
    name varchar, role varchar, source varchar, shared_mic boolean, coached boolean, consented boolean, user_id uuid,
    expires_at timestamptz, node text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT
        join_tickets.session_id,
        join_tickets.organization_id,
        join_tickets.participant_id,
        session_participants.name,
        session_participants.role,
        session_participants.source,
        session_participants.shared_mic,
        session_participants.coached,
        session_participants.consented_at IS NOT NULL,
        session_participants.user_id,
        join_tickets.expires_at,
        join_tickets.node
    FROM join_tickets
    JOIN session_participants ON session_participants.id = join_tickets.participant_id
    JOIN sessions ON sessions.id = join_tickets.session_id
    WHERE join_tickets.token_hash = wanted_hash
        AND join_tickets.used_at IS NULL
        AND join_tickets.expires_at > now()
        AND sessions.deleted_at IS NULL
        AND is_welcome(session_participants.user_id, join_tickets.organization_id)
$$;

REVOKE ALL ON FUNCTION find_ticket FROM PUBLIC;
GRANT ALL ON FUNCTION find_ticket TO liveconvo_media;

CREATE FUNCTION first_broken_audit(wanted_organization_id uuid) RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    IF session_user = 'liveconvo_api'
        AND NOT is_platform_admin()
        AND NOT coalesce(wanted_organization_id IN (SELECT my_managed_organization_ids()), false)
    THEN
        PERFORM refuse('organization_not_found', 'LC003');
    END IF;
    RETURN (
        SELECT min(chained.id)
        FROM (
            SELECT
                audit_log.id,
                audit_log.hash IS DISTINCT FROM audit_hash(audit_log)
                OR audit_log.previous_hash IS DISTINCT FROM lag(audit_log.hash) OVER (ORDER BY audit_log.id) AS is_broken
            FROM audit_log
            WHERE audit_log.organization_id = wanted_organization_id
                OR audit_log.organization_id IS NULL AND wanted_organization_id IS NULL
        ) AS chained
        WHERE is_broken
    );
END
$$;

REVOKE ALL ON FUNCTION first_broken_audit FROM PUBLIC;
GRANT ALL ON FUNCTION first_broken_audit TO liveconvo_api;
GRANT ALL ON FUNCTION first_broken_audit TO liveconvo_jobs;

CREATE FUNCTION followers_now(wanted_hashes bytea[], wanted_session_ids uuid[]) RETURNS TABLE(place bigint,
    is_signed_in boolean, role varchar, is_own boolean, is_over boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT
        wanted.place,
        holders.user_id IS NOT NULL,
        standings.role,
        standings.is_own,
        standings.is_over
    FROM unnest(wanted_hashes, wanted_session_ids) WITH ORDINALITY AS wanted (hash, session_id, place)
    LEFT JOIN LATERAL (
        SELECT credentials.user_id, credentials.organization_id
        FROM (
            SELECT user_app_sessions.user_id, NULL::uuid AS organization_id
            FROM user_app_sessions
            WHERE user_app_sessions.session_token = encode(wanted.hash, 'hex')
                AND user_app_sessions.ended_at IS NULL
                AND user_app_sessions.last_activity_at > now() - interval '30 days'
            UNION ALL
            SELECT api_keys.user_id, api_keys.organization_id
            FROM api_keys
            WHERE api_keys.key_hash = wanted.hash
                AND api_keys.revoked_at IS NULL
                AND (api_keys.expires_at IS NULL OR api_keys.expires_at > now())
        ) AS credentials
        JOIN users ON users.id = credentials.user_id
        WHERE users.is_active
            AND users.deleted_at IS NULL
    ) AS holders ON true
    LEFT JOIN LATERAL (
        SELECT
            organization_members.role,
            sessions.user_id = holders.user_id AS is_own,
            sessions.status IN ('completed', 'archived') AND NOT EXISTS (
                SELECT FROM calls WHERE calls.session_id = sessions.id AND calls.lease_until > now()
            ) AS is_over
        FROM sessions
        JOIN organizations ON organizations.id = sessions.organization_id
        JOIN organization_members
            ON organization_members.organization_id = sessions.organization_id
            AND organization_members.user_id = holders.user_id
            AND organization_members.status = 'active'
        WHERE sessions.id = wanted.session_id
            AND sessions.deleted_at IS NULL
            AND organizations.is_active
            AND organizations.deleted_at IS NULL
            AND (holders.organization_id IS NULL OR holders.organization_id = sessions.organization_id)
    ) AS standings ON true
$$;

REVOKE ALL ON FUNCTION followers_now FROM PUBLIC;
GRANT ALL ON FUNCTION followers_now TO liveconvo_api;

CREATE FUNCTION forget_readable() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM set_config('app.readable', '', true);
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION forget_readable FROM PUBLIC;

CREATE FUNCTION forget_verification() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    NEW.is_verified := false;
    NEW.verification_requested_at := NULL;
    RETURN NEW;
END
$$;

REVOKE ALL ON FUNCTION forget_verification FROM PUBLIC;

CREATE FUNCTION free_seats(wanted_organization_id uuid) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT least(organizations.max_members, plans.max_organization_members) - (
        SELECT count(*)
        FROM organization_members
        WHERE organization_id = wanted_organization_id
            AND status = 'active'
    )
    FROM organizations
    LEFT JOIN plans ON plans.id = coalesce(
        (
            SELECT plan_id
            FROM subscriptions
            WHERE subscriptions.organization_id = wanted_organization_id
                AND status IN ('active', 'trialing', 'past_due')
        ),
        (SELECT id FROM plans WHERE name = 'individual_free')
    )
    WHERE organizations.id = wanted_organization_id
$$;

REVOKE ALL ON FUNCTION free_seats FROM PUBLIC;

CREATE FUNCTION has_call(wanted_session_id uuid, wanted_organization_id uuid, wanted_epoch integer) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT EXISTS (
        SELECT FROM calls
        WHERE session_id = wanted_session_id
            AND organization_id = wanted_organization_id
            AND epoch >= wanted_epoch
    )
$$;

REVOKE ALL ON FUNCTION has_call FROM PUBLIC;
GRANT ALL ON FUNCTION has_call TO liveconvo_media;
GRANT ALL ON FUNCTION has_call TO liveconvo_jobs;

CREATE FUNCTION hold_invitation(wanted_token text) RETURNS organization_invitations
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    held organization_invitations;
BEGIN
    PERFORM lock_organization(organization_id) FROM organization_invitations WHERE invitation_token = wanted_token;
    SELECT organization_invitations.*
    INTO held
    FROM organization_invitations
    JOIN organizations ON organizations.id = organization_invitations.organization_id
    WHERE invitation_token = wanted_token
        AND organizations.is_active
        AND organizations.deleted_at IS NULL
    FOR NO KEY UPDATE OF organization_invitations;
    IF NOT FOUND THEN
        PERFORM refuse('invitation_not_found', 'LC003');
    END IF;
    RETURN held;
END
$$;

REVOKE ALL ON FUNCTION hold_invitation FROM PUBLIC;

CREATE FUNCTION is_platform_admin() RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT EXISTS (
        SELECT FROM users
        WHERE id = app_user_id()
            AND is_admin
            AND is_active
            AND deleted_at IS NULL
    )
$$;

REVOKE ALL ON FUNCTION is_platform_admin FROM PUBLIC;
GRANT ALL ON FUNCTION is_platform_admin TO liveconvo_api;

CREATE FUNCTION is_welcome(wanted_user_id uuid, wanted_organization_id uuid) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT EXISTS (
        SELECT FROM organizations
        WHERE id = wanted_organization_id
            AND is_active
            AND deleted_at IS NULL
    ) AND (
        wanted_user_id IS NULL OR EXISTS (
            SELECT FROM organization_members
            JOIN users ON users.id = organization_members.user_id
            WHERE organization_members.organization_id = wanted_organization_id
                AND organization_members.user_id = wanted_user_id
                AND organization_members.status = 'active'
                AND users.is_active
                AND users.deleted_at IS NULL
        )
    )
$$;

REVOKE ALL ON FUNCTION is_welcome FROM PUBLIC;

CREATE FUNCTION join_waitlist(wanted_name text, wanted_email text, wanted_company text, wanted_use_case text,
    wanted_referral_source text) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    WITH joined AS (
        INSERT INTO beta_waitlist (name, email, company, use_case, referral_source)
        VALUES (wanted_name, wanted_email, wanted_company, wanted_use_case, wanted_referral_source)
        ON CONFLICT (email) DO NOTHING
        RETURNING id
    )
    SELECT EXISTS (SELECT FROM joined)
$$;

REVOKE ALL ON FUNCTION join_waitlist FROM PUBLIC;
GRANT ALL ON FUNCTION join_waitlist TO liveconvo_api;

CREATE FUNCTION keep_audit() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM refuse('audit_is_final');
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION keep_audit FROM PUBLIC;

CREATE FUNCTION keep_email_flags_equal() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION keep_free_plan() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM refuse('free_plan');
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION keep_free_plan FROM PUBLIC;

CREATE FUNCTION keep_previous_secret() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    NEW.previous_secret := OLD.signing_secret;
    RETURN NEW;
END
$$;

REVOKE ALL ON FUNCTION keep_previous_secret FROM PUBLIC;

CREATE FUNCTION leave_organization(wanted_organization_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    IF wanted_organization_id IN (SELECT my_organization_ids()) THEN
        PERFORM lock_organization(wanted_organization_id);
    END IF;
    UPDATE organization_members
    SET status = 'removed'
    WHERE organization_id = wanted_organization_id
        AND user_id = app_user_id()
        AND organization_id IN (SELECT my_organization_ids());
    IF NOT FOUND THEN
        PERFORM refuse('organization_not_found', 'LC003');
    END IF;
    PERFORM move_out(wanted_organization_id, app_user_id());
END
$$;

REVOKE ALL ON FUNCTION leave_organization FROM PUBLIC;
GRANT ALL ON FUNCTION leave_organization TO liveconvo_api;

CREATE FUNCTION link_purpose(wanted_hash bytea) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT 'sign_up'
    FROM sign_ups
    WHERE token_hash = wanted_hash
        AND used_at IS NULL
        AND expires_at > now()
    UNION ALL
    SELECT purpose
    FROM sign_in_links
    WHERE token_hash = wanted_hash
        AND used_at IS NULL
        AND expires_at > now()
$$;

REVOKE ALL ON FUNCTION link_purpose FROM PUBLIC;
GRANT ALL ON FUNCTION link_purpose TO liveconvo_api;

CREATE FUNCTION lock_organization(wanted_organization_id uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT FROM organizations WHERE id = wanted_organization_id FOR NO KEY UPDATE
$$;

REVOKE ALL ON FUNCTION lock_organization FROM PUBLIC;

CREATE FUNCTION lock_usage(wanted_session_ids uuid[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM take_usage_locks(ARRAY(
        SELECT usage_lock(organization_id, user_id)
        FROM sessions
        WHERE id = ANY (wanted_session_ids)
    ));
END
$$;

REVOKE ALL ON FUNCTION lock_usage FROM PUBLIC;
GRANT ALL ON FUNCTION lock_usage TO liveconvo_media;
GRANT ALL ON FUNCTION lock_usage TO liveconvo_jobs;

CREATE FUNCTION look_up_readable() RETURNS uuid[]
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT ARRAY(
        SELECT my_organization_ids()
        UNION ALL
        SELECT organization_id
        FROM admin_grants
        WHERE user_id = app_user_id()
            AND closed_at IS NULL
            AND expires_at > now()
            AND opened_in IS DISTINCT FROM pg_current_xact_id_if_assigned()
            AND is_platform_admin()
    )
$$;

REVOKE ALL ON FUNCTION look_up_readable FROM PUBLIC;
GRANT ALL ON FUNCTION look_up_readable TO liveconvo_api;

CREATE FUNCTION may_sign_up(wanted_email text, is_gated boolean) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT NOT is_gated
        OR EXISTS (SELECT FROM beta_waitlist WHERE email = wanted_email AND status IN ('approved', 'invited'))
        OR EXISTS (
            SELECT FROM organization_invitations
            WHERE email = wanted_email
                AND status = 'pending'
                AND expires_at > now()
        )
$$;

REVOKE ALL ON FUNCTION may_sign_up FROM PUBLIC;
GRANT ALL ON FUNCTION may_sign_up TO liveconvo_jobs;

CREATE FUNCTION media_zero_ms(recording_started_at timestamptz, call_started_at timestamptz,
    created_at timestamptz) RETURNS bigint
    LANGUAGE sql STABLE
    RETURN (floor((EXTRACT(epoch FROM COALESCE(recording_started_at, call_started_at, created_at)) * 1000)))::bigint;

REVOKE ALL ON FUNCTION media_zero_ms FROM PUBLIC;

CREATE FUNCTION minutes_allowed(wanted_user_id uuid, wanted_organization_id uuid) RETURNS integer
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT least(
        organization_members.monthly_audio_hours_limit * 60,
        organizations.monthly_audio_hours_limit * 60,
        coalesce(plan.monthly_audio_minutes_limit, plan.monthly_audio_hours_limit * 60)
    )
    FROM organizations
    LEFT JOIN organization_members
        ON organization_members.organization_id = organizations.id
        AND organization_members.user_id = wanted_user_id
    LEFT JOIN LATERAL plan_of(wanted_user_id, wanted_organization_id) AS plan ON true
    WHERE organizations.id = wanted_organization_id
$$;

REVOKE ALL ON FUNCTION minutes_allowed FROM PUBLIC;
GRANT ALL ON FUNCTION minutes_allowed TO liveconvo_jobs;

CREATE FUNCTION minutes_recorded(wanted_user_id uuid, wanted_organization_id uuid) RETURNS integer
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT coalesce(max(total_minutes_used), 0)
    FROM monthly_usage_cache
    WHERE organization_id = wanted_organization_id
        AND user_id = wanted_user_id
        AND month_year = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')
$$;

REVOKE ALL ON FUNCTION minutes_recorded FROM PUBLIC;

CREATE FUNCTION move_out(wanted_organization_id uuid, wanted_user_id uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    UPDATE users
    SET current_organization_id = (
        SELECT organizations.id
        FROM organization_members
        JOIN organizations ON organizations.id = organization_members.organization_id
        WHERE organization_members.user_id = users.id
            AND organization_members.status = 'active'
            AND organizations.is_active
            AND organizations.deleted_at IS NULL
        ORDER BY organization_members.joined_at, organization_members.id
        LIMIT 1
    )
    WHERE current_organization_id = wanted_organization_id
        AND (wanted_user_id IS NULL OR id = wanted_user_id)
$$;

REVOKE ALL ON FUNCTION move_out FROM PUBLIC;

CREATE FUNCTION my_invitations() RETURNS TABLE(id uuid, email varchar, role varchar, organization_id uuid,
    organization_name varchar, personal_message text, expires_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT
        organization_invitations.id,
        organization_invitations.email,
        organization_invitations.role,
        organizations.id,
        organizations.name,
        organization_invitations.personal_message,
        organization_invitations.expires_at
    FROM organization_invitations
    JOIN organizations ON organizations.id = organization_invitations.organization_id
    WHERE organization_invitations.email = my_verified_email()
        AND organization_invitations.status = 'pending'
        AND organization_invitations.expires_at > now()
        AND organizations.is_active
        AND organizations.deleted_at IS NULL
    ORDER BY organization_invitations.created_at DESC, organization_invitations.id DESC
$$;

REVOKE ALL ON FUNCTION my_invitations FROM PUBLIC;
GRANT ALL ON FUNCTION my_invitations TO liveconvo_api;

CREATE FUNCTION my_managed_organization_ids() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER ROWS 2
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT organization_id
    FROM organization_members
    WHERE user_id = app_user_id()
        AND role IN ('owner', 'admin')
        AND organization_id IN (SELECT my_organization_ids())
$$;

REVOKE ALL ON FUNCTION my_managed_organization_ids FROM PUBLIC;
GRANT ALL ON FUNCTION my_managed_organization_ids TO liveconvo_api;

CREATE FUNCTION my_organization_ids() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER ROWS 2
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT organization_members.organization_id
    FROM organization_members
    JOIN organizations ON organizations.id = organization_members.organization_id
    JOIN users ON users.id = organization_members.user_id
    WHERE organization_members.user_id = app_user_id()
        AND organization_members.status = 'active'
        AND organizations.is_active
        AND organizations.deleted_at IS NULL
        AND users.is_active
        AND users.deleted_at IS NULL
$$;

REVOKE ALL ON FUNCTION my_organization_ids FROM PUBLIC;
GRANT ALL ON FUNCTION my_organization_ids TO liveconvo_api;

CREATE FUNCTION my_owned_organization_ids() RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER ROWS 2
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT organization_id
    FROM organization_members
    WHERE user_id = app_user_id()
        AND role = 'owner'
        AND organization_id IN (SELECT my_organization_ids())
$$;

REVOKE ALL ON FUNCTION my_owned_organization_ids FROM PUBLIC;
GRANT ALL ON FUNCTION my_owned_organization_ids TO liveconvo_api;

CREATE FUNCTION my_plan_usage(wanted_organization_id uuid) RETURNS TABLE(plan_name varchar, plan_display_name varchar,
    has_api_access boolean, has_real_time_guidance boolean, has_advanced_summaries boolean, has_export_options boolean,
    has_email_summaries boolean, has_custom_templates boolean, has_analytics_dashboard boolean,
    has_team_collaboration boolean, max_documents_per_session integer, max_file_size_mb integer, minutes_used integer,
    minutes_limit integer, sessions_used bigint, sessions_limit integer, own_sessions_used bigint,
    own_sessions_limit integer, members_used bigint, members_limit integer, month_begins_at timestamptz,
    month_ends_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT
        plan.name, plan.display_name, plan.has_api_access, plan.has_real_time_guidance, plan.has_advanced_summaries,
        plan.has_export_options, plan.has_email_summaries, plan.has_custom_templates, plan.has_analytics_dashboard,
        plan.has_team_collaboration, plan.max_documents_per_session, plan.max_file_size_mb,
        minutes.minutes_used, minutes.minutes_limit,
        counted.of_organization, least(organizations.max_sessions_per_month, plan.max_sessions_per_month),
        counted.of_person, organization_members.max_sessions_per_month,
        (
            SELECT count(*)
            FROM organization_members AS members
            WHERE members.organization_id = organizations.id
                AND members.status = 'active'
        ),
        least(organizations.max_members, plan.max_organization_members),
        date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC',
        (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC'
    FROM organization_members
    JOIN organizations ON organizations.id = organization_members.organization_id
    LEFT JOIN LATERAL plan_of(app_user_id(), wanted_organization_id) AS plan ON true
    CROSS JOIN LATERAL count_month_sessions(wanted_organization_id, app_user_id()) AS counted
    CROSS JOIN LATERAL usage_limit(app_user_id(), wanted_organization_id) AS minutes
    WHERE organization_members.organization_id = wanted_organization_id
        AND organization_members.user_id = app_user_id()
        AND wanted_organization_id IN (SELECT my_organization_ids())
$$;

REVOKE ALL ON FUNCTION my_plan_usage FROM PUBLIC;
GRANT ALL ON FUNCTION my_plan_usage TO liveconvo_api;

CREATE FUNCTION my_verified_email() RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT email
    FROM users
    WHERE id = app_user_id()
        AND email_verified
        AND is_active
        AND deleted_at IS NULL
$$;

REVOKE ALL ON FUNCTION my_verified_email FROM PUBLIC;
GRANT ALL ON FUNCTION my_verified_email TO liveconvo_api;

CREATE FUNCTION new_organization_needs_owner() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM require_owner(NEW.id);
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION new_organization_needs_owner FROM PUBLIC;

CREATE FUNCTION note_consent() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.consented_at IS NOT NULL THEN
        UPDATE consents
        SET withdrawn_at = now()
        WHERE participant_id = NEW.id
            AND withdrawn_at IS NULL;
    END IF;
    IF NEW.consented_at IS NOT NULL THEN
        INSERT INTO consents (session_id, organization_id, participant_id, user_id, version, given_at)
        VALUES (
            NEW.session_id, NEW.organization_id, NEW.id, NEW.user_id, coalesce(nullif(NEW.consent_version, ''), '-'),
            NEW.consented_at
        );
    END IF;
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION note_consent FROM PUBLIC;

CREATE FUNCTION onboard(wanted_name text, wanted_slug text, wanted_timezone text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    own uuid;
BEGIN
    PERFORM FROM users WHERE id = app_user_id() AND is_active AND deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM refuse('user_not_found', 'LC003');
    END IF;
    SELECT organizations.id
    INTO own
    FROM organization_members
    JOIN organizations ON organizations.id = organization_members.organization_id
    WHERE organization_members.user_id = app_user_id()
        AND organization_members.role = 'owner'
        AND organization_members.status = 'active'
        AND organizations.deleted_at IS NULL
    LIMIT 1;
    RETURN coalesce(own, create_organization(wanted_name, wanted_slug, wanted_timezone));
END
$$;

REVOKE ALL ON FUNCTION onboard FROM PUBLIC;
GRANT ALL ON FUNCTION onboard TO liveconvo_api;

CREATE FUNCTION open_admin_door(wanted_organization_id uuid, wanted_reason text, wanted_minutes integer) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    opened uuid;
BEGIN
    IF NOT is_platform_admin() OR NOT EXISTS (SELECT FROM organizations WHERE id = wanted_organization_id) THEN
        PERFORM refuse('organization_not_found', 'LC003');
    END IF;
    IF wanted_minutes NOT BETWEEN 1 AND 60 THEN
        PERFORM refuse('door_minutes', 'LC002');
    END IF;
    INSERT INTO admin_grants (user_id, organization_id, reason, expires_at)
    VALUES (app_user_id(), wanted_organization_id, wanted_reason, now() + make_interval(mins => wanted_minutes))
    RETURNING id INTO opened;
    INSERT INTO audit_log (organization_id, actor_kind, actor_id, action, target_kind, target_id, details, hash)
    VALUES (
        wanted_organization_id, 'platform_admin', app_user_id(), 'admin_door.opened', 'admin_grants', opened,
        jsonb_build_object('minutes', wanted_minutes), '\x'
    );
    RETURN opened;
END
$$;

REVOKE ALL ON FUNCTION open_admin_door FROM PUBLIC;
GRANT ALL ON FUNCTION open_admin_door TO liveconvo_api;

CREATE FUNCTION open_share_link(wanted_hash bytea) RETURNS TABLE(id uuid, session_id uuid, organization_id uuid,
    created_by uuid, shared_tabs text[], message text, is_expired boolean)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    link session_share_links;
BEGIN
    SELECT session_share_links.*
    INTO link
    FROM session_share_links
    JOIN sessions ON sessions.id = session_share_links.session_id
    JOIN organizations ON organizations.id = session_share_links.organization_id
    JOIN users ON users.id = session_share_links.created_by
    JOIN organization_members
        ON organization_members.organization_id = session_share_links.organization_id
        AND organization_members.user_id = session_share_links.created_by
        AND organization_members.status = 'active'
    WHERE session_share_links.token_hash = wanted_hash
        AND sessions.deleted_at IS NULL
        AND users.is_active
        AND users.deleted_at IS NULL
        AND organizations.is_active
        AND organizations.deleted_at IS NULL;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF link.revoked_at IS NOT NULL OR link.expires_at <= now() THEN
        RETURN QUERY SELECT NULL::uuid, NULL::uuid, NULL::uuid, NULL::uuid, NULL::text[], NULL::text, true;
        RETURN;
    END IF;
    UPDATE session_share_links
    SET access_count = access_count + 1,
        last_accessed_at = now()
    WHERE session_share_links.id = link.id;
    RETURN QUERY
    SELECT
        link.id, link.session_id, link.organization_id, link.created_by, link.shared_tabs, link.message, false;
END
$$;

REVOKE ALL ON FUNCTION open_share_link FROM PUBLIC;
GRANT ALL ON FUNCTION open_share_link TO liveconvo_api;

CREATE FUNCTION order_account_deletion(wanted_days integer) RETURNS timestamptz
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    due timestamptz;
BEGIN
    IF EXISTS (
        SELECT FROM organization_members AS mine
        JOIN organizations ON organizations.id = mine.organization_id
        JOIN organization_members AS others
            ON others.organization_id = mine.organization_id
            AND others.user_id <> mine.user_id
            AND others.status = 'active'
        WHERE mine.user_id = app_user_id()
            AND mine.status = 'active'
            AND mine.role = 'owner'
            AND organizations.deleted_at IS NULL
        GROUP BY mine.organization_id
        HAVING NOT bool_or(others.role = 'owner')
    ) THEN
        PERFORM refuse('sole_owner');
    END IF;
    UPDATE users
    SET deletion_due_at = coalesce(deletion_due_at, now() + make_interval(days => wanted_days))
    WHERE id = app_user_id()
        AND deleted_at IS NULL
    RETURNING deletion_due_at INTO due;
    IF NOT FOUND THEN
        PERFORM refuse('user_not_found', 'LC003');
    END IF;
    PERFORM append_audit(NULL, 'users.deletion_ordered', 'users', app_user_id());
    RETURN due;
END
$$;

REVOKE ALL ON FUNCTION order_account_deletion FROM PUBLIC;
GRANT ALL ON FUNCTION order_account_deletion TO liveconvo_api;

CREATE FUNCTION organization_needs_owner() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM require_owner(OLD.organization_id);
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION organization_needs_owner FROM PUBLIC;

CREATE FUNCTION organization_people(wanted_organization_id uuid) RETURNS TABLE(user_id uuid, email varchar,
    full_name varchar)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_seqscan TO 'off'
    AS $$
    SELECT users.id, users.email, users.full_name
    FROM organization_members
    JOIN users ON users.id = organization_members.user_id
    WHERE organization_members.organization_id = wanted_organization_id
        AND wanted_organization_id = ANY (readable_organization_ids())
$$;

REVOKE ALL ON FUNCTION organization_people FROM PUBLIC;
GRANT ALL ON FUNCTION organization_people TO liveconvo_api;

CREATE FUNCTION participant_of_ticket(wanted_hash bytea, wanted_session uuid, wanted_user uuid, wanted_role varchar,
    wanted_consent boolean) RETURNS uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT session_participants.id
    FROM join_tickets
    JOIN session_participants ON session_participants.id = join_tickets.participant_id
    JOIN sessions ON sessions.id = join_tickets.session_id
    WHERE join_tickets.token_hash = wanted_hash
        AND join_tickets.session_id = wanted_session
        AND session_participants.user_id IS NOT DISTINCT FROM wanted_user
        AND session_participants.role = wanted_role
        AND (session_participants.consented_at IS NOT NULL) = wanted_consent
        AND sessions.deleted_at IS NULL
$$;

REVOKE ALL ON FUNCTION participant_of_ticket FROM PUBLIC;
GRANT ALL ON FUNCTION participant_of_ticket TO liveconvo_api;

CREATE FUNCTION place_usage() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM derive_usage(ARRAY[NEW.id]);
    PERFORM count_recorded_sessions(ARRAY[NEW.organization_id], ARRAY[NEW.user_id]);
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION place_usage FROM PUBLIC;

CREATE FUNCTION plan_of(wanted_user_id uuid, wanted_organization_id uuid) RETURNS plans
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT plans
    FROM plans
    WHERE id = coalesce(
        (
            SELECT plan_id
            FROM subscriptions
            WHERE subscriptions.organization_id = wanted_organization_id
                AND status IN ('active', 'trialing', 'past_due')
        ),
        (
            SELECT plan_id
            FROM subscriptions
            WHERE subscriptions.user_id = wanted_user_id
                AND status IN ('active', 'trialing', 'past_due')
        ),
        (SELECT id FROM plans WHERE name = 'individual_free')
    )
$$;

REVOKE ALL ON FUNCTION plan_of FROM PUBLIC;

CREATE FUNCTION readable_organization_ids() RETURNS uuid[]
    LANGUAGE sql STABLE
    RETURN COALESCE(CASE WHEN (current_setting('app.readable_by', true) = current_setting('app.user_id',
        true)) THEN (NULLIF(current_setting('app.readable', true), ''))::uuid[] ELSE NULL::uuid[] END,
        look_up_readable());

REVOKE ALL ON FUNCTION readable_organization_ids FROM PUBLIC;
GRANT ALL ON FUNCTION readable_organization_ids TO liveconvo_api;

CREATE FUNCTION receive_stripe_event(wanted_id text, wanted_type text, wanted_payload jsonb,
    wanted_created_at timestamptz) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    WITH received AS (
        INSERT INTO stripe_events (id, type, payload, created_at)
        VALUES (wanted_id, wanted_type, wanted_payload, wanted_created_at)
        ON CONFLICT (id) DO NOTHING
        RETURNING id
    )
    SELECT EXISTS (SELECT FROM received)
$$;

REVOKE ALL ON FUNCTION receive_stripe_event FROM PUBLIC;
GRANT ALL ON FUNCTION receive_stripe_event TO liveconvo_api;

CREATE FUNCTION redeem_email_verification(wanted_hash bytea) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    WITH used AS (
        UPDATE sign_in_links
        SET used_at = now()
        WHERE token_hash = wanted_hash
            AND purpose = 'verify_email'
            AND used_at IS NULL
            AND expires_at > now()
        RETURNING user_id
    ),
    verified AS (
        UPDATE users
        SET email_verified = true
        FROM used
        WHERE users.id = used.user_id
            AND users.is_active
            AND users.deleted_at IS NULL
        RETURNING users.id
    )
    SELECT EXISTS (SELECT FROM verified)
$$;

REVOKE ALL ON FUNCTION redeem_email_verification FROM PUBLIC;
GRANT ALL ON FUNCTION redeem_email_verification TO liveconvo_api;

CREATE FUNCTION redeem_password_reset(wanted_hash bytea, wanted_password_hash text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    person uuid;
BEGIN
    UPDATE sign_in_links
    SET used_at = now()
    FROM users
    WHERE token_hash = wanted_hash
        AND purpose = 'reset_password'
        AND used_at IS NULL
        AND expires_at > now()
        AND users.id = sign_in_links.user_id
        AND users.is_active
        AND users.deleted_at IS NULL
    RETURNING sign_in_links.user_id INTO person;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE users SET password_hash = wanted_password_hash, email_verified = true WHERE id = person;
    UPDATE sign_in_links SET used_at = now() WHERE user_id = person AND used_at IS NULL;
    UPDATE user_app_sessions SET ended_at = now() WHERE user_id = person AND ended_at IS NULL;
    PERFORM append_audit(NULL, 'users.password_reset', 'users', person);
    RETURN person;
END
$$;

REVOKE ALL ON FUNCTION redeem_password_reset FROM PUBLIC;
GRANT ALL ON FUNCTION redeem_password_reset TO liveconvo_api;

CREATE FUNCTION redeem_sign_in_link(wanted_hash bytea) RETURNS uuid
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    UPDATE sign_in_links
    SET used_at = now()
    FROM users
    WHERE token_hash = wanted_hash
        AND purpose = 'sign_in'
        AND used_at IS NULL
        AND expires_at > now()
        AND users.id = sign_in_links.user_id
        AND users.is_active
        AND users.deleted_at IS NULL
    RETURNING sign_in_links.user_id
$$;

REVOKE ALL ON FUNCTION redeem_sign_in_link FROM PUBLIC;
GRANT ALL ON FUNCTION redeem_sign_in_link TO liveconvo_api;

CREATE FUNCTION redeem_sign_up(wanted_hash bytea, wanted_password_hash text) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    asked sign_ups;
    made uuid;
BEGIN
    UPDATE sign_ups
    SET used_at = now()
    WHERE token_hash = wanted_hash
        AND used_at IS NULL
        AND expires_at > now()
    RETURNING * INTO asked;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO users (email, email_verified, full_name, timezone, password_hash)
    VALUES (asked.email, true, asked.full_name, asked.timezone, wanted_password_hash)
    ON CONFLICT (email) DO NOTHING
    RETURNING id INTO made;
    IF made IS NOT NULL THEN
        PERFORM append_audit(NULL, 'users.signed_up', 'users', made);
    END IF;
    RETURN made;
END
$$;

REVOKE ALL ON FUNCTION redeem_sign_up FROM PUBLIC;
GRANT ALL ON FUNCTION redeem_sign_up TO liveconvo_api;

CREATE FUNCTION redeem_ticket(wanted_hash bytea) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    WITH redeemed AS (
        UPDATE join_tickets
        SET used_at = now()
        FROM sessions, session_participants
        WHERE join_tickets.token_hash = wanted_hash
            AND join_tickets.used_at IS NULL
            AND join_tickets.expires_at > now()
            AND sessions.id = join_tickets.session_id
            AND sessions.deleted_at IS NULL
            AND session_participants.id = join_tickets.participant_id
            AND is_welcome(session_participants.user_id, join_tickets.organization_id)
        RETURNING join_tickets.token_hash
    )
    SELECT EXISTS (SELECT FROM redeemed)
$$;

REVOKE ALL ON FUNCTION redeem_ticket FROM PUBLIC;
GRANT ALL ON FUNCTION redeem_ticket TO liveconvo_media;

CREATE FUNCTION refuse(code text, kind text DEFAULT 'LC001') RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = kind, MESSAGE = code;
END
$$;

CREATE FUNCTION refuse_erased() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    IF EXISTS (
        SELECT FROM added
        JOIN sessions ON sessions.id = added.session_id
        WHERE sessions.erased_at IS NOT NULL
    ) THEN
        PERFORM refuse('session_erased');
    END IF;
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION refuse_erased FROM PUBLIC;

CREATE FUNCTION remove_member(wanted_organization_id uuid, wanted_user_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM require_member_change(wanted_organization_id, wanted_user_id, NULL);
    UPDATE organization_members
    SET status = 'removed'
    WHERE organization_id = wanted_organization_id
        AND user_id = wanted_user_id;
    PERFORM move_out(wanted_organization_id, wanted_user_id);
END
$$;

REVOKE ALL ON FUNCTION remove_member FROM PUBLIC;
GRANT ALL ON FUNCTION remove_member TO liveconvo_api;

CREATE FUNCTION require_admin() RETURNS void
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    IF NOT is_platform_admin() THEN
        PERFORM refuse('not_an_administrator', 'LC003');
    END IF;
END
$$;

REVOKE ALL ON FUNCTION require_admin FROM PUBLIC;

CREATE FUNCTION require_member_change(wanted_organization_id uuid, wanted_user_id uuid, new_role text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    old_role text;
BEGIN
    -- Nobody waits for, or holds up, an organization they are not in. Everything is looked at again under the lock.
    IF wanted_organization_id IN (SELECT my_organization_ids()) THEN
        PERFORM lock_organization(wanted_organization_id);
    END IF;
    SELECT role
    INTO old_role
    FROM organization_members
    WHERE organization_id = wanted_organization_id
        AND user_id = wanted_user_id
        AND status <> 'removed'
        AND organization_id IN (SELECT my_organization_ids());
    IF NOT FOUND THEN
        PERFORM refuse('member_not_found', 'LC003');
    END IF;
    IF wanted_organization_id NOT IN (SELECT my_managed_organization_ids()) THEN
        PERFORM refuse('not_a_manager');
    END IF;
    IF (old_role = 'owner' OR new_role = 'owner')
        AND wanted_organization_id NOT IN (SELECT my_owned_organization_ids())
    THEN
        PERFORM refuse('not_an_owner');
    END IF;
END
$$;

REVOKE ALL ON FUNCTION require_member_change FROM PUBLIC;

CREATE FUNCTION require_owner(wanted_organization_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
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

REVOKE ALL ON FUNCTION require_owner FROM PUBLIC;

CREATE FUNCTION revise_transcript(wanted_session_id uuid, wanted_transcript_id uuid, seen_revision integer,
    wanted_content text, wanted_speaker text) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    held transcripts;
    session_status text;
    told jsonb;
    next_seq bigint;
    last_epoch integer;
BEGIN
    SELECT status INTO session_status
    FROM sessions
    WHERE id = wanted_session_id
        AND deleted_at IS NULL
        AND organization_id IN (SELECT my_organization_ids())
        AND (user_id = app_user_id() OR organization_id IN (SELECT my_managed_organization_ids()))
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM refuse('session_not_found', 'LC003');
    END IF;
    SELECT * INTO held FROM transcripts WHERE id = wanted_transcript_id AND session_id = wanted_session_id;
    IF NOT FOUND THEN
        PERFORM refuse('transcript_not_found', 'LC003');
    END IF;
    IF held.revision <> seen_revision THEN
        PERFORM refuse('revision_changed');
    END IF;
    IF (held.content, held.speaker) = (wanted_content, wanted_speaker) THEN
        RETURN held.revision;
    END IF;
    INSERT INTO transcript_revisions (
        transcript_id, revision, session_id, organization_id, content, speaker, words, replaced_by
    )
    VALUES (
        held.id, held.revision, held.session_id, held.organization_id, held.content, held.speaker, held.words,
        app_user_id()
    );
    UPDATE transcripts
    SET content = wanted_content,
        speaker = wanted_speaker,
        words = CASE WHEN content = wanted_content THEN words END,
        revision = held.revision + 1
    WHERE id = held.id;
    told := jsonb_build_object(
        'transcript_id', held.id, 'revision', held.revision + 1, 'text', wanted_content, 'speaker', wanted_speaker
    );
    IF session_status IN ('completed', 'archived') THEN
        UPDATE calls
        SET reserved_seq = reserved_seq + 1
        WHERE session_id = held.session_id
            AND lease_until <= clock_timestamp()
        RETURNING reserved_seq, epoch INTO next_seq, last_epoch;
    END IF;
    IF next_seq IS NOT NULL THEN
        INSERT INTO session_events (session_id, organization_id, seq, epoch, type, at_ms, audience, payload)
        VALUES (
            held.session_id, held.organization_id, next_seq, last_epoch, 'transcript.revised',
            coalesce(
                (SELECT at_ms FROM session_events WHERE session_id = held.session_id ORDER BY seq DESC LIMIT 1), 0
            ),
            'everyone', told
        );
    ELSE
        INSERT INTO call_commands (id, session_id, organization_id, kind, payload, created_by)
        SELECT gen_random_uuid(), session_id, organization_id, 'revise_transcript', told, app_user_id()
        FROM calls
        WHERE session_id = held.session_id;
    END IF;
    RETURN held.revision + 1;
END
$$;

REVOKE ALL ON FUNCTION revise_transcript FROM PUBLIC;
GRANT ALL ON FUNCTION revise_transcript TO liveconvo_api;

CREATE FUNCTION search_config(form text) RETURNS regconfig
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE form WHEN 'arabic' THEN 'arabic'::regconfig WHEN 'armenian' THEN 'armenian'::regconfig WHEN 'basque' THEN 'basque'::regconfig WHEN 'catalan' THEN 'catalan'::regconfig WHEN 'danish' THEN 'danish'::regconfig WHEN 'dutch' THEN 'dutch'::regconfig WHEN 'english' THEN 'english'::regconfig WHEN 'finnish' THEN 'finnish'::regconfig WHEN 'french' THEN 'french'::regconfig WHEN 'german' THEN 'german'::regconfig WHEN 'greek' THEN 'greek'::regconfig WHEN 'hindi' THEN 'hindi'::regconfig WHEN 'hungarian' THEN 'hungarian'::regconfig WHEN 'indonesian' THEN 'indonesian'::regconfig WHEN 'irish' THEN 'irish'::regconfig WHEN 'italian' THEN 'italian'::regconfig WHEN 'lithuanian' THEN 'lithuanian'::regconfig WHEN 'nepali' THEN 'nepali'::regconfig WHEN 'norwegian' THEN 'norwegian'::regconfig WHEN 'portuguese' THEN 'portuguese'::regconfig WHEN 'romanian' THEN 'romanian'::regconfig WHEN 'russian' THEN 'russian'::regconfig WHEN 'serbian' THEN 'serbian'::regconfig WHEN 'spanish' THEN 'spanish'::regconfig WHEN 'swedish' THEN 'swedish'::regconfig WHEN 'tamil' THEN 'tamil'::regconfig WHEN 'turkish' THEN 'turkish'::regconfig WHEN 'yiddish' THEN 'yiddish'::regconfig ELSE 'simple'::regconfig END;

CREATE FUNCTION search_form(language text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE split_part(lower(language), '-',
        1) WHEN 'ar' THEN 'arabic' WHEN 'ca' THEN 'catalan' WHEN 'da' THEN 'danish' WHEN 'de' THEN 'german' WHEN 'el' THEN 'greek' WHEN 'en' THEN 'english' WHEN 'es' THEN 'spanish' WHEN 'eu' THEN 'basque' WHEN 'fi' THEN 'finnish' WHEN 'fr' THEN 'french' WHEN 'ga' THEN 'irish' WHEN 'hi' THEN 'hindi' WHEN 'hu' THEN 'hungarian' WHEN 'hy' THEN 'armenian' WHEN 'id' THEN 'indonesian' WHEN 'it' THEN 'italian' WHEN 'lt' THEN 'lithuanian' WHEN 'ne' THEN 'nepali' WHEN 'nl' THEN 'dutch' WHEN 'no' THEN 'norwegian' WHEN 'nn' THEN 'norwegian' WHEN 'pt' THEN 'portuguese' WHEN 'ro' THEN 'romanian' WHEN 'ru' THEN 'russian' WHEN 'sr' THEN 'serbian' WHEN 'sv' THEN 'swedish' WHEN 'ta' THEN 'tamil' WHEN 'tr' THEN 'turkish' WHEN 'yi' THEN 'yiddish' WHEN 'zh' THEN 'characters' WHEN 'yue' THEN 'characters' WHEN 'ja' THEN 'characters' WHEN 'th' THEN 'characters' WHEN 'lo' THEN 'characters' WHEN 'km' THEN 'characters' WHEN 'my' THEN 'characters' ELSE 'simple' END;

CREATE FUNCTION search_forms() RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY['arabic', 'armenian', 'basque', 'catalan', 'characters', 'danish', 'dutch', 'english', 'finnish',
        'french', 'german', 'greek', 'hindi', 'hungarian', 'indonesian', 'irish', 'italian', 'lithuanian', 'nepali',
        'norwegian', 'portuguese', 'romanian', 'russian', 'serbian', 'simple', 'spanish', 'swedish', 'tamil', 'turkish',
        'yiddish'];

CREATE FUNCTION search_place(organization_id uuid, week integer) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((('/' || organization_id) || '/') || week);

CREATE FUNCTION search_text(form text, content text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE form WHEN 'characters' THEN regexp_replace("left"(content, 100000), '([^\x01-\x7f])', ('\1' || chr(31)),
        'g') ELSE "left"(content, 100000) END;

CREATE FUNCTION search_query(form text, typed text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN websearch_to_tsquery(search_config(form), search_text(form, CASE WHEN ((form = 'characters')
        AND (strpos(typed, '"') = 0)) THEN regexp_replace(typed, '([^\x01-\x7f]+)', '"\1"', 'g') ELSE typed END));

CREATE FUNCTION search_sessions(wanted_organization_id uuid, typed text, kinds text[], wanted_session_id uuid,
    wanted_type text, created_from timestamptz, created_to timestamptz, most integer) RETURNS TABLE(kind text,
    session_id uuid, session_title varchar, conversation_type varchar, status varchar, session_created_at timestamptz,
    transcript_id uuid, sequence_number integer, speaker varchar, start_time_seconds numeric, end_time_seconds numeric,
    rank double precision, excerpt text)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    candidates CONSTANT integer := 100;
    all_of_it CONSTANT text := format('StartSel=%s, StopSel=%s, HighlightAll=true', chr(2), chr(3));
    pieces_of_it CONSTANT text := format(
        'StartSel=%s, StopSel=%s, MaxFragments=2, MaxWords=30, MinWords=12, FragmentDelimiter=" … "', chr(2), chr(3)
    );
    in_forms tsquery;
    forms CONSTANT text[] := search_forms();
    queries CONSTANT tsquery[] := ARRAY(
        SELECT search_query(form, typed)
        FROM unnest(forms) WITH ORDINALITY AS each (form, place)
        ORDER BY place
    );
    as_typed CONSTANT tsquery := search_query('simple', typed);
    in_english CONSTANT tsquery := search_query('english', typed);
    plainly CONSTANT tsquery := as_typed || in_english;
    of_organization CONSTANT tsquery := search_sign(search_place(wanted_organization_id, 0));
    lines uuid[] := '{}';
    newest integer;
    oldest integer;
    first_week integer;
    step integer := 1;
BEGIN
    IF numnode(plainly) = 0 OR NOT wanted_organization_id = ANY (readable_organization_ids()) THEN
        RETURN;
    END IF;
    IF 'transcript' = ANY (kinds) THEN
        SELECT string_agg(format('(%s) & (%s)', asked.query, asked.signs), ' | ')::tsquery
        INTO in_forms
        FROM (
            SELECT query::text AS query, string_agg(format('''=%s''', form), ' | ') AS signs
            FROM unnest(forms, queries) AS each (form, query)
            WHERE numnode(query) > 0
            GROUP BY query::text
        ) AS asked;
        IF wanted_session_id IS NULL THEN
            SELECT search_week(min(created_at)) INTO oldest
            FROM sessions
            WHERE organization_id = wanted_organization_id
                AND deleted_at IS NULL;
            oldest := greatest(oldest, search_week(created_from));
            newest := search_week(now());
        ELSE
            SELECT search_week(min(created_at)), search_week(max(created_at)) INTO oldest, newest
            FROM transcripts
            WHERE session_id = wanted_session_id;
            step := newest - oldest + 1;
        END IF;
        WHILE newest >= oldest AND cardinality(lines) < candidates LOOP
            first_week := greatest(oldest, newest - step + 1);
            lines := lines || ARRAY(
                SELECT transcripts.id
                FROM transcripts
                JOIN sessions ON sessions.id = transcripts.session_id
                WHERE transcript_words(
                        transcripts.organization_id, transcripts.created_at, transcripts.language, transcripts.content
                    ) @@ (
                        SELECT string_agg(format('''%s''', search_place(wanted_organization_id, week)), ' | ')::tsquery
                        FROM generate_series(first_week, newest) AS week
                    )
                    -- Apart: so the index is entered by whichever is rarer.
                    AND transcript_words(
                        transcripts.organization_id, transcripts.created_at, transcripts.language, transcripts.content
                    ) @@ in_forms
                    AND transcripts.organization_id = wanted_organization_id
                    AND (wanted_session_id IS NULL OR transcripts.session_id = wanted_session_id)
                    AND sessions.deleted_at IS NULL
                    AND (wanted_type IS NULL OR sessions.conversation_type = wanted_type)
                    AND (created_from IS NULL OR sessions.created_at >= created_from)
                    AND (created_to IS NULL OR sessions.created_at < created_to)
                ORDER BY transcripts.created_at DESC
                LIMIT candidates
            );
            newest := first_week - 1;
            step := step * 4;
        END LOOP;
    END IF;
    RETURN QUERY
    WITH hits AS (
        (
            SELECT
                'title' AS kind, sessions.id AS session_id, NULL::uuid AS transcript_id,
                3 * ts_rank_cd(title_words(organization_id, title), plainly, 1) AS rank, created_at AS at
            FROM sessions
            WHERE 'title' = ANY (kinds)
                AND title_words(organization_id, title) @@ of_organization
                AND title_words(organization_id, title) @@ plainly
                AND organization_id = wanted_organization_id
                AND deleted_at IS NULL
                AND (wanted_session_id IS NULL OR id = wanted_session_id)
                AND (wanted_type IS NULL OR sessions.conversation_type = wanted_type)
                AND (created_from IS NULL OR created_at >= created_from)
                AND (created_to IS NULL OR created_at < created_to)
            ORDER BY created_at DESC
            LIMIT candidates
        )
        UNION ALL
        (
            SELECT
                'summary', sessions.id, NULL::uuid,
                2 * ts_rank_cd(title_words(summaries.organization_id, summary_text(
                    tldr, key_decisions, action_items, follow_up_questions, conversation_highlights
                )), plainly, 1),
                sessions.created_at
            FROM summaries
            JOIN sessions ON sessions.id = summaries.session_id
            WHERE 'summary' = ANY (kinds)
                AND title_words(summaries.organization_id, summary_text(
                    tldr, key_decisions, action_items, follow_up_questions, conversation_highlights
                )) @@ of_organization
                AND title_words(summaries.organization_id, summary_text(
                    tldr, key_decisions, action_items, follow_up_questions, conversation_highlights
                )) @@ plainly
                AND summaries.organization_id = wanted_organization_id
                AND summaries.deleted_at IS NULL
                AND sessions.deleted_at IS NULL
                AND (wanted_session_id IS NULL OR sessions.id = wanted_session_id)
                AND (wanted_type IS NULL OR sessions.conversation_type = wanted_type)
                AND (created_from IS NULL OR sessions.created_at >= created_from)
                AND (created_to IS NULL OR sessions.created_at < created_to)
            ORDER BY sessions.created_at DESC
            LIMIT candidates
        )
        UNION ALL
        SELECT
            'transcript', session_id, id,
            ts_rank_cd(
                transcript_words(organization_id, created_at, language, content),
                queries[array_position(forms, search_form(language))],
                1
            ),
            created_at
        FROM transcripts
        WHERE id = ANY (lines)
    ),
    best AS (
        SELECT kind, session_id, transcript_id, rank, at
        FROM hits
        ORDER BY rank DESC, at DESC, session_id, transcript_id
        LIMIT most
    )
    SELECT
        best.kind, sessions.id, sessions.title, sessions.conversation_type, sessions.status, sessions.created_at,
        transcripts.id, transcripts.sequence_number, transcripts.speaker, transcripts.start_time_seconds,
        transcripts.end_time_seconds, best.rank,
        CASE best.kind
            WHEN 'title' THEN ts_headline('english', sessions.title, plainly, all_of_it)
            WHEN 'summary' THEN ts_headline('english', summary_text(
                summaries.tldr, summaries.key_decisions, summaries.action_items, summaries.follow_up_questions,
                summaries.conversation_highlights
            ), plainly, pieces_of_it)
            ELSE translate(ts_headline(
                search_config(search_form(transcripts.language)),
                search_text(search_form(transcripts.language), transcripts.content),
                queries[array_position(forms, search_form(transcripts.language))],
                CASE WHEN length(transcripts.content) <= 600 THEN all_of_it ELSE pieces_of_it END
            ), chr(31), '')
        END
    FROM best
    JOIN sessions ON sessions.id = best.session_id
    LEFT JOIN transcripts ON transcripts.id = best.transcript_id
    LEFT JOIN summaries
        ON best.kind = 'summary' AND summaries.session_id = best.session_id AND summaries.deleted_at IS NULL
    ORDER BY best.rank DESC, best.at DESC, best.session_id, best.transcript_id;
END
$$;

REVOKE ALL ON FUNCTION search_sessions FROM PUBLIC;
GRANT ALL ON FUNCTION search_sessions TO liveconvo_api;

CREATE FUNCTION search_sign(sign text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((('''' || sign) || ''''))::tsquery;

CREATE FUNCTION search_week(instant timestamptz) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (floor((EXTRACT(epoch FROM (instant - '1970-01-01 00:00:00+00'::timestamptz)) / 604800)))::integer;

CREATE FUNCTION session_minutes(wanted_session_id uuid) RETURNS TABLE(minutes_used integer, minutes_limit integer)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT minutes_recorded(user_id, organization_id), minutes_allowed(user_id, organization_id)
    FROM sessions
    WHERE sessions.id = wanted_session_id
        AND sessions.deleted_at IS NULL
        AND sessions.organization_id IN (SELECT my_organization_ids())
$$;

REVOKE ALL ON FUNCTION session_minutes FROM PUBLIC;
GRANT ALL ON FUNCTION session_minutes TO liveconvo_api;

CREATE FUNCTION set_member_limits(wanted_organization_id uuid, wanted_user_id uuid, wanted_hours integer,
    wanted_sessions integer) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM require_member_change(wanted_organization_id, wanted_user_id, NULL);
    UPDATE organization_members
    SET monthly_audio_hours_limit = wanted_hours,
        max_sessions_per_month = wanted_sessions
    WHERE organization_id = wanted_organization_id
        AND user_id = wanted_user_id;
END
$$;

REVOKE ALL ON FUNCTION set_member_limits FROM PUBLIC;
GRANT ALL ON FUNCTION set_member_limits TO liveconvo_api;

CREATE FUNCTION set_member_permissions(wanted_organization_id uuid, wanted_user_id uuid, wanted text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM require_member_change(wanted_organization_id, wanted_user_id, NULL);
    UPDATE organization_members
    SET permissions = to_jsonb(wanted)
    WHERE organization_id = wanted_organization_id
        AND user_id = wanted_user_id;
END
$$;

REVOKE ALL ON FUNCTION set_member_permissions FROM PUBLIC;
GRANT ALL ON FUNCTION set_member_permissions TO liveconvo_api;

CREATE FUNCTION set_member_role(wanted_organization_id uuid, wanted_user_id uuid, wanted_role text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM require_member_change(wanted_organization_id, wanted_user_id, wanted_role);
    UPDATE organization_members
    SET role = wanted_role
    WHERE organization_id = wanted_organization_id
        AND user_id = wanted_user_id;
END
$$;

REVOKE ALL ON FUNCTION set_member_role FROM PUBLIC;
GRANT ALL ON FUNCTION set_member_role TO liveconvo_api;

CREATE FUNCTION set_member_status(wanted_organization_id uuid, wanted_user_id uuid, wanted_status text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    old_status text;
BEGIN
    PERFORM require_member_change(wanted_organization_id, wanted_user_id, NULL);
    IF wanted_status NOT IN ('active', 'inactive') THEN
        PERFORM refuse('member_status', 'LC002');
    END IF;
    SELECT status
    INTO old_status
    FROM organization_members
    WHERE organization_id = wanted_organization_id
        AND user_id = wanted_user_id;
    IF wanted_status = 'active' AND old_status <> 'active' AND free_seats(wanted_organization_id) < 1 THEN
        PERFORM refuse('member_limit');
    END IF;
    UPDATE organization_members
    SET status = wanted_status
    WHERE organization_id = wanted_organization_id
        AND user_id = wanted_user_id;
    IF wanted_status <> 'active' THEN
        PERFORM move_out(wanted_organization_id, wanted_user_id);
    END IF;
END
$$;

REVOKE ALL ON FUNCTION set_member_status FROM PUBLIC;
GRANT ALL ON FUNCTION set_member_status TO liveconvo_api;

CREATE FUNCTION sign_in_with_google(wanted_google_id text, wanted_email text, is_verified boolean, wanted_name text,
    is_gated boolean) RETURNS TABLE(user_id uuid, outcome text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
#variable_conflict use_column
DECLARE
    person users;
BEGIN
    SELECT * INTO person FROM users WHERE google_id = wanted_google_id AND deleted_at IS NULL;
    IF FOUND THEN
        RETURN QUERY SELECT
            CASE WHEN person.is_active THEN person.id END, CASE WHEN person.is_active THEN 'known' ELSE 'closed' END;
        RETURN;
    END IF;
    IF NOT is_verified THEN
        RETURN QUERY SELECT NULL::uuid, 'unverified';
        RETURN;
    END IF;
    IF may_sign_up(wanted_email, is_gated) THEN
        INSERT INTO users (email, email_verified, full_name, google_id)
        VALUES (wanted_email, true, wanted_name, wanted_google_id)
        ON CONFLICT DO NOTHING
        RETURNING * INTO person;
        IF FOUND THEN
            PERFORM append_audit(NULL, 'users.signed_up', 'users', person.id);
            RETURN QUERY SELECT person.id, 'created';
            RETURN;
        END IF;
    END IF;
    SELECT * INTO person FROM users WHERE email = wanted_email AND is_active AND deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN QUERY SELECT NULL::uuid, 'closed';
    ELSIF person.google_id = wanted_google_id THEN
        RETURN QUERY SELECT person.id, 'known';
    ELSIF person.google_id IS NOT NULL THEN
        RETURN QUERY SELECT NULL::uuid, 'other_google_account';
    ELSIF NOT person.email_verified THEN
        RETURN QUERY SELECT NULL::uuid, 'unproven';
    ELSE
        UPDATE users SET google_id = wanted_google_id WHERE id = person.id;
        PERFORM append_audit(NULL, 'users.google_linked', 'users', person.id);
        RETURN QUERY SELECT person.id, 'linked';
    END IF;
END
$$;

REVOKE ALL ON FUNCTION sign_in_with_google FROM PUBLIC;
GRANT ALL ON FUNCTION sign_in_with_google TO liveconvo_api;

CREATE FUNCTION sum_up_minutes() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    touched record;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT
            array_agg(session_id) AS session_ids,
            array_agg(organization_id) AS organization_ids,
            array_agg(user_id) AS user_ids,
            array_agg(month) AS months
        INTO touched
        FROM (
            SELECT DISTINCT
                session_id, organization_id, user_id, date_trunc('month', minute_timestamp AT TIME ZONE 'UTC') AS month
            FROM (TABLE changed UNION ALL TABLE replaced) AS both_of_each
        ) AS minute;
    ELSE
        SELECT
            array_agg(session_id) AS session_ids,
            array_agg(organization_id) AS organization_ids,
            array_agg(user_id) AS user_ids,
            array_agg(month) AS months
        INTO touched
        FROM (
            SELECT DISTINCT
                session_id, organization_id, user_id, date_trunc('month', minute_timestamp AT TIME ZONE 'UTC') AS month
            FROM changed
        ) AS minute;
    END IF;
    IF touched.session_ids IS NOT NULL THEN
        PERFORM sum_up_usage(touched.session_ids, touched.organization_ids, touched.user_ids, touched.months);
    END IF;
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION sum_up_minutes FROM PUBLIC;

CREATE FUNCTION sum_up_usage(session_ids uuid[], organization_ids uuid[], user_ids uuid[],
    months timestamp[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
    this_month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
BEGIN
    PERFORM take_usage_locks(ARRAY(
        SELECT usage_lock(organization_id, user_id)
        FROM unnest(organization_ids, user_ids) AS person (organization_id, user_id)
    ));

    INSERT INTO monthly_usage_cache (organization_id, user_id, month_year, total_seconds_used, total_minutes_used)
    SELECT organization_id, user_id, to_char(month, 'YYYY-MM'), seconds, (seconds + 59) / 60
    FROM (
        SELECT DISTINCT organization_id, user_id, month
        FROM unnest(organization_ids, user_ids, months) AS changed (organization_id, user_id, month)
    ) AS changed
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(seconds_recorded), 0)::integer AS seconds
        FROM usage_tracking
        WHERE usage_tracking.organization_id = changed.organization_id
            AND usage_tracking.user_id = changed.user_id
            AND minute_timestamp >= month AT TIME ZONE 'UTC'
            AND minute_timestamp < (month + interval '1 month') AT TIME ZONE 'UTC'
    ) AS total
    ON CONFLICT (organization_id, user_id, month_year) DO UPDATE
    SET total_seconds_used = excluded.total_seconds_used,
        total_minutes_used = excluded.total_minutes_used,
        last_updated = CURRENT_TIMESTAMP;

    UPDATE organization_members
    SET current_month_start = this_month::date,
        current_month_minutes_used = used.month_minutes,
        total_audio_hours_used = used.hours,
        last_session_at = used.last_at
    FROM (
        SELECT DISTINCT organization_id, user_id
        FROM unnest(organization_ids, user_ids) AS changed (organization_id, user_id)
    ) AS person
    CROSS JOIN LATERAL (
        SELECT
            least(9999.99, coalesce(sum(total_seconds_used), 0) / 3600.0)::numeric(6, 2) AS hours,
            coalesce(sum(total_minutes_used) FILTER (WHERE month_year = to_char(this_month, 'YYYY-MM')), 0)
                AS month_minutes,
            (
                SELECT max(minute_timestamp)
                FROM usage_tracking
                WHERE usage_tracking.organization_id = person.organization_id
                    AND usage_tracking.user_id = person.user_id
            ) AS last_at
        FROM monthly_usage_cache
        WHERE monthly_usage_cache.organization_id = person.organization_id
            AND monthly_usage_cache.user_id = person.user_id
    ) AS used
    WHERE organization_members.organization_id = person.organization_id
        AND organization_members.user_id = person.user_id
        AND (current_month_start, current_month_minutes_used, total_audio_hours_used, last_session_at)
            IS DISTINCT FROM (this_month::date, used.month_minutes, used.hours, used.last_at);

    UPDATE sessions
    SET recording_duration_seconds = total.seconds
    FROM (
        SELECT session_id, coalesce(sum(seconds_recorded), 0) AS seconds
        FROM (SELECT DISTINCT unnest(session_ids) AS session_id) AS changed
        LEFT JOIN usage_tracking
    USING (session_id)
        GROUP BY session_id
    ) AS total
    WHERE sessions.id = total.session_id
        AND recording_duration_seconds <> total.seconds;
END
$$;

REVOKE ALL ON FUNCTION sum_up_usage FROM PUBLIC;

CREATE FUNCTION summary_text(tldr text, key_decisions jsonb, action_items jsonb, follow_up_questions jsonb,
    conversation_highlights jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN concat_ws('
', tldr, (SELECT string_agg((said.said #>> '{}'::text[]), '
') AS string_agg FROM jsonb_path_query(jsonb_build_array(summary_text.key_decisions, summary_text.action_items,
    summary_text.follow_up_questions, summary_text.conversation_highlights),
    'strict $.**?(@.type() == "string")'::jsonpath) said(said)));

CREATE FUNCTION switch_organization(wanted_organization_id uuid) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    WITH switched AS (
        UPDATE users
        SET current_organization_id = wanted_organization_id
        WHERE id = app_user_id()
            AND wanted_organization_id IN (SELECT my_organization_ids())
        RETURNING id
    )
    SELECT EXISTS (SELECT FROM switched)
$$;

REVOKE ALL ON FUNCTION switch_organization FROM PUBLIC;
GRANT ALL ON FUNCTION switch_organization TO liveconvo_api;

CREATE FUNCTION take_usage_locks(numbers integer[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    number integer;
BEGIN
    FOR number IN SELECT DISTINCT unnest(numbers) ORDER BY 1 LOOP
        -- The first figure keeps these locks apart from others: this migration's number.
        PERFORM pg_advisory_xact_lock(14, number);
    END LOOP;
END
$$;

REVOKE ALL ON FUNCTION take_usage_locks FROM PUBLIC;
GRANT ALL ON FUNCTION take_usage_locks TO liveconvo_media;
GRANT ALL ON FUNCTION take_usage_locks TO liveconvo_jobs;

CREATE FUNCTION tell_webhooks(wanted_organization_id uuid, wanted_type text, wanted_payload jsonb) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    told integer;
BEGIN
    INSERT INTO webhook_deliveries (endpoint_id, organization_id, event_type, payload)
    SELECT id, organization_id, wanted_type, wanted_payload
    FROM webhook_endpoints
    WHERE organization_id = wanted_organization_id
        AND is_active
        AND wanted_type = ANY (event_types);
    GET DIAGNOSTICS told = ROW_COUNT;
    RETURN told;
END
$$;

REVOKE ALL ON FUNCTION tell_webhooks FROM PUBLIC;
GRANT ALL ON FUNCTION tell_webhooks TO liveconvo_jobs;

CREATE FUNCTION text_language(content text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    WITH words AS MATERIALIZED (
        SELECT lower(token) AS word
        FROM ts_parse('default', left(content, 20000))
        WHERE tokid IN (1, 2)
        LIMIT 2000
    ), counted AS (
        SELECT
            language,
            (SELECT count(*) FROM words WHERE ts_lexize((language || '_stem')::regdictionary, word) = '{}') AS stops
        FROM unnest(ARRAY[
            'danish', 'dutch', 'english', 'finnish', 'french', 'german', 'hungarian', 'italian', 'norwegian',
            'portuguese', 'russian', 'spanish', 'swedish', 'turkish'
        ]) AS language
    )
    SELECT coalesce(
        (
            SELECT language
            FROM counted
            WHERE stops >= 2
                AND stops * 8 >= (SELECT count(*) FROM words)
            ORDER BY stops DESC, language
            LIMIT 1
        ),
        'simple'
    )
$$;

REVOKE ALL ON FUNCTION text_language FROM PUBLIC;
GRANT ALL ON FUNCTION text_language TO liveconvo_jobs;

CREATE FUNCTION title_words(organization_id uuid, content text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((to_tsvector('simple'::regconfig, "left"(content, 100000)) || to_tsvector('english'::regconfig,
        "left"(content, 100000))) || array_to_tsvector(ARRAY[search_place(organization_id, 0)]));

CREATE FUNCTION touch_updated_at() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.updated_at := CURRENT_TIMESTAMP;
    RETURN NEW;
END
$$;

CREATE FUNCTION transcript_words(organization_id uuid, said_at timestamptz, language text,
    content text) RETURNS tsvector
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
DECLARE
    form CONSTANT text := search_form(language);
BEGIN
    RETURN to_tsvector(search_config(form), search_text(form, content))
        || array_to_tsvector(ARRAY[search_place(organization_id, search_week(said_at)), '=' || form]);
END
$$;

CREATE FUNCTION transfer_ownership(wanted_organization_id uuid, wanted_user_id uuid) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM require_member_change(wanted_organization_id, wanted_user_id, 'owner');
    PERFORM FROM users WHERE id = wanted_user_id FOR NO KEY UPDATE;
    IF wanted_user_id = app_user_id() OR NOT EXISTS (
        SELECT FROM organization_members
        WHERE organization_id = wanted_organization_id
            AND user_id = wanted_user_id
            AND status = 'active'
    ) THEN
        PERFORM refuse('member_state');
    END IF;
    IF EXISTS (
        SELECT FROM organization_members
        JOIN organizations ON organizations.id = organization_members.organization_id
        WHERE organization_members.user_id = wanted_user_id
            AND organization_members.organization_id <> wanted_organization_id
            AND organization_members.role = 'owner'
            AND organization_members.status = 'active'
            AND organizations.deleted_at IS NULL
    ) THEN
        PERFORM refuse('organization_exists');
    END IF;
    UPDATE organization_members
    SET role = CASE WHEN user_id = wanted_user_id THEN 'owner' ELSE 'admin' END
    WHERE organization_id = wanted_organization_id
        AND user_id IN (wanted_user_id, app_user_id());
END
$$;

REVOKE ALL ON FUNCTION transfer_ownership FROM PUBLIC;
GRANT ALL ON FUNCTION transfer_ownership TO liveconvo_api;

CREATE FUNCTION usage_limit(wanted_user_id uuid, wanted_organization_id uuid) RETURNS TABLE(minutes_used integer,
    minutes_limit integer, minutes_remaining integer, percentage_used integer, is_unlimited boolean, can_record boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT
        minutes.used,
        minutes.allowed,
        -- greatest() looks past NULL.
        CASE WHEN minutes.allowed IS NOT NULL THEN greatest(0, minutes.allowed - minutes.used) END,
        CASE
            WHEN minutes.allowed IS NULL THEN 0
            WHEN minutes.allowed = 0 THEN 100
            ELSE (100::bigint * minutes.used / minutes.allowed)::integer
        END,
        minutes.allowed IS NULL,
        minutes.allowed IS NULL OR minutes.used < minutes.allowed
    FROM organization_members
    JOIN organizations ON organizations.id = organization_members.organization_id
    CROSS JOIN LATERAL (
        SELECT
            minutes_recorded(wanted_user_id, wanted_organization_id) AS used,
            minutes_allowed(wanted_user_id, wanted_organization_id) AS allowed
        OFFSET 0
    ) AS minutes
    WHERE organization_members.organization_id = wanted_organization_id
        AND organization_members.user_id = wanted_user_id
        AND (
            wanted_user_id = app_user_id()
            OR wanted_organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))
            -- The meter asks for everybody. session_user: in a definer function current_user is the owner.
            OR pg_has_role(session_user, 'liveconvo_media', 'USAGE')
        )
$$;

REVOKE ALL ON FUNCTION usage_limit FROM PUBLIC;
GRANT ALL ON FUNCTION usage_limit TO liveconvo_api;
GRANT ALL ON FUNCTION usage_limit TO liveconvo_media;

CREATE FUNCTION usage_lock(organization_id uuid, user_id uuid) RETURNS integer
    LANGUAGE sql IMMUTABLE
    RETURN (hashtext((organization_id || user_id)) & 4095);

REVOKE ALL ON FUNCTION usage_lock FROM PUBLIC;
GRANT ALL ON FUNCTION usage_lock TO liveconvo_media;
GRANT ALL ON FUNCTION usage_lock TO liveconvo_jobs;

CREATE FUNCTION waitlist_status(wanted_email text) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
    SELECT status
    FROM beta_waitlist
    WHERE email = wanted_email
$$;

REVOKE ALL ON FUNCTION waitlist_status FROM PUBLIC;
GRANT ALL ON FUNCTION waitlist_status TO liveconvo_api;

CREATE FUNCTION write_audit(wanted_organization_id uuid, wanted_action text, wanted_target_kind text,
    wanted_target_id uuid, wanted_details jsonb DEFAULT '{}'::jsonb) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public', 'pg_temp'
    AS $$
BEGIN
    IF app_user_id() IS NOT NULL AND wanted_organization_id IS NOT NULL AND NOT is_platform_admin()
        AND wanted_organization_id NOT IN (SELECT my_organization_ids())
    THEN
        PERFORM refuse('organization_not_found', 'LC003');
    END IF;
    RETURN append_audit(
        wanted_organization_id, wanted_action, wanted_target_kind, wanted_target_id, wanted_details
    );
END
$$;

REVOKE ALL ON FUNCTION write_audit FROM PUBLIC;
GRANT ALL ON FUNCTION write_audit TO liveconvo_api;
GRANT ALL ON FUNCTION write_audit TO liveconvo_jobs;

-- Queue ---------------------------------------------------------------------------------------------------------------

CREATE TYPE pgqueuer_status AS ENUM (
    'queued',
    'picked',
    'successful',
    'exception',
    'canceled',
    'deleted',
    'failed'
);

CREATE FUNCTION fn_pgqueuer_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    to_emit BOOLEAN := false;  -- Flag to decide whether to emit a notification
BEGIN
    -- Check operation type and set the emit flag accordingly
    IF TG_OP = 'UPDATE' AND OLD IS DISTINCT FROM NEW THEN
        to_emit := true;
    ELSIF TG_OP = 'DELETE' THEN
        to_emit := true;
    ELSIF TG_OP = 'INSERT' THEN
        to_emit := true;
    ELSIF TG_OP = 'TRUNCATE' THEN
        to_emit := true;
    END IF;

    -- Perform notification if the emit flag is set
    IF to_emit THEN
        PERFORM pg_notify(
            'ch_pgqueuer',
            json_build_object(
                'channel', 'ch_pgqueuer',
                'operation', lower(TG_OP),
                'sent_at', NOW(),
                'table', TG_TABLE_NAME,
                'type', 'table_changed_event'
            )::text
        );
    END IF;

    -- Return appropriate value based on the operation
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        RETURN OLD;
    ELSE
        RETURN NULL; -- For TRUNCATE and other non-row-specific contexts
    END IF;

END;
$$;

CREATE TABLE pgqueuer (
    id bigint NOT NULL,
    priority integer NOT NULL,
    queue_manager_id uuid,
    created timestamptz DEFAULT now() NOT NULL,
    updated timestamptz DEFAULT now() NOT NULL,
    heartbeat timestamptz DEFAULT now() NOT NULL,
    execute_after timestamptz DEFAULT now() NOT NULL,
    status pgqueuer_status NOT NULL,
    entrypoint text NOT NULL,
    dedupe_key text,
    payload bytea,
    headers jsonb,
    attempts integer DEFAULT 0 NOT NULL,
    slot bigint,
    CONSTRAINT pgqueuer_pkey PRIMARY KEY (id)
);

ALTER TABLE pgqueuer ALTER COLUMN id SET DEFAULT nextval('pgqueuer_id_seq'::regclass);

CREATE INDEX pgqueuer_ep_ea_idx ON pgqueuer (entrypoint, execute_after) WHERE (status = 'queued'::pgqueuer_status);
CREATE INDEX pgqueuer_ep_prio_id_idx ON pgqueuer (entrypoint, priority DESC, id)
    WHERE (status = 'queued'::pgqueuer_status);
CREATE INDEX pgqueuer_picked_heartbeat_idx ON pgqueuer (heartbeat) WHERE (status = 'picked'::pgqueuer_status);
CREATE UNIQUE INDEX pgqueuer_picked_slot_idx ON pgqueuer (entrypoint, slot) WHERE ((status = 'picked'::pgqueuer_status)
    AND (slot IS NOT NULL));
CREATE INDEX pgqueuer_priority_id_id1_idx ON pgqueuer (priority, id DESC) INCLUDE (id)
    WHERE (status = 'queued'::pgqueuer_status);
CREATE INDEX pgqueuer_queue_manager_id_idx ON pgqueuer (queue_manager_id) WHERE (queue_manager_id IS NOT NULL);
CREATE UNIQUE INDEX pgqueuer_unique_dedupe_key ON pgqueuer (dedupe_key) WHERE ((status IN ('queued'::pgqueuer_status,
    'picked'::pgqueuer_status)) AND (dedupe_key IS NOT NULL));
CREATE INDEX pgqueuer_updated_id_id1_idx ON pgqueuer (updated, id DESC) INCLUDE (id)
    WHERE (status = 'picked'::pgqueuer_status);

CREATE TRIGGER tg_pgqueuer_changed AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON pgqueuer FOR EACH STATEMENT
    EXECUTE FUNCTION fn_pgqueuer_changed();

GRANT INSERT ON pgqueuer TO liveconvo_api;
GRANT SELECT (id, priority, status, entrypoint, dedupe_key) ON pgqueuer TO liveconvo_api;
GRANT SELECT, INSERT, DELETE, UPDATE ON pgqueuer TO liveconvo_jobs;
GRANT INSERT ON pgqueuer TO liveconvo_media;
GRANT SELECT (id, priority, status, entrypoint, dedupe_key) ON pgqueuer TO liveconvo_media;

CREATE SEQUENCE pgqueuer_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE pgqueuer_id_seq OWNED BY pgqueuer.id;

GRANT SELECT,USAGE ON SEQUENCE pgqueuer_id_seq TO liveconvo_api;
GRANT SELECT,USAGE ON SEQUENCE pgqueuer_id_seq TO liveconvo_media;
GRANT SELECT,USAGE ON SEQUENCE pgqueuer_id_seq TO liveconvo_jobs;

CREATE TABLE pgqueuer_log (
    id bigint NOT NULL,
    created timestamptz DEFAULT now() NOT NULL,
    job_id bigint NOT NULL,
    status pgqueuer_status NOT NULL,
    priority integer NOT NULL,
    entrypoint text NOT NULL,
    traceback jsonb,
    aggregated boolean DEFAULT false,
    CONSTRAINT pgqueuer_log_pkey PRIMARY KEY (id)
);

ALTER TABLE pgqueuer_log ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME pgqueuer_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE INDEX pgqueuer_log_created ON pgqueuer_log (created);
CREATE INDEX pgqueuer_log_job_id_status ON pgqueuer_log (job_id, created DESC);
CREATE INDEX pgqueuer_log_not_aggregated ON pgqueuer_log ((1)) WHERE (NOT aggregated);
CREATE INDEX pgqueuer_log_status ON pgqueuer_log (status);

GRANT INSERT ON pgqueuer_log TO liveconvo_api;
GRANT SELECT, INSERT, DELETE, UPDATE ON pgqueuer_log TO liveconvo_jobs;
GRANT INSERT ON pgqueuer_log TO liveconvo_media;

CREATE TABLE pgqueuer_schedules (
    id bigint NOT NULL,
    expression text NOT NULL,
    entrypoint text NOT NULL,
    heartbeat timestamptz DEFAULT now() NOT NULL,
    created timestamptz DEFAULT now() NOT NULL,
    updated timestamptz DEFAULT now() NOT NULL,
    next_run timestamptz DEFAULT now() NOT NULL,
    last_run timestamptz,
    status pgqueuer_status DEFAULT 'queued'::pgqueuer_status,
    CONSTRAINT pgqueuer_schedules_pkey PRIMARY KEY (id),
    CONSTRAINT pgqueuer_schedules_expression_entrypoint_key UNIQUE (expression, entrypoint)
);

ALTER TABLE pgqueuer_schedules ALTER COLUMN id SET DEFAULT nextval('pgqueuer_schedules_id_seq'::regclass);

GRANT SELECT, INSERT, DELETE, UPDATE ON pgqueuer_schedules TO liveconvo_jobs;

CREATE SEQUENCE pgqueuer_schedules_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE pgqueuer_schedules_id_seq OWNED BY pgqueuer_schedules.id;

GRANT SELECT,USAGE ON SEQUENCE pgqueuer_schedules_id_seq TO liveconvo_jobs;

CREATE TABLE pgqueuer_statistics (
    id bigint NOT NULL,
    created timestamptz DEFAULT date_trunc('sec', now()) NOT NULL,
    count bigint NOT NULL,
    priority integer NOT NULL,
    status pgqueuer_status NOT NULL,
    entrypoint text NOT NULL,
    CONSTRAINT pgqueuer_statistics_pkey PRIMARY KEY (id)
);

ALTER TABLE pgqueuer_statistics ALTER COLUMN id SET DEFAULT nextval('pgqueuer_statistics_id_seq'::regclass);

CREATE UNIQUE INDEX pgqueuer_statistics_unique_count ON pgqueuer_statistics (priority, date_trunc('sec', timezone('UTC',
    created)), status, entrypoint);

GRANT SELECT, INSERT, DELETE, UPDATE ON pgqueuer_statistics TO liveconvo_jobs;

CREATE SEQUENCE pgqueuer_statistics_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE pgqueuer_statistics_id_seq OWNED BY pgqueuer_statistics.id;

GRANT SELECT,USAGE ON SEQUENCE pgqueuer_statistics_id_seq TO liveconvo_jobs;

GRANT SELECT,USAGE ON SEQUENCE pgqueuer_log_id_seq TO liveconvo_api;
GRANT SELECT,USAGE ON SEQUENCE pgqueuer_log_id_seq TO liveconvo_media;
GRANT SELECT,USAGE ON SEQUENCE pgqueuer_log_id_seq TO liveconvo_jobs;

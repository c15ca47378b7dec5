-- People, organizations, what they pay for, and how they sign in.
CREATE TABLE organizations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name varchar(255) NOT NULL,
    display_name varchar(255),
    slug varchar(100) NOT NULL UNIQUE,
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
    default_timezone varchar(50) NOT NULL DEFAULT 'UTC',
    default_language varchar(10) NOT NULL DEFAULT 'en',
    branding_logo_url varchar(512),
    branding_primary_color varchar(7) CHECK (branding_primary_color ~ '^#[0-9a-fA-F]{6}$'),
    tax_id varchar(100),
    billing_email varchar(255),
    monthly_audio_hours_limit integer CHECK (monthly_audio_hours_limit >= 0),
    max_members integer DEFAULT 10,
    max_sessions_per_month integer,
    is_active boolean NOT NULL DEFAULT true,
    is_verified boolean NOT NULL DEFAULT false,
    verification_requested_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at timestamptz
);

CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- Stored lower-cased and compared with "=": lower() and citext are not leakproof and would cost the index.
    email varchar(255) NOT NULL UNIQUE CHECK (email = lower(email)),
    email_verified boolean NOT NULL DEFAULT false,
    full_name varchar(255),
    timezone varchar(50) NOT NULL DEFAULT 'UTC',
    password_hash varchar(255),
    google_id varchar(255) UNIQUE,
    last_login_at timestamptz,
    has_completed_onboarding boolean NOT NULL DEFAULT false,
    has_completed_organization_setup boolean NOT NULL DEFAULT false,
    default_microphone_id varchar(255),
    default_speaker_id varchar(255),
    is_active boolean NOT NULL DEFAULT true,
    is_email_verified boolean NOT NULL DEFAULT false,
    current_organization_id uuid REFERENCES organizations (id) ON DELETE SET NULL,
    personal_context text,
    is_admin boolean NOT NULL DEFAULT false,
    stripe_customer_id varchar(255),
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at timestamptz
);
CREATE INDEX users_current_organization_id_idx ON users (current_organization_id);

CREATE TABLE organization_members (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role varchar(20) NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'admin', 'member')),
    permissions jsonb NOT NULL DEFAULT '[]',
    status varchar(20) NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'inactive', 'pending', 'removed')),
    monthly_audio_hours_limit integer CHECK (monthly_audio_hours_limit >= 0),
    max_sessions_per_month integer,
    total_sessions_count integer NOT NULL DEFAULT 0,
    total_audio_hours_used numeric(6, 2) NOT NULL DEFAULT 0,
    last_session_at timestamptz,
    joined_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    current_month_minutes_used integer NOT NULL DEFAULT 0,
    current_month_start date,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (organization_id, user_id)
);
CREATE INDEX organization_members_user_id_idx ON organization_members (user_id);

CREATE TABLE plans (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name varchar(50) NOT NULL UNIQUE,
    display_name varchar(100) NOT NULL,
    description text,
    plan_type varchar(20) NOT NULL DEFAULT 'individual' CHECK (plan_type IN ('individual', 'organization')),
    price_monthly numeric(8, 2),
    price_yearly numeric(8, 2),
    stripe_price_id_monthly varchar(255),
    stripe_price_id_yearly varchar(255),
    monthly_audio_hours_limit integer,
    monthly_audio_minutes_limit integer,
    max_documents_per_session integer DEFAULT 10,
    max_file_size_mb integer DEFAULT 25,
    max_sessions_per_month integer,
    max_organization_members integer,
    has_real_time_guidance boolean NOT NULL DEFAULT true,
    has_advanced_summaries boolean NOT NULL DEFAULT false,
    has_export_options boolean NOT NULL DEFAULT false,
    has_email_summaries boolean NOT NULL DEFAULT false,
    has_api_access boolean NOT NULL DEFAULT false,
    has_custom_templates boolean NOT NULL DEFAULT false,
    has_priority_support boolean NOT NULL DEFAULT false,
    has_analytics_dashboard boolean NOT NULL DEFAULT false,
    has_team_collaboration boolean NOT NULL DEFAULT false,
    ai_model_access jsonb NOT NULL DEFAULT '["gpt-4o-mini"]',
    max_guidance_requests_per_session integer DEFAULT 50,
    summary_generation_priority integer NOT NULL DEFAULT 3 CHECK (summary_generation_priority BETWEEN 1 AND 3),
    is_active boolean NOT NULL DEFAULT true,
    is_featured boolean NOT NULL DEFAULT false,
    sort_order integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE subscriptions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid REFERENCES organizations (id) ON DELETE CASCADE,
    user_id uuid REFERENCES users (id) ON DELETE CASCADE,
    plan_id uuid NOT NULL REFERENCES plans (id),
    stripe_customer_id varchar(255) UNIQUE,
    stripe_subscription_id varchar(255) UNIQUE,
    stripe_price_id varchar(255),
    plan_type varchar(20) NOT NULL CHECK (plan_type IN ('monthly', 'yearly', 'lifetime')),
    status varchar(20) NOT NULL
        CHECK (status IN ('active', 'past_due', 'canceled', 'unpaid', 'trialing', 'incomplete')),
    current_period_start timestamptz,
    current_period_end timestamptz,
    monthly_audio_hours_limit integer,
    monthly_audio_hours_used numeric(6, 2) NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    canceled_at timestamptz
);
CREATE INDEX subscriptions_organization_id_idx ON subscriptions (organization_id, status);
CREATE INDEX subscriptions_user_id_idx ON subscriptions (user_id, status);

CREATE TABLE subscription_events (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    organization_id uuid REFERENCES organizations (id) ON DELETE CASCADE,
    subscription_id uuid REFERENCES subscriptions (id) ON DELETE CASCADE,
    event_type text NOT NULL,
    metadata jsonb,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX subscription_events_user_id_idx ON subscription_events (user_id, created_at);
CREATE INDEX subscription_events_subscription_id_idx ON subscription_events (subscription_id);

CREATE TABLE organization_invitations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    invited_by_user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    email varchar(255) NOT NULL CHECK (email = lower(email)),
    role varchar(20) NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'admin', 'member')),
    personal_message text,
    invitation_token varchar(255) NOT NULL UNIQUE,
    expires_at timestamptz NOT NULL,
    status varchar(20) NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'accepted', 'declined', 'expired', 'cancelled')),
    accepted_by_user_id uuid REFERENCES users (id) ON DELETE SET NULL,
    accepted_at timestamptz,
    declined_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP
);
-- One open invitation for an address; any number that were answered.
CREATE UNIQUE INDEX organization_invitations_pending_key
    ON organization_invitations (organization_id, email) WHERE status = 'pending';
CREATE INDEX organization_invitations_email_idx ON organization_invitations (email);

CREATE TABLE user_app_sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid REFERENCES users (id) ON DELETE CASCADE,
    -- sha256 of the token, hexadecimal: the token itself is nowhere.
    session_token varchar(255) UNIQUE,
    ip_address inet,
    user_agent text,
    country_code varchar(2),
    city varchar(100),
    started_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    last_activity_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    ended_at timestamptz,
    duration_seconds integer,
    page_views integer NOT NULL DEFAULT 0,
    device_type varchar(20) CHECK (device_type IN ('desktop', 'tablet', 'mobile')),
    browser varchar(50),
    os varchar(50)
);
CREATE INDEX user_app_sessions_user_id_idx ON user_app_sessions (user_id, started_at);

CREATE TABLE sign_in_links (
    token_hash bytea PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX sign_in_links_user_id_idx ON sign_in_links (user_id);

CREATE TABLE beta_waitlist (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    email text NOT NULL UNIQUE,
    company text NOT NULL,
    use_case text NOT NULL CHECK (use_case IN ('sales', 'consulting', 'hiring', 'support', 'other')),
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'approved', 'rejected', 'invited')),
    notes text,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    referral_source text,
    interest_level text,
    approved_at timestamptz
);
CREATE INDEX beta_waitlist_status_idx ON beta_waitlist (status, created_at);

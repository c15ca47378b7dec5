-- Conversations and what was said, shown and concluded in them. Every child carries organization_id, so that no policy
-- needs a join; the pair (session_id, organization_id) is a foreign key, so that a child cannot name a foreign tenant.
CREATE TABLE templates (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid REFERENCES users (id) ON DELETE CASCADE,
    organization_id uuid REFERENCES organizations (id) ON DELETE CASCADE,
    name varchar(255) NOT NULL,
    description text,
    conversation_type varchar(50) CHECK (conversation_type IN ('sales', 'support', 'meeting', 'interview')),
    is_system_template boolean NOT NULL DEFAULT false,
    is_organization_template boolean NOT NULL DEFAULT false,
    is_public boolean NOT NULL DEFAULT false,
    guidance_prompts jsonb,
    context_instructions text,
    summary_template text,
    usage_count integer NOT NULL DEFAULT 0,
    last_used_at timestamptz,
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at timestamptz
);
CREATE INDEX templates_user_id_idx ON templates (user_id);
CREATE INDEX templates_organization_id_idx ON templates (organization_id);

CREATE TABLE sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    title varchar(255) NOT NULL,
    conversation_type varchar(50) CHECK (conversation_type IN ('sales', 'support', 'meeting', 'interview')),
    status varchar(20) NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'active', 'completed', 'archived')),
    selected_template_id uuid REFERENCES templates (id) ON DELETE SET NULL,
    audio_file_url varchar(512),
    recording_duration_seconds integer NOT NULL DEFAULT 0,
    recording_started_at timestamptz,
    recording_ended_at timestamptz,
    total_words_spoken integer NOT NULL DEFAULT 0,
    user_talk_time_seconds integer NOT NULL DEFAULT 0,
    silence_periods_count integer NOT NULL DEFAULT 0,
    audio_deleted_at timestamptz,
    data_retention_days integer NOT NULL DEFAULT 30,
    realtime_summary_cache jsonb,
    finalized_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at timestamptz,
    UNIQUE (id, organization_id)
);
CREATE INDEX sessions_organization_id_idx
    ON sessions (organization_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX sessions_user_id_idx ON sessions (user_id);
CREATE INDEX sessions_selected_template_id_idx ON sessions (selected_template_id);

CREATE TABLE session_participants (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    user_id uuid REFERENCES users (id) ON DELETE SET NULL,
    name varchar(255) NOT NULL CHECK (name <> ''),
    role varchar(20) NOT NULL CHECK (role IN ('host', 'participant', 'supervisor', 'customer')),
    source varchar(20) NOT NULL CHECK (source IN ('browser', 'whip', 'bridge', 'upload')),
    shared_mic boolean NOT NULL DEFAULT false,
    coached boolean NOT NULL DEFAULT false,
    consent_version varchar(50),
    consented_at timestamptz,
    joined_at timestamptz,
    left_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (session_id, organization_id) REFERENCES sessions (id, organization_id) ON DELETE CASCADE
);
CREATE INDEX session_participants_session_id_idx ON session_participants (session_id);
CREATE INDEX session_participants_user_id_idx ON session_participants (user_id);

CREATE TABLE transcripts (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    content text NOT NULL,
    speaker varchar(50) NOT NULL DEFAULT 'user',
    confidence_score numeric(3, 2) CHECK (confidence_score BETWEEN 0 AND 1),
    start_time_seconds numeric(10, 3) NOT NULL,
    stt_provider varchar(50),
    is_final boolean NOT NULL DEFAULT false,
    client_id varchar(255),
    sequence_number integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    organization_id uuid NOT NULL,
    participant_id uuid REFERENCES session_participants (id) ON DELETE SET NULL,
    utterance_id text,
    end_time_seconds numeric(10, 3) CHECK (end_time_seconds >= start_time_seconds),
    words jsonb,
    language varchar(10),
    revision integer NOT NULL DEFAULT 0,
    UNIQUE (session_id, sequence_number),
    FOREIGN KEY (session_id, organization_id) REFERENCES sessions (id, organization_id) ON DELETE CASCADE
);
CREATE INDEX transcripts_participant_id_idx ON transcripts (participant_id);

CREATE TABLE guidance (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    content text NOT NULL,
    guidance_type varchar(20) NOT NULL CHECK (guidance_type IN ('ask', 'clarify', 'avoid', 'suggest', 'warn')),
    priority integer NOT NULL DEFAULT 1 CHECK (priority BETWEEN 1 AND 3),
    -- Without SET NULL a transcript could not be deleted before its guidance.
    triggered_by_transcript_id uuid REFERENCES transcripts (id) ON DELETE SET NULL,
    context_snippet text,
    triggered_at_seconds numeric(10, 3),
    was_displayed boolean NOT NULL DEFAULT false,
    was_clicked boolean NOT NULL DEFAULT false,
    was_dismissed boolean NOT NULL DEFAULT false,
    user_feedback varchar(20) CHECK (user_feedback IN ('helpful', 'irrelevant', 'too_late')),
    model_used varchar(50),
    prompt_template_id uuid REFERENCES templates (id) ON DELETE SET NULL,
    processing_time_ms integer,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    organization_id uuid NOT NULL,
    cue varchar(50),
    evidence jsonb,
    expires_at_seconds numeric(10, 3),
    FOREIGN KEY (session_id, organization_id) REFERENCES sessions (id, organization_id) ON DELETE CASCADE
);
CREATE INDEX guidance_session_id_idx ON guidance (session_id, triggered_at_seconds);
CREATE INDEX guidance_triggered_by_transcript_id_idx ON guidance (triggered_by_transcript_id);
CREATE INDEX guidance_prompt_template_id_idx ON guidance (prompt_template_id);

CREATE TABLE summaries (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    title varchar(255),
    tldr text,
    key_decisions jsonb,
    action_items jsonb,
    follow_up_questions jsonb,
    conversation_highlights jsonb,
    full_transcript text,
    structured_notes text,
    generation_status varchar(20) NOT NULL DEFAULT 'pending'
        CHECK (generation_status IN ('pending', 'generating', 'completed', 'failed')),
    generation_error text,
    model_used varchar(50),
    generation_time_seconds numeric(6, 2),
    export_count integer NOT NULL DEFAULT 0,
    last_exported_at timestamptz,
    is_marked_done boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at timestamptz,
    FOREIGN KEY (session_id, organization_id) REFERENCES sessions (id, organization_id) ON DELETE CASCADE
);
-- One live summary for a session, however often it is asked for.
CREATE UNIQUE INDEX summaries_live_session_key ON summaries (session_id) WHERE deleted_at IS NULL;
CREATE INDEX summaries_organization_id_idx ON summaries (organization_id, created_at);
CREATE INDEX summaries_user_id_idx ON summaries (user_id);

CREATE TABLE documents (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    original_filename varchar(255) NOT NULL,
    file_type varchar(50) NOT NULL,
    file_size_bytes integer NOT NULL,
    file_url varchar(512),
    extracted_text text,
    processing_status varchar(20) NOT NULL DEFAULT 'pending'
        CHECK (processing_status IN ('pending', 'processing', 'completed', 'failed')),
    processing_error text,
    embedding_status varchar(20) NOT NULL DEFAULT 'pending'
        CHECK (embedding_status IN ('pending', 'processing', 'completed', 'failed')),
    pinecone_vector_id varchar(255),
    ocr_confidence_score numeric(3, 2),
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at timestamptz,
    FOREIGN KEY (session_id, organization_id) REFERENCES sessions (id, organization_id) ON DELETE CASCADE
);
CREATE INDEX documents_session_id_idx ON documents (session_id);
CREATE INDEX documents_user_id_idx ON documents (user_id);
CREATE INDEX documents_organization_id_idx ON documents (organization_id);

CREATE TABLE session_context (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id uuid NOT NULL UNIQUE REFERENCES sessions (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    text_context text,
    context_metadata jsonb,
    processing_status varchar(20) NOT NULL DEFAULT 'completed'
        CHECK (processing_status IN ('pending', 'processing', 'completed', 'failed')),
    processing_error text,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (session_id, organization_id) REFERENCES sessions (id, organization_id) ON DELETE CASCADE
);
CREATE INDEX session_context_user_id_idx ON session_context (user_id);
CREATE INDEX session_context_organization_id_idx ON session_context (organization_id);

CREATE TABLE prep_checklist (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    text text NOT NULL,
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'done')),
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    created_by uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    organization_id uuid NOT NULL,
    FOREIGN KEY (session_id, organization_id) REFERENCES sessions (id, organization_id) ON DELETE CASCADE
);
CREATE INDEX prep_checklist_session_id_idx ON prep_checklist (session_id, created_at);
CREATE INDEX prep_checklist_created_by_idx ON prep_checklist (created_by);

CREATE TABLE session_timeline_events (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    event_timestamp timestamptz NOT NULL,
    title varchar(255) NOT NULL,
    description text,
    type varchar(50) NOT NULL CHECK (
        type IN (
            'milestone', 'decision', 'topic_shift', 'action_item', 'question', 'agreement',
            'speaker_change', 'key_statement'
        )
    ),
    importance varchar(20) NOT NULL CHECK (importance IN ('low', 'medium', 'high')),
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    organization_id uuid NOT NULL,
    FOREIGN KEY (session_id, organization_id) REFERENCES sessions (id, organization_id) ON DELETE CASCADE
);
CREATE INDEX session_timeline_events_session_id_idx ON session_timeline_events (session_id, event_timestamp DESC);

CREATE TABLE usage_tracking (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    minute_timestamp timestamptz NOT NULL,
    seconds_recorded integer NOT NULL DEFAULT 0 CHECK (seconds_recorded BETWEEN 0 AND 60),
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (session_id, minute_timestamp)
);
CREATE INDEX usage_tracking_user_id_idx ON usage_tracking (user_id, organization_id, minute_timestamp);
CREATE INDEX usage_tracking_organization_id_idx ON usage_tracking (organization_id, minute_timestamp);

CREATE TABLE monthly_usage_cache (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    month_year varchar(7) NOT NULL CHECK (month_year ~ '^[0-9]{4}-[0-9]{2}$'),
    total_minutes_used integer NOT NULL DEFAULT 0 CHECK (total_minutes_used >= 0),
    total_seconds_used integer NOT NULL DEFAULT 0 CHECK (total_seconds_used >= 0),
    last_updated timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (organization_id, user_id, month_year)
);
CREATE INDEX monthly_usage_cache_user_id_idx ON monthly_usage_cache (user_id, organization_id);

CREATE TABLE system_logs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    level varchar(10) NOT NULL CHECK (level IN ('DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL')),
    logger_name varchar(100),
    message text NOT NULL,
    user_id uuid REFERENCES users (id) ON DELETE SET NULL,
    session_id uuid REFERENCES sessions (id) ON DELETE SET NULL,
    module varchar(100),
    function_name varchar(100),
    line_number integer,
    exception_traceback text,
    request_id varchar(100),
    ip_address inet,
    endpoint varchar(255),
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX system_logs_created_at_idx ON system_logs (created_at);
CREATE INDEX system_logs_user_id_idx ON system_logs (user_id);
CREATE INDEX system_logs_session_id_idx ON system_logs (session_id);

"""The data model that was given to the project, as data: what no migration may change.

One line a column: name, type, default ("-" for none), and NN where the model says that it is never empty.
"""

from __future__ import annotations

_COLUMNS = {
    "users": """
        id                                uuid            gen_random_uuid() NN
        email                             varchar(255)    - NN
        email_verified                    boolean         false
        full_name                         varchar(255)    -
        timezone                          varchar(50)     'UTC'
        password_hash                     varchar(255)    -
        google_id                         varchar(255)    -
        last_login_at                     timestamptz     -
        has_completed_onboarding          boolean         false
        has_completed_organization_setup  boolean         false
        default_microphone_id             varchar(255)    -
        default_speaker_id                varchar(255)    -
        is_active                         boolean         true
        is_email_verified                 boolean         false
        current_organization_id           uuid            -
        personal_context                  text            -
        is_admin                          boolean         false NN
        stripe_customer_id                varchar(255)    -
        created_at                        timestamptz     CURRENT_TIMESTAMP
        updated_at                        timestamptz     CURRENT_TIMESTAMP
        deleted_at                        timestamptz     -
    """,
    "organizations": """
        id                                uuid            gen_random_uuid() NN
        name                              varchar(255)    - NN
        display_name                      varchar(255)    -
        slug                              varchar(100)    - NN
        description                       text            -
        website_url                       varchar(512)    -
        contact_email                     varchar(255)    -
        phone                             varchar(50)     -
        address_line_1                    varchar(255)    -
        address_line_2                    varchar(255)    -
        city                              varchar(100)    -
        state_province                    varchar(100)    -
        postal_code                       varchar(20)     -
        country_code                      varchar(2)      -
        default_timezone                  varchar(50)     'UTC'
        default_language                  varchar(10)     'en'
        branding_logo_url                 varchar(512)    -
        branding_primary_color            varchar(7)      -
        tax_id                            varchar(100)    -
        billing_email                     varchar(255)    -
        monthly_audio_hours_limit         integer         -
        max_members                       integer         10
        max_sessions_per_month            integer         -
        is_active                         boolean         true
        is_verified                       boolean         false
        verification_requested_at         timestamptz     -
        created_at                        timestamptz     CURRENT_TIMESTAMP
        updated_at                        timestamptz     CURRENT_TIMESTAMP
        deleted_at                        timestamptz     -
    """,
    "organization_members": """
        id                                uuid            gen_random_uuid() NN
        organization_id                   uuid            - NN
        user_id                           uuid            - NN
        role                              varchar(20)     'member' NN
        permissions                       jsonb           '[]'
        status                            varchar(20)     'active'
        monthly_audio_hours_limit         integer         -
        max_sessions_per_month            integer         -
        total_sessions_count              integer         0
        total_audio_hours_used            numeric(6,2)    0
        last_session_at                   timestamptz     -
        joined_at                         timestamptz     CURRENT_TIMESTAMP
        current_month_minutes_used        integer         0
        current_month_start               date            -
        created_at                        timestamptz     CURRENT_TIMESTAMP
        updated_at                        timestamptz     CURRENT_TIMESTAMP
    """,
    "sessions": """
        id                                uuid            gen_random_uuid() NN
        user_id                           uuid            - NN
        organization_id                   uuid            - NN
        title                             varchar(255)    -
        conversation_type                 varchar(50)     -
        status                            varchar(20)     'draft'
        selected_template_id              uuid            -
        audio_file_url                    varchar(512)    -
        recording_duration_seconds        integer         0
        recording_started_at              timestamptz     -
        recording_ended_at                timestamptz     -
        total_words_spoken                integer         0
        user_talk_time_seconds            integer         0
        silence_periods_count             integer         0
        audio_deleted_at                  timestamptz     -
        data_retention_days               integer         30
        realtime_summary_cache            jsonb           -
        finalized_at                      timestamptz     -
        created_at                        timestamptz     CURRENT_TIMESTAMP
        updated_at                        timestamptz     CURRENT_TIMESTAMP
        deleted_at                        timestamptz     -
    """,
    "transcripts": """
        id                                uuid            gen_random_uuid() NN
        session_id                        uuid            - NN
        content                           text            - NN
        speaker                           varchar(50)     'user'
        confidence_score                  numeric(3,2)    -
        start_time_seconds                numeric(10,3)   - NN
        stt_provider                      varchar(50)     -
        is_final                          boolean         false
        client_id                         varchar(255)    -
        sequence_number                   integer         1 NN
        created_at                        timestamptz     CURRENT_TIMESTAMP
        updated_at                        timestamptz     CURRENT_TIMESTAMP
    """,
    "guidance": """
        id                                uuid            gen_random_uuid() NN
        session_id                        uuid            - NN
        content                           text            - NN
        guidance_type                     varchar(20)     - NN
        priority                          integer         1
        triggered_by_transcript_id        uuid            -
        context_snippet                   text            -
        triggered_at_seconds              numeric(10,3)   -
        was_displayed                     boolean         false
        was_clicked                       boolean         false
        was_dismissed                     boolean         false
        user_feedback                     varchar(20)     -
        model_used                        varchar(50)     -
        prompt_template_id                uuid            -
        processing_time_ms                integer         -
        created_at                        timestamptz     CURRENT_TIMESTAMP
        updated_at                        timestamptz     CURRENT_TIMESTAMP
    """,
    "summaries": """
        id                                uuid            gen_random_uuid() NN
        session_id                        uuid            - NN
        user_id                           uuid            - NN
        organization_id                   uuid            - NN
        title                             varchar(255)    -
        tldr                              text            -
        key_decisions                     jsonb           -
        action_items                      jsonb           -
        follow_up_questions               jsonb           -
        conversation_highlights           jsonb           -
        full_transcript                   text            -
        structured_notes                  text            -
        generation_status                 varchar(20)     'pending'
        generation_error                  text            -
        model_used                        varchar(50)     -
        generation_time_seconds           numeric(6,2)    -
        export_count                      integer         0
        last_exported_at                  timestamptz     -
        is_marked_done                    boolean         false
        created_at                        timestamptz     CURRENT_TIMESTAMP
        updated_at                        timestamptz     CURRENT_TIMESTAMP
        deleted_at                        timestamptz     -
    """,
    "plans": """
        id                                uuid            gen_random_uuid() NN
        name                              varchar(50)     - NN
        display_name                      varchar(100)    - NN
        description                       text            -
        plan_type                         varchar(20)     'individual' NN
        price_monthly                     numeric(8,2)    -
        price_yearly                      numeric(8,2)    -
        stripe_price_id_monthly           varchar(255)    -
        stripe_price_id_yearly            varchar(255)    -
        monthly_audio_hours_limit         integer         -
        monthly_audio_minutes_limit       integer         -
        max_documents_per_session         integer         10
        max_file_size_mb                  integer         25
        max_sessions_per_month            integer         -
        max_organization_members          integer         -
        has_real_time_guidance            boolean         true
        has_advanced_summaries            boolean         false
        has_export_options                boolean         false
        has_email_summaries               boolean         false
        has_api_access                    boolean         false
        has_custom_templates              boolean         false
        has_priority_support              boolean         false
        has_analytics_dashboard           boolean         false
        has_team_collaboration            boolean         false
        ai_model_access                   jsonb           '["gpt-4o-mini"]'
        max_guidance_requests_per_session integer         50
        summary_generation_priority       integer         3
        is_active                         boolean         true
        is_featured                       boolean         false
        sort_order                        integer         0
        created_at                        timestamptz     CURRENT_TIMESTAMP
        updated_at                        timestamptz     CURRENT_TIMESTAMP
    """,
    "subscriptions": """
        id                                uuid            gen_random_uuid() NN
        organization_id                   uuid            -
        user_id                           uuid            -
        plan_id                           uuid            - NN
        stripe_customer_id                varchar(255)    -
        stripe_subscription_id            varchar(255)    -
        stripe_price_id                   varchar(255)    -
        plan_type                         varchar(20)     - NN
        status                            varchar(20)     - NN
        current_period_start              timestamptz     -
        current_period_end                timestamptz     -
        monthly_audio_hours_limit         integer         -
        monthly_audio_hours_used          numeric(6,2)    0
        created_at                        timestamptz     CURRENT_TIMESTAMP
        updated_at                        timestamptz     CURRENT_TIMESTAMP
        canceled_at                       timestamptz     -
    """,
    "templates": """
        id                                uuid            gen_random_uuid() NN
        user_id                           uuid            -
        organization_id                   uuid            -
        name                              varchar(255)    - NN
        description                       text            -
        conversation_type                 varchar(50)     -
        is_system_template                boolean         false
        is_organization_template          boolean         false
        is_public                         boolean         false
        guidance_prompts                  jsonb           -
        context_instructions              text            -
        summary_template                  text            -
        usage_count                       integer         0
        last_used_at                      timestamptz     -
        is_active                         boolean         true
        created_at                        timestamptz     CURRENT_TIMESTAMP
        updated_at                        timestamptz     CURRENT_TIMESTAMP
        deleted_at                        timestamptz     -
    """,
    "documents": """
        id                                uuid            gen_random_uuid() NN
        session_id                        uuid            - NN
        user_id                           uuid            - NN
        organization_id                   uuid            - NN
        original_filename                 varchar(255)    - NN
        file_type                         varchar(50)     - NN
        file_size_bytes                   integer         - NN
        file_url                          varchar(512)    -
        extracted_text                    text            -
        processing_status                 varchar(20)     'pending'
        processing_error                  text            -
        embedding_status                  varchar(20)     'pending'
        pinecone_vector_id                varchar(255)    -
        ocr_confidence_score              numeric(3,2)    -
        created_at                        timestamptz     CURRENT_TIMESTAMP
        updated_at                        timestamptz     CURRENT_TIMESTAMP
        deleted_at                        timestamptz     -
    """,
    "usage_tracking": """
        id                                uuid            gen_random_uuid() NN
        organization_id                   uuid            - NN
        user_id                           uuid            - NN
        session_id                        uuid            - NN
        minute_timestamp                  timestamptz     - NN
        seconds_recorded                  integer         0 NN
        created_at                        timestamptz     CURRENT_TIMESTAMP
    """,
    "monthly_usage_cache": """
        id                                uuid            gen_random_uuid() NN
        organization_id                   uuid            - NN
        user_id                           uuid            - NN
        month_year                        varchar(7)      - NN
        total_minutes_used                integer         0
        total_seconds_used                integer         0
        last_updated                      timestamptz     CURRENT_TIMESTAMP
    """,
    "organization_invitations": """
        id                                uuid            gen_random_uuid() NN
        organization_id                   uuid            - NN
        invited_by_user_id                uuid            - NN
        email                             varchar(255)    - NN
        role                              varchar(20)     'member' NN
        personal_message                  text            -
        invitation_token                  varchar(255)    - NN
        expires_at                        timestamptz     - NN
        status                            varchar(20)     'pending'
        accepted_by_user_id               uuid            -
        accepted_at                       timestamptz     -
        declined_at                       timestamptz     -
        created_at                        timestamptz     CURRENT_TIMESTAMP
        updated_at                        timestamptz     CURRENT_TIMESTAMP
    """,
    "session_context": """
        id                                uuid            gen_random_uuid() NN
        session_id                        uuid            - NN
        user_id                           uuid            - NN
        organization_id                   uuid            - NN
        text_context                      text            -
        context_metadata                  jsonb           -
        processing_status                 varchar(20)     'completed'
        processing_error                  text            -
        created_at                        timestamptz     CURRENT_TIMESTAMP
        updated_at                        timestamptz     CURRENT_TIMESTAMP
    """,
    "prep_checklist": """
        id                                uuid            gen_random_uuid() NN
        session_id                        uuid            - NN
        text                              text            - NN
        status                            text            'open' NN
        created_at                        timestamptz     CURRENT_TIMESTAMP NN
        updated_at                        timestamptz     CURRENT_TIMESTAMP NN
        created_by                        uuid            - NN
    """,
    "session_timeline_events": """
        id                                uuid            gen_random_uuid() NN
        session_id                        uuid            - NN
        event_timestamp                   timestamptz     - NN
        title                             varchar(255)    - NN
        description                       text            -
        type                              varchar(50)     - NN
        importance                        varchar(20)     - NN
        created_at                        timestamptz     CURRENT_TIMESTAMP
    """,
    "system_logs": """
        id                                uuid            gen_random_uuid() NN
        level                             varchar(10)     - NN
        logger_name                       varchar(100)    -
        message                           text            - NN
        user_id                           uuid            -
        session_id                        uuid            -
        module                            varchar(100)    -
        function_name                     varchar(100)    -
        line_number                       integer         -
        exception_traceback               text            -
        request_id                        varchar(100)    -
        ip_address                        inet            -
        endpoint                          varchar(255)    -
        created_at                        timestamptz     CURRENT_TIMESTAMP
    """,
    "user_app_sessions": """
        id                                uuid            gen_random_uuid() NN
        user_id                           uuid            -
        session_token                     varchar(255)    -
        ip_address                        inet            -
        user_agent                        text            -
        country_code                      varchar(2)      -
        city                              varchar(100)    -
        started_at                        timestamptz     CURRENT_TIMESTAMP
        last_activity_at                  timestamptz     CURRENT_TIMESTAMP
        ended_at                          timestamptz     -
        duration_seconds                  integer         -
        page_views                        integer         0
        device_type                       varchar(20)     -
        browser                           varchar(50)     -
        os                                varchar(50)     -
    """,
    "subscription_events": """
        id                                uuid            gen_random_uuid() NN
        user_id                           uuid            - NN
        organization_id                   uuid            -
        subscription_id                   uuid            -
        event_type                        text            - NN
        metadata                          jsonb           -
        created_at                        timestamptz     CURRENT_TIMESTAMP
    """,
    "beta_waitlist": """
        id                                uuid            gen_random_uuid() NN
        name                              text            - NN
        email                             text            - NN
        company                           text            - NN
        use_case                          text            - NN
        status                            text            'pending'
        notes                             text            -
        created_at                        timestamptz     CURRENT_TIMESTAMP
        updated_at                        timestamptz     CURRENT_TIMESTAMP
        referral_source                   text            -
        interest_level                    text            -
        approved_at                       timestamptz     -
    """,
}

PRIMARY_KEY = ("id",)
"""Of every table."""

# Of the given keys two are narrowed on purpose, see SCHEMA.md: those of subscriptions and of invitations.
UNIQUE: dict[str, set[tuple[str, ...]]] = {
    "users": {("email",), ("google_id",)},
    "organizations": {("slug",)},
    "organization_members": {("organization_id", "user_id")},
    "plans": {("name",)},
    "subscriptions": {("stripe_subscription_id",)},
    "usage_tracking": {("session_id", "minute_timestamp")},
    "monthly_usage_cache": {("organization_id", "user_id", "month_year")},
    "organization_invitations": {("invitation_token",)},
    "session_context": {("session_id",)},
    "user_app_sessions": {("session_token",)},
    "beta_waitlist": {("email",)},
    "transcripts": {("session_id", "sequence_number")},
}

FOREIGN_KEYS: dict[str, dict[str, str]] = {
    "users": {"current_organization_id": "organizations"},
    "organization_members": {"organization_id": "organizations", "user_id": "users"},
    "sessions": {"user_id": "users", "organization_id": "organizations", "selected_template_id": "templates"},
    "transcripts": {"session_id": "sessions"},
    "guidance": {
        "session_id": "sessions",
        "triggered_by_transcript_id": "transcripts",
        "prompt_template_id": "templates",
    },
    "summaries": {"session_id": "sessions", "user_id": "users", "organization_id": "organizations"},
    "subscriptions": {"organization_id": "organizations", "user_id": "users", "plan_id": "plans"},
    "templates": {"user_id": "users", "organization_id": "organizations"},
    "documents": {"session_id": "sessions", "user_id": "users", "organization_id": "organizations"},
    "usage_tracking": {"session_id": "sessions", "user_id": "users", "organization_id": "organizations"},
    "monthly_usage_cache": {"user_id": "users", "organization_id": "organizations"},
    "organization_invitations": {
        "organization_id": "organizations",
        "invited_by_user_id": "users",
        "accepted_by_user_id": "users",
    },
    "session_context": {"session_id": "sessions", "user_id": "users", "organization_id": "organizations"},
    "prep_checklist": {"session_id": "sessions", "created_by": "users"},
    "session_timeline_events": {"session_id": "sessions"},
    "system_logs": {"user_id": "users", "session_id": "sessions"},
    "user_app_sessions": {"user_id": "users"},
    "subscription_events": {
        "user_id": "users",
        "organization_id": "organizations",
        "subscription_id": "subscriptions",
    },
}

Column = tuple[str, str | None, bool]
"""Type, default, and whether the model says that it is never empty."""


def seed_columns() -> dict[str, dict[str, Column]]:
    """Table → column → what was given."""
    return {table: dict(map(_column, lines.strip().splitlines())) for table, lines in _COLUMNS.items()}


def _column(line: str) -> tuple[str, Column]:
    name, type_, *rest = line.split()
    is_required = rest[-1] == "NN"
    default = " ".join(rest[:-1] if is_required else rest)
    return name, (type_, None if default == "-" else default, is_required)

"""Where personal data is, and what becomes of it: one entry for each table of the database.

Erasure and export do what is said here and know no table by themselves. A test holds this page and the database
together: a table, or a column, that nobody decided about fails it.

Rules:
- Erasing takes place in the order of this page: children before their parents.
- Rows of users, organizations and sessions stay, for usage refers to them; what they say of anybody goes.
- What was said in somebody else's conversation is that organization's record: it stays, under the name it was said
  under, until that session is erased itself.
- An id alone is no personal data: the row it points at says nothing any more.
- Secrets, and their hashes, are never exported.
"""

from __future__ import annotations

from db.holding import Blank, Delete, Export, Holding, Keep

WITH_SESSION = Keep("goes and stays with its session")
USAGE = Keep("figures and ids: what was recorded is charged, whoever is gone")
PAYMENT = Keep("ids and figures: a record of payment, which outlives its payer")
MEMBERSHIP = Keep("ids and figures: that somebody was a member once, and what was recorded of them")
ANONYMOUS = "-"
"""Stands where there was a name."""

_THERE = "EXISTS (SELECT FROM sessions WHERE sessions.id = session_id AND sessions.deleted_at IS NULL)"
# Arrays, because an index can serve each side of an OR of them.
_OWN_SESSIONS = "session_id = ANY (ARRAY(SELECT id FROM sessions WHERE user_id = $1 AND deleted_at IS NULL))"
_SAID_BY_THEM = "participant_id = ANY (ARRAY(SELECT id FROM session_participants WHERE user_id = $1))"
_SHOWN_TO_THEM = (
    "audience = ANY (ARRAY['coached', 'role:host', 'role:supervisor']"
    " || ARRAY(SELECT 'participant:' || id FROM session_participants WHERE user_id = $1))"
)
"""In a session of their own."""
_OF_SESSION = "session_id = $1"
_OF_PERSON = "user_id = $1"
_OF_ORGANIZATION = "organization_id = $1"
_OF_ADDRESS = "email = (SELECT email FROM users WHERE id = $1)"

HOLDINGS: tuple[Holding, ...] = (
    # of a session ---------------------------------------------------------------------------------------------------
    Holding(
        "join_tickets", Delete(_OF_SESSION), None, WITH_SESSION,
        withheld="token_hash session_id organization_id participant_id node media_url created_at expires_at used_at",
        because="credentials",
    ),
    Holding(
        "session_invites", Delete(_OF_SESSION), Delete("created_by = $1"), WITH_SESSION,
        Export(f"{_THERE} AND created_by = $1", "id session_id role name expires_at revoked_at created_at"),
        withheld="token_hash organization_id created_by", because="credentials, and the person's own id",
    ),
    Holding(
        "session_share_links", Delete(_OF_SESSION), Delete("created_by = $1"), WITH_SESSION,
        Export(
            f"{_THERE} AND created_by = $1",
            "id session_id shared_tabs message recipient_email expires_at revoked_at access_count last_accessed_at"
            " created_at",
        ),
        withheld="token_hash organization_id created_by", because="credentials, and the person's own id",
    ),
    Holding(
        "guidance", Delete(_OF_SESSION), None, WITH_SESSION,
        Export(
            f"{_OWN_SESSIONS} AND {_SHOWN_TO_THEM}",
            "id session_id content guidance_type priority triggered_by_transcript_id context_snippet"
            " triggered_at_seconds was_displayed was_clicked was_dismissed user_feedback cue evidence audience"
            " created_at",
        ),
        withheld="model_used prompt_template_id processing_time_ms expires_at_seconds organization_id updated_at",
        because="how it was made",
    ),
    Holding(
        "transcript_revisions", Delete(_OF_SESSION), WITH_SESSION, WITH_SESSION,
        Export(
            f"{_THERE} AND {_OWN_SESSIONS}",
            "transcript_id revision session_id speaker content words replaced_at",
            order="transcript_id revision",
        ),
        withheld="organization_id replaced_by", because="ids",
    ),
    Holding(
        "transcripts", Delete(_OF_SESSION), None, WITH_SESSION,
        Export(
            f"{_THERE} AND ({_OWN_SESSIONS} OR {_SAID_BY_THEM})",
            "id session_id participant_id sequence_number speaker content start_time_seconds end_time_seconds"
            " language words confidence_score revision created_at",
            order="session_id sequence_number",
        ),
        withheld="stt_provider is_final client_id utterance_id organization_id updated_at", because="how it was made",
    ),
    Holding(
        "summaries", Delete(_OF_SESSION), WITH_SESSION, WITH_SESSION,
        Export(
            f"deleted_at IS NULL AND {_OWN_SESSIONS}",
            "id session_id title tldr key_decisions action_items follow_up_questions conversation_highlights"
            " full_transcript structured_notes generation_status is_marked_done export_count last_exported_at"
            " corrected_at created_at updated_at",
        ),
        withheld="user_id organization_id generation_error model_used generation_time_seconds deleted_at",
        because="how it was made",
    ),
    Holding(
        "document_passages", Delete(_OF_SESSION), WITH_SESSION, WITH_SESSION,
        withheld="document_id position session_id organization_id page content language words",
        because="the documents' own text, again",
    ),
    Holding(
        "documents", Delete(_OF_SESSION, file="file_url"), WITH_SESSION, WITH_SESSION,
        Export(
            f"deleted_at IS NULL AND {_THERE} AND (user_id = $1 OR {_OWN_SESSIONS})",
            "id session_id original_filename file_type file_size_bytes extracted_text created_at updated_at",
        ),
        withheld="user_id organization_id file_url processing_status processing_error embedding_status"
        " pinecone_vector_id ocr_confidence_score deleted_at",
        because="where it lies and how it was read",
    ),
    Holding(
        "session_context", Delete(_OF_SESSION), WITH_SESSION, WITH_SESSION,
        Export(
            f"{_THERE} AND (user_id = $1 OR {_OWN_SESSIONS})",
            "id session_id text_context context_metadata created_at updated_at",
        ),
        withheld="user_id organization_id processing_status processing_error", because="how it was read",
    ),
    Holding(
        "prep_checklist", Delete(_OF_SESSION), WITH_SESSION, WITH_SESSION,
        Export(f"{_THERE} AND (created_by = $1 OR {_OWN_SESSIONS})", "id session_id text status created_at updated_at"),
        withheld="created_by organization_id", because="ids",
    ),
    Holding(
        "session_timeline_events", Delete(_OF_SESSION), None, WITH_SESSION,
        Export(_OWN_SESSIONS, "id session_id event_timestamp title description type importance created_at"),
        withheld="organization_id", because="ids",
    ),
    Holding(
        "session_events", Delete(_OF_SESSION), None, WITH_SESSION,
        withheld="session_id seq epoch type at_ms audience payload organization_id created_at",
        because="what the log says is in transcripts, guidance, session_timeline_events and summaries",
    ),
    Holding(
        "call_commands", Delete(_OF_SESSION), WITH_SESSION, WITH_SESSION,
        withheld="id session_id organization_id kind payload created_by created_at acknowledged_at outcome",
        because="orders to a machine",
    ),
    Holding(
        "recordings", Delete(_OF_SESSION, file="storage_key"), None, WITH_SESSION,
        Export(
            f"deleted_at IS NULL AND {_OWN_SESSIONS}",
            "id session_id participant_id media_type started_at_ms duration_ms size_bytes created_at status error_code",
        ),
        withheld="organization_id storage_key sha256 deleted_at", because="where it lies",
    ),
    Holding(
        # Evidence that everybody in a recorded call had agreed stays; who they were does not.
        "consents", Blank(_OF_SESSION, {"user_id": "NULL"}), WITH_SESSION, WITH_SESSION,
        Export(f"{_THERE} AND user_id = $1", "id session_id participant_id version given_at withdrawn_at"),
        withheld="organization_id user_id", because="ids",
    ),
    Holding(
        "session_participants",
        Blank(_OF_SESSION, {"name": f"'{ANONYMOUS}'", "user_id": "NULL"}), WITH_SESSION, WITH_SESSION,
        Export(
            f"{_THERE} AND (user_id = $1 OR {_OWN_SESSIONS})",
            "id session_id user_id name role source shared_mic coached consent_version consented_at joined_at left_at"
            " created_at",
        ),
        withheld="organization_id", because="ids",
    ),
    Holding(
        "calls", Keep("where the call was held: usage that comes late is placed by it"), None, WITH_SESSION,
        withheld="session_id organization_id node epoch media_url lease_until started_at paused reserved_seq",
        because="machines, nobody's data",
    ),
    Holding(
        "usage_intervals", USAGE, USAGE, USAGE,
        withheld="session_id participant_id epoch from_ms to_ms organization_id user_id created_at",
        because="the minutes made of it are in usage_tracking",
    ),
    Holding(
        "usage_tracking", USAGE, USAGE, USAGE,
        Export(_OF_PERSON, "id organization_id session_id minute_timestamp seconds_recorded"),
        withheld="user_id created_at", because="the person's own id",
    ),
    Holding(
        "system_logs", Delete(_OF_SESSION), Delete(_OF_PERSON), None,
        withheld="id level logger_name message user_id session_id module function_name line_number"
        " exception_traceback request_id ip_address endpoint created_at",
        because="notes about machines, kept for a month",
    ),
    Holding(
        "sessions",
        Blank(
            "id = $1",
            {
                "title": "''",
                "tags": "'{}'",
                "realtime_summary_cache": "NULL",
                "audio_deleted_at": "CASE WHEN audio_file_url IS NULL THEN audio_deleted_at ELSE now() END",
                "audio_file_url": "NULL",
                "deleted_at": "coalesce(deleted_at, now())",
                "erased_at": "now()",
            },
        ),
        Keep("each is erased by itself"), Keep("each is erased by itself"),
        Export(
            "user_id = $1 AND deleted_at IS NULL",
            "id organization_id title conversation_type status selected_template_id recording_started_at"
            " recording_ended_at recording_duration_seconds total_words_spoken user_talk_time_seconds"
            " silence_periods_count data_retention_days tags realtime_summary_cache finalized_at created_at"
            " updated_at",
        ),
        withheld="user_id audio_file_url audio_deleted_at coached_roles deleted_at erased_at", because="where it lies",
    ),
    # of a person ----------------------------------------------------------------------------------------------------
    Holding(
        "user_app_sessions", None, Delete(_OF_PERSON), None,
        Export(
            _OF_PERSON,
            "id ip_address user_agent country_code city started_at last_activity_at ended_at duration_seconds"
            " page_views device_type browser os",
        ),
        withheld="session_token user_id", because="credentials, and the person's own id",
    ),
    Holding(
        "sign_in_links", None, Delete(_OF_PERSON), None,
        withheld="token_hash user_id created_at expires_at used_at purpose", because="credentials",
    ),
    Holding(
        "sign_ups", None, Delete(_OF_ADDRESS), None,
        withheld="token_hash email full_name timezone created_at expires_at used_at",
        because="credentials, and what the account has as well",
    ),
    Holding(
        "beta_waitlist", None, Delete(_OF_ADDRESS), None,
        Export(
            _OF_ADDRESS,
            "id name email company use_case status notes referral_source interest_level approved_at created_at"
            " updated_at",
        ),
    ),
    Holding(
        "admin_grants", None, Keep("evidence of who looked into an organization, and why"), Delete(_OF_ORGANIZATION),
        Export(_OF_PERSON, "id organization_id reason opened_at expires_at closed_at"),
        withheld="user_id opened_in", because="the person's own id",
    ),
    Holding(
        "api_keys", None, Delete(_OF_PERSON), Delete(_OF_ORGANIZATION),
        Export(
            _OF_PERSON, "id key_prefix name organization_id scopes created_at expires_at last_used_at revoked_at"
        ),
        withheld="key_hash user_id", because="credentials, and the person's own id",
    ),
    Holding(
        "templates", None, Delete("user_id = $1 AND NOT is_organization_template"), Delete(_OF_ORGANIZATION),
        Export(
            "user_id = $1 AND deleted_at IS NULL",
            "id organization_id name description conversation_type is_organization_template is_public"
            " guidance_prompts context_instructions summary_template version usage_count last_used_at created_at"
            " updated_at",
        ),
        withheld="user_id is_system_template is_active deleted_at", because="the person's own id",
    ),
    Holding(
        # Those to them, from them, and taken by them: one that was not answered is void with either of the two.
        "organization_invitations", None,
        Delete(f"invited_by_user_id = $1 OR accepted_by_user_id = $1 OR {_OF_ADDRESS}"), Delete(_OF_ORGANIZATION),
        Export(
            f"(invited_by_user_id = $1 OR {_OF_ADDRESS})",
            "id organization_id email role personal_message expires_at status accepted_at declined_at created_at",
        ),
        withheld="invitation_token invited_by_user_id accepted_by_user_id updated_at", because="credentials, and ids",
    ),
    Holding(
        "organization_members", None,
        Blank("user_id = $1 AND status <> 'removed'", {"status": "'removed'"}),
        Blank("organization_id = $1 AND status <> 'removed'", {"status": "'removed'"}),
        Export(
            _OF_PERSON,
            "id organization_id role status joined_at total_sessions_count total_audio_hours_used last_session_at"
            " current_month_minutes_used current_month_start monthly_audio_hours_limit max_sessions_per_month"
            " permissions created_at updated_at",
        ),
        withheld="user_id", because="the person's own id",
    ),
    Holding(
        "monthly_usage_cache", None, USAGE, USAGE,
        Export(_OF_PERSON, "id organization_id month_year total_minutes_used total_seconds_used last_updated"),
        withheld="user_id warned_percent", because="the person's own id, and whether they were told",
    ),
    Holding(
        "subscription_events", None, PAYMENT, PAYMENT,
        Export(_OF_PERSON, "id organization_id subscription_id event_type metadata created_at"),
        withheld="user_id", because="the person's own id",
    ),
    Holding(
        "subscriptions", None,
        Blank(
            "user_id = $1 AND status <> 'canceled'",
            {"status": "'canceled'", "canceled_at": "coalesce(canceled_at, now())"},
        ),
        Blank(
            "organization_id = $1 AND status <> 'canceled'",
            {"status": "'canceled'", "canceled_at": "coalesce(canceled_at, now())"},
        ),
        Export(
            _OF_PERSON,
            "id plan_id plan_type status current_period_start current_period_end stripe_customer_id"
            " stripe_subscription_id created_at canceled_at",
        ),
        withheld="organization_id user_id stripe_price_id monthly_audio_hours_limit monthly_audio_hours_used updated_at"
        " stripe_updated_at",
        because="copies of the plan",
    ),
    Holding(
        "audit_log", None, Keep("ids and codes: who did what outlives them"),
        Keep("ids and codes: what was done outlives what it was done to"),
        withheld="id organization_id at actor_kind actor_id action target_kind target_id details previous_hash hash",
        because="the organization's and the installation's evidence, without personal data",
    ),
    # of an organization ---------------------------------------------------------------------------------------------
    Holding(
        "webhook_deliveries", None, None, Delete(_OF_ORGANIZATION),
        withheld="id endpoint_id organization_id event_type payload status attempts next_attempt_at response_status"
        " created_at delivered_at attempt_log",
        because="the organization's",
    ),
    Holding(
        "webhook_endpoints", None, Keep("the organization's, with the id of who set it up"), Delete(_OF_ORGANIZATION),
        withheld="id organization_id url signing_secret event_types is_active disabled_reason created_by created_at"
        " updated_at previous_secret previous_secret_until failing_since",
        because="the organization's",
    ),
    Holding(
        "idempotency_keys", None, Delete(_OF_PERSON), None,
        withheld="user_id key_hash request_hash status answer created_at",
        because="credentials, and answers that only the request's own key opens",
    ),
    # people and organizations themselves, last: the conditions above still need them --------------------------------
    Holding(
        "users", None,
        Blank(
            "id = $1",
            {
                "email": "'erased-' || id || '@erased.invalid'",
                "email_verified": "false",
                "full_name": "NULL",
                "timezone": "'UTC'",
                "password_hash": "NULL",
                "google_id": "NULL",
                "default_microphone_id": "NULL",
                "default_speaker_id": "NULL",
                "is_active": "false",
                "current_organization_id": "NULL",
                "personal_context": "NULL",
                "is_admin": "false",
                "stripe_customer_id": "NULL",
                "last_login_at": "NULL",
                "deletion_due_at": "NULL",
                "deleted_at": "coalesce(deleted_at, now())",
                "erased_at": "now()",
            },
        ),
        Blank("current_organization_id = $1", {"current_organization_id": "NULL"}),
        Export(
            "id = $1",
            "id email email_verified full_name timezone google_id last_login_at has_completed_onboarding"
            " has_completed_organization_setup default_microphone_id default_speaker_id current_organization_id"
            " personal_context is_admin created_at updated_at deletion_due_at",
        ),
        withheld="password_hash is_email_verified is_active stripe_customer_id deleted_at erased_at",
        because="credentials, a column's twin, and the payer's id, which subscriptions have",
    ),
    Holding(
        "organizations", None, Keep("what the person alone belonged to is erased by itself"),
        Blank(
            "id = $1",
            {
                "name": f"'{ANONYMOUS}'",
                "slug": "'erased-' || id",
                "display_name": "NULL",
                "description": "NULL",
                "website_url": "NULL",
                "contact_email": "NULL",
                "phone": "NULL",
                "address_line_1": "NULL",
                "address_line_2": "NULL",
                "city": "NULL",
                "state_province": "NULL",
                "postal_code": "NULL",
                "country_code": "NULL",
                "branding_logo_url": "NULL",
                "branding_primary_color": "NULL",
                "tax_id": "NULL",
                "billing_email": "NULL",
                "is_active": "false",
                "deleted_at": "coalesce(deleted_at, now())",
                "erased_at": "now()",
            },
        ),
        Export(
            "id IN (SELECT organization_id FROM organization_members WHERE user_id = $1)", "id name slug created_at"
        ),
        withheld="display_name description website_url contact_email phone address_line_1 address_line_2 city"
        " state_province postal_code country_code default_timezone default_language branding_logo_url"
        " branding_primary_color tax_id billing_email monthly_audio_hours_limit max_members max_sessions_per_month"
        " is_active is_verified verification_requested_at updated_at deleted_at erased_at",
        because="the organization's",
    ),
    # nobody's -------------------------------------------------------------------------------------------------------
    Holding(
        "stripe_events",
        withheld="id type payload created_at received_at processed_at outcome",
        because="what Stripe sent, by no person's id; it goes after three months",
    ),
    Holding(
        "plans",
        withheld="id name display_name description plan_type price_monthly price_yearly stripe_price_id_monthly"
        " stripe_price_id_yearly monthly_audio_hours_limit monthly_audio_minutes_limit max_documents_per_session"
        " max_file_size_mb max_sessions_per_month max_organization_members has_real_time_guidance"
        " has_advanced_summaries has_export_options has_email_summaries has_api_access has_custom_templates"
        " has_priority_support has_analytics_dashboard has_team_collaboration ai_model_access"
        " max_guidance_requests_per_session summary_generation_priority is_active is_featured sort_order created_at"
        " updated_at",
        because="the installation's",
    ),
    Holding(
        "media_nodes",
        withheld="node media_url registered_at seen_at",
        because="machines",
    ),
)  # fmt: skip
"""In the order in which they are erased."""

"""What was decided of the database's rules, so that the tests do not believe the catalog: values that each CHECK
refuses, the words that each value set holds, and what becomes of a row when what it points at goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

NOW = datetime.now(UTC)
BEFORE = NOW - timedelta(days=1)
AFTER = NOW + timedelta(days=1)
NO_ARRAY = "{}"
NO_OBJECT = "[]"

VALUE_SETS: dict[str, str] = {
    "audit_log.actor_kind": "user platform_admin job system",
    "beta_waitlist.status": "pending approved rejected invited",
    "beta_waitlist.use_case": "sales consulting hiring support other",
    "documents.embedding_status": "pending processing completed failed",
    "documents.processing_status": "pending processing completed failed",
    "guidance.guidance_type": "ask clarify avoid suggest warn",
    "guidance.user_feedback": "helpful irrelevant too_late",
    "organization_invitations.role": "owner admin member",
    "organization_invitations.status": "pending accepted declined expired cancelled",
    "organization_members.role": "owner admin member",
    "organization_members.status": "active inactive pending removed",
    "plans.plan_type": "individual organization",
    "prep_checklist.status": "open done",
    "recordings.status": "processing ready failed",
    "session_context.processing_status": "pending processing completed failed",
    "session_invites.role": "participant supervisor customer",
    "session_participants.role": "host participant supervisor customer",
    "session_participants.source": "browser whip bridge upload",
    "session_timeline_events.importance": "low medium high",
    "session_timeline_events.type": (
        "milestone decision topic_shift action_item question agreement speaker_change key_statement"
    ),
    "sessions.conversation_type": "sales support meeting interview",
    "sessions.status": "draft active completed archived",
    "subscriptions.plan_type": "monthly yearly lifetime",
    "sign_in_links.purpose": "sign_in verify_email reset_password",
    "subscriptions.status": "active past_due canceled unpaid trialing incomplete",
    "summaries.generation_status": "pending generating completed failed",
    "system_logs.level": "DEBUG INFO WARNING ERROR CRITICAL",
    "templates.conversation_type": "sales support meeting interview",
    "user_app_sessions.device_type": "desktop tablet mobile",
    "webhook_deliveries.status": "pending delivered failed",
}

REFUSED_VALUES: dict[str, list[dict[str, object]]] = {
    "admin_grants_check": [
        {"opened_at": NOW, "expires_at": BEFORE},
        {"opened_at": NOW, "expires_at": NOW + timedelta(minutes=61)},
    ],
    "admin_grants_reason_check": [{"reason": ""}, {"reason": " "}],
    "api_keys_check": [{"created_at": NOW, "expires_at": BEFORE}],
    "api_keys_key_hash_check": [{"key_hash": bytes(31)}, {"key_hash": bytes(33)}],
    "api_keys_name_check": [{"name": ""}],
    "api_keys_scopes_check": [{"scopes": ["everything"]}, {"scopes": ["read", "everything"]}],
    "audit_log_action_check": [{"action": "Deleted Bob"}, {"action": "deleted"}],
    "audit_log_details_check": [{"details": NO_OBJECT}],
    "audit_log_hash_check": [{"hash": b""}],
    "beta_waitlist_email_check": [{"email": "Ann@example.org"}, {"email": "nobody"}],
    "call_commands_outcome_check": [{"acknowledged_at": NOW, "outcome": None}, {"outcome": "done"}],
    "call_commands_payload_check": [{"payload": NO_OBJECT}],
    "calls_epoch_check": [{"epoch": 0}],
    "consents_version_check": [{"version": ""}],
    "document_passages_content_check": [{"content": ""}],
    "document_passages_page_check": [{"page": 0}],
    "document_passages_position_check": [{"position": -1}],
    "documents_file_size_bytes_check": [{"file_size_bytes": -1}],
    "documents_ocr_confidence_score_check": [
        {"ocr_confidence_score": Decimal("-0.01")},
        {"ocr_confidence_score": Decimal("1.01")},
    ],
    "documents_original_filename_check": [{"original_filename": ""}],
    "guidance_audience_check": [{"audience": "everyone"}, {"audience": "participant:"}],
    "guidance_evidence_check": [{"evidence": NO_ARRAY}],
    "guidance_priority_check": [{"priority": 0}, {"priority": 4}],
    "guidance_processing_time_ms_check": [{"processing_time_ms": -1}],
    "guidance_triggered_at_seconds_check": [{"triggered_at_seconds": Decimal(-1)}],
    "join_tickets_token_hash_check": [{"token_hash": bytes(31)}],
    "monthly_usage_cache_month_year_check": [{"month_year": "2026-1"}, {"month_year": "Jan 26"}],
    "monthly_usage_cache_total_minutes_used_check": [{"total_minutes_used": -1}],
    "monthly_usage_cache_total_seconds_used_check": [{"total_seconds_used": -1}],
    "idempotency_keys_answer_check": [{"status": 200}, {"answer": b"x"}],
    "idempotency_keys_key_hash_check": [{"key_hash": bytes(31)}],
    "idempotency_keys_request_hash_check": [{"request_hash": bytes(31)}],
    "idempotency_keys_status_check": [{"status": 199, "answer": b"x"}, {"status": 600, "answer": b"x"}],
    "organization_invitations_accepted_check": [{"status": "accepted"}, {"accepted_at": NOW}],
    "organization_invitations_declined_check": [{"status": "declined"}, {"declined_at": NOW}],
    "organization_invitations_email_check": [{"email": "Ann@example.org"}],
    "organization_members_counters_check": [
        {"total_sessions_count": -1},
        {"total_audio_hours_used": Decimal(-1)},
        {"current_month_minutes_used": -1},
    ],
    "organization_members_max_sessions_per_month_check": [{"max_sessions_per_month": -1}],
    "organization_members_monthly_audio_hours_limit_check": [{"monthly_audio_hours_limit": -1}],
    "organization_members_permissions_check": [{"permissions": NO_ARRAY}],
    "organizations_branding_primary_color_check": [{"branding_primary_color": "red"}],
    "organizations_country_code_check": [{"country_code": "no"}, {"country_code": "1A"}],
    "organizations_erased_check": [{"erased_at": NOW, "deleted_at": None}],
    "organizations_max_members_check": [{"max_members": 0}],
    "organizations_max_sessions_per_month_check": [{"max_sessions_per_month": -1}],
    "organizations_monthly_audio_hours_limit_check": [{"monthly_audio_hours_limit": -1}],
    "organizations_name_check": [{"name": ""}],
    "organizations_slug_check": [{"slug": ""}, {"slug": "Upper"}],
    "plans_ai_model_access_check": [{"ai_model_access": NO_ARRAY}],
    "plans_limits_check": [
        {"monthly_audio_hours_limit": -1},
        {"monthly_audio_minutes_limit": -1},
        {"max_documents_per_session": -1},
        {"max_file_size_mb": -1},
        {"max_sessions_per_month": -1},
        {"max_organization_members": -1},
        {"max_guidance_requests_per_session": -1},
    ],
    "plans_prices_check": [{"price_monthly": Decimal(-1)}, {"price_yearly": Decimal(-1)}],
    "plans_summary_generation_priority_check": [
        {"summary_generation_priority": 0},
        {"summary_generation_priority": 4},
    ],
    "prep_checklist_text_check": [{"text": ""}],
    "recordings_duration_ms_check": [{"duration_ms": -1}],
    "recordings_error_code_check": [{"status": "failed", "error_code": ""}],
    "recordings_reason_check": [{"status": "failed"}, {"error_code": "unreadable"}],
    "recordings_sha256_check": [{"sha256": bytes(31)}],
    "recordings_size_bytes_check": [{"size_bytes": -1}],
    "recordings_started_at_ms_check": [{"started_at_ms": -1}],
    "recordings_storage_key_check": [{"storage_key": "/etc/passwd"}, {"storage_key": "a/../../b"}],
    "session_context_context_metadata_check": [{"context_metadata": NO_OBJECT}],
    "session_events_audience_check": [{"audience": "anybody"}, {"audience": "participant:"}],
    "session_events_epoch_check": [{"epoch": 0}],
    "session_events_seq_check": [{"seq": 0}],
    "session_invites_token_hash_check": [{"token_hash": bytes(31)}],
    "session_participants_consent_check": [{"consented_at": NOW}, {"consent_version": "1"}],
    "session_participants_name_check": [{"name": ""}],
    "session_share_links_access_count_check": [{"access_count": -1}],
    "session_share_links_check": [{"created_at": NOW, "expires_at": BEFORE}],
    "session_share_links_recipient_email_check": [{"recipient_email": "Ann@example.org"}],
    "session_share_links_shared_tabs_check": [{"shared_tabs": []}, {"shared_tabs": ["everything"]}],
    "session_share_links_token_hash_check": [{"token_hash": bytes(31)}],
    "sessions_counters_check": [
        {"recording_duration_seconds": -1},
        {"total_words_spoken": -1},
        {"user_talk_time_seconds": -1},
        {"silence_periods_count": -1},
    ],
    "sessions_data_retention_days_check": [{"data_retention_days": 0}],
    "sessions_erased_check": [{"erased_at": NOW, "deleted_at": None}],
    "sessions_coached_roles_check": [{"coached_roles": ["host", "customer"]}, {"coached_roles": ["supervisor"]}],
    "sessions_tags_check": [{"tags": ["x"] * 21}],
    "sign_in_links_purpose_check": [{"purpose": "anything"}],
    "sign_in_links_token_hash_check": [{"token_hash": bytes(31)}],
    "sign_ups_email_check": [{"email": "Ada@example.org"}],
    "sign_ups_token_hash_check": [{"token_hash": bytes(31)}],
    "stripe_events_check": [{"processed_at": NOW, "outcome": None}, {"outcome": "applied"}],
    "stripe_events_id_check": [{"id": ""}],
    "subscriptions_hours_check": [{"monthly_audio_hours_limit": -1}, {"monthly_audio_hours_used": Decimal(-1)}],
    "subscriptions_owner_check": [{"organization_id": None, "user_id": None}],
    "subscriptions_period_check": [{"current_period_start": NOW, "current_period_end": BEFORE}],
    "summaries_completed_check": [{"generation_status": "completed", "tldr": None}],
    "summaries_counters_check": [{"export_count": -1}, {"generation_time_seconds": Decimal(-1)}],
    "summaries_error_check": [{"generation_status": "failed"}, {"generation_error": "model"}],
    "summaries_lists_check": [
        {"key_decisions": NO_ARRAY},
        {"action_items": NO_ARRAY},
        {"follow_up_questions": NO_ARRAY},
        {"conversation_highlights": NO_ARRAY},
    ],
    "templates_guidance_prompts_check": [{"guidance_prompts": NO_ARRAY}],
    "templates_name_check": [{"name": ""}],
    "templates_scope_check": [
        {"is_organization_template": False, "user_id": None},
        {"is_organization_template": True, "organization_id": None},
        {"is_system_template": True, "is_organization_template": False, "organization_id": None},
        {"is_system_template": True, "is_organization_template": False, "user_id": None},
        {"is_system_template": True, "organization_id": None, "user_id": None},
    ],
    "templates_usage_count_check": [{"usage_count": -1}],
    "transcripts_check": [{"start_time_seconds": Decimal(2), "end_time_seconds": Decimal(1)}],
    "transcripts_confidence_score_check": [
        {"confidence_score": Decimal("-0.01")},
        {"confidence_score": Decimal("1.01")},
    ],
    "transcripts_revision_check": [{"revision": -1}],
    "transcripts_sequence_number_check": [{"sequence_number": 0}],
    "transcripts_start_time_seconds_check": [{"start_time_seconds": Decimal(-1)}],
    "transcripts_words_check": [{"words": NO_ARRAY}],
    "usage_intervals_check": [{"from_ms": 5, "to_ms": 5}],
    "usage_intervals_epoch_check": [{"epoch": -1}],
    "usage_intervals_from_ms_check": [{"from_ms": -1}],
    "usage_tracking_minute_timestamp_check": [{"minute_timestamp": datetime(2020, 1, 1, 0, 0, 1, tzinfo=UTC)}],
    "usage_tracking_seconds_recorded_check": [{"seconds_recorded": -1}, {"seconds_recorded": 61}],
    "user_app_sessions_duration_check": [{"duration_seconds": -1}],
    "user_app_sessions_page_views_check": [{"page_views": -1}],
    "users_email_check": [{"email": "Ann@example.org"}],
    "users_email_flags_check": [{"email_verified": True, "is_email_verified": False}],
    "users_email_form_check": [{"email": ""}],
    "users_erased_check": [{"erased_at": NOW, "deleted_at": None}],
    "monthly_usage_cache_warned_percent_check": [{"warned_percent": -1}, {"warned_percent": 101}],
    "webhook_deliveries_attempt_log_check": [{"attempt_log": "{}"}],
    "webhook_deliveries_payload_check": [{"payload": f'"{"x" * 19_999}"'}],
    "webhook_deliveries_attempts_check": [{"attempts": -1}],
    "webhook_deliveries_check": [{"status": "delivered"}, {"delivered_at": NOW}],
    "webhook_deliveries_response_status_check": [{"response_status": 99}, {"response_status": 600}],
    "webhook_endpoints_event_types_check": [{"event_types": []}],
    "webhook_endpoints_signing_secret_check": [{"signing_secret": bytes(23)}, {"signing_secret": bytes(513)}],
    "templates_version_check": [{"version": 0}],
    "transcript_revisions_revision_check": [{"revision": -1}],
    "transcript_revisions_words_check": [{"words": NO_ARRAY}],
    "webhook_endpoints_url_check": [{"url": "javascript:alert(1)"}, {"url": "https://"}],
}
"""By constraint: values that a row which is valid otherwise may not have. Value sets are tried with an unknown word."""

GOES_WITH = "c"
IS_EMPTIED = "n"
HOLDS = "a"

ON_DELETE: dict[str, dict[str, str]] = {
    "documents": {GOES_WITH: "document_passages.document_id"},
    "organizations": {
        GOES_WITH: (
            "admin_grants.organization_id api_keys.organization_id documents.organization_id"
            " organization_invitations.organization_id organization_members.organization_id"
            " session_context.organization_id sessions.organization_id subscription_events.organization_id"
            " subscriptions.organization_id summaries.organization_id templates.organization_id"
            " webhook_endpoints.organization_id"
        ),
        IS_EMPTIED: "users.current_organization_id",
        HOLDS: "monthly_usage_cache.organization_id usage_tracking.organization_id",
    },
    "plans": {HOLDS: "subscriptions.plan_id"},
    "session_participants": {
        GOES_WITH: "consents.participant_id,session_id join_tickets.participant_id,session_id",
        IS_EMPTIED: "recordings.participant_id,session_id transcripts.participant_id,session_id",
    },
    "sessions": {
        GOES_WITH: (
            "call_commands.session_id,organization_id calls.session_id,organization_id"
            " consents.session_id,organization_id document_passages.session_id,organization_id"
            " documents.session_id documents.session_id,organization_id"
            " guidance.session_id guidance.session_id,organization_id join_tickets.session_id,organization_id"
            " prep_checklist.session_id prep_checklist.session_id,organization_id"
            " recordings.session_id,organization_id session_context.session_id"
            " session_context.session_id,organization_id session_events.session_id,organization_id"
            " session_invites.session_id,organization_id session_participants.session_id,organization_id"
            " session_share_links.session_id,organization_id session_timeline_events.session_id"
            " session_timeline_events.session_id,organization_id summaries.session_id"
            " summaries.session_id,organization_id transcript_revisions.session_id,organization_id"
            " transcripts.session_id transcripts.session_id,organization_id"
        ),
        IS_EMPTIED: "system_logs.session_id",
        HOLDS: "usage_intervals.session_id,organization_id usage_tracking.session_id",
    },
    "subscriptions": {GOES_WITH: "subscription_events.subscription_id"},
    "templates": {IS_EMPTIED: "guidance.prompt_template_id sessions.selected_template_id"},
    "transcripts": {
        GOES_WITH: "transcript_revisions.transcript_id",
        IS_EMPTIED: "guidance.triggered_by_transcript_id",
    },
    "users": {
        GOES_WITH: (
            "admin_grants.user_id api_keys.user_id documents.user_id idempotency_keys.user_id"
            " organization_invitations.invited_by_user_id"
            " organization_members.user_id prep_checklist.created_by session_context.user_id"
            " session_invites.created_by session_share_links.created_by sessions.user_id sign_in_links.user_id"
            " subscription_events.user_id subscriptions.user_id summaries.user_id templates.user_id"
            " user_app_sessions.user_id"
        ),
        IS_EMPTIED: (
            "call_commands.created_by consents.user_id organization_invitations.accepted_by_user_id"
            " session_participants.user_id system_logs.user_id transcript_revisions.replaced_by"
            " webhook_endpoints.created_by"
        ),
        HOLDS: "monthly_usage_cache.user_id usage_tracking.user_id",
    },
    "webhook_endpoints": {GOES_WITH: "webhook_deliveries.endpoint_id,organization_id"},
}
"""By parent: which children go with it, which keep an empty column, and which hold it."""

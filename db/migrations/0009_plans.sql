-- The four plans. NULL = unlimited.
INSERT INTO plans (
    name, display_name, description, plan_type, price_monthly, price_yearly, monthly_audio_hours_limit,
    monthly_audio_minutes_limit, max_documents_per_session, max_file_size_mb, max_sessions_per_month,
    max_organization_members, has_real_time_guidance, has_advanced_summaries, has_export_options,
    has_email_summaries, has_api_access, has_custom_templates, has_priority_support, has_analytics_dashboard,
    has_team_collaboration, ai_model_access, max_guidance_requests_per_session, summary_generation_priority,
    is_featured, sort_order
) VALUES
(
    'individual_free', 'Starter', 'One hour a month, to see whether it helps.', 'individual', NULL, NULL, 1,
    60, 5, 10, 10,
    1, true, false, false,
    false, false, false, false, false,
    false, '["gpt-4o-mini"]', 20, 3,
    false, 1
),
(
    'individual_pro', 'Pro', 'Unlimited conversations for one person.', 'individual', 29, 290, NULL,
    NULL, 20, 50, NULL,
    1, true, true, true,
    true, true, true, true, true,
    false, '["gpt-4o-mini", "gpt-4o"]', 100, 2,
    true, 2
),
(
    'org_starter', 'Team', 'Unlimited conversations for up to ten people.', 'organization', 79, 790, NULL,
    NULL, 50, 100, NULL,
    10, true, true, true,
    true, true, true, true, true,
    true, '["gpt-4o-mini", "gpt-4o"]', 200, 2,
    false, 3
),
(
    'org_enterprise', 'Enterprise', 'Everything, without limits.', 'organization', NULL, NULL, NULL,
    NULL, NULL, NULL, NULL,
    NULL, true, true, true,
    true, true, true, true, true,
    true, '["gpt-4o-mini", "gpt-4o"]', NULL, 1,
    false, 4
);

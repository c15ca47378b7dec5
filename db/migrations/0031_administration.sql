-- What plans promise is held, and what administrators of the installation may see and do beyond a tenant's walls.

-- limits -------------------------------------------------------------------------------------------------------------

-- The plan that counts for a person here: the organization's, else their own, else the free one.
CREATE FUNCTION plan_of(wanted_user_id uuid, wanted_organization_id uuid) RETURNS plans
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
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

-- Of the calendar month in UTC; deleted ones as well, so that deleting gives nothing back.
CREATE INDEX sessions_created_at_idx ON sessions (organization_id, created_at);

CREATE FUNCTION count_month_sessions(wanted_organization_id uuid, wanted_user_id uuid)
RETURNS TABLE (of_organization bigint, of_person bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT count(*), count(*) FILTER (WHERE user_id = wanted_user_id)
    FROM sessions
    WHERE organization_id = wanted_organization_id
        AND created_at >= date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
$$;

-- How many minutes somebody may record here in a month, as usage_limit has it; NULL: as many as they like.
CREATE FUNCTION minutes_allowed(wanted_user_id uuid, wanted_organization_id uuid) RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
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

CREATE FUNCTION minutes_recorded(wanted_user_id uuid, wanted_organization_id uuid) RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT coalesce(max(total_minutes_used), 0)
    FROM monthly_usage_cache
    WHERE organization_id = wanted_organization_id
        AND user_id = wanted_user_id
        AND month_year = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')
$$;

-- Nobody makes a session who may record nothing more this month, or has made all the sessions they may: the plan's and
-- the organization's limit count for the organization, the member's for the member. Whoever makes one where there is
-- such a limit waits for whoever is making one: of fifty at once only as many as there is room for get through. What the
-- installation itself puts in is not counted against anybody.
CREATE FUNCTION check_session_limits() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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
CREATE TRIGGER check_session_limits BEFORE INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION check_session_limits();

-- This month's minutes of whoever a session is charged to, for who may join it. No row: it is not theirs to ask.
CREATE FUNCTION session_minutes(wanted_session_id uuid) RETURNS TABLE (minutes_used integer, minutes_limit integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT minutes_recorded(user_id, organization_id), minutes_allowed(user_id, organization_id)
    FROM sessions
    WHERE sessions.id = wanted_session_id
        AND sessions.deleted_at IS NULL
        AND sessions.organization_id IN (SELECT my_organization_ids())
$$;

-- What the one who asks may use of their plan, and has used of it this month.
CREATE FUNCTION my_plan_usage(wanted_organization_id uuid) RETURNS TABLE (
    plan_name varchar,
    plan_display_name varchar,
    has_api_access boolean,
    has_real_time_guidance boolean,
    has_advanced_summaries boolean,
    has_export_options boolean,
    has_email_summaries boolean,
    has_custom_templates boolean,
    has_analytics_dashboard boolean,
    has_team_collaboration boolean,
    max_documents_per_session integer,
    max_file_size_mb integer,
    minutes_used integer,
    minutes_limit integer,
    sessions_used bigint,
    sessions_limit integer,
    own_sessions_used bigint,
    own_sessions_limit integer,
    members_used bigint,
    members_limit integer,
    month_begins_at timestamptz,
    month_ends_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
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

-- A key says as well whether the plan of its organization has keys at all: those who lose the plan keep theirs, unused.
DROP FUNCTION authenticate_api_key(bytea);
CREATE FUNCTION authenticate_api_key(wanted_hash bytea) RETURNS TABLE (
    api_key_id uuid,
    scopes text[],
    user_id uuid,
    email varchar,
    full_name varchar,
    organization_id uuid,
    organization_name varchar,
    organization_slug varchar,
    role varchar,
    has_api_access boolean
)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
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

-- administrators -----------------------------------------------------------------------------------------------------

-- What an administrator read or did: in the chain of the organization that it concerns, where its managers see it, else
-- in the installation's.
CREATE FUNCTION audit_admin(
    wanted_organization_id uuid, wanted_action text, wanted_target_id uuid, wanted_details jsonb DEFAULT '{}'
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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

CREATE FUNCTION require_admin() RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT is_platform_admin() THEN
        PERFORM refuse('not_an_administrator', 'LC003');
    END IF;
END
$$;

CREATE INDEX users_created_at_idx ON users (created_at, id);
CREATE INDEX organizations_created_at_idx ON organizations (created_at, id);
CREATE INDEX organizations_verification_idx ON organizations (verification_requested_at)
    WHERE verification_requested_at IS NOT NULL AND NOT is_verified;

-- Newest first, those before a place; `wanted_text` is looked for in address and name.
CREATE FUNCTION admin_users(
    wanted_text text, wanted_active boolean, wanted_admin boolean, before_at timestamptz, before_id uuid,
    wanted_limit integer
) RETURNS TABLE (
    id uuid,
    email varchar,
    full_name varchar,
    is_active boolean,
    is_admin boolean,
    email_verified boolean,
    current_organization_id uuid,
    organizations bigint,
    last_login_at timestamptz,
    deletion_due_at timestamptz,
    created_at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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

-- Where somebody belongs, and what they used this month there; never what they said.
CREATE FUNCTION admin_user(wanted_id uuid) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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

-- Nobody closes their own account here: an installation keeps an administrator. Who is closed is signed out.
CREATE FUNCTION admin_set_user_active(wanted_id uuid, wanted_active boolean, wanted_reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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

-- How many sign-ins ended.
CREATE FUNCTION admin_end_sign_ins(wanted_id uuid) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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

-- The address that a proof is asked of.
CREATE FUNCTION admin_unproven_email(wanted_id uuid) RETURNS varchar
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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

CREATE FUNCTION admin_organizations(
    wanted_text text, wanted_active boolean, wanted_verified boolean, awaits_verification boolean,
    before_at timestamptz, before_id uuid, wanted_limit integer
) RETURNS TABLE (
    id uuid,
    name varchar,
    slug varchar,
    is_active boolean,
    is_verified boolean,
    verification_requested_at timestamptz,
    members bigint,
    plan_name varchar,
    created_at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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

CREATE FUNCTION admin_organization(wanted_id uuid) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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

-- In a suspended organization nobody acts, by a key neither.
CREATE FUNCTION admin_set_organization_active(wanted_id uuid, wanted_active boolean, wanted_reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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

-- All three; NULL: the plan's counts.
CREATE FUNCTION admin_set_organization_limits(
    wanted_id uuid, wanted_hours integer, wanted_members integer, wanted_sessions integer
) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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

-- From now on; what Stripe is paid for is changed there.
CREATE FUNCTION admin_set_organization_plan(wanted_id uuid, wanted_plan_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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

-- Whom to tell: its owners with a proven address. A refusal lets it be asked for again.
CREATE FUNCTION admin_decide_verification(wanted_id uuid, is_approved boolean)
RETURNS TABLE (organization_name varchar, owner_email varchar)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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

-- What was verified is the name: under another one it is nobody's word any more.
CREATE FUNCTION forget_verification() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    NEW.is_verified := false;
    NEW.verification_requested_at := NULL;
    RETURN NEW;
END
$$;
CREATE TRIGGER forget_verification BEFORE UPDATE OF name, display_name ON organizations
    FOR EACH ROW WHEN (
        OLD.is_verified
        AND (OLD.name, OLD.display_name) IS DISTINCT FROM (NEW.name, NEW.display_name)
        AND NEW.deleted_at IS NULL
    )
    EXECUTE FUNCTION forget_verification();

-- How the installation fares; what each figure is, control_api.admin.dashboard says.
CREATE FUNCTION admin_figures(wanted_days integer) RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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
            ) AS signed_up USING (day)
            LEFT JOIN (
                SELECT (created_at AT TIME ZONE 'UTC')::date AS day, count(*) AS number
                FROM sessions
                WHERE created_at >= first_at
                GROUP BY 1
            ) AS made USING (day)
            LEFT JOIN (
                SELECT (minute_timestamp AT TIME ZONE 'UTC')::date AS day, sum(seconds_recorded) AS seconds
                FROM usage_tracking
                WHERE minute_timestamp >= first_at
                GROUP BY 1
            ) AS heard USING (day)
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

-- What waits in the queue, by what it is for: how much, and for how long the oldest has been due.
CREATE FUNCTION admin_queues() RETURNS TABLE (
    entrypoint text,
    waiting bigint,
    running bigint,
    given_up bigint,
    oldest_wait_s double precision
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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

-- Media nodes that were heard of within the hour, and what they hold.
CREATE FUNCTION admin_nodes() RETURNS TABLE (node text, age_s double precision, live_calls bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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

-- How many have a plan at present.
CREATE FUNCTION admin_plan_subscriptions(wanted_plan_id uuid) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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

-- Plans are an administrator's: made, changed and taken off the shelf, never deleted. What becomes of one, and of
-- whoever waits, is written down.
GRANT INSERT (
    name, display_name, description, plan_type, price_monthly, price_yearly, stripe_price_id_monthly,
    stripe_price_id_yearly, monthly_audio_hours_limit, monthly_audio_minutes_limit, max_documents_per_session,
    max_file_size_mb, max_sessions_per_month, max_organization_members, has_real_time_guidance, has_advanced_summaries,
    has_export_options, has_email_summaries, has_api_access, has_custom_templates, has_priority_support,
    has_analytics_dashboard, has_team_collaboration, ai_model_access, max_guidance_requests_per_session,
    summary_generation_priority, is_active, is_featured, sort_order
), UPDATE (
    display_name, description, price_monthly, price_yearly, stripe_price_id_monthly, stripe_price_id_yearly,
    monthly_audio_hours_limit, monthly_audio_minutes_limit, max_documents_per_session, max_file_size_mb,
    max_sessions_per_month, max_organization_members, has_real_time_guidance, has_advanced_summaries,
    has_export_options, has_email_summaries, has_api_access, has_custom_templates, has_priority_support,
    has_analytics_dashboard, has_team_collaboration, ai_model_access, max_guidance_requests_per_session,
    summary_generation_priority, is_active, is_featured, sort_order
) ON plans TO liveconvo_api;
CREATE POLICY api_insert ON plans FOR INSERT TO liveconvo_api
    WITH CHECK ((SELECT is_platform_admin()));
CREATE POLICY api_update ON plans FOR UPDATE TO liveconvo_api
    USING ((SELECT is_platform_admin()))
    WITH CHECK ((SELECT is_platform_admin()));

-- The free one is what everybody starts with.
CREATE FUNCTION keep_free_plan() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM refuse('free_plan');
    RETURN NULL;
END
$$;
CREATE TRIGGER keep_free_plan BEFORE UPDATE OF is_active ON plans
    FOR EACH ROW WHEN (OLD.name = 'individual_free' AND NOT NEW.is_active) EXECUTE FUNCTION keep_free_plan();

REVOKE ALL ON FUNCTION plan_of(uuid, uuid), count_month_sessions(uuid, uuid), minutes_allowed(uuid, uuid),
    minutes_recorded(uuid, uuid), check_session_limits(),
    session_minutes(uuid), my_plan_usage(uuid), authenticate_api_key(bytea),
    audit_admin(uuid, text, uuid, jsonb), require_admin(),
    admin_users(text, boolean, boolean, timestamptz, uuid, integer), admin_user(uuid),
    admin_set_user_active(uuid, boolean, text), admin_end_sign_ins(uuid), admin_unproven_email(uuid),
    admin_organizations(text, boolean, boolean, boolean, timestamptz, uuid, integer), admin_organization(uuid),
    admin_set_organization_active(uuid, boolean, text),
    admin_set_organization_limits(uuid, integer, integer, integer), admin_decide_verification(uuid, boolean),
    admin_set_organization_plan(uuid, uuid), forget_verification(), admin_figures(integer), admin_queues(), admin_nodes(),
    admin_plan_subscriptions(uuid), keep_free_plan()
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION session_minutes(uuid), my_plan_usage(uuid), authenticate_api_key(bytea),
    audit_admin(uuid, text, uuid, jsonb),
    admin_users(text, boolean, boolean, timestamptz, uuid, integer), admin_user(uuid),
    admin_set_user_active(uuid, boolean, text), admin_end_sign_ins(uuid), admin_unproven_email(uuid),
    admin_organizations(text, boolean, boolean, boolean, timestamptz, uuid, integer), admin_organization(uuid),
    admin_set_organization_active(uuid, boolean, text),
    admin_set_organization_limits(uuid, integer, integer, integer), admin_decide_verification(uuid, boolean),
    admin_set_organization_plan(uuid, uuid), admin_figures(integer), admin_queues(), admin_nodes(), admin_plan_subscriptions(uuid)
    TO liveconvo_api;

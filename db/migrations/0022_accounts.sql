-- Accounts that people make themselves: nothing of somebody is kept as an account before their address was proven.

-- Somebody asked for an account. Whoever opens the link has the address, and chooses the password.
CREATE TABLE sign_ups (
    token_hash bytea PRIMARY KEY CONSTRAINT sign_ups_token_hash_check CHECK (octet_length(token_hash) = 32),
    email varchar(255) NOT NULL CONSTRAINT sign_ups_email_check CHECK (email = lower(email)),
    full_name varchar(255) NOT NULL,
    timezone varchar(50) NOT NULL DEFAULT 'UTC',
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX sign_ups_email_idx ON sign_ups (email);

-- What a one-time link is good for.
ALTER TABLE sign_in_links
    ADD COLUMN purpose varchar(20) NOT NULL DEFAULT 'sign_in',
    ADD CONSTRAINT sign_in_links_purpose_check CHECK (purpose IN ('sign_in', 'verify_email', 'reset_password'));

-- When an account is erased, unless its owner changes their mind before.
ALTER TABLE users ADD COLUMN deletion_due_at timestamptz;
CREATE INDEX users_deletion_due_at_idx ON users (deletion_due_at) WHERE deletion_due_at IS NOT NULL AND deleted_at IS NULL;

ALTER TABLE sign_ups ENABLE ROW LEVEL SECURITY;
ALTER TABLE sign_ups FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON sign_ups TO CURRENT_USER USING (true) WITH CHECK (true);
GRANT SELECT (
    email, created_at, expires_at, used_at
) ON sign_ups TO liveconvo_jobs;
CREATE POLICY jobs_read ON sign_ups FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT INSERT (
    token_hash, email, full_name, timezone, expires_at
) ON sign_ups TO liveconvo_jobs;
CREATE POLICY jobs_insert ON sign_ups FOR INSERT TO liveconvo_jobs
    WITH CHECK (true);
GRANT DELETE ON sign_ups TO liveconvo_jobs;
CREATE POLICY jobs_delete ON sign_ups FOR DELETE TO liveconvo_jobs
    USING (true);
GRANT SELECT (
    purpose
) ON sign_in_links TO liveconvo_jobs;
GRANT INSERT (
    token_hash, user_id, expires_at, purpose
) ON sign_in_links TO liveconvo_jobs;
CREATE POLICY jobs_insert ON sign_in_links FOR INSERT TO liveconvo_jobs
    WITH CHECK (true);
GRANT SELECT (
    deletion_due_at
) ON users TO liveconvo_api;
GRANT UPDATE (
    deletion_due_at
) ON users TO liveconvo_api;
GRANT SELECT (
    deletion_due_at
), UPDATE (
    deletion_due_at
) ON users TO liveconvo_jobs;

-- signing in ---------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION redeem_sign_in_link(wanted_hash bytea) RETURNS uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
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

-- Who is signed in, also without an organization they could act in: then its columns are empty.
CREATE FUNCTION authenticate_person(wanted_hash bytea) RETURNS TABLE (
    user_id uuid,
    email varchar,
    email_verified boolean,
    full_name varchar,
    has_password boolean,
    app_session_id uuid,
    deletion_due_at timestamptz,
    organization_id uuid,
    organization_name varchar,
    organization_slug varchar,
    role varchar
)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
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

-- What a link is good for now; NULL: nothing. Asked before a password is hashed for it.
CREATE FUNCTION link_purpose(wanted_hash bytea) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
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

-- signing up ---------------------------------------------------------------------------------------------------------

-- While accounts are given to the waiting list: to who was approved or invited there, or was invited by a colleague.
CREATE FUNCTION may_sign_up(wanted_email text, is_gated boolean) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
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

-- The account, once; NULL for any other, used or expired link, and when the address has an account meanwhile.
CREATE FUNCTION redeem_sign_up(wanted_hash bytea, wanted_password_hash text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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

-- The password and a proven address; every sign-in and every other link of this person ends. NULL as above.
CREATE FUNCTION redeem_password_reset(wanted_hash bytea, wanted_password_hash text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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

CREATE FUNCTION redeem_email_verification(wanted_hash bytea) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
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

-- Who Google says it is. An account that is there is taken over only where both sides proved the address: else whoever
-- signed up first with somebody's address would share the account with them.
CREATE FUNCTION sign_in_with_google(
    wanted_google_id text, wanted_email text, is_verified boolean, wanted_name text, is_gated boolean
) RETURNS TABLE (user_id uuid, outcome text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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

-- onboarding ---------------------------------------------------------------------------------------------------------

-- A person's own organization: the one they own, or a new one. Of two clicks at once the second one waits and gets what
-- the first one made.
CREATE FUNCTION onboard(wanted_name text, wanted_slug text, wanted_timezone text) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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

-- leaving ------------------------------------------------------------------------------------------------------------

-- From when the account is due; asking again changes nothing. Whoever owns an organization alone, with others in it,
-- hands it over first.
CREATE FUNCTION order_account_deletion(wanted_days integer) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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

REVOKE ALL ON FUNCTION authenticate_person(bytea), link_purpose(bytea), may_sign_up(text, boolean),
    redeem_sign_up(bytea, text), redeem_password_reset(bytea, text), redeem_email_verification(bytea),
    sign_in_with_google(text, text, boolean, text, boolean), onboard(text, text, text), order_account_deletion(integer)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION authenticate_person(bytea), link_purpose(bytea), redeem_sign_up(bytea, text),
    redeem_password_reset(bytea, text), redeem_email_verification(bytea),
    sign_in_with_google(text, text, boolean, text, boolean), onboard(text, text, text), order_account_deletion(integer)
    TO liveconvo_api;
GRANT EXECUTE ON FUNCTION may_sign_up(text, boolean) TO liveconvo_jobs;

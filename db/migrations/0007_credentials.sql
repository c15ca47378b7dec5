-- What happens before anybody is known: one SECURITY DEFINER function for each credential. Each takes the credential
-- (or its sha256, made by the caller) and returns the minimum.

CREATE FUNCTION find_credentials(wanted_email text) RETURNS TABLE (user_id uuid, password_hash varchar)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT id, users.password_hash
    FROM users
    WHERE email = wanted_email
        AND is_active
        AND deleted_at IS NULL
$$;

CREATE FUNCTION redeem_sign_in_link(wanted_hash bytea) RETURNS uuid
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    UPDATE sign_in_links
    SET used_at = now()
    FROM users
    WHERE token_hash = wanted_hash
        AND used_at IS NULL
        AND expires_at > now()
        AND users.id = sign_in_links.user_id
        AND users.is_active
        AND users.deleted_at IS NULL
    RETURNING sign_in_links.user_id
$$;

-- A sign-in is forgotten after 30 days without use. Its activity is noted every five minutes at most, so that reading
-- pages does not write.
CREATE FUNCTION authenticate(wanted_hash bytea) RETURNS TABLE (
    user_id uuid,
    email varchar,
    full_name varchar,
    has_password boolean,
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

CREATE FUNCTION end_app_session(wanted_hash bytea) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
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

-- An invitation lives as long as its session and the membership of the person who made it.
CREATE FUNCTION find_invite(wanted_hash bytea) RETURNS TABLE (
    id uuid,
    session_id uuid,
    organization_id uuid,
    role varchar,
    name varchar,
    created_by uuid,
    expires_at timestamptz,
    session_title varchar,
    conversation_type varchar,
    session_status varchar,
    organization_name varchar
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
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
    JOIN organization_members
        ON organization_members.organization_id = session_invites.organization_id
        AND organization_members.user_id = session_invites.created_by
        AND organization_members.status = 'active'
    WHERE session_invites.token_hash = wanted_hash
        AND session_invites.revoked_at IS NULL
        AND session_invites.expires_at > now()
        AND sessions.deleted_at IS NULL
        AND organizations.is_active
        AND organizations.deleted_at IS NULL
$$;

CREATE FUNCTION find_ticket(wanted_hash bytea) RETURNS TABLE (
    session_id uuid,
    organization_id uuid,
    participant_id uuid,
    name varchar,
    role varchar,
    source varchar,
    shared_mic boolean,
    coached boolean,
    consented boolean,
    user_id uuid,
    expires_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
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
        join_tickets.expires_at
    FROM join_tickets
    JOIN session_participants ON session_participants.id = join_tickets.participant_id
    WHERE join_tickets.token_hash = wanted_hash
        AND join_tickets.used_at IS NULL
        AND join_tickets.expires_at > now()
$$;

CREATE FUNCTION redeem_ticket(wanted_hash bytea) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    WITH redeemed AS (
        UPDATE join_tickets
        SET used_at = now()
        WHERE token_hash = wanted_hash
            AND used_at IS NULL
            AND expires_at > now()
        RETURNING token_hash
    )
    SELECT EXISTS (SELECT FROM redeemed)
$$;

REVOKE ALL ON FUNCTION find_credentials(text), redeem_sign_in_link(bytea), authenticate(bytea),
    end_app_session(bytea), find_invite(bytea), find_ticket(bytea), redeem_ticket(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_credentials(text), redeem_sign_in_link(bytea), authenticate(bytea),
    end_app_session(bytea), find_invite(bytea) TO liveconvo_api;
GRANT EXECUTE ON FUNCTION find_ticket(bytea), redeem_ticket(bytea) TO liveconvo_media;

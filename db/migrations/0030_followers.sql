-- Following a session live, guidance for one role, and calls that end with what they belong to.

-- Guidance by hand may be for one role alone.
ALTER TABLE session_events DROP CONSTRAINT session_events_audience_check;
ALTER TABLE session_events ADD CONSTRAINT session_events_audience_check CHECK (
    audience IN ('everyone', 'coached', 'server', 'role:host', 'role:supervisor', 'role:participant')
    OR audience LIKE 'participant:_%'
) NOT VALID;
ALTER TABLE session_events VALIDATE CONSTRAINT session_events_audience_check;

-- What became of those who follow a session, asked for all of them at once, every second. Sign-ins and API keys alike.
-- Nothing is told of a credential but whether it is good, and what its holder is where the session is.
CREATE FUNCTION followers_now(wanted_hashes bytea[], wanted_session_ids uuid[]) RETURNS TABLE (
    place bigint,
    is_signed_in boolean,
    role varchar,
    is_own boolean,
    is_over boolean
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
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
REVOKE ALL ON FUNCTION followers_now(bytea[], uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION followers_now(bytea[], uuid[]) TO liveconvo_api;

-- Nobody gets into a call of an organization that was closed, guests included.
CREATE OR REPLACE FUNCTION is_welcome(wanted_user_id uuid, wanted_organization_id uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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
REVOKE ALL ON FUNCTION is_welcome(uuid, uuid) FROM PUBLIC;

-- Whoever closes an organization, and however, its calls are told to end; nodes look every second.
CREATE INDEX calls_organization_id_idx ON calls (organization_id);
CREATE FUNCTION end_calls_of_organization() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO call_commands (session_id, organization_id, kind)
    SELECT session_id, organization_id, 'end'
    FROM calls
    WHERE organization_id = NEW.id
        AND lease_until > now();
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION end_calls_of_organization() FROM PUBLIC;
CREATE TRIGGER end_calls_of_organization AFTER UPDATE OF is_active, deleted_at ON organizations
    FOR EACH ROW WHEN (
        OLD.is_active AND OLD.deleted_at IS NULL AND (NOT NEW.is_active OR NEW.deleted_at IS NOT NULL)
    ) EXECUTE FUNCTION end_calls_of_organization();

-- The same for an account: the calls that were its own end, and it leaves those of others.
CREATE FUNCTION end_calls_of_person() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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
REVOKE ALL ON FUNCTION end_calls_of_person() FROM PUBLIC;
CREATE TRIGGER end_calls_of_person AFTER UPDATE OF is_active, deleted_at ON users
    FOR EACH ROW WHEN (
        OLD.is_active AND OLD.deleted_at IS NULL AND (NOT NEW.is_active OR NEW.deleted_at IS NOT NULL)
    ) EXECUTE FUNCTION end_calls_of_person();

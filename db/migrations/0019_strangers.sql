-- What a stranger could still tell or open.

-- A foreign key answers differently for a session that is somebody else's and for one that is nobody's, and a unique
-- key tells whether it has a summary. This is asked before any key: both are the same "not found".
CREATE FUNCTION check_session() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM sessions WHERE id = NEW.session_id AND organization_id = NEW.organization_id) THEN
        PERFORM refuse('session_not_found', 'LC003');
    END IF;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION check_session() FROM PUBLIC;
DO $$
DECLARE
    child text;
BEGIN
    -- The tables with a session that the api role inserts into.
    FOREACH child IN ARRAY ARRAY[
        'call_commands', 'documents', 'join_tickets', 'prep_checklist', 'session_context', 'session_invites',
        'session_participants', 'session_share_links', 'summaries'
    ] LOOP
        EXECUTE format(
            'CREATE TRIGGER check_session BEFORE INSERT ON %I FOR EACH ROW EXECUTE FUNCTION check_session()', child
        );
    END LOOP;
END
$$;

-- The link of somebody whose account is closed opens nothing.
CREATE OR REPLACE FUNCTION find_invite(wanted_hash bytea) RETURNS TABLE (
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
    JOIN users ON users.id = session_invites.created_by
    JOIN organization_members
        ON organization_members.organization_id = session_invites.organization_id
        AND organization_members.user_id = session_invites.created_by
        AND organization_members.status = 'active'
    WHERE session_invites.token_hash = wanted_hash
        AND session_invites.revoked_at IS NULL
        AND session_invites.expires_at > now()
        AND sessions.deleted_at IS NULL
        AND users.is_active
        AND users.deleted_at IS NULL
        AND organizations.is_active
        AND organizations.deleted_at IS NULL
$$;

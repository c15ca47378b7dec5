-- A ticket is for one media node; the others now see that, and refuse it.

DROP FUNCTION find_ticket(bytea);
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
    expires_at timestamptz,
    node text
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
        join_tickets.expires_at,
        join_tickets.node
    FROM join_tickets
    JOIN session_participants ON session_participants.id = join_tickets.participant_id
    JOIN sessions ON sessions.id = join_tickets.session_id
    WHERE join_tickets.token_hash = wanted_hash
        AND join_tickets.used_at IS NULL
        AND join_tickets.expires_at > now()
        AND sessions.deleted_at IS NULL
$$;
REVOKE ALL ON FUNCTION find_ticket(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_ticket(bytea) TO liveconvo_media;

-- Who lost the connection comes back as the same participant: the ticket of an earlier join proves it, for it is known
-- to that client alone (a participant's id is known to the whole call). Only as the same person, role and consent.
CREATE FUNCTION participant_of_ticket(
    wanted_hash bytea, wanted_session uuid, wanted_user uuid, wanted_role varchar, wanted_consent boolean
) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT session_participants.id
    FROM join_tickets
    JOIN session_participants ON session_participants.id = join_tickets.participant_id
    WHERE join_tickets.token_hash = wanted_hash
        AND join_tickets.session_id = wanted_session
        AND session_participants.user_id IS NOT DISTINCT FROM wanted_user
        AND session_participants.role = wanted_role
        AND (session_participants.consented_at IS NOT NULL) = wanted_consent
$$;
REVOKE ALL ON FUNCTION participant_of_ticket(bytea, uuid, uuid, varchar, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION participant_of_ticket(bytea, uuid, uuid, varchar, boolean) TO liveconvo_api;

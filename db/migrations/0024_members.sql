-- What those who manage an organization may do with its members beside changing roles and limits: say what a member may
-- do, let somebody pause, and hand the organization over. And ask for its verification.

CREATE FUNCTION set_member_permissions(wanted_organization_id uuid, wanted_user_id uuid, wanted text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM require_member_change(wanted_organization_id, wanted_user_id, NULL);
    UPDATE organization_members
    SET permissions = to_jsonb(wanted)
    WHERE organization_id = wanted_organization_id
        AND user_id = wanted_user_id;
END
$$;

-- An inactive member has no seat and no way in; being active again takes a seat.
CREATE FUNCTION set_member_status(wanted_organization_id uuid, wanted_user_id uuid, wanted_status text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    old_status text;
BEGIN
    PERFORM require_member_change(wanted_organization_id, wanted_user_id, NULL);
    IF wanted_status NOT IN ('active', 'inactive') THEN
        PERFORM refuse('member_status', 'LC002');
    END IF;
    SELECT status
    INTO old_status
    FROM organization_members
    WHERE organization_id = wanted_organization_id
        AND user_id = wanted_user_id;
    IF wanted_status = 'active' AND old_status <> 'active' AND free_seats(wanted_organization_id) < 1 THEN
        PERFORM refuse('member_limit');
    END IF;
    UPDATE organization_members
    SET status = wanted_status
    WHERE organization_id = wanted_organization_id
        AND user_id = wanted_user_id;
    IF wanted_status <> 'active' THEN
        PERFORM move_out(wanted_organization_id, wanted_user_id);
    END IF;
END
$$;

-- By an owner, to an active member: one becomes what the other was. Nobody owns two organizations.
CREATE FUNCTION transfer_ownership(wanted_organization_id uuid, wanted_user_id uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM require_member_change(wanted_organization_id, wanted_user_id, 'owner');
    PERFORM FROM users WHERE id = wanted_user_id FOR NO KEY UPDATE;
    IF wanted_user_id = app_user_id() OR NOT EXISTS (
        SELECT FROM organization_members
        WHERE organization_id = wanted_organization_id
            AND user_id = wanted_user_id
            AND status = 'active'
    ) THEN
        PERFORM refuse('member_state');
    END IF;
    IF EXISTS (
        SELECT FROM organization_members
        JOIN organizations ON organizations.id = organization_members.organization_id
        WHERE organization_members.user_id = wanted_user_id
            AND organization_members.organization_id <> wanted_organization_id
            AND organization_members.role = 'owner'
            AND organization_members.status = 'active'
            AND organizations.deleted_at IS NULL
    ) THEN
        PERFORM refuse('organization_exists');
    END IF;
    UPDATE organization_members
    SET role = CASE WHEN user_id = wanted_user_id THEN 'owner' ELSE 'admin' END
    WHERE organization_id = wanted_organization_id
        AND user_id IN (wanted_user_id, app_user_id());
END
$$;

REVOKE ALL ON FUNCTION set_member_permissions(uuid, uuid, text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION set_member_status(uuid, uuid, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION transfer_ownership(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION set_member_permissions(uuid, uuid, text[]) TO liveconvo_api;
GRANT EXECUTE ON FUNCTION set_member_status(uuid, uuid, text) TO liveconvo_api;
GRANT EXECUTE ON FUNCTION transfer_ownership(uuid, uuid) TO liveconvo_api;

GRANT UPDATE (verification_requested_at) ON organizations TO liveconvo_api;

-- Whoever is a member no more does not get into a call on a ticket of before either.
CREATE FUNCTION is_welcome(wanted_user_id uuid, wanted_organization_id uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT wanted_user_id IS NULL OR EXISTS (
        SELECT FROM organization_members
        WHERE organization_id = wanted_organization_id
            AND user_id = wanted_user_id
            AND status = 'active'
    )
$$;
REVOKE ALL ON FUNCTION is_welcome(uuid, uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION find_ticket(wanted_hash bytea) RETURNS TABLE (
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
        AND is_welcome(session_participants.user_id, join_tickets.organization_id)
$$;

CREATE OR REPLACE FUNCTION redeem_ticket(wanted_hash bytea) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    WITH redeemed AS (
        UPDATE join_tickets
        SET used_at = now()
        FROM sessions, session_participants
        WHERE join_tickets.token_hash = wanted_hash
            AND join_tickets.used_at IS NULL
            AND join_tickets.expires_at > now()
            AND sessions.id = join_tickets.session_id
            AND sessions.deleted_at IS NULL
            AND session_participants.id = join_tickets.participant_id
            AND is_welcome(session_participants.user_id, join_tickets.organization_id)
        RETURNING join_tickets.token_hash
    )
    SELECT EXISTS (SELECT FROM redeemed)
$$;

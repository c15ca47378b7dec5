-- How many minutes somebody may record, and has recorded, is said in one place each: by minutes_allowed and
-- minutes_recorded. Whoever is warned is asked for by the jobs role.
GRANT EXECUTE ON FUNCTION minutes_allowed(uuid, uuid) TO liveconvo_jobs;

CREATE OR REPLACE FUNCTION usage_limit(wanted_user_id uuid, wanted_organization_id uuid) RETURNS TABLE (
    minutes_used integer,
    minutes_limit integer,
    minutes_remaining integer,
    percentage_used integer,
    is_unlimited boolean,
    can_record boolean
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT
        minutes.used,
        minutes.allowed,
        -- greatest() looks past NULL.
        CASE WHEN minutes.allowed IS NOT NULL THEN greatest(0, minutes.allowed - minutes.used) END,
        CASE
            WHEN minutes.allowed IS NULL THEN 0
            WHEN minutes.allowed = 0 THEN 100
            ELSE (100::bigint * minutes.used / minutes.allowed)::integer
        END,
        minutes.allowed IS NULL,
        minutes.allowed IS NULL OR minutes.used < minutes.allowed
    FROM organization_members
    JOIN organizations ON organizations.id = organization_members.organization_id
    CROSS JOIN LATERAL (
        SELECT
            minutes_recorded(wanted_user_id, wanted_organization_id) AS used,
            minutes_allowed(wanted_user_id, wanted_organization_id) AS allowed
        OFFSET 0
    ) AS minutes
    WHERE organization_members.organization_id = wanted_organization_id
        AND organization_members.user_id = wanted_user_id
        AND (
            wanted_user_id = app_user_id()
            OR wanted_organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))
            -- The meter asks for everybody. session_user: in a definer function current_user is the owner.
            OR pg_has_role(session_user, 'liveconvo_media', 'USAGE')
        )
$$;

-- The meter: the one way into the usage tables. A definer function, so that no server's role can write them otherwise.
--
-- Seconds of the same session and minute add up to 60 at most. The month's cache and the member's counters are
-- recomputed from usage_tracking, never incremented; locking the cache rows first, in one order, makes two nodes that
-- meter the same person wait for each other instead of losing each other's seconds.
CREATE FUNCTION add_usage_seconds(
    session_ids uuid[],
    organization_ids uuid[],
    user_ids uuid[],
    minutes_at timestamptz[],
    seconds integer[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    month record;
BEGIN
    FOR month IN
        SELECT DISTINCT
            sessions.organization_id,
            sessions.user_id,
            date_trunc('month', metered.minute_at AT TIME ZONE 'UTC') AS starts_at
        FROM unnest(session_ids, organization_ids, user_ids, minutes_at)
            AS metered (session_id, organization_id, user_id, minute_at)
        JOIN sessions
            ON sessions.id = metered.session_id
            AND sessions.organization_id = metered.organization_id
            AND sessions.user_id = metered.user_id
        ORDER BY 1, 2, 3
    LOOP
        INSERT INTO monthly_usage_cache (organization_id, user_id, month_year)
        VALUES (month.organization_id, month.user_id, to_char(month.starts_at, 'YYYY-MM'))
        ON CONFLICT (organization_id, user_id, month_year) DO UPDATE
        SET last_updated = CURRENT_TIMESTAMP;
    END LOOP;

    INSERT INTO usage_tracking (organization_id, user_id, session_id, minute_timestamp, seconds_recorded)
    SELECT
        metered.organization_id,
        metered.user_id,
        metered.session_id,
        date_trunc('minute', metered.minute_at),
        least(60, sum(metered.seconds))
    FROM unnest(session_ids, organization_ids, user_ids, minutes_at, seconds)
        AS metered (session_id, organization_id, user_id, minute_at, seconds)
    -- The session's user is charged, and only for a session that has had a call.
    JOIN sessions
        ON sessions.id = metered.session_id
        AND sessions.organization_id = metered.organization_id
        AND sessions.user_id = metered.user_id
    WHERE has_call(metered.session_id, metered.organization_id, 1)
        AND metered.seconds > 0
    GROUP BY 1, 2, 3, 4
    ON CONFLICT (session_id, minute_timestamp) DO UPDATE
    SET seconds_recorded = least(60, usage_tracking.seconds_recorded + excluded.seconds_recorded);

    FOR month IN
        SELECT DISTINCT
            metered.organization_id,
            metered.user_id,
            date_trunc('month', metered.minute_at AT TIME ZONE 'UTC') AS starts_at
        FROM unnest(organization_ids, user_ids, minutes_at) AS metered (organization_id, user_id, minute_at)
        ORDER BY 1, 2, 3
    LOOP
        PERFORM recompute_usage(month.organization_id, month.user_id, month.starts_at);
    END LOOP;
END
$$;

-- The month's totals and the member's counters, from the rows. `month_starts_at` is UTC without a zone.
CREATE FUNCTION recompute_usage(
    wanted_organization_id uuid,
    wanted_user_id uuid,
    month_starts_at timestamp
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
    this_month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
BEGIN
    UPDATE monthly_usage_cache
    SET total_seconds_used = total.seconds,
        total_minutes_used = (total.seconds + 59) / 60,
        last_updated = CURRENT_TIMESTAMP
    FROM (
        SELECT coalesce(sum(seconds_recorded), 0)::integer AS seconds
        FROM usage_tracking
        WHERE organization_id = wanted_organization_id
            AND user_id = wanted_user_id
            AND minute_timestamp >= month_starts_at AT TIME ZONE 'UTC'
            AND minute_timestamp < (month_starts_at + interval '1 month') AT TIME ZONE 'UTC'
    ) AS total
    WHERE organization_id = wanted_organization_id
        AND user_id = wanted_user_id
        AND month_year = to_char(month_starts_at, 'YYYY-MM');

    UPDATE organization_members
    SET current_month_start = this_month::date,
        current_month_minutes_used = coalesce((
            SELECT total_minutes_used
            FROM monthly_usage_cache
            WHERE organization_id = wanted_organization_id
                AND user_id = wanted_user_id
                AND month_year = to_char(this_month, 'YYYY-MM')
        ), 0),
        total_audio_hours_used = (
            SELECT least(9999.99, coalesce(sum(total_seconds_used), 0) / 3600.0)
            FROM monthly_usage_cache
            WHERE organization_id = wanted_organization_id
                AND user_id = wanted_user_id
        ),
        total_sessions_count = (
            SELECT count(*)
            FROM sessions
            WHERE organization_id = wanted_organization_id
                AND user_id = wanted_user_id
                AND recording_started_at IS NOT NULL
        ),
        last_session_at = (
            SELECT max(minute_timestamp)
            FROM usage_tracking
            WHERE organization_id = wanted_organization_id
                AND user_id = wanted_user_id
        )
    WHERE organization_id = wanted_organization_id
        AND user_id = wanted_user_id;
END
$$;

REVOKE ALL ON FUNCTION add_usage_seconds(uuid[], uuid[], uuid[], timestamptz[], integer[]),
    recompute_usage(uuid, uuid, timestamp) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION add_usage_seconds(uuid[], uuid[], uuid[], timestamptz[], integer[]) TO liveconvo_media;

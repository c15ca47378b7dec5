-- The ledger of usage: what was recorded of whom, in milliseconds of media time. Everything else that is said about
-- usage is derived from it in the same transaction: the minutes of a session from the union of its intervals, months
-- and counters from the minutes. Recomputed, never added up, so that replays, restarts and late intervals of any node
-- change nothing, and two people who speak at once cost one second a second.

-- Nobody adds seconds while the rows that are there become intervals.
LOCK TABLE usage_tracking, monthly_usage_cache IN SHARE ROW EXCLUSIVE MODE;

CREATE TABLE usage_intervals (
    session_id uuid NOT NULL,
    -- No foreign key: usage outlives the names of those who took part.
    participant_id uuid NOT NULL,
    -- 0: seconds that were counted before there was a ledger, or by a node that knows none.
    epoch integer NOT NULL CHECK (epoch >= 0),
    from_ms bigint NOT NULL CHECK (from_ms >= 0),
    to_ms bigint NOT NULL CHECK (to_ms > from_ms),
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    -- A run of audio is one row: while it goes on, to_ms grows.
    PRIMARY KEY (session_id, participant_id, epoch, from_ms),
    FOREIGN KEY (session_id, organization_id) REFERENCES sessions (id, organization_id)
);

-- Usage outlives what it was used for: sessions, people and organizations are erased, their rows and their usage stay.
ALTER TABLE usage_tracking
    DROP CONSTRAINT usage_tracking_session_id_fkey,
    DROP CONSTRAINT usage_tracking_user_id_fkey,
    DROP CONSTRAINT usage_tracking_organization_id_fkey;
ALTER TABLE usage_tracking
    ADD CONSTRAINT usage_tracking_session_id_fkey FOREIGN KEY (session_id) REFERENCES sessions (id),
    ADD CONSTRAINT usage_tracking_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    ADD CONSTRAINT usage_tracking_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations (id);
ALTER TABLE monthly_usage_cache
    DROP CONSTRAINT monthly_usage_cache_user_id_fkey,
    DROP CONSTRAINT monthly_usage_cache_organization_id_fkey;
ALTER TABLE monthly_usage_cache
    ADD CONSTRAINT monthly_usage_cache_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id),
    ADD CONSTRAINT monthly_usage_cache_organization_id_fkey
        FOREIGN KEY (organization_id) REFERENCES organizations (id);

-- Every report sums up a person's month: from the index alone, and never by way of the whole organization's minutes.
DROP INDEX usage_tracking_user_id_idx;
CREATE INDEX usage_tracking_user_id_idx
    ON usage_tracking (user_id, organization_id, minute_timestamp) INCLUDE (seconds_recorded);

-- The Unix time in milliseconds of a session's media time 0. A call that has not begun is placed by its lease.
CREATE FUNCTION media_zero_ms(recording_started_at timestamptz, call_started_at timestamptz, created_at timestamptz)
RETURNS bigint
LANGUAGE sql STABLE
RETURN floor(extract(epoch FROM coalesce(recording_started_at, call_started_at, created_at)) * 1000)::bigint;

-- Whole seconds of a minute become an interval from the minute's begin on; what does not fit, because media time began
-- within that minute, follows right behind, so that no session's total changes.
WITH minutes AS (
    SELECT
        session_id,
        usage_tracking.organization_id,
        usage_tracking.user_id,
        seconds_recorded * 1000 AS wanted_ms,
        greatest(
            0,
            (extract(epoch FROM minute_timestamp) * 1000)::bigint
            - media_zero_ms(recording_started_at, calls.started_at, sessions.created_at)
        ) AS begins_ms,
        sum(seconds_recorded * 1000) OVER (PARTITION BY session_id ORDER BY minute_timestamp) AS summed_ms
    FROM usage_tracking
    JOIN sessions ON sessions.id = usage_tracking.session_id
    LEFT JOIN calls USING (session_id)
    WHERE seconds_recorded > 0
),
placed AS (
    SELECT
        session_id,
        organization_id,
        user_id,
        wanted_ms,
        summed_ms + max(begins_ms + wanted_ms - summed_ms) OVER (PARTITION BY session_id ORDER BY summed_ms)
            AS ends_ms
    FROM minutes
)
INSERT INTO usage_intervals (session_id, participant_id, epoch, from_ms, to_ms, organization_id, user_id)
SELECT session_id, session_id, 0, ends_ms - wanted_ms, ends_ms, organization_id, user_id
FROM placed;

-- locks --------------------------------------------------------------------------------------------------------------

-- One lock for a person in an organization, which covers their sessions; by number, so that nobody waits in a circle.
-- There are 4096 at most: a bulk load must not fill Postgres' table of locks.
CREATE FUNCTION usage_lock(organization_id uuid, user_id uuid) RETURNS integer
LANGUAGE sql IMMUTABLE
RETURN hashtext(organization_id::text || user_id::text) & 4095;

CREATE FUNCTION take_usage_locks(numbers integer[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    number integer;
BEGIN
    FOR number IN SELECT DISTINCT unnest(numbers) ORDER BY 1 LOOP
        -- The first figure keeps these locks apart from others: this migration's number.
        PERFORM pg_advisory_xact_lock(14, number);
    END LOOP;
END
$$;

-- For a transaction that changes more than usage: taken first, before any row, it cannot end in a deadlock.
CREATE FUNCTION lock_usage(wanted_session_ids uuid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM take_usage_locks(ARRAY(
        SELECT usage_lock(organization_id, user_id)
        FROM sessions
        WHERE id = ANY (wanted_session_ids)
    ));
END
$$;

-- intervals → minutes ------------------------------------------------------------------------------------------------

-- The seconds of a minute are the whole seconds of the union up to its end, less those up to its begin: milliseconds
-- left over go on to the next minute, a minute has 60 at most, and the session's total is exact to the second.
-- A generic plan: one for each array takes longer to make than all the rest takes to run.
CREATE FUNCTION derive_usage(wanted_session_ids uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    PERFORM lock_usage(wanted_session_ids);
    -- A statement of its own: it sees what others committed before they gave the lock away.
    WITH metered AS (
        SELECT
            sessions.id,
            sessions.organization_id,
            sessions.user_id,
            media_zero_ms(recording_started_at, calls.started_at, sessions.created_at) AS zero_ms
        FROM sessions
        LEFT JOIN calls ON calls.session_id = sessions.id
        WHERE sessions.id = ANY (wanted_session_ids)
    ),
    pieces AS (
        SELECT metered.id, unnest(range_agg(int8range(zero_ms + from_ms, zero_ms + to_ms))) AS piece
        FROM metered
        JOIN usage_intervals ON usage_intervals.session_id = metered.id
        GROUP BY metered.id
    ),
    minutes AS (
        SELECT
            id,
            minute,
            sum(
                least(upper(piece), (minute + 1) * 60000) - greatest(lower(piece), minute * 60000)
            )::bigint AS covered_ms
        FROM pieces
        CROSS JOIN LATERAL generate_series(lower(piece) / 60000, (upper(piece) - 1) / 60000) AS minute
        GROUP BY id, minute
    ),
    totals AS (
        SELECT id, minute, covered_ms, (sum(covered_ms) OVER (PARTITION BY id ORDER BY minute))::bigint AS total_ms
        FROM minutes
    ),
    derived AS (
        SELECT
            id,
            to_timestamp(minute * 60) AS minute_at,
            (total_ms / 1000 - (total_ms - covered_ms) / 1000)::integer AS seconds
        FROM totals
    ),
    gone AS (
        DELETE FROM usage_tracking
        WHERE session_id = ANY (wanted_session_ids)
            AND NOT EXISTS (
                SELECT FROM derived
                WHERE derived.id = usage_tracking.session_id
                    AND derived.minute_at = usage_tracking.minute_timestamp
                    AND derived.seconds > 0
            )
    )
    INSERT INTO usage_tracking AS stored (organization_id, user_id, session_id, minute_timestamp, seconds_recorded)
    SELECT metered.organization_id, metered.user_id, metered.id, derived.minute_at, derived.seconds
    FROM derived
    JOIN metered USING (id)
    LEFT JOIN usage_tracking AS known
        ON known.session_id = derived.id
        AND known.minute_timestamp = derived.minute_at
    WHERE derived.seconds > 0
        AND known.seconds_recorded IS DISTINCT FROM derived.seconds
    ON CONFLICT (session_id, minute_timestamp) DO UPDATE
    SET seconds_recorded = excluded.seconds_recorded;
END
$$;

CREATE FUNCTION derive_from_intervals() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    changed_ids uuid[] := ARRAY(SELECT DISTINCT session_id FROM changed);
BEGIN
    IF cardinality(changed_ids) > 0 THEN
        PERFORM derive_usage(changed_ids);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER derive_from_new AFTER INSERT ON usage_intervals
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION derive_from_intervals();
CREATE TRIGGER derive_from_changed AFTER UPDATE ON usage_intervals
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION derive_from_intervals();
CREATE TRIGGER derive_from_deleted AFTER DELETE ON usage_intervals
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION derive_from_intervals();

-- minutes → months and counters --------------------------------------------------------------------------------------

-- What was recorded of these people in these months (UTC, without a zone), and in these sessions, summed up anew.
CREATE FUNCTION sum_up_usage(session_ids uuid[], organization_ids uuid[], user_ids uuid[], months timestamp[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    this_month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
BEGIN
    PERFORM take_usage_locks(ARRAY(
        SELECT usage_lock(organization_id, user_id)
        FROM unnest(organization_ids, user_ids) AS person (organization_id, user_id)
    ));

    INSERT INTO monthly_usage_cache (organization_id, user_id, month_year, total_seconds_used, total_minutes_used)
    SELECT organization_id, user_id, to_char(month, 'YYYY-MM'), seconds, (seconds + 59) / 60
    FROM (
        SELECT DISTINCT organization_id, user_id, month
        FROM unnest(organization_ids, user_ids, months) AS changed (organization_id, user_id, month)
    ) AS changed
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(seconds_recorded), 0)::integer AS seconds
        FROM usage_tracking
        WHERE usage_tracking.organization_id = changed.organization_id
            AND usage_tracking.user_id = changed.user_id
            AND minute_timestamp >= month AT TIME ZONE 'UTC'
            AND minute_timestamp < (month + interval '1 month') AT TIME ZONE 'UTC'
    ) AS total
    ON CONFLICT (organization_id, user_id, month_year) DO UPDATE
    SET total_seconds_used = excluded.total_seconds_used,
        total_minutes_used = excluded.total_minutes_used,
        last_updated = CURRENT_TIMESTAMP;

    UPDATE organization_members
    SET current_month_start = this_month::date,
        current_month_minutes_used = used.month_minutes,
        total_audio_hours_used = used.hours,
        last_session_at = used.last_at
    FROM (
        SELECT DISTINCT organization_id, user_id
        FROM unnest(organization_ids, user_ids) AS changed (organization_id, user_id)
    ) AS person
    CROSS JOIN LATERAL (
        SELECT
            least(9999.99, coalesce(sum(total_seconds_used), 0) / 3600.0)::numeric(6, 2) AS hours,
            coalesce(sum(total_minutes_used) FILTER (WHERE month_year = to_char(this_month, 'YYYY-MM')), 0)
                AS month_minutes,
            (
                SELECT max(minute_timestamp)
                FROM usage_tracking
                WHERE usage_tracking.organization_id = person.organization_id
                    AND usage_tracking.user_id = person.user_id
            ) AS last_at
        FROM monthly_usage_cache
        WHERE monthly_usage_cache.organization_id = person.organization_id
            AND monthly_usage_cache.user_id = person.user_id
    ) AS used
    WHERE organization_members.organization_id = person.organization_id
        AND organization_members.user_id = person.user_id
        AND (current_month_start, current_month_minutes_used, total_audio_hours_used, last_session_at)
            IS DISTINCT FROM (this_month::date, used.month_minutes, used.hours, used.last_at);

    UPDATE sessions
    SET recording_duration_seconds = total.seconds
    FROM (
        SELECT session_id, coalesce(sum(seconds_recorded), 0) AS seconds
        FROM (SELECT DISTINCT unnest(session_ids) AS session_id) AS changed
        LEFT JOIN usage_tracking USING (session_id)
        GROUP BY session_id
    ) AS total
    WHERE sessions.id = total.session_id
        AND recording_duration_seconds <> total.seconds;
END
$$;

CREATE FUNCTION sum_up_minutes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    touched record;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT
            array_agg(session_id) AS session_ids,
            array_agg(organization_id) AS organization_ids,
            array_agg(user_id) AS user_ids,
            array_agg(month) AS months
        INTO touched
        FROM (
            SELECT DISTINCT
                session_id, organization_id, user_id, date_trunc('month', minute_timestamp AT TIME ZONE 'UTC') AS month
            FROM (TABLE changed UNION ALL TABLE replaced) AS both_of_each
        ) AS minute;
    ELSE
        SELECT
            array_agg(session_id) AS session_ids,
            array_agg(organization_id) AS organization_ids,
            array_agg(user_id) AS user_ids,
            array_agg(month) AS months
        INTO touched
        FROM (
            SELECT DISTINCT
                session_id, organization_id, user_id, date_trunc('month', minute_timestamp AT TIME ZONE 'UTC') AS month
            FROM changed
        ) AS minute;
    END IF;
    IF touched.session_ids IS NOT NULL THEN
        PERFORM sum_up_usage(touched.session_ids, touched.organization_ids, touched.user_ids, touched.months);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER sum_up_new AFTER INSERT ON usage_tracking
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sum_up_minutes();
CREATE TRIGGER sum_up_changed AFTER UPDATE ON usage_tracking
    REFERENCING OLD TABLE AS replaced NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sum_up_minutes();
CREATE TRIGGER sum_up_deleted AFTER DELETE ON usage_tracking
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sum_up_minutes();

-- sessions → placement and the number of sessions --------------------------------------------------------------------

CREATE FUNCTION count_recorded_sessions(organization_ids uuid[], user_ids uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM take_usage_locks(ARRAY(
        SELECT usage_lock(organization_id, user_id)
        FROM unnest(organization_ids, user_ids) AS person (organization_id, user_id)
    ));
    UPDATE organization_members
    SET total_sessions_count = recorded.sessions
    FROM (
        SELECT DISTINCT organization_id, user_id
        FROM unnest(organization_ids, user_ids) AS changed (organization_id, user_id)
    ) AS person
    CROSS JOIN LATERAL (
        SELECT count(*) AS sessions
        FROM sessions
        WHERE sessions.user_id = person.user_id
            AND sessions.organization_id = person.organization_id
            AND recording_started_at IS NOT NULL
    ) AS recorded
    WHERE organization_members.organization_id = person.organization_id
        AND organization_members.user_id = person.user_id;
END
$$;

CREATE FUNCTION count_new_sessions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    touched record;
BEGIN
    SELECT array_agg(organization_id) AS organization_ids, array_agg(user_id) AS user_ids
    INTO touched
    FROM changed
    WHERE recording_started_at IS NOT NULL;
    IF touched.user_ids IS NOT NULL THEN
        PERFORM count_recorded_sessions(touched.organization_ids, touched.user_ids);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER count_new_sessions AFTER INSERT ON sessions
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_new_sessions();

-- The first packet's instant may come after the first interval: then all of them move.
CREATE FUNCTION place_usage() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM derive_usage(ARRAY[NEW.id]);
    PERFORM count_recorded_sessions(ARRAY[NEW.organization_id], ARRAY[NEW.user_id]);
    RETURN NULL;
END
$$;
CREATE TRIGGER place_usage AFTER UPDATE OF recording_started_at ON sessions
    FOR EACH ROW WHEN (OLD.recording_started_at IS DISTINCT FROM NEW.recording_started_at)
    EXECUTE FUNCTION place_usage();

-- nodes of the release before ----------------------------------------------------------------------------------------

-- They count seconds by themselves. Each report is an interval in its minute, behind those that are there.
CREATE OR REPLACE FUNCTION add_usage_seconds(
    session_ids uuid[],
    organization_ids uuid[],
    user_ids uuid[],
    minutes_at timestamptz[],
    seconds integer[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM lock_usage(session_ids);
    INSERT INTO usage_intervals (session_id, participant_id, epoch, from_ms, to_ms, organization_id, user_id)
    SELECT id, id, 0, free_ms, least(free_ms + wanted_ms, ends_ms), organization_id, user_id
    FROM (
        SELECT
            sessions.id,
            sessions.organization_id,
            sessions.user_id,
            metered.wanted_ms,
            placed.begins_ms + 60000 AS ends_ms,
            greatest(
                0,
                placed.begins_ms,
                (
                    SELECT max(to_ms)
                    FROM usage_intervals
                    WHERE session_id = sessions.id
                        AND participant_id = sessions.id
                        AND epoch = 0
                        AND from_ms < placed.begins_ms + 60000
                )
            ) AS free_ms
        FROM (
            SELECT session_id, organization_id, user_id, minute_at, sum(added.seconds) * 1000 AS wanted_ms
            FROM (
                SELECT
                    unnest(session_ids) AS session_id,
                    unnest(organization_ids) AS organization_id,
                    unnest(user_ids) AS user_id,
                    date_trunc('minute', unnest(minutes_at)) AS minute_at,
                    unnest(seconds) AS seconds
            ) AS added
            WHERE added.seconds > 0
            GROUP BY session_id, organization_id, user_id, minute_at
        ) AS metered
        JOIN sessions
            ON sessions.id = metered.session_id
            AND sessions.organization_id = metered.organization_id
            AND sessions.user_id = metered.user_id
        JOIN calls ON calls.session_id = sessions.id
        CROSS JOIN LATERAL (
            SELECT
                (extract(epoch FROM minute_at) * 1000)::bigint
                - media_zero_ms(recording_started_at, calls.started_at, sessions.created_at) AS begins_ms
        ) AS placed
    ) AS report
    WHERE free_ms < ends_ms;
END
$$;
DROP FUNCTION recompute_usage(uuid, uuid, timestamp);

-- the limit ----------------------------------------------------------------------------------------------------------

-- This month's minutes (UTC) of a person here, and how many there may be: the least of what limits the member, the
-- organization and the plan. NULL limits nothing, 0 allows nothing. The plan is the organization's, else the person's
-- own, else the free one: it changes with the subscription, at once.
-- A definer function, because who manages a person may ask and does not see that person's own subscription. No row:
-- there is no such member, or it is none of the asker's business.
CREATE FUNCTION usage_limit(wanted_user_id uuid, wanted_organization_id uuid) RETURNS TABLE (
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
        used.minutes,
        allowed.minutes,
        -- greatest() looks past NULL.
        CASE WHEN allowed.minutes IS NOT NULL THEN greatest(0, allowed.minutes - used.minutes) END,
        CASE
            WHEN allowed.minutes IS NULL THEN 0
            WHEN allowed.minutes = 0 THEN 100
            ELSE (100::bigint * used.minutes / allowed.minutes)::integer
        END,
        allowed.minutes IS NULL,
        allowed.minutes IS NULL OR used.minutes < allowed.minutes
    FROM organization_members
    JOIN organizations ON organizations.id = organization_members.organization_id
    CROSS JOIN LATERAL (
        SELECT coalesce(max(total_minutes_used), 0) AS minutes
        FROM monthly_usage_cache
        WHERE monthly_usage_cache.organization_id = wanted_organization_id
            AND monthly_usage_cache.user_id = wanted_user_id
            AND month_year = to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')
    ) AS used
    LEFT JOIN plans ON plans.id = coalesce(
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
    CROSS JOIN LATERAL (
        SELECT least(
            organization_members.monthly_audio_hours_limit * 60,
            organizations.monthly_audio_hours_limit * 60,
            coalesce(plans.monthly_audio_minutes_limit, plans.monthly_audio_hours_limit * 60)
        ) AS minutes
    ) AS allowed
    WHERE organization_members.organization_id = wanted_organization_id
        AND organization_members.user_id = wanted_user_id
        AND (
            wanted_user_id = app_user_id()
            OR wanted_organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))
            -- The meter asks for everybody. session_user: in a definer function current_user is the owner.
            OR pg_has_role(session_user, 'liveconvo_media', 'USAGE')
        )
$$;

-- A minute has one name, or the unique key would let it be charged twice.
SELECT derive_usage(ARRAY(
    SELECT DISTINCT session_id
    FROM usage_tracking
    WHERE extract(second FROM minute_timestamp) <> 0
));
ALTER TABLE usage_tracking ADD CONSTRAINT usage_tracking_minute_timestamp_check
    CHECK (extract(second FROM minute_timestamp AT TIME ZONE 'UTC') = 0);

-- rights -------------------------------------------------------------------------------------------------------------

REVOKE ALL ON FUNCTION media_zero_ms(timestamptz, timestamptz, timestamptz), usage_lock(uuid, uuid),
    take_usage_locks(integer[]), lock_usage(uuid[]), derive_usage(uuid[]), derive_from_intervals(),
    sum_up_usage(uuid[], uuid[], uuid[], timestamp[]), sum_up_minutes(),
    count_recorded_sessions(uuid[], uuid[]), count_new_sessions(), place_usage(), usage_limit(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lock_usage(uuid[]), take_usage_locks(integer[]), usage_lock(uuid, uuid) TO liveconvo_media;
GRANT EXECUTE ON FUNCTION usage_limit(uuid, uuid) TO liveconvo_api, liveconvo_media;

ALTER TABLE usage_intervals ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage_intervals FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON usage_intervals TO CURRENT_USER USING (true) WITH CHECK (true);
REVOKE ALL ON usage_intervals FROM PUBLIC;

GRANT SELECT ON usage_intervals TO liveconvo_api, liveconvo_media;
GRANT INSERT (session_id, participant_id, epoch, from_ms, to_ms, organization_id, user_id), UPDATE (to_ms)
    ON usage_intervals TO liveconvo_media;
CREATE POLICY api_read ON usage_intervals FOR SELECT TO liveconvo_api USING (
    user_id = (SELECT app_user_id()) OR organization_id = ANY (ARRAY(SELECT my_managed_organization_ids()))
);
CREATE POLICY media_read ON usage_intervals FOR SELECT TO liveconvo_media USING (true);
CREATE POLICY media_insert ON usage_intervals FOR INSERT TO liveconvo_media
    WITH CHECK (has_call(session_id, organization_id, epoch));
CREATE POLICY media_update ON usage_intervals FOR UPDATE TO liveconvo_media
    USING (has_call(session_id, organization_id, epoch)) WITH CHECK (has_call(session_id, organization_id, epoch));

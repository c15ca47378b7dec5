-- What the product needs beside the given model: ways in for programs, ways out for reports and events, consent and
-- recordings, what payment sends, who did what, and the door through which an administrator looks into a tenant.

-- ways in ------------------------------------------------------------------------------------------------------------

CREATE TABLE api_keys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    key_hash bytea NOT NULL UNIQUE CHECK (octet_length(key_hash) = 32),
    key_prefix varchar(16) NOT NULL,
    name varchar(255) NOT NULL CHECK (name <> ''),
    -- A program acts as the member who made its key.
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    scopes text[] NOT NULL DEFAULT '{}' CHECK (scopes <@ ARRAY['read', 'write', 'admin']),
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at timestamptz CHECK (expires_at > created_at),
    last_used_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_organization_id_idx ON api_keys (organization_id, created_at DESC);
CREATE INDEX api_keys_user_id_idx ON api_keys (user_id);

-- ways out -----------------------------------------------------------------------------------------------------------

CREATE TABLE session_share_links (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    session_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    created_by uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    shared_tabs text[] NOT NULL DEFAULT '{summary}' CHECK (
        shared_tabs <@ ARRAY['summary', 'transcript', 'guidance', 'metrics'] AND cardinality(shared_tabs) > 0
    ),
    message text,
    recipient_email varchar(255) CHECK (recipient_email = lower(recipient_email)),
    -- NULL: until it is revoked.
    expires_at timestamptz CHECK (expires_at > created_at),
    revoked_at timestamptz,
    access_count integer NOT NULL DEFAULT 0 CHECK (access_count >= 0),
    last_accessed_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    FOREIGN KEY (session_id, organization_id) REFERENCES sessions (id, organization_id) ON DELETE CASCADE
);
CREATE INDEX session_share_links_session_id_idx ON session_share_links (session_id, created_at DESC);
CREATE INDEX session_share_links_created_by_idx ON session_share_links (created_by);

CREATE TABLE webhook_endpoints (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    url varchar(2048) NOT NULL CHECK (url LIKE 'https://_%' OR url LIKE 'http://_%'),
    -- Needed in the clear to sign with; read by the jobs role alone.
    signing_secret bytea NOT NULL CHECK (octet_length(signing_secret) BETWEEN 24 AND 64),
    event_types text[] NOT NULL CHECK (cardinality(event_types) > 0),
    is_active boolean NOT NULL DEFAULT true,
    disabled_reason varchar(50),
    created_by uuid REFERENCES users (id) ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (id, organization_id)
);
CREATE INDEX webhook_endpoints_organization_id_idx ON webhook_endpoints (organization_id);
CREATE INDEX webhook_endpoints_created_by_idx ON webhook_endpoints (created_by);

CREATE TABLE webhook_deliveries (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    endpoint_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    event_type text NOT NULL,
    payload jsonb NOT NULL,
    status varchar(20) NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'delivered', 'failed')),
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    response_status integer CHECK (response_status BETWEEN 100 AND 599),
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    delivered_at timestamptz,
    CHECK ((status = 'delivered') = (delivered_at IS NOT NULL)),
    FOREIGN KEY (endpoint_id, organization_id) REFERENCES webhook_endpoints (id, organization_id) ON DELETE CASCADE
);
CREATE INDEX webhook_deliveries_endpoint_id_idx ON webhook_deliveries (endpoint_id, created_at DESC);
CREATE INDEX webhook_deliveries_pending_idx ON webhook_deliveries (next_attempt_at) WHERE status = 'pending';

-- consent and recordings ---------------------------------------------------------------------------------------------

CREATE TABLE consents (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    participant_id uuid NOT NULL,
    user_id uuid REFERENCES users (id) ON DELETE SET NULL,
    version varchar(50) NOT NULL CHECK (version <> ''),
    given_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    withdrawn_at timestamptz,
    FOREIGN KEY (session_id, organization_id) REFERENCES sessions (id, organization_id) ON DELETE CASCADE,
    FOREIGN KEY (participant_id, session_id) REFERENCES session_participants (id, session_id) ON DELETE CASCADE
);
CREATE INDEX consents_session_id_idx ON consents (session_id);
CREATE INDEX consents_user_id_idx ON consents (user_id);
-- One that stands at a time.
CREATE UNIQUE INDEX consents_standing_key ON consents (participant_id) WHERE withdrawn_at IS NULL;
INSERT INTO consents (session_id, organization_id, participant_id, user_id, version, given_at)
SELECT session_id, organization_id, id, user_id, consent_version, consented_at
FROM session_participants
WHERE consented_at IS NOT NULL
    AND consent_version <> '';

-- Consent is evidence: it is noted with the participant who gives it, by the database.
CREATE FUNCTION note_consent() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.consented_at IS NOT NULL THEN
        UPDATE consents
        SET withdrawn_at = now()
        WHERE participant_id = NEW.id
            AND withdrawn_at IS NULL;
    END IF;
    IF NEW.consented_at IS NOT NULL THEN
        INSERT INTO consents (session_id, organization_id, participant_id, user_id, version, given_at)
        VALUES (
            NEW.session_id, NEW.organization_id, NEW.id, NEW.user_id, coalesce(nullif(NEW.consent_version, ''), '-'),
            NEW.consented_at
        );
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION note_consent() FROM PUBLIC;
CREATE TRIGGER note_consent AFTER INSERT OR UPDATE OF consented_at ON session_participants
    FOR EACH ROW EXECUTE FUNCTION note_consent();

CREATE TABLE recordings (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    session_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    participant_id uuid,
    -- Below the installation's recordings folder or bucket; never an address that a stranger could open.
    storage_key varchar(512) NOT NULL UNIQUE CHECK (storage_key !~ '(^/|\.\.)'),
    media_type varchar(100) NOT NULL,
    started_at_ms bigint NOT NULL CHECK (started_at_ms >= 0),
    duration_ms bigint NOT NULL CHECK (duration_ms >= 0),
    size_bytes bigint NOT NULL CHECK (size_bytes >= 0),
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    deleted_at timestamptz,
    FOREIGN KEY (session_id, organization_id) REFERENCES sessions (id, organization_id) ON DELETE CASCADE,
    FOREIGN KEY (participant_id, session_id)
        REFERENCES session_participants (id, session_id) ON DELETE SET NULL (participant_id)
);
CREATE INDEX recordings_session_id_idx ON recordings (session_id, started_at_ms);

-- payment ------------------------------------------------------------------------------------------------------------

-- Stripe's clock, not ours: what is older than what is known changes nothing, however late it comes.
ALTER TABLE subscriptions ADD COLUMN stripe_updated_at timestamptz;

-- Every event once, by Stripe's own id, however often and in whatever order it is delivered.
CREATE TABLE stripe_events (
    id text PRIMARY KEY CHECK (id <> ''),
    type text NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    processed_at timestamptz,
    outcome varchar(50),
    CHECK ((processed_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX stripe_events_waiting_idx ON stripe_events (created_at) WHERE processed_at IS NULL;

-- who did what -------------------------------------------------------------------------------------------------------

-- No foreign keys and no personal data: a row says which ids, roles and codes, and outlives those it speaks of. Each
-- row carries the hash of the one before it in its organization, so that none can be changed or taken out unseen.
CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id uuid,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor_kind varchar(20) NOT NULL CHECK (actor_kind IN ('user', 'platform_admin', 'job', 'system')),
    actor_id uuid,
    action varchar(100) NOT NULL CHECK (action ~ '^[a-z_]+\.[a-z_]+$'),
    target_kind varchar(50) NOT NULL,
    target_id uuid,
    details jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(details) = 'object'),
    previous_hash bytea,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32)
);
CREATE INDEX audit_log_organization_id_idx ON audit_log (organization_id, id DESC);

CREATE FUNCTION audit_hash(entry audit_log) RETURNS bytea
LANGUAGE sql STABLE
RETURN sha256(
    coalesce(entry.previous_hash, '') || convert_to(
        jsonb_build_array(
            entry.id, entry.organization_id, to_char(entry.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'),
            entry.actor_kind, entry.actor_id, entry.action, entry.target_kind, entry.target_id, entry.details
        )::text,
        'UTF8'
    )
);

-- The chain is the database's: whoever inserts says what happened and nothing about hashes. One at a time within an
-- organization, so that two do not follow the same row.
CREATE FUNCTION chain_audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('audit ' || coalesce(NEW.organization_id::text, ''), 0));
    NEW.id := nextval(pg_get_serial_sequence('audit_log', 'id'));
    NEW.at := clock_timestamp();
    -- Two branches: IS NOT DISTINCT FROM knows no index, and this runs for every entry. In the order of the chains'
    -- index, and BETWEEN instead of =, which would make that order the same as by id alone: a chain that has rested for
    -- long would be looked for through everybody's entries.
    IF NEW.organization_id IS NULL THEN
        NEW.previous_hash := (
            SELECT hash
            FROM audit_log
            WHERE organization_id IS NULL
            ORDER BY organization_id, id DESC
            LIMIT 1
        );
    ELSE
        NEW.previous_hash := (
            SELECT hash
            FROM audit_log
            WHERE organization_id BETWEEN NEW.organization_id AND NEW.organization_id
            ORDER BY organization_id, id DESC
            LIMIT 1
        );
    END IF;
    NEW.hash := audit_hash(NEW);
    RETURN NEW;
END
$$;
CREATE FUNCTION keep_audit() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse('audit_is_final');
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION audit_hash(audit_log), chain_audit(), keep_audit() FROM PUBLIC;
CREATE TRIGGER chain_audit BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION chain_audit();
CREATE TRIGGER keep_audit BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION keep_audit();
CREATE TRIGGER keep_all_audit BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION keep_audit();

-- For functions of ours. Whoever runs the statement: a signed-in person, or a job or the owner of the installation.
CREATE FUNCTION append_audit(
    wanted_organization_id uuid,
    wanted_action text,
    wanted_target_kind text,
    wanted_target_id uuid,
    wanted_details jsonb DEFAULT '{}'
) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    INSERT INTO audit_log (organization_id, actor_kind, actor_id, action, target_kind, target_id, details, hash)
    VALUES (
        wanted_organization_id,
        CASE
            WHEN app_user_id() IS NOT NULL THEN 'user'
            WHEN session_user = 'liveconvo_jobs' THEN 'job'
            ELSE 'system'
        END,
        app_user_id(), wanted_action, wanted_target_kind, wanted_target_id, wanted_details, '\x'
    )
    RETURNING id
$$;

-- For the servers: nobody writes into the chain of an organization that is not theirs.
CREATE FUNCTION write_audit(
    wanted_organization_id uuid,
    wanted_action text,
    wanted_target_kind text,
    wanted_target_id uuid,
    wanted_details jsonb DEFAULT '{}'
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF app_user_id() IS NOT NULL AND wanted_organization_id IS NOT NULL AND NOT is_platform_admin()
        AND wanted_organization_id NOT IN (SELECT my_organization_ids())
    THEN
        PERFORM refuse('organization_not_found', 'LC003');
    END IF;
    RETURN append_audit(
        wanted_organization_id, wanted_action, wanted_target_kind, wanted_target_id, wanted_details
    );
END
$$;
REVOKE ALL ON FUNCTION append_audit(uuid, text, text, uuid, jsonb), write_audit(uuid, text, text, uuid, jsonb)
    FROM PUBLIC;

-- What changes who may do what leaves a trace by itself: which columns, and the values of those that are no one's
-- personal data.
CREATE FUNCTION audit_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    before jsonb := CASE WHEN TG_OP = 'INSERT' THEN '{}' ELSE to_jsonb(OLD) END;
    after jsonb := CASE WHEN TG_OP = 'DELETE' THEN '{}' ELSE to_jsonb(NEW) END;
    written jsonb := CASE WHEN TG_OP = 'DELETE' THEN before ELSE after END;
    changed jsonb;
BEGIN
    SELECT coalesce(jsonb_object_agg(
        key,
        CASE WHEN key = ANY (TG_ARGV) THEN jsonb_build_array(before -> key, after -> key) ELSE 'true' END
    ), '{}')
    INTO changed
    FROM jsonb_object_keys(written) AS key
    WHERE before -> key IS DISTINCT FROM after -> key
        AND key NOT IN ('id', 'created_at', 'updated_at');
    PERFORM append_audit(
        (written ->> 'organization_id')::uuid,
        TG_TABLE_NAME || '.' || lower(TG_OP),
        TG_TABLE_NAME,
        (written ->> CASE TG_TABLE_NAME WHEN 'organization_members' THEN 'user_id' ELSE 'id' END)::uuid,
        changed
    );
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION audit_change() FROM PUBLIC;
CREATE TRIGGER audit_change
    AFTER INSERT OR UPDATE OF role, status, permissions, monthly_audio_hours_limit, max_sessions_per_month OR DELETE
    ON organization_members
    FOR EACH ROW EXECUTE FUNCTION audit_change('role', 'status', 'monthly_audio_hours_limit', 'max_sessions_per_month');
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OF status, role OR DELETE ON organization_invitations
    FOR EACH ROW EXECUTE FUNCTION audit_change('role', 'status');
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OF revoked_at OR DELETE ON api_keys
    FOR EACH ROW EXECUTE FUNCTION audit_change('scopes');
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OF revoked_at OR DELETE ON session_share_links
    FOR EACH ROW EXECUTE FUNCTION audit_change('shared_tabs', 'expires_at');
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OF is_active, url, event_types OR DELETE ON webhook_endpoints
    FOR EACH ROW EXECUTE FUNCTION audit_change('is_active', 'event_types');
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OF status, plan_id OR DELETE ON subscriptions
    FOR EACH ROW EXECUTE FUNCTION audit_change('status', 'plan_id');

-- the door -----------------------------------------------------------------------------------------------------------

CREATE TABLE admin_grants (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    reason text NOT NULL CHECK (btrim(reason) <> ''),
    opened_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    expires_at timestamptz NOT NULL,
    closed_at timestamptz,
    opened_in xid8 NOT NULL DEFAULT pg_current_xact_id(),
    CHECK (expires_at > opened_at AND expires_at <= opened_at + interval '1 hour')
);
CREATE INDEX admin_grants_user_id_idx ON admin_grants (user_id, expires_at);
CREATE INDEX admin_grants_organization_id_idx ON admin_grants (organization_id);

CREATE FUNCTION is_platform_admin() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT EXISTS (
        SELECT FROM users
        WHERE id = app_user_id()
            AND is_admin
            AND is_active
            AND deleted_at IS NULL
    )
$$;

CREATE FUNCTION open_admin_door(wanted_organization_id uuid, wanted_reason text, wanted_minutes integer) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    opened uuid;
BEGIN
    IF NOT is_platform_admin() OR NOT EXISTS (SELECT FROM organizations WHERE id = wanted_organization_id) THEN
        PERFORM refuse('organization_not_found', 'LC003');
    END IF;
    IF wanted_minutes NOT BETWEEN 1 AND 60 THEN
        PERFORM refuse('door_minutes', 'LC002');
    END IF;
    INSERT INTO admin_grants (user_id, organization_id, reason, expires_at)
    VALUES (app_user_id(), wanted_organization_id, wanted_reason, now() + make_interval(mins => wanted_minutes))
    RETURNING id INTO opened;
    INSERT INTO audit_log (organization_id, actor_kind, actor_id, action, target_kind, target_id, details, hash)
    VALUES (
        wanted_organization_id, 'platform_admin', app_user_id(), 'admin_door.opened', 'admin_grants', opened,
        jsonb_build_object('minutes', wanted_minutes), '\x'
    );
    RETURN opened;
END
$$;

CREATE FUNCTION close_admin_door(wanted_id uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    closed uuid;
BEGIN
    UPDATE admin_grants
    SET closed_at = now()
    WHERE id = wanted_id
        AND user_id = app_user_id()
        AND closed_at IS NULL
    RETURNING organization_id INTO closed;
    IF closed IS NULL THEN
        RETURN false;
    END IF;
    INSERT INTO audit_log (organization_id, actor_kind, actor_id, action, target_kind, target_id, hash)
    VALUES (closed, 'platform_admin', app_user_id(), 'admin_door.closed', 'admin_grants', wanted_id, '\x');
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION is_platform_admin(), open_admin_door(uuid, text, integer), close_admin_door(uuid) FROM PUBLIC;

-- who belongs where --------------------------------------------------------------------------------------------------

-- A membership counts while the person, the membership and the organization do.
CREATE OR REPLACE FUNCTION my_organization_ids() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp ROWS 2
AS $$
    SELECT organization_members.organization_id
    FROM organization_members
    JOIN organizations ON organizations.id = organization_members.organization_id
    JOIN users ON users.id = organization_members.user_id
    WHERE organization_members.user_id = app_user_id()
        AND organization_members.status = 'active'
        AND organizations.is_active
        AND organizations.deleted_at IS NULL
        AND users.is_active
        AND users.deleted_at IS NULL
$$;

CREATE OR REPLACE FUNCTION my_managed_organization_ids() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp ROWS 2
AS $$
    SELECT organization_id
    FROM organization_members
    WHERE user_id = app_user_id()
        AND role IN ('owner', 'admin')
        AND organization_id IN (SELECT my_organization_ids())
$$;

CREATE FUNCTION my_owned_organization_ids() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp ROWS 2
AS $$
    SELECT organization_id
    FROM organization_members
    WHERE user_id = app_user_id()
        AND role = 'owner'
        AND organization_id IN (SELECT my_organization_ids())
$$;

-- One's own, and those an administrator has opened a door to in an earlier transaction: what opens it is committed,
-- with its audit row, before anything can be read.
CREATE FUNCTION look_up_readable() RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT ARRAY(
        SELECT my_organization_ids()
        UNION ALL
        SELECT organization_id
        FROM admin_grants
        WHERE user_id = app_user_id()
            AND closed_at IS NULL
            AND expires_at > now()
            AND opened_in IS DISTINCT FROM pg_current_xact_id_if_assigned()
            AND is_platform_admin()
    )
$$;

-- How a transaction says for whom it runs. What they may read is looked up here and not by each of its queries, which
-- would make a page of them a third slower.
CREATE FUNCTION act_as(wanted_user_id uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM set_config('app.user_id', wanted_user_id::text, true);
    PERFORM set_config('app.readable', look_up_readable()::text, true);
    PERFORM set_config('app.readable_by', wanted_user_id::text, true);
END
$$;

-- Looked up afresh for whom nothing was looked up, or no longer holds. What `act_as` left counts for no one else.
CREATE FUNCTION readable_organization_ids() RETURNS uuid[]
LANGUAGE sql STABLE
RETURN coalesce(
    CASE
        WHEN current_setting('app.readable_by', true) = current_setting('app.user_id', true)
            THEN nullif(current_setting('app.readable', true), '')::uuid[]
    END,
    look_up_readable()
);

-- Whoever changes what may be read sees it in the same transaction.
CREATE FUNCTION forget_readable() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM set_config('app.readable', '', true);
    RETURN NULL;
END
$$;
CREATE TRIGGER forget_readable AFTER INSERT OR DELETE OR UPDATE OF organization_id, user_id, status
    ON organization_members EXECUTE FUNCTION forget_readable();
CREATE TRIGGER forget_readable AFTER INSERT OR DELETE OR UPDATE ON admin_grants EXECUTE FUNCTION forget_readable();
CREATE TRIGGER forget_readable AFTER UPDATE OF is_active, deleted_at
    ON organizations EXECUTE FUNCTION forget_readable();
CREATE TRIGGER forget_readable AFTER UPDATE OF is_active, deleted_at, is_admin
    ON users EXECUTE FUNCTION forget_readable();

-- The address that proves an invitation is mine; NULL while it is not proven.
CREATE FUNCTION my_verified_email() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT email
    FROM users
    WHERE id = app_user_id()
        AND email_verified
        AND is_active
        AND deleted_at IS NULL
$$;
REVOKE ALL ON FUNCTION my_owned_organization_ids(), look_up_readable(), act_as(uuid), readable_organization_ids(),
    forget_readable(), my_verified_email() FROM PUBLIC;

DO $$
DECLARE
    guarded text;
BEGIN
    FOREACH guarded IN ARRAY ARRAY[
        'api_keys', 'session_share_links', 'webhook_endpoints', 'webhook_deliveries', 'consents', 'recordings',
        'stripe_events', 'audit_log', 'admin_grants'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', guarded);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', guarded);
        EXECUTE format('CREATE POLICY owner_all ON %I TO CURRENT_USER USING (true) WITH CHECK (true)', guarded);
        EXECUTE format('REVOKE ALL ON %I FROM PUBLIC', guarded);
    END LOOP;
END
$$;
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON webhook_endpoints
    FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

-- Other systems are told: in the transaction of what happens, whichever server it is that makes it happen. What was
-- tried is kept with each delivery, a secret can be changed while the one before still signs, and an endpoint that has
-- failed for days is known by when that began. And a secret is kept sealed, which takes more room.

ALTER TABLE webhook_endpoints DROP CONSTRAINT webhook_endpoints_signing_secret_check;
ALTER TABLE webhook_endpoints
    ADD CONSTRAINT webhook_endpoints_signing_secret_check CHECK (octet_length(signing_secret) BETWEEN 24 AND 512) NOT VALID,
    ADD COLUMN previous_secret bytea,
    ADD COLUMN previous_secret_until timestamptz,
    ADD COLUMN failing_since timestamptz;
ALTER TABLE webhook_endpoints VALIDATE CONSTRAINT webhook_endpoints_signing_secret_check;

ALTER TABLE webhook_deliveries ADD COLUMN attempt_log jsonb NOT NULL DEFAULT '[]';
ALTER TABLE webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_attempt_log_check CHECK (jsonb_typeof(attempt_log) = 'array') NOT VALID,
    ADD CONSTRAINT webhook_deliveries_payload_check CHECK (octet_length(payload::text) <= 20000) NOT VALID;
ALTER TABLE webhook_deliveries VALIDATE CONSTRAINT webhook_deliveries_attempt_log_check;
ALTER TABLE webhook_deliveries VALIDATE CONSTRAINT webhook_deliveries_payload_check;

-- What is due is looked for an endpoint at a time, so that the backlog of one is not in the way of others.
CREATE INDEX webhook_deliveries_waiting_idx ON webhook_deliveries (endpoint_id, next_attempt_at)
    WHERE status = 'pending';
DROP INDEX webhook_deliveries_pending_idx;

-- Who changes a secret cannot read it: the one before is kept by the database.
CREATE FUNCTION keep_previous_secret() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    NEW.previous_secret := OLD.signing_secret;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION keep_previous_secret() FROM PUBLIC;
CREATE TRIGGER keep_previous_secret BEFORE UPDATE OF signing_secret ON webhook_endpoints
    FOR EACH ROW WHEN (NEW.signing_secret IS DISTINCT FROM OLD.signing_secret)
    EXECUTE FUNCTION keep_previous_secret();

CREATE FUNCTION tell_webhooks(wanted_organization_id uuid, wanted_type text, wanted_payload jsonb) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    told integer;
BEGIN
    INSERT INTO webhook_deliveries (endpoint_id, organization_id, event_type, payload)
    SELECT id, organization_id, wanted_type, wanted_payload
    FROM webhook_endpoints
    WHERE organization_id = wanted_organization_id
        AND is_active
        AND wanted_type = ANY (event_types);
    GET DIAGNOSTICS told = ROW_COUNT;
    RETURN told;
END
$$;
REVOKE ALL ON FUNCTION tell_webhooks(uuid, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tell_webhooks(uuid, text, jsonb) TO liveconvo_jobs;

-- Ids and codes, no speech and no names.
CREATE FUNCTION announce() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    event text;
    told jsonb;
BEGIN
    IF TG_TABLE_NAME = 'sessions' THEN
        event := CASE
            WHEN TG_OP = 'INSERT' THEN 'session.created'
            WHEN NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL THEN 'session.deleted'
            WHEN NEW.status = 'active' AND OLD.status = 'draft' THEN 'session.started'
            WHEN NEW.status = 'completed' AND OLD.status = 'active' THEN 'session.ended'
        END;
        told := jsonb_build_object('session_id', NEW.id);
    ELSIF TG_TABLE_NAME = 'summaries' THEN
        event := CASE
            WHEN NEW.generation_status = OLD.generation_status THEN NULL
            WHEN NEW.generation_status = 'completed' THEN 'summary.ready'
            WHEN NEW.generation_status = 'failed' THEN 'summary.failed'
        END;
        told := jsonb_build_object('session_id', NEW.session_id);
    ELSIF TG_TABLE_NAME = 'organization_members' THEN
        event := CASE
            WHEN NEW.status = 'active' AND (TG_OP = 'INSERT' OR OLD.status = 'removed') THEN 'member.joined'
            WHEN NEW.status = 'removed' AND OLD.status <> 'removed' THEN 'member.removed'
        END;
        told := jsonb_build_object('user_id', NEW.user_id, 'role', NEW.role);
    ELSIF TG_TABLE_NAME = 'recordings' THEN
        event := 'recording.ready';
        told := jsonb_build_object('session_id', NEW.session_id, 'recording_id', NEW.id);
    ELSIF TG_TABLE_NAME = 'documents' THEN
        event := CASE
            WHEN NEW.processing_status = OLD.processing_status THEN NULL
            WHEN NEW.processing_status = 'completed' THEN 'document.ready'
            WHEN NEW.processing_status = 'failed' THEN 'document.failed'
        END;
        told := jsonb_build_object('session_id', NEW.session_id, 'document_id', NEW.id);
    END IF;
    IF event IS NOT NULL THEN
        PERFORM tell_webhooks(NEW.organization_id, event, told);
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION announce() FROM PUBLIC;
CREATE TRIGGER announce AFTER INSERT OR UPDATE OF status, deleted_at ON sessions
    FOR EACH ROW EXECUTE FUNCTION announce();
CREATE TRIGGER announce AFTER UPDATE OF generation_status ON summaries
    FOR EACH ROW EXECUTE FUNCTION announce();
CREATE TRIGGER announce AFTER INSERT OR UPDATE OF status ON organization_members
    FOR EACH ROW EXECUTE FUNCTION announce();
CREATE TRIGGER announce AFTER INSERT ON recordings FOR EACH ROW EXECUTE FUNCTION announce();
CREATE TRIGGER announce AFTER UPDATE OF processing_status ON documents
    FOR EACH ROW EXECUTE FUNCTION announce();

-- Managers try an endpoint out, and send again what was sent; jobs note since when one fails.
GRANT INSERT (endpoint_id, organization_id, event_type, payload) ON webhook_deliveries TO liveconvo_api;
CREATE POLICY api_insert ON webhook_deliveries FOR INSERT TO liveconvo_api
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
GRANT UPDATE (
    status, attempts, next_attempt_at, response_status, delivered_at
) ON webhook_deliveries TO liveconvo_api;
CREATE POLICY api_update ON webhook_deliveries FOR UPDATE TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())))
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_managed_organization_ids())));
GRANT SELECT (previous_secret_until, failing_since) ON webhook_endpoints TO liveconvo_api;
GRANT UPDATE (previous_secret_until, failing_since) ON webhook_endpoints TO liveconvo_api;
GRANT UPDATE (failing_since) ON webhook_endpoints TO liveconvo_jobs;

-- Whoever comes near the end of their month's minutes is told once, and once more when they are used up.
ALTER TABLE monthly_usage_cache ADD COLUMN warned_percent smallint NOT NULL DEFAULT 0;
ALTER TABLE monthly_usage_cache
    ADD CONSTRAINT monthly_usage_cache_warned_percent_check CHECK (warned_percent BETWEEN 0 AND 100) NOT VALID;
ALTER TABLE monthly_usage_cache VALIDATE CONSTRAINT monthly_usage_cache_warned_percent_check;
CREATE INDEX monthly_usage_cache_unwarned_idx ON monthly_usage_cache (month_year) WHERE warned_percent < 100;
GRANT UPDATE (warned_percent) ON monthly_usage_cache TO liveconvo_jobs;
CREATE POLICY jobs_update ON monthly_usage_cache FOR UPDATE TO liveconvo_jobs
    USING (true)
    WITH CHECK (true);

-- Recordings that are given after the fact: what became of one, who may give one, and what the job that writes it down
-- may do. It writes as a media node does, and like one only where `calls` knows the session.

ALTER TABLE recordings
    ADD COLUMN status varchar(20) NOT NULL DEFAULT 'ready' CHECK (status IN ('processing', 'ready', 'failed')),
    -- Why nothing was written down; one of control_api.recordings.reasons.
    ADD COLUMN error_code varchar(50) CHECK (error_code <> ''),
    ADD CONSTRAINT recordings_reason_check CHECK ((status = 'failed') = (error_code IS NOT NULL));
-- One at a time: a session is one conversation.
CREATE UNIQUE INDEX recordings_processing_key ON recordings (organization_id, session_id)
    WHERE status = 'processing' AND deleted_at IS NULL;
-- How much an organization keeps is asked whenever it is given more.
CREATE INDEX recordings_organization_id_idx ON recordings (organization_id) INCLUDE (size_bytes)
    WHERE deleted_at IS NULL;

-- As before, but for recordings: one that was given is ready once it is written down.
CREATE OR REPLACE FUNCTION announce() RETURNS trigger
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
        event := CASE
            WHEN TG_OP = 'UPDATE' AND NEW.status = OLD.status THEN NULL
            WHEN NEW.status = 'ready' THEN 'recording.ready'
            WHEN NEW.status = 'failed' THEN 'recording.failed'
        END;
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
DROP TRIGGER announce ON recordings;
CREATE TRIGGER announce AFTER INSERT OR UPDATE OF status ON recordings FOR EACH ROW EXECUTE FUNCTION announce();

-- This month's minutes of whoever a session is charged to, for the job that is about to charge them.
CREATE FUNCTION charged_minutes(wanted_session_id uuid) RETURNS TABLE (minutes_used integer, minutes_limit integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
    SELECT minutes_recorded(user_id, organization_id), minutes_allowed(user_id, organization_id)
    FROM sessions
    WHERE sessions.id = wanted_session_id
        AND sessions.deleted_at IS NULL
$$;
REVOKE ALL ON FUNCTION charged_minutes(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION charged_minutes(uuid), has_call(uuid, uuid, integer), lock_usage(uuid[]),
    take_usage_locks(integer[]), usage_lock(uuid, uuid) TO liveconvo_jobs;

-- from POLICIES.md
GRANT INSERT ON calls TO liveconvo_jobs;
CREATE POLICY jobs_insert ON calls FOR INSERT TO liveconvo_jobs
    WITH CHECK (true);
GRANT UPDATE ON calls TO liveconvo_jobs;
CREATE POLICY jobs_update ON calls FOR UPDATE TO liveconvo_jobs
    USING (true)
    WITH CHECK (true);
GRANT INSERT (
    id, session_id, organization_id, participant_id, storage_key, media_type, started_at_ms, duration_ms, size_bytes,
    sha256, status
) ON recordings TO liveconvo_api;
CREATE POLICY api_insert ON recordings FOR INSERT TO liveconvo_api
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_organization_ids())));
GRANT UPDATE (
    deleted_at
) ON recordings TO liveconvo_api;
CREATE POLICY api_update ON recordings FOR UPDATE TO liveconvo_api
    USING (organization_id = ANY (ARRAY(SELECT my_organization_ids())))
    WITH CHECK (organization_id = ANY (ARRAY(SELECT my_organization_ids())));
GRANT UPDATE (
    duration_ms, status, error_code
) ON recordings TO liveconvo_jobs;
GRANT INSERT ON session_events TO liveconvo_jobs;
CREATE POLICY jobs_insert ON session_events FOR INSERT TO liveconvo_jobs
    WITH CHECK (has_call(session_id, organization_id, epoch));
GRANT UPDATE (
    joined_at, left_at
) ON session_participants TO liveconvo_jobs;
GRANT UPDATE (
    recording_started_at
) ON sessions TO liveconvo_jobs;
GRANT INSERT ON transcripts TO liveconvo_jobs;
CREATE POLICY jobs_insert ON transcripts FOR INSERT TO liveconvo_jobs
    WITH CHECK (has_call(session_id, organization_id, 1));
GRANT INSERT ON usage_intervals TO liveconvo_jobs;
CREATE POLICY jobs_insert ON usage_intervals FOR INSERT TO liveconvo_jobs
    WITH CHECK (has_call(session_id, organization_id, epoch));
GRANT UPDATE ON usage_intervals TO liveconvo_jobs;
CREATE POLICY jobs_update ON usage_intervals FOR UPDATE TO liveconvo_jobs
    USING (has_call(session_id, organization_id, epoch))
    WITH CHECK (has_call(session_id, organization_id, epoch));

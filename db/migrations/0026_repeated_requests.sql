-- A POST that carries an Idempotency-Key happens once: the key is written in the transaction that does what was asked,
-- and its answer beside it, sealed with the key itself, which is not kept. And playbooks are counted through their
-- versions, and published by who manages the organization that shares them.

CREATE TABLE idempotency_keys (
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key_hash bytea NOT NULL CHECK (octet_length(key_hash) = 32),
    request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
    status smallint CHECK (status BETWEEN 200 AND 599),
    answer bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key_hash),
    CONSTRAINT idempotency_keys_answer_check CHECK ((status IS NULL) = (answer IS NULL))
);
CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at);
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON idempotency_keys TO liveconvo_owner USING (true) WITH CHECK (true);
GRANT SELECT ON idempotency_keys TO liveconvo_api;
CREATE POLICY api_read ON idempotency_keys FOR SELECT TO liveconvo_api
    USING (user_id = (SELECT app_user_id()));
GRANT INSERT (user_id, key_hash, request_hash) ON idempotency_keys TO liveconvo_api;
CREATE POLICY api_insert ON idempotency_keys FOR INSERT TO liveconvo_api
    WITH CHECK (user_id = (SELECT app_user_id()));
GRANT UPDATE (status, answer) ON idempotency_keys TO liveconvo_api;
CREATE POLICY api_update ON idempotency_keys FOR UPDATE TO liveconvo_api
    USING (user_id = (SELECT app_user_id()))
    WITH CHECK (user_id = (SELECT app_user_id()));
GRANT SELECT (user_id, key_hash, created_at) ON idempotency_keys TO liveconvo_jobs;
CREATE POLICY jobs_read ON idempotency_keys FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT DELETE ON idempotency_keys TO liveconvo_jobs;
CREATE POLICY jobs_delete ON idempotency_keys FOR DELETE TO liveconvo_jobs
    USING (true);

ALTER TABLE templates ADD COLUMN version integer NOT NULL DEFAULT 1;
ALTER TABLE templates ADD CONSTRAINT templates_version_check CHECK (version > 0) NOT VALID;
ALTER TABLE templates VALIDATE CONSTRAINT templates_version_check;

-- Another text is another version; being used, renamed or published is not. Only what is shared is published.
CREATE FUNCTION check_template_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.is_public AND NOT OLD.is_public AND NOT (NEW.is_organization_template OR NEW.is_system_template) THEN
        PERFORM refuse('template_not_shared');
    END IF;
    NEW.version := OLD.version + CASE
        WHEN (NEW.conversation_type, NEW.guidance_prompts, NEW.context_instructions, NEW.summary_template)
            IS DISTINCT FROM
            (OLD.conversation_type, OLD.guidance_prompts, OLD.context_instructions, OLD.summary_template)
        THEN 1 ELSE 0 END;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION check_template_change() FROM PUBLIC;
CREATE TRIGGER check_template_change BEFORE UPDATE ON templates FOR EACH ROW EXECUTE FUNCTION check_template_change();
GRANT UPDATE (is_public) ON templates TO liveconvo_api;

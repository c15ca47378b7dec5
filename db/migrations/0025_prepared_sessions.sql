-- What people keep with a session: tags, which roles its coach speaks to, and what a transcript said before somebody
-- corrected it. And a share link that was revoked says so to who holds it.

ALTER TABLE sessions ADD COLUMN tags text[] NOT NULL DEFAULT '{}';
ALTER TABLE sessions ADD CONSTRAINT sessions_tags_check CHECK (cardinality(tags) <= 20) NOT VALID;
ALTER TABLE sessions VALIDATE CONSTRAINT sessions_tags_check;
ALTER TABLE sessions ADD COLUMN coached_roles text[] NOT NULL DEFAULT '{host,supervisor}';
ALTER TABLE sessions ADD CONSTRAINT sessions_coached_roles_check
    CHECK (coached_roles <@ ARRAY['host', 'supervisor', 'participant'] AND 'host' = ANY (coached_roles)) NOT VALID;
ALTER TABLE sessions VALIDATE CONSTRAINT sessions_coached_roles_check;
GRANT INSERT (tags, coached_roles), UPDATE (tags, coached_roles) ON sessions TO liveconvo_api;
GRANT UPDATE (tags) ON sessions TO liveconvo_jobs;

CREATE TABLE transcript_revisions (
    transcript_id uuid NOT NULL REFERENCES transcripts (id) ON DELETE CASCADE,
    revision integer NOT NULL CHECK (revision >= 0),
    session_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    content text NOT NULL,
    speaker varchar(50) NOT NULL,
    words jsonb CHECK (jsonb_typeof(words) = 'array'),
    replaced_by uuid REFERENCES users (id) ON DELETE SET NULL,
    replaced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (transcript_id, revision),
    FOREIGN KEY (session_id, organization_id) REFERENCES sessions (id, organization_id) ON DELETE CASCADE
);
CREATE INDEX transcript_revisions_session_id_idx ON transcript_revisions (session_id);
CREATE INDEX transcript_revisions_replaced_by_idx ON transcript_revisions (replaced_by);
ALTER TABLE transcript_revisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE transcript_revisions FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON transcript_revisions TO liveconvo_owner USING (true) WITH CHECK (true);
GRANT SELECT ON transcript_revisions TO liveconvo_api;
CREATE POLICY api_read ON transcript_revisions FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
GRANT SELECT ON transcript_revisions TO liveconvo_jobs;
CREATE POLICY jobs_read ON transcript_revisions FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT DELETE ON transcript_revisions TO liveconvo_jobs;
CREATE POLICY jobs_delete ON transcript_revisions FOR DELETE TO liveconvo_jobs
    USING (true);
CREATE TRIGGER check_session BEFORE INSERT ON transcript_revisions FOR EACH ROW EXECUTE FUNCTION check_session();
CREATE TRIGGER refuse_erased AFTER INSERT ON transcript_revisions REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_erased();

-- By its session's creator, and the organization's owner and admins; of two at once the second is told. Times of single
-- words belong to the words that were heard: they go with them.
CREATE FUNCTION revise_transcript(
    wanted_session_id uuid, wanted_transcript_id uuid, seen_revision integer, wanted_content text, wanted_speaker text
) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    held transcripts;
BEGIN
    PERFORM FROM sessions
    WHERE id = wanted_session_id
        AND deleted_at IS NULL
        AND organization_id IN (SELECT my_organization_ids())
        AND (user_id = app_user_id() OR organization_id IN (SELECT my_managed_organization_ids()))
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM refuse('session_not_found', 'LC003');
    END IF;
    SELECT * INTO held FROM transcripts WHERE id = wanted_transcript_id AND session_id = wanted_session_id;
    IF NOT FOUND THEN
        PERFORM refuse('transcript_not_found', 'LC003');
    END IF;
    IF held.revision <> seen_revision THEN
        PERFORM refuse('revision_changed');
    END IF;
    IF (held.content, held.speaker) = (wanted_content, wanted_speaker) THEN
        RETURN held.revision;
    END IF;
    INSERT INTO transcript_revisions (
        transcript_id, revision, session_id, organization_id, content, speaker, words, replaced_by
    )
    VALUES (
        held.id, held.revision, held.session_id, held.organization_id, held.content, held.speaker, held.words,
        app_user_id()
    );
    UPDATE transcripts
    SET content = wanted_content,
        speaker = wanted_speaker,
        words = CASE WHEN content = wanted_content THEN words END,
        revision = held.revision + 1
    WHERE id = held.id;
    RETURN held.revision + 1;
END
$$;
REVOKE ALL ON FUNCTION revise_transcript(uuid, uuid, integer, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION revise_transcript(uuid, uuid, integer, text, text) TO liveconvo_api;

-- As before, but for revoked links, which are as void as expired ones to who holds them. A link whose session or maker
-- is gone stays unknown.
CREATE OR REPLACE FUNCTION open_share_link(wanted_hash bytea) RETURNS TABLE (
    id uuid,
    session_id uuid,
    organization_id uuid,
    created_by uuid,
    shared_tabs text[],
    message text,
    is_expired boolean
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    link session_share_links;
BEGIN
    SELECT session_share_links.*
    INTO link
    FROM session_share_links
    JOIN sessions ON sessions.id = session_share_links.session_id
    JOIN organizations ON organizations.id = session_share_links.organization_id
    JOIN users ON users.id = session_share_links.created_by
    JOIN organization_members
        ON organization_members.organization_id = session_share_links.organization_id
        AND organization_members.user_id = session_share_links.created_by
        AND organization_members.status = 'active'
    WHERE session_share_links.token_hash = wanted_hash
        AND sessions.deleted_at IS NULL
        AND users.is_active
        AND users.deleted_at IS NULL
        AND organizations.is_active
        AND organizations.deleted_at IS NULL;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF link.revoked_at IS NOT NULL OR link.expires_at <= now() THEN
        RETURN QUERY SELECT NULL::uuid, NULL::uuid, NULL::uuid, NULL::uuid, NULL::text[], NULL::text, true;
        RETURN;
    END IF;
    UPDATE session_share_links
    SET access_count = access_count + 1,
        last_accessed_at = now()
    WHERE session_share_links.id = link.id;
    RETURN QUERY
    SELECT
        link.id, link.session_id, link.organization_id, link.created_by, link.shared_tabs, link.message, false;
END
$$;

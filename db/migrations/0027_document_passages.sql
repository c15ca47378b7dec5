-- What documents say, in passages that can be found while somebody speaks. Cutting a document and stemming its words
-- takes about a second for the longest ones: too long for every question, so it is done once, when it was read.

CREATE TABLE document_passages (
    document_id uuid NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    position integer NOT NULL CHECK (position >= 0),
    session_id uuid NOT NULL,
    organization_id uuid NOT NULL,
    page integer CHECK (page > 0),
    content text NOT NULL CHECK (content <> ''),
    language text NOT NULL,
    words tsvector NOT NULL,
    PRIMARY KEY (document_id, position),
    FOREIGN KEY (session_id, organization_id) REFERENCES sessions (id, organization_id) ON DELETE CASCADE
);
CREATE INDEX document_passages_session_id_idx ON document_passages (session_id);
ALTER TABLE document_passages ENABLE ROW LEVEL SECURITY;
ALTER TABLE document_passages FORCE ROW LEVEL SECURITY;
CREATE POLICY owner_all ON document_passages TO liveconvo_owner USING (true) WITH CHECK (true);
GRANT SELECT ON document_passages TO liveconvo_api;
CREATE POLICY api_read ON document_passages FOR SELECT TO liveconvo_api
    USING (organization_id = ANY ((SELECT readable_organization_ids())::uuid[]));
GRANT SELECT ON document_passages TO liveconvo_media;
CREATE POLICY media_read ON document_passages FOR SELECT TO liveconvo_media
    USING (true);
GRANT SELECT ON document_passages TO liveconvo_jobs;
CREATE POLICY jobs_read ON document_passages FOR SELECT TO liveconvo_jobs
    USING (true);
GRANT INSERT ON document_passages TO liveconvo_jobs;
CREATE POLICY jobs_insert ON document_passages FOR INSERT TO liveconvo_jobs
    WITH CHECK (true);
GRANT DELETE ON document_passages TO liveconvo_jobs;
CREATE POLICY jobs_delete ON document_passages FOR DELETE TO liveconvo_jobs
    USING (true);
CREATE TRIGGER check_session BEFORE INSERT ON document_passages FOR EACH ROW EXECUTE FUNCTION check_session();
CREATE TRIGGER refuse_erased AFTER INSERT ON document_passages REFERENCING NEW TABLE AS added FOR EACH STATEMENT
    EXECUTE FUNCTION refuse_erased();

-- The language of a text, in the words of text search: the one whose stop words it is full of. 'simple' if of none.
CREATE FUNCTION text_language(content text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH words AS MATERIALIZED (
        SELECT lower(token) AS word
        FROM ts_parse('default', left(content, 20000))
        WHERE tokid IN (1, 2)
        LIMIT 2000
    ), counted AS (
        SELECT
            language,
            (SELECT count(*) FROM words WHERE ts_lexize((language || '_stem')::regdictionary, word) = '{}') AS stops
        FROM unnest(ARRAY[
            'danish', 'dutch', 'english', 'finnish', 'french', 'german', 'hungarian', 'italian', 'norwegian',
            'portuguese', 'russian', 'spanish', 'swedish', 'turkish'
        ]) AS language
    )
    SELECT coalesce(
        (
            SELECT language
            FROM counted
            WHERE stops >= 2
                AND stops * 8 >= (SELECT count(*) FROM words)
            ORDER BY stops DESC, language
            LIMIT 1
        ),
        'simple'
    )
$$;
REVOKE ALL ON FUNCTION text_language(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION text_language(text) TO liveconvo_jobs;

-- An infected file is removed, and its document remembers that there is none. A file that an upload left behind is
-- known by no document.
GRANT UPDATE (file_url) ON documents TO liveconvo_jobs;
CREATE INDEX documents_file_url_idx ON documents (file_url);

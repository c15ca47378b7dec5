-- Searching what was said, titles and summaries inside an organization; and corrections that everybody is told of.
--
-- `@@` is not leakproof, so a policy keeps the planner from using an index for it: searching goes through a definer
-- function, which is told the organization and looks whether the one who acts reads it. An index for one word would lead
-- to the rows of all organizations: whose a row is, from which week and in which language stand among its words. These
-- signs begin with characters that no word begins with.

-- The way in which a language's words are reduced to stems. `characters`: it writes no spaces between words.
CREATE FUNCTION search_form(language text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE split_part(lower(language), '-', 1)
    WHEN 'ar' THEN 'arabic' WHEN 'ca' THEN 'catalan' WHEN 'da' THEN 'danish' WHEN 'de' THEN 'german'
    WHEN 'el' THEN 'greek' WHEN 'en' THEN 'english' WHEN 'es' THEN 'spanish' WHEN 'eu' THEN 'basque'
    WHEN 'fi' THEN 'finnish' WHEN 'fr' THEN 'french' WHEN 'ga' THEN 'irish' WHEN 'hi' THEN 'hindi'
    WHEN 'hu' THEN 'hungarian' WHEN 'hy' THEN 'armenian' WHEN 'id' THEN 'indonesian' WHEN 'it' THEN 'italian'
    WHEN 'lt' THEN 'lithuanian' WHEN 'ne' THEN 'nepali' WHEN 'nl' THEN 'dutch' WHEN 'no' THEN 'norwegian'
    WHEN 'nn' THEN 'norwegian' WHEN 'pt' THEN 'portuguese' WHEN 'ro' THEN 'romanian' WHEN 'ru' THEN 'russian'
    WHEN 'sr' THEN 'serbian' WHEN 'sv' THEN 'swedish' WHEN 'ta' THEN 'tamil' WHEN 'tr' THEN 'turkish'
    WHEN 'yi' THEN 'yiddish'
    WHEN 'zh' THEN 'characters' WHEN 'yue' THEN 'characters' WHEN 'ja' THEN 'characters' WHEN 'th' THEN 'characters'
    WHEN 'lo' THEN 'characters' WHEN 'km' THEN 'characters' WHEN 'my' THEN 'characters'
    ELSE 'simple'
END;

CREATE FUNCTION search_forms() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ARRAY[
    'arabic', 'armenian', 'basque', 'catalan', 'characters', 'danish', 'dutch', 'english', 'finnish', 'french',
    'german', 'greek', 'hindi', 'hungarian', 'indonesian', 'irish', 'italian', 'lithuanian', 'nepali', 'norwegian',
    'portuguese', 'romanian', 'russian', 'serbian', 'simple', 'spanish', 'swedish', 'tamil', 'turkish', 'yiddish'
];

CREATE FUNCTION search_config(form text) RETURNS regconfig
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE form
    WHEN 'arabic' THEN 'pg_catalog.arabic'::regconfig WHEN 'armenian' THEN 'pg_catalog.armenian'::regconfig
    WHEN 'basque' THEN 'pg_catalog.basque'::regconfig WHEN 'catalan' THEN 'pg_catalog.catalan'::regconfig
    WHEN 'danish' THEN 'pg_catalog.danish'::regconfig WHEN 'dutch' THEN 'pg_catalog.dutch'::regconfig
    WHEN 'english' THEN 'pg_catalog.english'::regconfig WHEN 'finnish' THEN 'pg_catalog.finnish'::regconfig
    WHEN 'french' THEN 'pg_catalog.french'::regconfig WHEN 'german' THEN 'pg_catalog.german'::regconfig
    WHEN 'greek' THEN 'pg_catalog.greek'::regconfig WHEN 'hindi' THEN 'pg_catalog.hindi'::regconfig
    WHEN 'hungarian' THEN 'pg_catalog.hungarian'::regconfig WHEN 'indonesian' THEN 'pg_catalog.indonesian'::regconfig
    WHEN 'irish' THEN 'pg_catalog.irish'::regconfig WHEN 'italian' THEN 'pg_catalog.italian'::regconfig
    WHEN 'lithuanian' THEN 'pg_catalog.lithuanian'::regconfig WHEN 'nepali' THEN 'pg_catalog.nepali'::regconfig
    WHEN 'norwegian' THEN 'pg_catalog.norwegian'::regconfig WHEN 'portuguese' THEN 'pg_catalog.portuguese'::regconfig
    WHEN 'romanian' THEN 'pg_catalog.romanian'::regconfig WHEN 'russian' THEN 'pg_catalog.russian'::regconfig
    WHEN 'serbian' THEN 'pg_catalog.serbian'::regconfig WHEN 'spanish' THEN 'pg_catalog.spanish'::regconfig
    WHEN 'swedish' THEN 'pg_catalog.swedish'::regconfig WHEN 'tamil' THEN 'pg_catalog.tamil'::regconfig
    WHEN 'turkish' THEN 'pg_catalog.turkish'::regconfig WHEN 'yiddish' THEN 'pg_catalog.yiddish'::regconfig
    ELSE 'pg_catalog.simple'::regconfig
END;

-- Each character a word of its own, where words are not told apart. Unit separators are blanks, and nobody sees them.
-- What is longer than any speech is cut, since a tsvector has an end.
CREATE FUNCTION search_text(form text, content text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE form
    WHEN 'characters' THEN regexp_replace(left(content, 100000), '([^\x01-\x7f])', '\1' || chr(31), 'g')
    ELSE left(content, 100000)
END;

-- What somebody typed, in the words of one form. Characters that were typed side by side are looked for side by side.
CREATE FUNCTION search_query(form text, typed text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN websearch_to_tsquery(search_config(form), search_text(form, CASE
    WHEN form = 'characters' AND strpos(typed, '"') = 0 THEN regexp_replace(typed, '([^\x01-\x7f]+)', '"\1"', 'g')
    ELSE typed
END));

CREATE FUNCTION search_week(instant timestamptz) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN floor(extract(epoch FROM instant - timestamptz '1970-01-01 00:00:00+00') / 604800)::integer;

CREATE FUNCTION search_place(organization_id uuid, week integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '/' || organization_id::text || '/' || week::text;

CREATE FUNCTION search_sign(sign text) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ('''' || sign || '''')::tsquery;

CREATE FUNCTION transcript_words(organization_id uuid, said_at timestamptz, language text, content text)
RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    form CONSTANT text := search_form(language);
BEGIN
    RETURN to_tsvector(search_config(form), search_text(form, content))
        || array_to_tsvector(ARRAY[search_place(organization_id, search_week(said_at)), '=' || form]);
END
$$;

-- Titles and summaries do not say in which language they are: their words are kept as they stand, and in English forms.
CREATE FUNCTION title_words(organization_id uuid, content text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN to_tsvector('pg_catalog.simple', left(content, 100000)) || to_tsvector('pg_catalog.english', left(content, 100000))
    || array_to_tsvector(ARRAY[search_place(organization_id, 0)]);

CREATE FUNCTION summary_text(
    tldr text, key_decisions jsonb, action_items jsonb, follow_up_questions jsonb, conversation_highlights jsonb
) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN concat_ws(E'\n', tldr, (
    SELECT string_agg(said #>> '{}', E'\n')
    FROM jsonb_path_query(
        jsonb_build_array(key_decisions, action_items, follow_up_questions, conversation_highlights),
        'strict $.** ? (@.type() == "string")'
    ) AS said
));

CREATE INDEX transcripts_words_idx ON transcripts
    USING gin (transcript_words(organization_id, created_at, language, content));
CREATE INDEX sessions_words_idx ON sessions USING gin (title_words(organization_id, title)) WHERE deleted_at IS NULL;
CREATE INDEX summaries_words_idx ON summaries USING gin (title_words(organization_id, summary_text(
    tldr, key_decisions, action_items, follow_up_questions, conversation_highlights
))) WHERE deleted_at IS NULL;

-- What of an organization's sessions has the words that were typed (as websearch_to_tsquery reads them), best first.
-- Of each kind the newest 100 are found and ranked, so that a word that everybody says costs no more than a rare one:
-- weeks are looked through from the newest on, more of them at a time. `excerpt` has chr(2) before each hit and chr(3)
-- after it.
CREATE FUNCTION search_sessions(
    wanted_organization_id uuid,
    typed text,
    kinds text[],
    wanted_session_id uuid,
    wanted_type text,
    created_from timestamptz,
    created_to timestamptz,
    most integer
) RETURNS TABLE (
    kind text,
    session_id uuid,
    session_title varchar,
    conversation_type varchar,
    status varchar,
    session_created_at timestamptz,
    transcript_id uuid,
    sequence_number integer,
    speaker varchar,
    start_time_seconds numeric,
    end_time_seconds numeric,
    rank double precision,
    excerpt text
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
-- A hundred sessions are looked up one by one; else all there are would be read for them.
SET enable_hashjoin = off SET enable_mergejoin = off AS $$
#variable_conflict use_column
DECLARE
    candidates CONSTANT integer := 100;
    all_of_it CONSTANT text := format('StartSel=%s, StopSel=%s, HighlightAll=true', chr(2), chr(3));
    pieces_of_it CONSTANT text := format(
        'StartSel=%s, StopSel=%s, MaxFragments=2, MaxWords=30, MinWords=12, FragmentDelimiter=" … "', chr(2), chr(3)
    );
    in_forms tsquery;
    forms CONSTANT text[] := search_forms();
    queries CONSTANT tsquery[] := ARRAY(
        SELECT search_query(form, typed)
        FROM unnest(forms) WITH ORDINALITY AS each (form, place)
        ORDER BY place
    );
    as_typed CONSTANT tsquery := search_query('simple', typed);
    in_english CONSTANT tsquery := search_query('english', typed);
    plainly CONSTANT tsquery := as_typed || in_english;
    of_organization CONSTANT tsquery := search_sign(search_place(wanted_organization_id, 0));
    lines uuid[] := '{}';
    newest integer;
    oldest integer;
    first_week integer;
    step integer := 1;
BEGIN
    IF numnode(plainly) = 0 OR NOT wanted_organization_id = ANY (readable_organization_ids()) THEN
        RETURN;
    END IF;
    IF 'transcript' = ANY (kinds) THEN
        SELECT string_agg(format('(%s) & (%s)', asked.query, asked.signs), ' | ')::tsquery
        INTO in_forms
        FROM (
            SELECT query::text AS query, string_agg(format('''=%s''', form), ' | ') AS signs
            FROM unnest(forms, queries) AS each (form, query)
            WHERE numnode(query) > 0
            GROUP BY query::text
        ) AS asked;
        IF wanted_session_id IS NULL THEN
            SELECT search_week(min(created_at)) INTO oldest
            FROM sessions
            WHERE organization_id = wanted_organization_id
                AND deleted_at IS NULL;
            oldest := greatest(oldest, search_week(created_from));
            newest := search_week(now());
        ELSE
            SELECT search_week(min(created_at)), search_week(max(created_at)) INTO oldest, newest
            FROM transcripts
            WHERE session_id = wanted_session_id;
            step := newest - oldest + 1;
        END IF;
        WHILE newest >= oldest AND cardinality(lines) < candidates LOOP
            first_week := greatest(oldest, newest - step + 1);
            lines := lines || ARRAY(
                SELECT transcripts.id
                FROM transcripts
                JOIN sessions ON sessions.id = transcripts.session_id
                WHERE transcript_words(
                        transcripts.organization_id, transcripts.created_at, transcripts.language, transcripts.content
                    ) @@ (
                        SELECT string_agg(format('''%s''', search_place(wanted_organization_id, week)), ' | ')::tsquery
                        FROM generate_series(first_week, newest) AS week
                    )
                    -- Apart: so the index is entered by whichever is rarer.
                    AND transcript_words(
                        transcripts.organization_id, transcripts.created_at, transcripts.language, transcripts.content
                    ) @@ in_forms
                    AND transcripts.organization_id = wanted_organization_id
                    AND (wanted_session_id IS NULL OR transcripts.session_id = wanted_session_id)
                    AND sessions.deleted_at IS NULL
                    AND (wanted_type IS NULL OR sessions.conversation_type = wanted_type)
                    AND (created_from IS NULL OR sessions.created_at >= created_from)
                    AND (created_to IS NULL OR sessions.created_at < created_to)
                ORDER BY transcripts.created_at DESC
                LIMIT candidates
            );
            newest := first_week - 1;
            step := step * 4;
        END LOOP;
    END IF;
    RETURN QUERY
    WITH hits AS (
        (
            SELECT
                'title' AS kind, sessions.id AS session_id, NULL::uuid AS transcript_id,
                3 * ts_rank_cd(title_words(organization_id, title), plainly, 1) AS rank, created_at AS at
            FROM sessions
            WHERE 'title' = ANY (kinds)
                AND title_words(organization_id, title) @@ of_organization
                AND title_words(organization_id, title) @@ plainly
                AND organization_id = wanted_organization_id
                AND deleted_at IS NULL
                AND (wanted_session_id IS NULL OR id = wanted_session_id)
                AND (wanted_type IS NULL OR sessions.conversation_type = wanted_type)
                AND (created_from IS NULL OR created_at >= created_from)
                AND (created_to IS NULL OR created_at < created_to)
            ORDER BY created_at DESC
            LIMIT candidates
        )
        UNION ALL
        (
            SELECT
                'summary', sessions.id, NULL::uuid,
                2 * ts_rank_cd(title_words(summaries.organization_id, summary_text(
                    tldr, key_decisions, action_items, follow_up_questions, conversation_highlights
                )), plainly, 1),
                sessions.created_at
            FROM summaries
            JOIN sessions ON sessions.id = summaries.session_id
            WHERE 'summary' = ANY (kinds)
                AND title_words(summaries.organization_id, summary_text(
                    tldr, key_decisions, action_items, follow_up_questions, conversation_highlights
                )) @@ of_organization
                AND title_words(summaries.organization_id, summary_text(
                    tldr, key_decisions, action_items, follow_up_questions, conversation_highlights
                )) @@ plainly
                AND summaries.organization_id = wanted_organization_id
                AND summaries.deleted_at IS NULL
                AND sessions.deleted_at IS NULL
                AND (wanted_session_id IS NULL OR sessions.id = wanted_session_id)
                AND (wanted_type IS NULL OR sessions.conversation_type = wanted_type)
                AND (created_from IS NULL OR sessions.created_at >= created_from)
                AND (created_to IS NULL OR sessions.created_at < created_to)
            ORDER BY sessions.created_at DESC
            LIMIT candidates
        )
        UNION ALL
        SELECT
            'transcript', session_id, id,
            ts_rank_cd(
                transcript_words(organization_id, created_at, language, content),
                queries[array_position(forms, search_form(language))],
                1
            ),
            created_at
        FROM transcripts
        WHERE id = ANY (lines)
    ),
    best AS (
        SELECT kind, session_id, transcript_id, rank, at
        FROM hits
        ORDER BY rank DESC, at DESC, session_id, transcript_id
        LIMIT most
    )
    SELECT
        best.kind, sessions.id, sessions.title, sessions.conversation_type, sessions.status, sessions.created_at,
        transcripts.id, transcripts.sequence_number, transcripts.speaker, transcripts.start_time_seconds,
        transcripts.end_time_seconds, best.rank,
        CASE best.kind
            WHEN 'title' THEN ts_headline('english', sessions.title, plainly, all_of_it)
            WHEN 'summary' THEN ts_headline('english', summary_text(
                summaries.tldr, summaries.key_decisions, summaries.action_items, summaries.follow_up_questions,
                summaries.conversation_highlights
            ), plainly, pieces_of_it)
            ELSE translate(ts_headline(
                search_config(search_form(transcripts.language)),
                search_text(search_form(transcripts.language), transcripts.content),
                queries[array_position(forms, search_form(transcripts.language))],
                CASE WHEN length(transcripts.content) <= 600 THEN all_of_it ELSE pieces_of_it END
            ), chr(31), '')
        END
    FROM best
    JOIN sessions ON sessions.id = best.session_id
    LEFT JOIN transcripts ON transcripts.id = best.transcript_id
    LEFT JOIN summaries
        ON best.kind = 'summary' AND summaries.session_id = best.session_id AND summaries.deleted_at IS NULL
    ORDER BY best.rank DESC, best.at DESC, best.session_id, best.transcript_id;
END
$$;
REVOKE ALL ON FUNCTION search_sessions(uuid, text, text[], uuid, text, timestamptz, timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_sessions(uuid, text, text[], uuid, text, timestamptz, timestamptz, integer)
    TO liveconvo_api;

-- As before, and told to who follows the session: by its node while there is a call, and before there may be one again;
-- else by an entry of the log, under the next number. A call that is over gives out no more numbers.
CREATE OR REPLACE FUNCTION revise_transcript(
    wanted_session_id uuid, wanted_transcript_id uuid, seen_revision integer, wanted_content text, wanted_speaker text
) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    held transcripts;
    session_status text;
    told jsonb;
    next_seq bigint;
    last_epoch integer;
BEGIN
    SELECT status INTO session_status
    FROM sessions
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
    told := jsonb_build_object(
        'transcript_id', held.id, 'revision', held.revision + 1, 'text', wanted_content, 'speaker', wanted_speaker
    );
    IF session_status IN ('completed', 'archived') THEN
        UPDATE calls
        SET reserved_seq = reserved_seq + 1
        WHERE session_id = held.session_id
            AND lease_until <= clock_timestamp()
        RETURNING reserved_seq, epoch INTO next_seq, last_epoch;
    END IF;
    IF next_seq IS NOT NULL THEN
        INSERT INTO session_events (session_id, organization_id, seq, epoch, type, at_ms, audience, payload)
        VALUES (
            held.session_id, held.organization_id, next_seq, last_epoch, 'transcript.revised',
            coalesce(
                (SELECT at_ms FROM session_events WHERE session_id = held.session_id ORDER BY seq DESC LIMIT 1), 0
            ),
            'everyone', told
        );
    ELSE
        INSERT INTO call_commands (id, session_id, organization_id, kind, payload, created_by)
        SELECT gen_random_uuid(), session_id, organization_id, 'revise_transcript', told, app_user_id()
        FROM calls
        WHERE session_id = held.session_id;
    END IF;
    RETURN held.revision + 1;
END
$$;

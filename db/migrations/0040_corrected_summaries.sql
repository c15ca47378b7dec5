-- Words that come late have a summary written anew, but not one that somebody corrected.
ALTER TABLE summaries ADD COLUMN corrected_at timestamptz;
GRANT UPDATE (corrected_at) ON summaries TO liveconvo_api;
GRANT SELECT (corrected_at) ON summaries TO liveconvo_media;

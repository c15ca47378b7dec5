-- What the worker looks for on every round, among many sessions that it does not look for.
CREATE INDEX sessions_active_idx ON sessions (id) WHERE status = 'active' AND deleted_at IS NULL;
CREATE INDEX summaries_unwritten_idx
    ON summaries (updated_at) WHERE generation_status IN ('pending', 'generating') AND deleted_at IS NULL;

-- The jobs role completes sessions whose media node never came back: what complete_session() reads and writes.
GRANT SELECT ON calls, usage_tracking TO liveconvo_jobs;
CREATE POLICY jobs_read ON calls FOR SELECT TO liveconvo_jobs USING (true);
CREATE POLICY jobs_read ON usage_tracking FOR SELECT TO liveconvo_jobs USING (true);
GRANT UPDATE (
    status, recording_ended_at, recording_duration_seconds, total_words_spoken, user_talk_time_seconds,
    silence_periods_count
) ON sessions TO liveconvo_jobs;

"""What the benchmark's sessions used: the ledger, and what is derived from it.

Where triggers are on, the ledger's own derive the rest; the statements that do it here then find it done.
"""

from __future__ import annotations

INTERVALS = """
INSERT INTO usage_intervals (session_id, participant_id, epoch, from_ms, to_ms, organization_id, user_id)
SELECT session_id, host_id, 1, run * 300000, run * 300000 + 240000, organization_id, user_id
FROM spoken
CROSS JOIN LATERAL generate_series(0, lines / 60) AS run
"""

USAGE = """
INSERT INTO usage_tracking (organization_id, user_id, session_id, minute_timestamp, seconds_recorded)
SELECT
    organization_id, user_id, session_id, date_trunc('minute', started_at) + minute * interval '1 minute', 48
FROM spoken
CROSS JOIN LATERAL generate_series(0, lines / 60 * 5 + 4) AS minute
WHERE NOT EXISTS (SELECT FROM usage_tracking)
"""

MONTHS = """
INSERT INTO monthly_usage_cache (organization_id, user_id, month_year, total_seconds_used, total_minutes_used)
SELECT
    organization_id, user_id, to_char(minute_timestamp AT TIME ZONE 'UTC', 'YYYY-MM'), sum(seconds_recorded),
    ceil(sum(seconds_recorded) / 60.0)
FROM usage_tracking
WHERE NOT EXISTS (SELECT FROM monthly_usage_cache)
GROUP BY 1, 2, 3
"""

STEPS = (INTERVALS, USAGE, MONTHS)

-- Figures: all sums by queue, channel and quarter of an hour, over all time, and over all queues; percentiles and states.
--
-- In:  counts, durations, spans, settings
-- Out: figures(queue, channel, start_ms, name, n): without `start_ms` over all time, without `queue` and `channel` over all.

CREATE TEMP TABLE figures AS
WITH spread AS (
    SELECT queue, channel, at_ms // 900000 * 900000 AS start_ms, kind, list_sort(list(ms)) AS sorted
    FROM durations
    GROUP BY GROUPING SETS ((queue, channel, at_ms // 900000 * 900000, kind), (queue, channel, kind), (kind))
),

-- The end of each quarter in which anything was, and now. What happens at the end itself belongs to what follows.
ends AS (
    SELECT
        unnest(range(min(at_ms) // 900000 * 900000, now_ms + 1, 900000)) AS start_ms,
        least(start_ms + 900000, now_ms + 1) AS end_ms
    FROM (SELECT at_ms FROM counts UNION ALL SELECT from_ms FROM spans), settings
    GROUP BY now_ms
    UNION ALL SELECT NULL, now_ms + 1 FROM settings
),

states AS (
    SELECT queue, channel, start_ms, kind, count(*) AS n, min(since_ms) AS oldest
    FROM ends JOIN spans ON from_ms < end_ms AND coalesce(to_ms >= end_ms, true)
    GROUP BY GROUPING SETS ((queue, channel, start_ms, kind), (start_ms, kind))
)

SELECT queue, channel, at_ms // 900000 * 900000 AS start_ms, name, sum(n)::BIGINT AS n
FROM counts GROUP BY GROUPING SETS ((queue, channel, at_ms // 900000 * 900000, name), (queue, channel, name), (name))
UNION ALL
SELECT queue, channel, start_ms, kind || '_p' || p, sorted[(p * len(sorted) + 99) // 100]
FROM spread, (SELECT unnest([50, 75, 90, 95, 99]) AS p)
UNION ALL
SELECT queue, channel, start_ms, 'max_wait', sorted[-1] FROM spread WHERE kind = 'wait_all'
UNION ALL
SELECT queue, channel, start_ms, unnest([kind, 'oldest_' || kind]), unnest([n, oldest])
FROM states WHERE queue IS NOT NULL OR start_ms IS NULL;

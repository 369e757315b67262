-- Visits: who waited in which queue, for how long, and what came of it.
--
-- In:  facts, contacts, settings, expiries
-- Out: visits, one row each: entered at fact `n`, ended at place `end_pos` (of the fact that ended it, but never before the
--      entry) and time `end_at`, with its outcome. Waiting now: outcome `waiting` and no end.

CREATE TEMP TABLE visit_steps AS
SELECT contact, n, at_ms, type, queue, reason, "by", row_number() OVER (PARTITION BY contact ORDER BY n) AS step
FROM facts
WHERE type IN ('queued', 'exited', 'ended') OR (type = 'answered' AND role = 'primary');

-- One step a fact. `waiting` are the open visits, the longest first. `early` are the exits that found nothing open: they wait
-- for a visit that begins in the same millisecond. `ends` are the visits that this step ended.
CREATE TEMP TABLE visit_ends AS
WITH RECURSIVE reading AS (
    SELECT
        contact,
        0::BIGINT AS step,
        []::STRUCT(n BIGINT, queue VARCHAR)[] AS waiting,
        []::STRUCT(n BIGINT, at_ms BIGINT, queue VARCHAR, reason VARCHAR)[] AS early,
        []::STRUCT(n BIGINT, end_pos BIGINT, end_at BIGINT, outcome VARCHAR)[] AS ends
    FROM contacts
    UNION ALL
    SELECT
        contact,
        step,
        CASE
            WHEN type = 'queued' AND early_exit IS NULL THEN list_append(waiting, {'n': n, 'queue': queue})
            WHEN type = 'exited' THEN list_filter(waiting, lambda v: v.n IS DISTINCT FROM meant.n)
            WHEN type = 'ended' OR (type = 'answered' AND meant IS NOT NULL) THEN []
            ELSE waiting
        END,
        CASE
            WHEN type = 'exited' AND meant IS NULL
                THEN list_append(early, {'n': n, 'at_ms': at_ms, 'queue': queue, 'reason': reason})
            WHEN early_exit IS NOT NULL THEN list_filter(early, lambda e: e.n <> early_exit.n)
            ELSE early
        END,
        CASE
            WHEN early_exit IS NOT NULL THEN [{'n': n, 'end_pos': n, 'end_at': at_ms, 'outcome': early_exit.reason}]
            WHEN type = 'exited' AND meant IS NOT NULL
                THEN [{'n': meant.n, 'end_pos': n, 'end_at': at_ms, 'outcome': reason}]
            WHEN type = 'answered' AND meant IS NOT NULL
                THEN list_transform(waiting, lambda v: {
                    'n': v.n, 'end_pos': n, 'end_at': at_ms,
                    'outcome': CASE WHEN v.n = meant.n THEN 'answered' ELSE 'answered_elsewhere' END
                })
            WHEN type = 'ended'
                THEN list_transform(waiting, lambda v: {
                    'n': v.n, 'end_pos': n, 'end_at': at_ms,
                    'outcome': CASE WHEN coalesce("by", 'customer') = 'customer' THEN 'abandoned' ELSE 'system_drop' END
                })
            ELSE []
        END
    FROM (
        SELECT
            s.*,
            waiting,
            early,
            CASE WHEN type IN ('exited', 'answered')
                THEN list_filter(waiting, lambda v: s.queue IS NULL OR v.queue = s.queue)[1]
            END AS meant,
            CASE WHEN type = 'queued'
                THEN list_filter(early, lambda e: e.at_ms = s.at_ms AND (e.queue IS NULL OR e.queue = s.queue))[1]
            END AS early_exit
        FROM reading
        JOIN visit_steps AS s ON s.contact = reading.contact AND s.step = reading.step + 1
    )
)

SELECT contact, unnest(ends, recursive := true) FROM reading;

CREATE TEMP TABLE visits AS
WITH begun AS (
    SELECT
        facts.contact,
        n,
        queue,
        channel_or_topic AS channel,
        at_ms AS entry_at,
        coalesce(direction, direction_said, 'inbound') AS direction_here,
        direction_here = 'inbound' OR (direction_here = 'callback' AND callbacks_in_offered) AS is_offered,
        entry_at + ((newest_at + coalesce(limit_ms, other_expiry_ms) - entry_at + 999) // 1000) * 1000 AS lost_at,
        now_ms
    FROM facts
    JOIN contacts ON contacts.contact = facts.contact
    LEFT JOIN expiries ON expiries.channel = facts.channel_or_topic
    CROSS JOIN settings
    WHERE type = 'queued'
)

SELECT
    begun.* EXCLUDE (direction_here, lost_at, now_ms),
    end_pos,
    CASE WHEN outcome IS NULL AND lost_at <= now_ms THEN lost_at ELSE end_at END AS end_at,
    coalesce(outcome, CASE WHEN lost_at <= now_ms THEN 'lost' ELSE 'waiting' END) AS outcome,
    end_at - entry_at AS wait_ms
FROM begun
LEFT JOIN visit_ends ON visit_ends.contact = begun.contact AND visit_ends.n = begun.n;

-- Those that count. One that another answer ended counts neither as offered nor as lost.
CREATE TEMP TABLE offered AS
SELECT
    visits.*,
    CASE outcome WHEN 'answered' THEN 'answered' WHEN 'abandoned' THEN 'abandoned' ELSE 'exited' END AS kind,
    CASE
        WHEN outcome = 'abandoned' AND wait_ms <= short_ms THEN 'sa'
        WHEN outcome <> 'lost' THEN
            CASE outcome
                WHEN 'answered' THEN 'a' WHEN 'abandoned' THEN 'b' WHEN 'callback_accepted' THEN 'c'
                WHEN 'waiting' THEN 'w' ELSE 'x'
            END || CASE WHEN coalesce(wait_ms, now_ms - entry_at) <= threshold_ms THEN '_in' ELSE '_out' END
    END AS cell
FROM visits
CROSS JOIN settings
WHERE is_offered AND outcome <> 'answered_elsewhere';

-- Flow: the entry at the entry, everything else when it happened.
INSERT INTO counts
SELECT queue, channel, entry_at, 'offered', 1 FROM offered
UNION ALL SELECT queue, channel, end_at, kind, 1 FROM offered WHERE wait_ms IS NOT NULL
UNION ALL SELECT queue, channel, end_at, 'exited.' || outcome, 1 FROM offered WHERE wait_ms IS NOT NULL AND kind = 'exited'
UNION ALL SELECT queue, channel, end_at, 'short_abandoned', 1 FROM offered WHERE cell = 'sa'
UNION ALL SELECT queue, channel, end_at, 'lost', 1 FROM offered WHERE outcome = 'lost'
UNION ALL
SELECT queue, channel, end_at, CASE kind WHEN 'answered' THEN 'answer' WHEN 'abandoned' THEN 'abandon' ELSE 'exit' END
    || '_wait_ms', wait_ms
FROM offered WHERE wait_ms IS NOT NULL;

-- Cohort: what became of those who came.
INSERT INTO counts
SELECT queue, channel, entry_at, cell, 1 FROM offered WHERE cell IS NOT NULL
UNION ALL SELECT queue, channel, entry_at, 'cohort_lost', 1 FROM offered WHERE outcome = 'lost';

-- `service_level_live`: by the moment in which it is decided.
INSERT INTO counts
SELECT queue, channel, end_at, 'live_' || cell, 1 FROM offered WHERE cell IN ('a_in', 'b_in')
UNION ALL
SELECT queue, channel, entry_at + threshold_ms, 'live_passed', 1
FROM offered, settings
WHERE coalesce(end_at, now_ms) - entry_at > threshold_ms AND cell IS DISTINCT FROM 'sa';

INSERT INTO waits
SELECT queue, channel, end_at, kind, wait_ms FROM offered WHERE wait_ms IS NOT NULL;

-- One who will be answered elsewhere waits here until then.
INSERT INTO spans
SELECT queue, channel, 'waiting', entry_at, end_at FROM visits WHERE is_offered;

INSERT INTO counts
SELECT coalesce(queue, '_unknown'), channel_or_topic, at_ms, unnest(['blocked', 'blocked.' || reason]), 1
FROM facts WHERE type = 'blocked';

INSERT INTO quality SELECT 'lost', count(*) FROM offered WHERE outcome = 'lost';

-- Visits: who waited in which queue, for how long, and what came of it.
--
-- In:  facts, contacts, settings, expiries
-- Out: visits, one row each: entered at fact `n`, ended at place `end_pos` (of the fact that ended it, but never before the
--      entry) and time `end_at`, with its outcome. Waiting now: outcome `waiting` and no end.

CREATE TEMP TABLE visit_steps AS
SELECT
    contact, n, pos, nth, at_ms, type, queue, reason, "by",
    row_number() OVER (PARTITION BY contact ORDER BY pos, nth) AS step
FROM readings
WHERE type IN ('queued', 'exited', 'ended') OR (type = 'answered' AND role = 'primary');

-- One step a reading. `waiting` are the open visits, the longest first, `spent` the exits that have found theirs, `ends` the
-- visits that this step ended.
CREATE TEMP TABLE visit_ends AS
WITH RECURSIVE reading AS (
    SELECT
        contact,
        0::BIGINT AS step,
        []::STRUCT(n BIGINT, queue VARCHAR)[] AS waiting,
        []::BIGINT[] AS spent,
        []::STRUCT(n BIGINT, end_pos BIGINT, end_at BIGINT, outcome VARCHAR)[] AS ends
    FROM contacts
    UNION ALL
    SELECT
        contact,
        step,
        CASE
            WHEN type = 'queued' THEN list_append(waiting, {'n': n, 'queue': queue})
            WHEN type = 'exited' THEN list_filter(waiting, lambda v: v.n IS DISTINCT FROM meant.n)
            WHEN type = 'ended' OR meant IS NOT NULL THEN []
            ELSE waiting
        END,
        CASE WHEN type = 'exited' AND meant IS NOT NULL THEN list_append(spent, n) ELSE spent END,
        CASE
            WHEN type = 'exited' AND meant IS NOT NULL
                THEN [{'n': meant.n, 'end_pos': pos, 'end_at': at_ms, 'outcome': reason}]
            WHEN type = 'answered' AND meant IS NOT NULL
                THEN list_transform(waiting, lambda v: {
                    'n': v.n, 'end_pos': pos, 'end_at': at_ms,
                    'outcome': CASE WHEN v.n = meant.n THEN 'answered' ELSE 'answered_elsewhere' END
                })
            WHEN type = 'ended'
                THEN list_transform(waiting, lambda v: {
                    'n': v.n, 'end_pos': pos, 'end_at': at_ms,
                    'outcome': CASE WHEN coalesce("by", 'customer') = 'customer' THEN 'abandoned' ELSE 'system_drop' END
                })
            ELSE []
        END
    FROM (
        SELECT
            s.*,
            waiting,
            spent,
            CASE WHEN type IN ('exited', 'answered') AND NOT list_contains(spent, s.n)
                THEN list_filter(waiting, lambda v: s.queue IS NULL OR v.queue = s.queue)[1]
            END AS meant
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
        entry_at + (newest_at + coalesce(limit_ms, other_expiry_ms) - entry_at) // 60000 * 60000 AS lost_at,
        opened_at(hours, open_before(hours, entry_at) + threshold_ms + 1) - 1 AS passed_at,
        started_at,
        hours,
        now_ms
    FROM facts
    JOIN contacts ON contacts.contact = facts.contact
    LEFT JOIN expiries ON expiries.channel = facts.channel_or_topic
    CROSS JOIN settings
    WHERE type = 'queued'
)

SELECT
    begun.* EXCLUDE (direction_here, lost_at, hours, now_ms),
    end_pos,
    CASE WHEN outcome IS NULL AND lost_at <= now_ms THEN lost_at ELSE end_at END AS end_at,
    coalesce(outcome, CASE WHEN lost_at <= now_ms THEN 'lost' ELSE 'waiting' END) AS outcome,
    open_before(hours, end_at) - open_before(hours, entry_at) AS wait_ms
FROM begun
LEFT JOIN visit_ends ON visit_ends.contact = begun.contact AND visit_ends.n = begun.n;

-- Those that count. One that another answer ended counts neither as offered nor as lost.
CREATE TEMP TABLE offered AS
SELECT
    visits.*,
    CASE outcome WHEN 'answered' THEN 'answered' WHEN 'abandoned' THEN 'abandoned' ELSE 'exited' END AS kind,
    coalesce(wait_ms, open_before(hours, now_ms) - open_before(hours, entry_at)) <= threshold_ms AS is_in,
    CASE
        WHEN outcome = 'abandoned' AND wait_ms <= short_ms THEN 'sa'
        WHEN outcome <> 'lost' THEN
            CASE outcome
                WHEN 'answered' THEN 'a' WHEN 'abandoned' THEN 'b' WHEN 'callback_accepted' THEN 'c'
                WHEN 'waiting' THEN 'w' ELSE 'x'
            END || CASE WHEN is_in THEN '_in' ELSE '_out' END
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
UNION ALL SELECT queue, channel, entry_at, 'cohort_lost', 1 FROM offered WHERE outcome = 'lost'
UNION ALL SELECT queue, channel, entry_at, 'abandoned_in', 1 FROM offered WHERE outcome = 'abandoned' AND is_in;

-- `service_level_live`: by the moment in which it is decided.
INSERT INTO counts
SELECT queue, channel, end_at, 'live_' || cell, 1 FROM offered WHERE cell IN ('a_in', 'b_in')
UNION ALL
SELECT queue, channel, passed_at, 'live_passed', 1
FROM offered, settings
WHERE passed_at < coalesce(end_at, now_ms) AND cell IS DISTINCT FROM 'sa';

INSERT INTO durations
SELECT queue, channel, end_at, unnest([CASE kind WHEN 'answered' THEN 'wait' WHEN 'abandoned' THEN 'abandon_wait' ELSE 'exit_wait' END, 'wait_all']), wait_ms
FROM offered WHERE wait_ms IS NOT NULL;

-- One who will be answered elsewhere waits here until then.
INSERT INTO spans
SELECT queue, channel, 'waiting', entry_at, end_at, entry_at FROM visits WHERE is_offered
UNION ALL
SELECT queue, channel, 'waiting_passed', passed_at + 1, end_at, entry_at
FROM visits WHERE is_offered AND coalesce(passed_at < end_at, passed_at IS NOT NULL)
UNION ALL
SELECT queue, channel, 'waiting_contact', entry_at, end_at, started_at FROM visits WHERE is_offered;

INSERT INTO counts
SELECT
    coalesce(queue, home_queue),
    CASE WHEN queue IS NOT NULL OR home_queue = '_unknown' THEN channel_or_topic ELSE home_channel END,
    at_ms,
    unnest(['blocked', 'blocked.' || reason]),
    1
FROM facts WHERE type = 'blocked'
UNION ALL
SELECT home_queue, home_channel, at_ms, 'escalated', 1 FROM facts WHERE type = 'escalated';

INSERT INTO quality SELECT 'lost', count(*) FROM offered WHERE outcome = 'lost';

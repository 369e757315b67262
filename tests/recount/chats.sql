-- Chats: replies, first responses, and how a chat ended.
--
-- In: facts

-- `ended` closes all this: a chat that goes on later begins anew. A stretch goes up to its `ended`.
CREATE TEMP TABLE stretches AS
SELECT
    *,
    count(*) FILTER (WHERE type = 'ended') OVER before AS stretch,
    count(*) FILTER (WHERE type = 'message' AND "by" = 'agent') OVER before AS replies_before
FROM facts
WHERE topic = 'chat'
WINDOW before AS (PARTITION BY contact ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING);

-- The customer waits for a reply from the first of their messages after the last one of a person.
CREATE TEMP TABLE askings AS
SELECT contact, stretch, replies_before, min(at_ms) AS asked_at, min(n) AS asked_n
FROM stretches WHERE type = 'message' AND "by" = 'customer'
GROUP BY contact, stretch, replies_before;

CREATE TEMP TABLE replies AS
SELECT home_queue AS queue, home_channel AS channel, at_ms, asked_at, asked_n, n, contact, stretch
FROM stretches
JOIN askings USING (contact, stretch, replies_before)
WHERE type = 'message' AND "by" = 'agent';

INSERT INTO counts
SELECT queue, channel, at_ms, unnest(['replies', 'reply_time_ms']), unnest([1, at_ms - asked_at]) FROM replies;

-- The first response is the first reply of a stretch. Where a bot wrote before the entry, it is measured from the entry.
WITH entries AS (
    SELECT contact, stretch, min(n) AS entry_n, min(at_ms) AS entry_at
    FROM stretches WHERE type = 'queued' GROUP BY contact, stretch
),

bots AS (
    SELECT contact, stretch, min(n) AS bot_n
    FROM stretches WHERE type = 'message' AND "by" = 'bot' GROUP BY contact, stretch
),

responses AS (
    SELECT DISTINCT ON (contact, stretch)
        queue,
        channel,
        at_ms,
        asked_at,
        CASE WHEN bot_n < entry_n AND entry_n < n THEN entry_at ELSE asked_at END AS begun_at
    FROM replies
    LEFT JOIN entries USING (contact, stretch)
    LEFT JOIN bots USING (contact, stretch)
    ORDER BY contact, stretch, n
)

INSERT INTO counts
SELECT queue, channel, at_ms, unnest(['responses', 'frt_ms', 'frt_total_ms']),
    unnest([1, at_ms - begun_at, at_ms - asked_at])
FROM responses
UNION ALL
SELECT queue, channel, begun_at, unnest(['cohort_responses', 'cohort_frt_ms']), unnest([1, at_ms - begun_at]) FROM responses;

-- How it ended: one that was queued.
WITH told AS (
    SELECT
        contact,
        stretch,
        bool_or(type = 'queued') AS was_queued,
        bool_or(type = 'answered' AND role IN ('primary', 'conference')) AS was_answered,
        max(CASE WHEN type = 'message' AND "by" = 'customer' THEN n END) AS last_asked,
        max(CASE WHEN type = 'message' AND "by" = 'agent' THEN n END) AS last_replied
    FROM stretches GROUP BY contact, stretch
)

INSERT INTO counts
SELECT home_queue, home_channel, at_ms,
    CASE
        WHEN NOT was_answered THEN 'missed'
        WHEN last_asked > coalesce(last_replied, 0) THEN 'dropped'
        ELSE 'completed'
    END, 1
FROM stretches JOIN told USING (contact, stretch)
WHERE type = 'ended' AND was_queued;

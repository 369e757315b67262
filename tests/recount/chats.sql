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

INSERT INTO durations SELECT queue, channel, at_ms, 'reply_time', at_ms - asked_at FROM replies;

INSERT INTO counts
SELECT queue, channel, at_ms, unnest(['replies', 'reply_time_ms']), unnest([1, at_ms - asked_at]) FROM replies;

-- What waits does so in the contact's queue when it began to, or in the first that it gets then, by an entry or an answer;
-- where it gets none, in the contact's queue at the response or the end.
CREATE TEMP TABLE places AS
WITH followed AS (
    SELECT
        *,
        first_value(
            CASE WHEN type = 'queued' OR (type = 'answered' AND role IN ('primary', 'conference', 'consult') AND queue IS NOT NULL)
                THEN {'queue': queue, 'channel': channel_or_topic, 'n': n, 'at_ms': at_ms}
            END IGNORE NULLS
        ) OVER (PARTITION BY contact ORDER BY n ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next
    FROM facts
    WHERE topic = 'chat'
)

SELECT
    contact,
    n,
    topic_channel,
    home_queue <> '_unknown' AS is_known,
    CASE WHEN is_known THEN home_queue ELSE next.queue END AS queue,
    CASE WHEN is_known THEN home_channel ELSE next.channel END AS channel,
    CASE WHEN NOT is_known THEN next.n END AS place_n,
    CASE WHEN NOT is_known THEN next.at_ms END AS place_at
FROM followed;

-- Up to the reply or the end of the chat; not shown while no queue is known.
INSERT INTO spans
WITH closings AS (
    SELECT contact, n, at_ms FROM facts WHERE type = 'ended' OR (type = 'message' AND "by" = 'agent')
),

waiting AS (
    SELECT DISTINCT ON (askings.contact, asked_n)
        queue, channel, greatest(asked_at, place_at) AS from_ms, at_ms AS to_ms, asked_at
    FROM askings
    JOIN places ON places.contact = askings.contact AND places.n = asked_n
    LEFT JOIN closings ON closings.contact = askings.contact AND closings.n > asked_n
    ORDER BY askings.contact, asked_n, closings.n
)

SELECT queue, channel, 'unanswered', from_ms, to_ms, asked_at
FROM waiting WHERE queue IS NOT NULL AND coalesce(from_ms < to_ms, true);

-- The first response is the first of a person after the customer's first message; where a bot wrote before the entry, after the
-- entry. Without a response it is due all the same: at the end of the chat, or once its target has passed; but not where a bot
-- wrote first and the chat was never queued.
CREATE TEMP TABLE begun AS
WITH told AS (
    SELECT
        contact,
        stretch,
        min(CASE WHEN type = 'queued' THEN n END) AS entry_n,
        min(CASE WHEN type = 'message' AND "by" = 'bot' THEN n END) AS bot_n,
        min(CASE WHEN type = 'message' AND "by" = 'customer' THEN n END) AS asked_n,
        min(CASE WHEN type = 'ended' THEN n END) AS ended_n
    FROM stretches GROUP BY contact, stretch
),

answers AS (
    SELECT
        told.*,
        min(facts.n) FILTER (WHERE facts.n > asked_n) AS replied_n,
        min(facts.n) FILTER (WHERE facts.n > entry_n) AS greeted_n
    FROM told
    LEFT JOIN facts
        ON facts.contact = told.contact AND type = 'message' AND "by" = 'agent' AND coalesce(facts.n < ended_n, true)
        AND facts.n > coalesce((
            SELECT max(earlier.n) FROM facts AS earlier
            WHERE earlier.contact = told.contact AND earlier.type = 'ended'
                AND earlier.n < coalesce(asked_n, entry_n)
        ), 0)
    GROUP BY ALL
)

SELECT
    *,
    coalesce(bot_n < entry_n, false) AND coalesce(replied_n > entry_n, true) AS is_after_bot,
    CASE WHEN is_after_bot THEN entry_n ELSE asked_n END AS begun_n,
    CASE WHEN is_after_bot THEN greeted_n ELSE replied_n END AS response_n
FROM answers;

CREATE TEMP TABLE responses AS
SELECT
    response.home_queue AS queue,
    response.home_channel AS channel,
    response.at_ms,
    begin.at_ms AS begun_at,
    places.queue IS NOT NULL AND coalesce(place_n < closing.n, true) AS is_placed,
    CASE WHEN is_placed THEN places.queue ELSE closing.home_queue END AS begun_queue,
    CASE WHEN is_placed THEN places.channel ELSE closing.home_channel END AS begun_channel,
    CASE
        WHEN response.at_ms IS NULL AND entry_n IS NULL AND bot_n < asked_n THEN NULL
        WHEN response.at_ms - begin.at_ms <= first_response_ms THEN 'responded_in'
        WHEN response.at_ms IS NOT NULL THEN 'responded_out'
        WHEN ended_n IS NOT NULL THEN 'no_response'
        WHEN now_ms - begin.at_ms > first_response_ms THEN 'response_overdue'
    END AS due
FROM begun
JOIN facts AS begin ON begin.contact = begun.contact AND begin.n = begun_n
JOIN places ON places.contact = begun.contact AND places.n = begun_n
LEFT JOIN facts AS response ON response.contact = begun.contact AND response.n = response_n
LEFT JOIN facts AS closing ON closing.contact = begun.contact AND closing.n = coalesce(response_n, ended_n)
CROSS JOIN settings;

INSERT INTO counts
SELECT queue, channel, at_ms, unnest(['responses', 'frt_ms']), unnest([1, at_ms - begun_at])
FROM responses WHERE at_ms IS NOT NULL
UNION ALL
SELECT begun_queue, begun_channel, begun_at, due, 1 FROM responses WHERE due IS NOT NULL AND begun_queue IS NOT NULL;

INSERT INTO counts
SELECT facts.home_queue, facts.home_channel, facts.at_ms, unnest(['total_responses', 'frt_total_ms']),
    unnest([1, facts.at_ms - asked.at_ms])
FROM begun
JOIN facts ON facts.contact = begun.contact AND facts.n = replied_n
JOIN facts AS asked ON asked.contact = begun.contact AND asked.n = asked_n;

INSERT INTO durations SELECT queue, channel, at_ms, 'frt', at_ms - begun_at FROM responses WHERE at_ms IS NOT NULL;

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

-- From the customer's first message to the end.
INSERT INTO counts
SELECT home_queue, home_channel, at_ms, unnest(['conversations', 'conversation_ms']), unnest([1, at_ms - first_at])
FROM stretches
JOIN (
    SELECT contact, stretch, min(at_ms) AS first_at FROM stretches WHERE type = 'message' AND "by" = 'customer'
    GROUP BY contact, stretch
) AS written USING (contact, stretch)
WHERE type = 'ended';

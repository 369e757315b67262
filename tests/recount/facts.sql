-- Facts: the lines that are events, one for each id of a contact, in the order in which a record is read.
--
-- In:  lines(line, body), marks(id, mark), settings, expiries(channel, limit_ms)
-- Out: facts, one row a standing fact. `n` is its place among those of its contact, from 1. `direction_said` is what the last
--      `started` that named one said, `home_queue` and `home_channel` are the contact's queue: all three as of this fact.
--      readings, the facts as they are read: what closes something and finds nothing open is read again after what opens in
--      the same millisecond; `pos` and `nth` are the place in which it is read, `nth` is 0 the first time.
--      contacts(contact, topic, newest_at, started_at), quality(name, n), counts and waits and spans, still empty.

CREATE TEMP TABLE parsed AS
SELECT
    line,
    body,
    unnest(from_json(
        CASE WHEN json_valid(body) THEN body ELSE 'null' END,
        '{"type": "VARCHAR", "id": "VARCHAR", "at": "BIGINT", "rev": "BIGINT", "seq": "BIGINT", "contact_id": "VARCHAR",
          "channel": "VARCHAR", "queue": "VARCHAR", "agent": "VARCHAR", "direction": "VARCHAR", "reason": "VARCHAR",
          "role": "VARCHAR", "kind": "VARCHAR", "to_agent": "VARCHAR", "by": "VARCHAR", "resolved": "BOOLEAN",
          "issue_type": "VARCHAR", "issue_reason": "VARCHAR", "survey": "VARCHAR", "csat": "BIGINT", "scale": "BIGINT",
          "nps": "BIGINT", "ces": "BIGINT", "due_at": "BIGINT", "result": "VARCHAR"}'
    ))
FROM lines;

CREATE TEMP TABLE ranks AS
SELECT unnest(types) AS type, generate_subscripts(types, 1) AS rank
FROM (SELECT [
    'resumed', 'transferred', 'left', 'exited',
    'started', 'queued', 'ringing', 'declined', 'answered', 'held', 'blocked', 'classified', 'escalated', 'message',
    'callback_requested', 'callback_attempted', 'callback_cancelled',
    'ended', 'wrapped', 'survey_offered', 'rated'
] AS types);

-- What decides whether a line is an event: its type, and the fields that every event of the type must have.
CREATE TEMP TABLE events AS
SELECT
    parsed.* EXCLUDE (type, "at", seq, rev, role, scale),
    "at" AS at_ms,
    split_part(parsed.type, '.', 1) AS topic,
    ranks.type,
    rank,
    coalesce(seq, 0) AS seq,
    coalesce(rev, 0) AS rev,
    coalesce(role, 'primary') AS role,
    coalesce(scale, 5) AS scale,
    CASE topic WHEN 'call' THEN 'voice' ELSE 'chat' END AS topic_channel,
    coalesce(channel, topic_channel) AS channel_or_topic
FROM parsed
JOIN ranks ON ranks.type = split_part(parsed.type, '.', 2)
WHERE split_part(parsed.type, '.', 1) IN ('call', 'chat') AND parsed.type <> 'call.message'
    AND id IS NOT NULL AND "at" IS NOT NULL AND contact_id IS NOT NULL
    AND (ranks.type <> 'queued' OR queue IS NOT NULL)
    AND (ranks.type NOT IN ('ringing', 'declined', 'answered', 'left') OR agent IS NOT NULL)
    AND (ranks.type NOT IN ('exited', 'blocked') OR reason IS NOT NULL)
    AND (ranks.type <> 'message' OR "by" IS NOT NULL);

-- Of two events with one id the higher `rev` stands, else the later `at`, else one of them: here that of the greater bytes.
CREATE TEMP TABLE known AS
SELECT
    events.*,
    hash_of.mark,
    row_number() OVER (
        PARTITION BY topic, contact_id, events.id ORDER BY rev DESC, at_ms DESC, encode(body) DESC
    ) = 1 AS stands,
    -- Said before: an earlier line with this id says the same, or outdoes it.
    coalesce(
        (rev, at_ms, encode(body)) <= max((rev, at_ms, encode(body))) OVER (
            PARTITION BY topic, contact_id, events.id ORDER BY line ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ),
        false
    ) AS is_duplicate
FROM events
JOIN marks AS hash_of ON hash_of.id = events.id
WHERE at_ms <= (SELECT now_ms FROM settings);

CREATE TEMP TABLE facts AS
WITH ordered AS (
    SELECT
        * EXCLUDE (line, body, stands, is_duplicate),
        dense_rank() OVER (ORDER BY topic, contact_id) AS contact,
        row_number() OVER (PARTITION BY topic, contact_id ORDER BY at_ms, seq, rank, mark) AS n
    FROM known
    WHERE stands
),

said AS (
    SELECT
        *,
        last_value(CASE WHEN type = 'started' THEN direction END IGNORE NULLS) OVER so_far AS direction_said,
        last_value(CASE WHEN type = 'queued' THEN {'queue': queue, 'channel': channel_or_topic} END IGNORE NULLS)
            OVER so_far AS queued_in,
        first_value(
            CASE WHEN type = 'answered' AND role IN ('primary', 'conference', 'consult') AND queue IS NOT NULL
                THEN {'queue': queue, 'channel': channel_or_topic}
            END IGNORE NULLS
        ) OVER so_far AS answered_in
    FROM ordered
    WINDOW so_far AS (PARTITION BY contact ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
)

SELECT
    * EXCLUDE (queued_in, answered_in),
    coalesce(queued_in.queue, answered_in.queue, '_unknown') AS home_queue,
    coalesce(queued_in.channel, answered_in.channel, topic_channel) AS home_channel
FROM said;

CREATE TEMP TABLE readings AS
SELECT n AS pos, 0 AS nth, * FROM facts
UNION ALL
SELECT opening.n, closing.n, closing.*
FROM facts AS closing
JOIN facts AS opening
    ON opening.contact = closing.contact AND opening.at_ms = closing.at_ms AND opening.n > closing.n
WHERE closing.type IN ('resumed', 'transferred', 'left', 'exited', 'declined')
    AND opening.type IN ('queued', 'ringing', 'answered', 'held');

CREATE TEMP TABLE contacts AS
SELECT
    contact, any_value(topic) AS topic, max(at_ms) AS newest_at,
    min(at_ms) FILTER (WHERE type IN ('started', 'queued', 'blocked', 'answered', 'callback_requested')) AS started_at
FROM facts GROUP BY contact;

CREATE TEMP TABLE quality AS
SELECT 'events' AS name, count(*) AS n FROM known
UNION ALL SELECT 'duplicates', count(*) FROM known WHERE is_duplicate
UNION ALL SELECT 'invalid', (SELECT count(*) FROM lines) - (SELECT count(*) FROM events)
UNION ALL SELECT 'late', 0
UNION ALL
SELECT 'orphans', count(*) FROM (
    SELECT contact FROM facts GROUP BY contact
    HAVING NOT bool_or(type IN ('started', 'queued', 'blocked', 'answered', 'callback_requested'))
);

-- Every figure is a sum of these, by `at`: a count, or milliseconds where the name says so.
CREATE TEMP TABLE counts (queue VARCHAR, channel VARCHAR, at_ms BIGINT, name VARCHAR, n BIGINT);

-- Durations of which there are percentiles, by `kind`.
CREATE TEMP TABLE durations (queue VARCHAR, channel VARCHAR, at_ms BIGINT, kind VARCHAR, ms BIGINT);

-- What stood open from when to when, by `kind`; no `to_ms`: it still does. Its age is since `since_ms`.
CREATE TEMP TABLE spans (queue VARCHAR, channel VARCHAR, kind VARCHAR, from_ms BIGINT, to_ms BIGINT, since_ms BIGINT);

-- The clock of waits: how much was open up to a time, and when so much was open. Without hours it is always open.
CREATE TEMP MACRO open_before(hours, t) AS CASE
    WHEN t IS NULL OR len(hours) = 0 THEN t
    ELSE list_sum(list_transform(hours, lambda h: greatest(least(t, h.to_ms) - h.from_ms, 0)))
END::BIGINT;
CREATE TEMP MACRO opened_at(hours, open_ms) AS CASE
    WHEN len(hours) = 0 THEN open_ms
    ELSE list_extract(list_transform(
        list_filter(hours, lambda h: h.before_ms < open_ms AND open_ms <= h.before_ms + h.to_ms - h.from_ms),
        lambda h: h.from_ms + open_ms - h.before_ms
    ), 1)
END::BIGINT;

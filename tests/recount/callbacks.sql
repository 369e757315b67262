-- Callbacks: asked for, tried, made or not.
--
-- In:  facts, settings
-- Out: callback_states, for each `ended` and each fact of a callback: whether one is owed after it, and whether it closed one.

CREATE TEMP TABLE callback_steps AS
SELECT
    contact, n, at_ms, type, result, due_at, home_queue, home_channel,
    row_number() OVER (PARTITION BY contact ORDER BY n) AS step
FROM facts WHERE type LIKE 'callback\_%' ESCAPE '\' OR type = 'ended';

-- `open` is the callback that was asked for and not yet closed, `before` what it was before this step.
CREATE TEMP TABLE callback_states AS
WITH RECURSIVE reading AS (
    SELECT DISTINCT
        contact,
        0::BIGINT AS step,
        0::BIGINT AS n,
        NULL::STRUCT(queue VARCHAR, channel VARCHAR, at_ms BIGINT, due_at BIGINT) AS before,
        NULL::STRUCT(queue VARCHAR, channel VARCHAR, at_ms BIGINT, due_at BIGINT) AS open
    FROM callback_steps
    UNION ALL
    SELECT
        s.contact,
        s.step,
        s.n,
        open,
        CASE
            WHEN s.type = 'callback_requested' THEN {
                'queue': coalesce(open.queue, home_queue), 'channel': coalesce(open.channel, home_channel),
                'at_ms': coalesce(open.at_ms, s.at_ms), 'due_at': coalesce(s.due_at, s.at_ms)
            }
            WHEN s.type = 'callback_cancelled' OR result = 'connected' THEN NULL
            ELSE open
        END
    FROM reading
    JOIN callback_steps AS s ON s.contact = reading.contact AND s.step = reading.step + 1
)

SELECT
    reading.contact,
    reading.n,
    before,
    open,
    open IS NOT NULL AS is_owed,
    before IS NOT NULL AND open IS NULL AS is_closed,
    type,
    result,
    facts.at_ms,
    home_queue,
    home_channel
FROM reading
JOIN facts ON facts.contact = reading.contact AND facts.n = reading.n;

INSERT INTO counts
SELECT home_queue, home_channel, at_ms, 'callbacks_requested', 1
FROM callback_states WHERE type = 'callback_requested' AND before IS NULL
UNION ALL
SELECT before.queue, before.channel, at_ms, 'callbacks_cancelled', 1
FROM callback_states WHERE type = 'callback_cancelled' AND is_closed
UNION ALL
SELECT
    coalesce(before.queue, home_queue),
    coalesce(before.channel, home_channel),
    at_ms,
    unnest(['callbacks_attempted', CASE WHEN result = 'connected' THEN 'callbacks_connected' ELSE 'callbacks_failed' END]),
    1
FROM callback_states WHERE type = 'callback_attempted'
UNION ALL
SELECT before.queue, before.channel, at_ms, unnest(['callbacks_made', 'callback_wait_ms', 'callbacks_kept']),
    unnest([1, at_ms - before.at_ms, (at_ms - before.due_at <= tolerance_ms)::BIGINT])
FROM callback_states, settings WHERE type = 'callback_attempted' AND is_closed;

-- From one step to the next it stands as it does; when it is due is told to the second.
INSERT INTO spans
WITH standing AS (
    SELECT
        open.*,
        open.at_ms + (greatest(open.due_at - open.at_ms, 0) + 999) // 1000 * 1000 AS due_s,
        callback_states.at_ms AS from_ms,
        lead(callback_states.at_ms) OVER (PARTITION BY contact ORDER BY n) AS to_ms
    FROM callback_states
),

parts AS (
    SELECT queue, channel, 'callbacks_open' AS kind, from_ms, to_ms, at_ms FROM standing
    UNION ALL
    SELECT queue, channel, 'callbacks_scheduled', from_ms, least(due_s, coalesce(to_ms, due_s)), at_ms FROM standing
    UNION ALL SELECT queue, channel, 'callbacks_due', greatest(from_ms, due_s), to_ms, at_ms FROM standing
    UNION ALL
    SELECT queue, channel, 'callbacks_overdue', greatest(from_ms, due_s + tolerance_ms + 1), to_ms, at_ms
    FROM standing, settings
)

SELECT * FROM parts WHERE queue IS NOT NULL AND coalesce(from_ms < to_ms, true);

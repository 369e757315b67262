-- Callbacks: asked for, tried, made or not.
--
-- In: facts, settings

CREATE TEMP TABLE callback_steps AS
SELECT
    contact, n, at_ms, type, result, due_at, home_queue, home_channel,
    row_number() OVER (PARTITION BY contact ORDER BY n) AS step
FROM facts WHERE type LIKE 'callback\_%' ESCAPE '\';

-- `open` is the callback that was asked for and not yet closed, `early` what found none open and waits for one in the same
-- millisecond, `said` what this step counts for.
CREATE TEMP TABLE callback_counts AS
WITH RECURSIVE reading AS (
    SELECT DISTINCT
        contact,
        0::BIGINT AS step,
        NULL::STRUCT(queue VARCHAR, channel VARCHAR, at_ms BIGINT, due_at BIGINT) AS open,
        NULL::STRUCT(at_ms BIGINT, what VARCHAR) AS early,
        NULL::STRUCT(queue VARCHAR, channel VARCHAR, at_ms BIGINT, due_at BIGINT) AS of_callback,
        0::BIGINT AS now_at,
        []::VARCHAR[] AS said
    FROM callback_steps
    UNION ALL
    SELECT
        contact,
        step,
        CASE WHEN NOT closes THEN of_callback END,
        CASE WHEN open IS NULL AND what <> 'requested' THEN {'at_ms': at_ms, 'what': what} WHEN NOT is_met THEN early END,
        of_callback,
        at_ms,
        CASE WHEN of_callback IS NULL THEN [] ELSE list_concat(
            CASE WHEN open IS NULL THEN ['requested'] ELSE [] END,
            CASE WHEN is_met THEN [early.what] WHEN what <> 'requested' THEN [what] ELSE [] END
        ) END
    FROM (
        SELECT
            s.contact,
            s.step,
            s.at_ms,
            open,
            early,
            CASE s.type
                WHEN 'callback_requested' THEN 'requested'
                WHEN 'callback_cancelled' THEN 'cancelled'
                ELSE CASE WHEN result = 'connected' THEN 'connected' ELSE 'failed' END
            END AS what,
            CASE
                WHEN what <> 'requested' THEN open
                ELSE {
                    'queue': coalesce(open.queue, home_queue), 'channel': coalesce(open.channel, home_channel),
                    'at_ms': coalesce(open.at_ms, s.at_ms), 'due_at': coalesce(s.due_at, s.at_ms)
                }
            END AS of_callback,
            what = 'requested' AND open IS NULL AND coalesce(early.at_ms = s.at_ms, false) AS is_met,
            CASE WHEN is_met THEN early.what ELSE what END IN ('connected', 'cancelled') AS closes
        FROM reading
        JOIN callback_steps AS s ON s.contact = reading.contact AND s.step = reading.step + 1
    )
)

SELECT of_callback.*, now_at, unnest(said) AS what FROM reading;

INSERT INTO counts
SELECT queue, channel, now_at, 'callbacks_' || what, 1 FROM callback_counts
UNION ALL
SELECT queue, channel, now_at, 'callbacks_attempts', 1 FROM callback_counts WHERE what IN ('connected', 'failed')
UNION ALL
SELECT queue, channel, now_at, 'callback_wait_ms', now_at - at_ms FROM callback_counts WHERE what = 'connected'
UNION ALL
SELECT queue, channel, now_at, 'callbacks_kept', 1
FROM callback_counts, settings WHERE what = 'connected' AND now_at - due_at <= tolerance_ms;

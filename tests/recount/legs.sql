-- Legs: each person's handling of a contact, with hold and wrap-up; and consultations.
--
-- In:  facts, visits, settings
-- Out: legs, one row each: begun at fact `n`, ended at place `end_pos` (of the fact that ended it, but never before the
--      beginning) by fact `end_n`.

-- For each person: what can begin or end their leg or consultation.
CREATE TEMP TABLE person_steps AS
WITH named AS (
    SELECT contact, agent, n, at_ms, type AS what, role FROM facts WHERE type IN ('left', 'transferred') AND agent IS NOT NULL
    UNION ALL
    SELECT contact, agent, n, at_ms, 'answered', role
    FROM facts WHERE type = 'answered' AND role IN ('primary', 'conference', 'consult')
    UNION ALL
    SELECT contact, to_agent, n, at_ms, 'taken over', NULL
    FROM facts WHERE type = 'transferred' AND to_agent IS NOT NULL AND to_agent IS DISTINCT FROM agent
),

steps AS (
    SELECT * FROM named
    UNION ALL
    SELECT facts.contact, people.agent, n, at_ms, 'ended', NULL
    FROM facts
    JOIN (SELECT DISTINCT contact, agent FROM named) AS people ON people.contact = facts.contact
    WHERE type = 'ended'
)

SELECT *, row_number() OVER (PARTITION BY contact, agent ORDER BY n) AS step FROM steps;

-- `open` is the person's leg or consultation, `answer_n` the answer that its queue comes from. `early` is what found nothing
-- open that it could end: it waits for what begins in the same millisecond. `done` is what this step ended, at most two: a
-- consultation that became a leg, and a leg that ended at once.
CREATE TEMP TABLE episodes AS
WITH RECURSIVE reading AS (
    SELECT DISTINCT
        contact,
        agent,
        0::BIGINT AS step,
        NULL::STRUCT(n BIGINT, at_ms BIGINT, role VARCHAR, answer_n BIGINT) AS open,
        []::STRUCT(n BIGINT, at_ms BIGINT)[] AS early,
        []::STRUCT(
            n BIGINT, at_ms BIGINT, role VARCHAR, answer_n BIGINT, end_pos BIGINT, end_n BIGINT, end_at BIGINT
        )[] AS done
    FROM person_steps
    UNION ALL
    SELECT
        contact,
        agent,
        step,
        CASE
            WHEN begins AND closer IS NULL
                THEN {'n': n, 'at_ms': at_ms, 'role': role, 'answer_n': answer_n}
            WHEN NOT begins AND NOT ends THEN open
        END,
        CASE
            WHEN begins AND closer IS NOT NULL THEN early[2:]
            WHEN what IN ('left', 'transferred') AND open IS NULL
                THEN list_append(list_filter(early, lambda e: e.at_ms = s_at), {'n': n, 'at_ms': at_ms})
            ELSE early
        END,
        list_concat(
            CASE WHEN open IS NOT NULL AND (begins OR ends) THEN [{
                'n': open.n, 'at_ms': open.at_ms, 'role': open.role, 'answer_n': open.answer_n,
                'end_pos': n, 'end_n': n, 'end_at': at_ms
            }] ELSE [] END,
            CASE WHEN begins AND closer IS NOT NULL THEN [{
                'n': n, 'at_ms': at_ms, 'role': role, 'answer_n': answer_n, 'end_pos': n, 'end_n': closer.n, 'end_at': at_ms
            }] ELSE [] END
        )
    FROM (
        SELECT
            s.contact,
            s.agent,
            s.step,
            s.n,
            s.at_ms,
            s.at_ms AS s_at,
            coalesce(s.role, 'primary') AS role,
            what,
            open,
            early,
            coalesce(
                (what = 'answered' AND (open IS NULL OR (open.role = 'consult' AND s.role <> 'consult')))
                OR (what = 'taken over' AND open.role = 'consult'),
                false
            ) AS begins,
            what IN ('left', 'transferred', 'ended') AND open IS NOT NULL AS ends,
            CASE WHEN what = 'taken over' THEN open.answer_n ELSE s.n END AS answer_n,
            CASE WHEN early[1].at_ms = s.at_ms THEN early[1] END AS closer
        FROM reading
        JOIN person_steps AS s
            ON s.contact = reading.contact AND s.agent = reading.agent AND s.step = reading.step + 1
    )
)

SELECT contact, agent, unnest(done, recursive := true) FROM reading
UNION ALL
SELECT contact, agent, open.n, open.at_ms, open.role, open.answer_n, NULL, NULL, NULL
FROM reading
WHERE open IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY contact, agent ORDER BY step DESC) = 1
    AND step = (
        SELECT max(step) FROM person_steps WHERE person_steps.contact = reading.contact AND person_steps.agent = reading.agent
    );

-- The queue is that of the visit that was answered, else the one that the answer names, else the contact's.
CREATE TEMP TABLE placed AS
SELECT
    episodes.*,
    coalesce(visits.queue, answer.queue, answer.home_queue) AS queue,
    CASE
        WHEN visits.queue IS NOT NULL THEN visits.channel
        WHEN answer.queue IS NOT NULL THEN answer.channel_or_topic
        ELSE answer.home_channel
    END AS channel,
    ending.type AS end_type,
    ending.kind AS transfer_kind,
    ending."by" AS ended_by
FROM episodes
JOIN facts AS answer ON answer.contact = episodes.contact AND answer.n = answer_n
LEFT JOIN visits
    ON visits.contact = episodes.contact AND visits.end_pos = answer_n AND visits.outcome = 'answered'
LEFT JOIN facts AS ending ON ending.contact = episodes.contact AND ending.n = end_n;

CREATE TEMP TABLE legs AS SELECT * FROM placed WHERE role <> 'consult';

INSERT INTO counts
SELECT queue, channel, end_at, unnest(['consults', 'consult_ms']), unnest([1, end_at - at_ms])
FROM placed WHERE role = 'consult' AND end_at IS NOT NULL;

-- Hold. `held` and `resumed` without a person: the leg that began last, and the leg that was held last.
CREATE TEMP TABLE hold_steps AS
WITH aimed AS (
    SELECT DISTINCT ON (facts.contact, facts.n)
        facts.contact, facts.n AS pos, facts.at_ms, 'held' AS what, legs.n AS leg, legs.agent
    FROM facts
    JOIN legs
        ON legs.contact = facts.contact AND legs.n < facts.n AND coalesce(end_pos > facts.n, true)
        AND coalesce(facts.agent = legs.agent, true)
    WHERE type = 'held'
    ORDER BY facts.contact, facts.n, legs.n DESC
),

steps AS (
    SELECT contact, pos, 0 AS nth, at_ms, what, leg, agent FROM aimed
    UNION ALL SELECT contact, n, 0, at_ms, 'resumed', NULL, agent FROM facts WHERE type = 'resumed'
    UNION ALL SELECT contact, end_pos, 1, end_at, 'leg ended', n, agent FROM legs WHERE end_at IS NOT NULL
)

SELECT *, row_number() OVER (PARTITION BY contact ORDER BY pos, nth, leg) AS step FROM steps;

-- `held` are the legs on hold, the one held last first. `early` are those `resumed` that found none.
CREATE TEMP TABLE holds AS
WITH RECURSIVE reading AS (
    SELECT DISTINCT
        contact,
        0::BIGINT AS step,
        []::STRUCT(leg BIGINT, agent VARCHAR, at_ms BIGINT)[] AS held,
        []::STRUCT(at_ms BIGINT, agent VARCHAR)[] AS early,
        NULL::STRUCT(leg BIGINT, from_at BIGINT, to_at BIGINT, by_end BOOLEAN) AS done
    FROM hold_steps
    UNION ALL
    SELECT
        contact,
        step,
        CASE
            WHEN begins AND early_at IS NULL THEN list_prepend({'leg': leg, 'agent': agent, 'at_ms': at_ms}, held)
            ELSE list_filter(held, lambda h: h.leg IS DISTINCT FROM meant.leg)
        END,
        CASE
            WHEN what = 'resumed' AND meant IS NULL THEN list_append(early, {'at_ms': at_ms, 'agent': agent})
            WHEN early_at IS NOT NULL THEN list_filter(early, lambda e: e IS DISTINCT FROM early_at)
            ELSE early
        END,
        CASE
            WHEN early_at IS NOT NULL THEN {'leg': leg, 'from_at': at_ms, 'to_at': at_ms, 'by_end': false}
            WHEN meant IS NOT NULL
                THEN {'leg': meant.leg, 'from_at': meant.at_ms, 'to_at': at_ms, 'by_end': what = 'leg ended'}
        END
    FROM (
        SELECT
            s.contact,
            s.step,
            s.what,
            s.at_ms,
            s.agent,
            s.leg,
            held,
            early,
            what = 'held' AND len(list_filter(held, lambda h: h.leg = s.leg)) = 0 AS begins,
            CASE what
                WHEN 'resumed' THEN list_filter(held, lambda h: s.agent IS NULL OR h.agent = s.agent)[1]
                WHEN 'leg ended' THEN list_filter(held, lambda h: h.leg = s.leg)[1]
            END AS meant,
            CASE WHEN begins
                THEN list_filter(early, lambda e: e.at_ms = s.at_ms AND (e.agent IS NULL OR e.agent = s.agent))[1]
            END AS early_at
        FROM reading
        JOIN hold_steps AS s ON s.contact = reading.contact AND s.step = reading.step + 1
    )
)

SELECT contact, done.* FROM reading WHERE done IS NOT NULL;

-- Wrap-up: `wrapped` is of the leg (of the person named, if one is) that ended last of those that have none.
CREATE TEMP TABLE wrap_steps AS
WITH steps AS (
    SELECT contact, n AS pos, 1 AS nth, at_ms, agent, NULL::BIGINT AS leg FROM facts WHERE type = 'wrapped'
    UNION ALL SELECT contact, end_pos, 0, end_at, agent, n FROM legs WHERE end_at IS NOT NULL
)

SELECT *, row_number() OVER (PARTITION BY contact ORDER BY pos, nth, leg) AS step FROM steps;

-- `bare` are the legs that ended and have no wrap-up, the one that ended last first.
CREATE TEMP TABLE wraps AS
WITH RECURSIVE reading AS (
    SELECT DISTINCT
        contact,
        0::BIGINT AS step,
        []::STRUCT(leg BIGINT, agent VARCHAR)[] AS bare,
        []::STRUCT(n BIGINT, at_ms BIGINT, agent VARCHAR)[] AS early,
        NULL::STRUCT(leg BIGINT, wrapped_n BIGINT) AS done
    FROM wrap_steps
    UNION ALL
    SELECT
        contact,
        step,
        CASE
            WHEN leg IS NULL THEN list_filter(bare, lambda b: b.leg IS DISTINCT FROM meant.leg)
            WHEN early_wrap IS NULL THEN list_prepend({'leg': leg, 'agent': agent}, bare)
            ELSE bare
        END,
        CASE
            WHEN leg IS NULL AND meant IS NULL THEN list_append(early, {'n': pos, 'at_ms': at_ms, 'agent': agent})
            WHEN early_wrap IS NOT NULL THEN list_filter(early, lambda e: e.n <> early_wrap.n)
            ELSE early
        END,
        CASE
            WHEN meant IS NOT NULL THEN {'leg': meant.leg, 'wrapped_n': pos}
            WHEN early_wrap IS NOT NULL THEN {'leg': leg, 'wrapped_n': early_wrap.n}
        END
    FROM (
        SELECT
            s.contact,
            s.step,
            s.pos,
            s.at_ms,
            s.agent,
            s.leg,
            bare,
            early,
            CASE WHEN s.leg IS NULL THEN list_filter(bare, lambda b: s.agent IS NULL OR b.agent = s.agent)[1] END AS meant,
            CASE WHEN s.leg IS NOT NULL
                THEN list_filter(early, lambda e: e.at_ms = s.at_ms AND (e.agent IS NULL OR e.agent = s.agent))[1]
            END AS early_wrap
        FROM reading
        JOIN wrap_steps AS s ON s.contact = reading.contact AND s.step = reading.step + 1
    )
)

SELECT contact, done.* FROM reading WHERE done IS NOT NULL;

-- A leg completes with all its time in one moment. One that waits for its wrap-up yet has no `done_at`.
CREATE TEMP TABLE handlings AS
WITH held AS (
    SELECT contact, leg, sum(to_at - from_at) AS hold_ms, count(*) AS holds, bool_or(by_end) AS ended_held
    FROM holds GROUP BY contact, leg
)

SELECT
    legs.*,
    coalesce(hold_ms, 0) AS hold_ms,
    coalesce(holds, 0) AS holds,
    coalesce(ended_held, false) AS ended_held,
    wrapped.at_ms IS NOT NULL AS is_wrapped,
    wrapped.resolved,
    wrapped.at_ms AS wrapped_at,
    NOT is_wrapped AND wrap_up <> 'none' AND end_at + acw_limit_ms <= now_ms AS is_inferred,
    CASE
        WHEN is_wrapped THEN wrapped_at
        WHEN wrap_up = 'none' THEN end_at
        WHEN is_inferred THEN end_at + acw_limit_ms
    END AS done_at
FROM legs
CROSS JOIN settings
LEFT JOIN held ON held.contact = legs.contact AND held.leg = legs.n
LEFT JOIN wraps ON wraps.contact = legs.contact AND wraps.leg = legs.n
LEFT JOIN facts AS wrapped ON wrapped.contact = legs.contact AND wrapped.n = wrapped_n
WHERE end_at IS NOT NULL;

INSERT INTO counts
SELECT queue, channel, done_at, unnest(['handled', 'talk_ms', 'hold_ms', 'acw_ms', 'holds', 'held']),
    unnest([1, end_at - at_ms - hold_ms, hold_ms, coalesce(wrapped_at - end_at, 0), holds, (holds > 0)::BIGINT])
FROM handlings WHERE done_at IS NOT NULL
UNION ALL
SELECT queue, channel, done_at, unnest(['transferred', 'transferred.' || coalesce(transfer_kind, 'other')]), 1
FROM handlings WHERE done_at IS NOT NULL AND end_type = 'transferred'
UNION ALL
SELECT queue, channel, done_at, 'hold_abandoned.' || coalesce(ended_by, 'none'), 1
FROM handlings WHERE done_at IS NOT NULL AND end_type = 'ended' AND ended_held
UNION ALL
SELECT queue, channel, done_at, 'agent_disconnect_first', 1
FROM handlings WHERE done_at IS NOT NULL AND end_type = 'ended' AND ended_by = 'agent'
UNION ALL
SELECT queue, channel, done_at, 'acw_inferred', 1 FROM handlings WHERE is_inferred
UNION ALL
SELECT queue, channel, wrapped_at, unnest(['matters', 'resolved']), unnest([1, resolved::BIGINT])
FROM handlings WHERE resolved IS NOT NULL
UNION ALL
SELECT queue, channel, done_at, 'issue_handled:' || issue, 1
FROM handlings JOIN issues ON issues.contact = handlings.contact
WHERE done_at IS NOT NULL AND issue <> '/';

INSERT INTO spans
SELECT queue, channel, 'in_progress', at_ms, end_at FROM legs
UNION ALL
SELECT queue, channel, 'in_acw', end_at, done_at FROM handlings, settings WHERE wrap_up <> 'none';

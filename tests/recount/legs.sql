-- Legs: each person's handling of a contact, with hold and wrap-up; and consultations.
--
-- In:  facts, readings, visits, issues, settings
-- Out: legs, one row each: begun at fact `n`, ended at place `end_pos` (of the fact that ended it, but never before the
--      beginning) by fact `end_n`.

CREATE TEMP TABLE leg_steps AS
SELECT
    contact, n, pos, nth, at_ms, type, agent, to_agent, role,
    row_number() OVER (PARTITION BY contact ORDER BY pos, nth) AS step
FROM readings
WHERE type IN ('left', 'transferred', 'ended') OR (type = 'answered' AND role IN ('primary', 'conference', 'consult'));

-- `open` are the legs and consultations, `answer_n` the answer that their queue comes from. `spent` are those that closed
-- something, `done` what this step ended.
CREATE TEMP TABLE episodes AS
WITH RECURSIVE reading AS (
    SELECT DISTINCT
        contact,
        0::BIGINT AS step,
        []::STRUCT(agent VARCHAR, n BIGINT, at_ms BIGINT, role VARCHAR, answer_n BIGINT)[] AS open,
        []::BIGINT[] AS spent,
        []::STRUCT(
            agent VARCHAR, n BIGINT, at_ms BIGINT, role VARCHAR, answer_n BIGINT, end_pos BIGINT, end_n BIGINT, end_at BIGINT
        )[] AS done
    FROM leg_steps
    UNION ALL
    SELECT
        contact,
        step,
        CASE
            WHEN begins THEN list_append(list_filter(open, lambda o: NOT list_contains(ended, o.agent)), {
                'agent': CASE type WHEN 'answered' THEN agent ELSE to_agent END, 'n': pos, 'at_ms': at_ms,
                'role': CASE type WHEN 'answered' THEN role ELSE 'primary' END,
                'answer_n': CASE type WHEN 'answered' THEN n ELSE coalesce(mine.answer_n, guest.answer_n) END
            })
            ELSE list_filter(open, lambda o: NOT list_contains(ended, o.agent))
        END,
        CASE WHEN len(ended) > 0 THEN list_append(spent, n) ELSE spent END,
        list_transform(list_filter(open, lambda o: list_contains(ended, o.agent)), lambda o: {
            'agent': o.agent, 'n': o.n, 'at_ms': o.at_ms, 'role': o.role, 'answer_n': o.answer_n,
            'end_pos': pos, 'end_n': n, 'end_at': at_ms
        })
    FROM (
        SELECT
            *,
            CASE type
                WHEN 'answered' THEN mine IS NULL OR (mine.role = 'consult' AND role <> 'consult')
                ELSE guest IS NOT NULL
            END AS begins,
            CASE type
                WHEN 'ended' THEN list_transform(open, lambda o: o.agent)
                WHEN 'answered' THEN CASE WHEN begins AND mine IS NOT NULL THEN [mine.agent] ELSE [] END
                ELSE list_filter([mine.agent, guest.agent], lambda one: one IS NOT NULL)
            END::VARCHAR[] AS ended
        FROM (
            SELECT
                s.*,
                open,
                spent,
                CASE WHEN NOT list_contains(spent, s.n) THEN list_filter(open, lambda o: o.agent = s.agent)[1] END AS mine,
                CASE WHEN type = 'transferred' AND to_agent IS DISTINCT FROM s.agent AND NOT list_contains(spent, s.n)
                    THEN list_filter(open, lambda o: o.agent = s.to_agent AND o.role = 'consult')[1]
                END AS guest
            FROM reading
            JOIN leg_steps AS s ON s.contact = reading.contact AND s.step = reading.step + 1
        )
    )
)

SELECT contact, unnest(done, recursive := true) FROM reading
UNION ALL
SELECT contact, unnest(open, recursive := true), NULL, NULL, NULL
FROM reading
WHERE step = (SELECT max(step) FROM leg_steps WHERE leg_steps.contact = reading.contact);

-- The queue is that of the visit that was answered, else the one that the answer names, else the contact's; of one who takes
-- over that of the leg that the transfer ended, else that of the consultation.
CREATE TEMP TABLE placed AS
SELECT
    episodes.*,
    coalesce(visits.queue, answer.queue, answer.home_queue) AS queue,
    CASE
        WHEN visits.queue IS NOT NULL THEN visits.channel
        WHEN answer.queue IS NOT NULL OR answer.home_queue = '_unknown' THEN answer.channel_or_topic
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

-- Hold. `held` without a person is of the open leg that was begun first, `resumed` of the one begun first that is held.
CREATE TEMP TABLE hold_steps AS
WITH aimed AS (
    SELECT DISTINCT ON (facts.contact, facts.n)
        facts.contact, facts.n AS pos, facts.at_ms, 'held' AS what, legs.n AS leg, legs.agent
    FROM facts
    JOIN legs
        ON legs.contact = facts.contact AND legs.n < facts.n AND coalesce(end_pos > facts.n, true)
        AND coalesce(facts.agent = legs.agent, true)
    WHERE type = 'held'
    ORDER BY facts.contact, facts.n, legs.n
),

steps AS (
    SELECT contact, pos, 0 AS nth, at_ms, what, leg, agent, pos AS n FROM aimed
    UNION ALL SELECT contact, pos, nth, at_ms, 'resumed', NULL, agent, n FROM readings WHERE type = 'resumed'
    UNION ALL SELECT contact, end_pos, 1000000000, end_at, 'leg ended', n, agent, NULL FROM legs WHERE end_at IS NOT NULL
)

SELECT *, row_number() OVER (PARTITION BY contact ORDER BY pos, nth, leg) AS step FROM steps;

-- `held` are the legs on hold, `spent` those `resumed` that have found one.
CREATE TEMP TABLE holds AS
WITH RECURSIVE reading AS (
    SELECT DISTINCT
        contact,
        0::BIGINT AS step,
        []::STRUCT(leg BIGINT, agent VARCHAR, at_ms BIGINT)[] AS held,
        []::BIGINT[] AS spent,
        NULL::STRUCT(leg BIGINT, from_at BIGINT, to_at BIGINT, by_end BOOLEAN) AS done
    FROM hold_steps
    UNION ALL
    SELECT
        contact,
        step,
        CASE
            WHEN what = 'held' AND len(list_filter(held, lambda h: h.leg = now_leg)) = 0
                THEN list_sort(list_append(held, {'leg': leg, 'agent': agent, 'at_ms': at_ms}))
            ELSE list_filter(held, lambda h: h.leg IS DISTINCT FROM meant.leg)
        END,
        CASE WHEN what = 'resumed' AND meant IS NOT NULL THEN list_append(spent, n) ELSE spent END,
        CASE WHEN meant IS NOT NULL
            THEN {'leg': meant.leg, 'from_at': meant.at_ms, 'to_at': at_ms, 'by_end': what = 'leg ended'}
        END
    FROM (
        SELECT
            s.*,
            s.leg AS now_leg,
            held,
            spent,
            CASE
                WHEN what = 'resumed' AND NOT list_contains(spent, s.n)
                    THEN list_filter(held, lambda h: s.agent IS NULL OR h.agent = s.agent)[1]
                WHEN what = 'leg ended' THEN list_filter(held, lambda h: h.leg = s.leg)[1]
            END AS meant
        FROM reading
        JOIN hold_steps AS s ON s.contact = reading.contact AND s.step = reading.step + 1
    )
)

SELECT contact, done.* FROM reading WHERE done IS NOT NULL;

-- Wrap-up: `wrapped` is of the leg (of the person named, if one is) that ended last of those that have none.
CREATE TEMP TABLE wrap_steps AS
WITH steps AS (
    SELECT contact, n AS pos, 1 AS nth, agent, NULL::BIGINT AS leg, at_ms FROM facts WHERE type = 'wrapped'
    UNION ALL SELECT contact, end_pos, 0, agent, n, end_at FROM legs WHERE end_at IS NOT NULL
)

SELECT *, row_number() OVER (PARTITION BY contact ORDER BY pos, nth, leg) AS step FROM steps;

-- `bare` are the legs that ended and have no wrap-up, the one that ended last first, of those of one time the one begun last.
CREATE TEMP TABLE wraps AS
WITH RECURSIVE reading AS (
    SELECT DISTINCT
        contact,
        0::BIGINT AS step,
        []::STRUCT(end_at BIGINT, leg BIGINT, agent VARCHAR)[] AS bare,
        NULL::STRUCT(leg BIGINT, wrapped_n BIGINT) AS done
    FROM wrap_steps
    UNION ALL
    SELECT
        contact,
        step,
        CASE
            WHEN leg IS NULL THEN list_filter(bare, lambda b: b.leg IS DISTINCT FROM meant.leg)
            ELSE list_reverse_sort(list_append(bare, {'end_at': at_ms, 'leg': leg, 'agent': agent}))
        END,
        CASE WHEN meant IS NOT NULL THEN {'leg': meant.leg, 'wrapped_n': pos} END
    FROM (
        SELECT
            s.*,
            bare,
            CASE WHEN s.leg IS NULL THEN list_filter(bare, lambda b: s.agent IS NULL OR b.agent = s.agent)[1] END AS meant
        FROM reading
        JOIN wrap_steps AS s ON s.contact = reading.contact AND s.step = reading.step + 1
    )
)

SELECT contact, done.* FROM reading WHERE done IS NOT NULL;

-- A leg completes with all its time in one moment; where no wrap-up was reported in the first whole minute after the limit. One
-- that waits for its wrap-up yet has no `done_at`.
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
    (end_at + acw_limit_ms + 59999) // 60000 * 60000 AS given_up_at,
    NOT is_wrapped AND wrap_up <> 'none' AND given_up_at <= now_ms AS is_inferred,
    CASE
        WHEN is_wrapped THEN wrapped_at
        WHEN wrap_up = 'none' THEN end_at
        WHEN is_inferred THEN given_up_at
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
SELECT
    queue,
    channel,
    done_at,
    unnest(['issue_handled:', 'issue_transferred:', 'issue_talk_ms:', 'issue_hold_ms:', 'issue_acw_ms:']) || issue,
    unnest([
        1, (end_type = 'transferred')::BIGINT, end_at - at_ms - hold_ms, hold_ms, coalesce(wrapped_at - end_at, 0)
    ])
FROM handlings JOIN issues ON issues.contact = handlings.contact
WHERE done_at IS NOT NULL;

INSERT INTO durations
SELECT queue, channel, done_at, 'handle', end_at - at_ms + coalesce(wrapped_at - end_at, 0)
FROM handlings WHERE done_at IS NOT NULL;

-- Wrap-up that was reported after the limit was waited for up to the limit.
INSERT INTO spans
SELECT queue, channel, 'in_progress', at_ms, end_at, at_ms FROM legs
UNION ALL
SELECT queue, channel, 'in_acw', end_at, least(coalesce(done_at, end_at + acw_limit_ms), end_at + acw_limit_ms), end_at
FROM handlings, settings WHERE wrap_up <> 'none';

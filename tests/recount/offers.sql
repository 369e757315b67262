-- Offers to a person: from `ringing` to the person's answer, to `declined`, to the end of the visit, or to `ended`.
--
-- In: facts, readings, visits

-- For each person who was rung: what can begin or end an offer to them. A `ringing` is for the visit to its queue, else for
-- the one that waits longest, else for none. A visit that is lost was not heard to end.
CREATE TEMP TABLE offer_steps AS
WITH rung AS (
    SELECT DISTINCT ON (facts.contact, facts.n)
        facts.contact, agent, facts.n AS pos, facts.at_ms, visits.n AS visit,
        coalesce(visits.queue, facts.queue, home_queue) AS queue,
        coalesce(visits.channel, home_channel) AS channel
    FROM facts
    LEFT JOIN visits
        ON visits.contact = facts.contact AND visits.n < facts.n AND coalesce(end_pos > facts.n, true)
    WHERE type = 'ringing'
    ORDER BY facts.contact, facts.n, coalesce(visits.queue = facts.queue, false) DESC, visits.n
),

steps AS (
    SELECT contact, agent, pos, 0 AS nth, at_ms, 'ringing' AS what, n_visit AS visit, NULL::VARCHAR AS how, queue, channel,
        pos AS n
    FROM (SELECT * RENAME (visit AS n_visit) FROM rung)
    UNION ALL
    SELECT contact, agent, pos, nth, at_ms, type, NULL, reason, NULL, NULL, n FROM readings WHERE type = 'declined'
    UNION ALL
    SELECT contact, agent, n, 0, at_ms, 'answered', NULL, 'answered', NULL, NULL, n
    FROM facts WHERE type = 'answered' AND role IN ('primary', 'conference', 'consult')
    UNION ALL
    SELECT visits.contact, people.agent, end_pos, 1000000000, end_at, 'visit ended', n, outcome, NULL, NULL, NULL
    FROM visits
    JOIN (SELECT DISTINCT contact, agent FROM rung) AS people ON people.contact = visits.contact
    WHERE end_pos IS NOT NULL
    UNION ALL
    SELECT facts.contact, people.agent, n, 2000000000, at_ms, 'ended', NULL, NULL, NULL, NULL, n
    FROM facts
    JOIN (SELECT DISTINCT contact, agent FROM rung) AS people ON people.contact = facts.contact
    WHERE type = 'ended'
)

SELECT *, row_number() OVER (PARTITION BY contact, agent ORDER BY pos, nth, visit) AS step FROM steps;

-- `ringing` is the offer that rings now, `spent` are the declines that have found theirs.
CREATE TEMP TABLE offers AS
WITH RECURSIVE reading AS (
    SELECT DISTINCT
        contact,
        agent,
        0::BIGINT AS step,
        NULL::STRUCT(visit BIGINT, since_at BIGINT, queue VARCHAR, channel VARCHAR) AS ringing,
        []::BIGINT[] AS spent,
        NULL::STRUCT(
            since_at BIGINT, queue VARCHAR, channel VARCHAR, end_at BIGINT, what VARCHAR, how VARCHAR
        ) AS done
    FROM offer_steps
    UNION ALL
    SELECT
        contact,
        agent,
        step,
        CASE
            WHEN ends THEN NULL
            WHEN ringing IS NULL AND what = 'ringing'
                THEN {'visit': visit, 'since_at': at_ms, 'queue': queue, 'channel': channel}
            ELSE ringing
        END,
        CASE WHEN ends AND what = 'declined' THEN list_append(spent, n) ELSE spent END,
        CASE WHEN ends THEN {
            'since_at': ringing.since_at, 'queue': ringing.queue, 'channel': ringing.channel, 'end_at': at_ms,
            'what': what, 'how': how
        } END
    FROM (
        SELECT
            s.*,
            ringing,
            spent,
            ringing IS NOT NULL AND coalesce(
                what IN ('answered', 'ended')
                OR (what = 'declined' AND NOT list_contains(spent, s.n))
                OR (what = 'visit ended' AND s.visit = ringing.visit),
                false
            ) AS ends
        FROM reading
        JOIN offer_steps AS s
            ON s.contact = reading.contact AND s.agent = reading.agent AND s.step = reading.step + 1
    )
)

SELECT contact, agent, done.* FROM reading WHERE done IS NOT NULL
UNION ALL
SELECT contact, agent, ringing.since_at, ringing.queue, ringing.channel, NULL, NULL, NULL
FROM reading
WHERE ringing IS NOT NULL
    AND step = (
        SELECT max(step) FROM offer_steps WHERE offer_steps.contact = reading.contact AND offer_steps.agent = reading.agent
    );

WITH counted AS (
    SELECT
        queue,
        channel,
        end_at AS at_ms,
        end_at - since_at AS ring_ms,
        what = 'declined' AS is_declined,
        coalesce(how, 'none') AS how,
        is_declined AND coalesce(how NOT IN ('rescinded', 'caller_left'), true) AS is_fault,
        what = 'visit ended' AND how = 'abandoned' AS is_hung_up
    FROM offers
    WHERE end_at IS NOT NULL
)

INSERT INTO counts
SELECT queue, channel, at_ms, 'offers', 1 FROM counted
UNION ALL SELECT queue, channel, at_ms, 'ring_ms', ring_ms FROM counted
UNION ALL SELECT queue, channel, at_ms, unnest(['declined', 'declined.' || how]), 1 FROM counted WHERE is_declined
UNION ALL SELECT queue, channel, at_ms, 'rona', 1 FROM counted WHERE is_fault OR is_hung_up
UNION ALL SELECT queue, channel, at_ms, 'rona_excl_abandon', 1 FROM counted WHERE is_fault;

INSERT INTO spans
SELECT queue, channel, 'ringing', since_at, least(coalesce(end_at, since_at + 3600000), since_at + 3600000), since_at FROM offers;

-- Offers to a person: from `ringing` to the person's answer, to `declined`, or to the end of the visit.
--
-- In: facts, visits

-- For each person who was rung: what can begin or end an offer to them. A `ringing` is for the visit to its queue, else for
-- the one that waits longest; where none is open it changes nothing.
CREATE TEMP TABLE offer_steps AS
WITH rung AS (
    SELECT DISTINCT ON (facts.contact, facts.n) facts.contact, agent, facts.n AS pos, facts.at_ms, visits.n AS visit
    FROM facts
    JOIN visits
        ON visits.contact = facts.contact AND visits.n < facts.n AND coalesce(end_pos > facts.n, true)
    WHERE type = 'ringing'
    ORDER BY facts.contact, facts.n, coalesce(visits.queue = facts.queue, false) DESC, visits.n
),

steps AS (
    SELECT contact, agent, pos, 0 AS nth, at_ms, 'ringing' AS what, visit, NULL::VARCHAR AS how FROM rung
    UNION ALL
    SELECT contact, agent, n, 0, at_ms, type, NULL, reason FROM facts WHERE type = 'declined'
    UNION ALL
    SELECT contact, agent, n, 0, at_ms, 'answered', NULL, 'answered'
    FROM facts WHERE type = 'answered' AND role IN ('primary', 'conference', 'consult')
    UNION ALL
    SELECT visits.contact, people.agent, coalesce(end_pos, 1000000000), 1, end_at, 'visit ended', n, outcome
    FROM visits
    JOIN (SELECT DISTINCT contact, agent FROM rung) AS people ON people.contact = visits.contact
    WHERE end_at IS NOT NULL
)

SELECT *, row_number() OVER (PARTITION BY contact, agent ORDER BY pos, nth, visit) AS step FROM steps;

-- `visit` is the one for which it rings now, `early_at` when a decline found nothing ringing.
CREATE TEMP TABLE offers AS
WITH RECURSIVE reading AS (
    SELECT DISTINCT
        contact,
        agent,
        0::BIGINT AS step,
        NULL::BIGINT AS visit,
        NULL::BIGINT AS since_at,
        NULL::STRUCT(at_ms BIGINT, reason VARCHAR) AS early,
        NULL::STRUCT(visit BIGINT, since_at BIGINT, end_at BIGINT, what VARCHAR, how VARCHAR) AS done
    FROM offer_steps
    UNION ALL
    SELECT
        contact,
        agent,
        step,
        CASE WHEN begins AND NOT ends_early THEN visit WHEN done IS NULL THEN ringing_for END,
        CASE WHEN begins AND NOT ends_early THEN at_ms ELSE since_at END,
        CASE
            WHEN what = 'declined' AND ringing_for IS NULL THEN {'at_ms': at_ms, 'reason': how}
            WHEN NOT ends_early THEN early
        END,
        done
    FROM (
        SELECT
            s.contact,
            s.agent,
            s.step,
            s.at_ms,
            s.what,
            s.how,
            s.visit,
            reading.visit AS ringing_for,
            since_at,
            early,
            what = 'ringing' AND ringing_for IS NULL AS begins,
            begins AND coalesce(early.at_ms = s.at_ms, false) AS ends_early,
            CASE
                WHEN ends_early
                    THEN {'visit': s.visit, 'since_at': s.at_ms, 'end_at': s.at_ms, 'what': 'declined', 'how': early.reason}
                WHEN (what IN ('declined', 'answered') AND ringing_for IS NOT NULL)
                    OR (what = 'visit ended' AND s.visit = ringing_for)
                    THEN {'visit': ringing_for, 'since_at': since_at, 'end_at': s.at_ms, 'what': what, 'how': how}
            END AS done
        FROM reading
        JOIN offer_steps AS s
            ON s.contact = reading.contact AND s.agent = reading.agent AND s.step = reading.step + 1
    )
)

SELECT contact, agent, done.* FROM reading WHERE done IS NOT NULL;

WITH counted AS (
    SELECT
        queue,
        channel,
        offers.end_at AS at_ms,
        offers.end_at - since_at AS ring_ms,
        what = 'declined' AS is_declined,
        coalesce(how, 'none') AS how,
        is_declined AND coalesce(how NOT IN ('rescinded', 'caller_left'), true) AS is_fault,
        what = 'visit ended' AND how = 'abandoned' AS is_hung_up
    FROM offers
    JOIN visits ON visits.contact = offers.contact AND visits.n = offers.visit
    WHERE is_offered
)

INSERT INTO counts
SELECT queue, channel, at_ms, 'offers', 1 FROM counted
UNION ALL SELECT queue, channel, at_ms, 'ring_ms', ring_ms FROM counted
UNION ALL SELECT queue, channel, at_ms, unnest(['declined', 'declined.' || how]), 1 FROM counted WHERE is_declined
UNION ALL SELECT queue, channel, at_ms, 'rona', 1 FROM counted WHERE is_fault OR is_hung_up
UNION ALL SELECT queue, channel, at_ms, 'rona_excl_abandon', 1 FROM counted WHERE is_fault;

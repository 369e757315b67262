-- Surveys: who was asked, and what they answered.
--
-- In: facts, legs

-- In their own queue, else that of the last leg of role primary (of the person named, if one is), else the contact's.
CREATE TEMP TABLE asked AS
SELECT DISTINCT ON (facts.contact, facts.n)
    facts.contact,
    facts.n,
    facts.at_ms,
    type,
    coalesce(survey, '') AS survey,
    coalesce(facts.queue, legs.queue, home_queue) AS queue,
    CASE
        WHEN facts.queue IS NOT NULL THEN home_channel
        WHEN legs.queue IS NOT NULL THEN legs.channel
        ELSE home_channel
    END AS channel,
    csat, scale, nps, ces, resolved
FROM facts
LEFT JOIN legs
    ON legs.contact = facts.contact AND legs.n < facts.n AND legs.role = 'primary'
    AND coalesce(facts.agent = legs.agent, true)
WHERE type IN ('survey_offered', 'rated')
ORDER BY facts.contact, facts.n, legs.n DESC;

-- Of several answers to one survey the last stands; answers that name no survey are to one that has no name.
CREATE TEMP TABLE ratings AS
SELECT DISTINCT ON (contact, survey) * FROM asked WHERE type = 'rated' ORDER BY contact, survey, n DESC;

INSERT INTO counts
SELECT queue, channel, at_ms, 'surveys_answered', 1 FROM ratings
UNION ALL
SELECT queue, channel, at_ms, unnest(['csat_rated', 'csat_good', 'csat_thousandths']),
    unnest([1, (5 * csat >= 4 * scale)::BIGINT, 5000 * csat // scale])
FROM ratings WHERE csat IS NOT NULL
UNION ALL
SELECT queue, channel, at_ms, unnest(['nps_rated', 'nps_promoters', 'nps_detractors']),
    unnest([1, (nps >= 9)::BIGINT, (nps <= 6)::BIGINT])
FROM ratings WHERE nps IS NOT NULL
UNION ALL
SELECT queue, channel, at_ms, unnest(['ces_rated', 'ces_sum']), unnest([1, ces]) FROM ratings WHERE ces IS NOT NULL
UNION ALL
SELECT queue, channel, at_ms, unnest(['rated_matters', 'rated_resolved']), unnest([1, resolved::BIGINT])
FROM ratings WHERE resolved IS NOT NULL;

-- By the offer: an answer counts for the last offer of its survey before it.
INSERT INTO counts
SELECT queue, channel, at_ms, 'surveys_offered', 1 FROM asked WHERE type = 'survey_offered'
UNION ALL
SELECT * FROM (
    SELECT DISTINCT ON (ratings.contact, ratings.survey) offer.queue, offer.channel, offer.at_ms, 'cohort_surveys_answered', 1
    FROM ratings
    JOIN asked AS offer
        ON offer.contact = ratings.contact AND offer.survey = ratings.survey AND offer.n < ratings.n
        AND offer.type = 'survey_offered'
    ORDER BY ratings.contact, ratings.survey, offer.n DESC
);

-- Contacts: each once, in the queue and at the entry of its first offered visit, whatever queues it went through.
--
-- In:  facts, visits, callback_states, settings
-- Out: issues(contact, issue), firsts

-- The first offered visit, also where another answer ended it.
CREATE TEMP TABLE firsts AS
SELECT DISTINCT ON (contact) contact, n, queue, channel, entry_at FROM visits WHERE is_offered ORDER BY contact, n;

INSERT INTO counts SELECT queue, channel, entry_at, 'contacts', 1 FROM firsts;

-- Whichever comes first: the first answer of role primary; an end without one where no callback is owed; the cancellation of
-- the callback that was owed at an end, if nothing began since.
CREATE TEMP TABLE decided AS
WITH after AS (
    SELECT
        firsts.*,
        facts.type,
        facts.n AS fact,
        facts.at_ms,
        coalesce(is_owed, false) AS is_owed,
        coalesce(is_closed, false) AS is_closed,
        max(facts.n) FILTER (WHERE facts.type = 'ended') OVER so_far
            > coalesce(max(facts.n) FILTER (WHERE facts.type IN ('queued', 'started')) OVER so_far, -1) AS is_over
    FROM firsts
    JOIN facts ON facts.contact = firsts.contact AND facts.n > firsts.n
    LEFT JOIN callback_states ON callback_states.contact = facts.contact AND callback_states.n = facts.n
    WHERE facts.type IN ('started', 'queued', 'ended', 'callback_cancelled')
        OR (facts.type = 'answered' AND role = 'primary')
    WINDOW so_far AS (PARTITION BY firsts.contact ORDER BY facts.n)
)

SELECT DISTINCT ON (contact)
    queue,
    channel,
    entry_at,
    CASE type WHEN 'answered' THEN 'contact_answered' ELSE 'contact_abandoned' END AS name,
    open_before(hours, at_ms) - open_before(hours, entry_at) AS wait_ms
FROM after, settings
WHERE type = 'answered' OR (type = 'ended' AND NOT is_owed) OR (type = 'callback_cancelled' AND is_over AND is_closed)
ORDER BY contact, fact;

INSERT INTO counts
SELECT queue, channel, entry_at, name, 1 FROM decided
UNION ALL SELECT queue, channel, entry_at, 'contact_wait_ms', wait_ms FROM decided WHERE name = 'contact_answered'
UNION ALL
SELECT queue, channel, entry_at, 'contact_answered_in', 1
FROM decided, settings WHERE name = 'contact_answered' AND wait_ms <= threshold_ms;

-- What a contact is about is what was said last, by one that says either.
CREATE TEMP TABLE issues AS
SELECT DISTINCT ON (contact) contact, coalesce(issue_type, '') || '/' || coalesce(issue_reason, '') AS issue
FROM facts
WHERE type IN ('queued', 'classified') AND coalesce(issue_type, issue_reason) IS NOT NULL
ORDER BY contact, n DESC;

INSERT INTO counts
SELECT queue, channel, entry_at, 'issue_contacts:' || issue, 1
FROM firsts JOIN issues ON issues.contact = firsts.contact;

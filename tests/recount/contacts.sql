-- Contacts: each once, in the queue and at the entry of its first offered visit, whatever queues it went through.
--
-- In: facts, offered, settings

CREATE TEMP TABLE firsts AS
SELECT DISTINCT ON (contact) contact, n, queue, channel, entry_at FROM offered ORDER BY contact, n;

INSERT INTO counts SELECT queue, channel, entry_at, 'contacts', 1 FROM firsts;

-- Whichever comes first: the first answer of role primary, or the end without one.
WITH decided AS (
    SELECT DISTINCT ON (firsts.contact)
        firsts.*,
        CASE type WHEN 'answered' THEN 'contact_answered' ELSE 'contact_abandoned' END AS name,
        facts.at_ms - entry_at AS wait_ms
    FROM firsts
    JOIN facts ON facts.contact = firsts.contact AND facts.n > firsts.n
    WHERE type = 'ended' OR (type = 'answered' AND role = 'primary')
    ORDER BY firsts.contact, facts.n
)

INSERT INTO counts
SELECT queue, channel, entry_at, name, 1 FROM decided
UNION ALL SELECT queue, channel, entry_at, name || '_wait_ms', wait_ms FROM decided
UNION ALL
SELECT queue, channel, entry_at, 'contact_answered_in', 1
FROM decided, settings WHERE name = 'contact_answered' AND wait_ms <= threshold_ms;

-- What a contact is about is what was said last; `classified` says it instead of all before, `queued` only where it says it.
CREATE TEMP TABLE issues AS
SELECT DISTINCT ON (contact) contact, coalesce(issue_type, '') || '/' || coalesce(issue_reason, '') AS issue
FROM facts
WHERE type = 'classified' OR (type = 'queued' AND coalesce(issue_type, issue_reason) IS NOT NULL)
ORDER BY contact, n DESC;

INSERT INTO counts
SELECT queue, channel, entry_at, 'issue_contacts:' || issue, 1
FROM firsts JOIN issues ON issues.contact = firsts.contact
WHERE issue <> '/';

-- For who is about to wait for room $1: whether there is a message that nobody has claimed (the ids $2 are ours), or
-- at least one; in how many milliseconds the next is due (NULL: none), and whether something has expired.
WITH r AS MATERIALIZED (SELECT number, coalesce((SELECT f.first FROM chat.front f WHERE f.room = number
            ORDER BY f.returned DESC, f.first DESC LIMIT 1), 0) AS first
        FROM chat.room WHERE name = coalesce($1::text, (SELECT default_room FROM chat.spool))),
    one AS MATERIALIZED (SELECT m.id FROM chat.message m WHERE m.room = (SELECT number FROM r) AND m.due IS NULL
        AND m.place >= (SELECT first FROM r)
        AND (m.expires IS NULL OR m.expires > (SELECT chat.now())) AND m.id <> ALL ($2::bigint[])
        ORDER BY m.place LIMIT 1)
SELECT (EXISTS (SELECT FROM one) AND EXISTS (SELECT FROM chat.message m WHERE m.room = (SELECT number FROM r)
        AND m.due IS NULL AND m.place >= (SELECT first FROM r)
        AND (m.expires IS NULL OR m.expires > (SELECT chat.now()))
        AND m.id <> ALL ($2::bigint[]) AND m.id NOT IN (SELECT id FROM chat.claimed)))::int::bigint,
    EXISTS (SELECT FROM one)::int::bigint,
    (SELECT greatest(m.due - chat.now(), 0) FROM chat.message m WHERE m.room = (SELECT number FROM r)
        AND m.due IS NOT NULL ORDER BY m.due LIMIT 1),
    coalesce((SELECT m.room FROM chat.message m WHERE m.room = number AND m.expires IS NOT NULL
        AND m.expires <= (SELECT chat.now()) LIMIT 1), 0)
FROM r

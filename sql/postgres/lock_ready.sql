-- Claim the oldest messages of room $1 up to place $2, at most $4, but those with the ids $3, which are ours: try the
-- lock of each in turn. Those that have expired, too, where $5 is 1. None up to
-- the position $6. What is read here may be gone: see get_messages.
WITH r AS MATERIALIZED (
    SELECT number, CASE WHEN $5::bigint = 1 THEN 0 ELSE coalesce((SELECT f.first FROM chat.front f
        WHERE f.room = number ORDER BY f.returned DESC, f.first DESC LIMIT 1), 0) END AS first
    FROM chat.room WHERE name = coalesce($1::text, (SELECT default_room FROM chat.spool)))
SELECT line.id, line.length FROM (
    SELECT m.id, octet_length(m.body)::bigint AS length FROM chat.message m
    WHERE m.room = (SELECT number FROM r) AND m.due IS NULL AND m.place >= (SELECT first FROM r)
        AND m.place > $6::bigint AND m.place <= $2::bigint AND m.id <> ALL ($3::bigint[])
        AND ($5::bigint = 1 OR m.expires IS NULL OR m.expires > (SELECT chat.now()))
    ORDER BY m.place OFFSET 0) AS line
WHERE pg_try_advisory_lock(7162975207332773888 | (line.id & 281474976710655)) LIMIT $4::bigint

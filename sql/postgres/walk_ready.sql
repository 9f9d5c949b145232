-- The messages of room $1 behind place $2 and up to place $3, in its order, at most $4 and until their bodies have
-- come to $5 bytes. All that there are where $6 is 1, and else those that nobody else has claimed.
SELECT m.id, m.sent, m.sender, m.host, m.attempts, m.key, m.checksum, m.body, m.place, m.due, m.expires,
    (m.id IN (SELECT id FROM chat.claimed))::int::bigint
FROM (SELECT id, place, sum(octet_length(body)) OVER (ORDER BY place) - octet_length(body) AS before FROM (
        SELECT m.id, m.place, m.body FROM chat.message m WHERE m.room = (SELECT number FROM chat.room
                WHERE name = coalesce($1::text, (SELECT default_room FROM chat.spool)))
            AND m.due IS NULL AND m.place > $2::bigint AND m.place <= $3::bigint
            AND ($6::bigint = 1 OR ((m.expires IS NULL OR m.expires > (SELECT chat.now()))
                AND m.id NOT IN (SELECT id FROM chat.claimed)))
        ORDER BY m.place LIMIT $4::bigint) AS line) AS line
    CROSS JOIN LATERAL (SELECT * FROM chat.message one WHERE one.id = line.id OFFSET 0) AS m
WHERE line.before < $5::bigint ORDER BY line.place

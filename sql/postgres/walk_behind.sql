-- The same with those that are delayed or held back, behind the time $2 and the id $6, and up to the id $3.
SELECT m.id, m.sent, m.sender, m.host, m.attempts, m.key, m.checksum, m.body, m.place, m.due, m.expires,
    (m.id IN (SELECT id FROM chat.claimed))::int::bigint
FROM (SELECT id, due, sum(octet_length(body)) OVER (ORDER BY due, id) - octet_length(body) AS before FROM (
        SELECT m.id, m.due, m.body FROM chat.message m WHERE m.room = (SELECT number FROM chat.room
                WHERE name = coalesce($1::text, (SELECT default_room FROM chat.spool)))
            AND m.due IS NOT NULL AND (m.due, m.id) > ($2::bigint, $6::bigint) AND m.id <= $3::bigint
        ORDER BY m.due, m.id LIMIT $4::bigint) AS line) AS line
    CROSS JOIN LATERAL (SELECT * FROM chat.message one WHERE one.id = line.id OFFSET 0) AS m
WHERE line.before < $5::bigint ORDER BY line.due, line.id

-- Messages of whatever room behind the id $1, at most $2 and until their bodies have come to $3 bytes.
SELECT m.id, m.sent, m.sender, m.host, m.attempts, m.key, m.checksum, m.body, m.place, m.due, m.expires, 0::bigint,
    coalesce(r.name, '')
FROM (SELECT id, sum(octet_length(body)) OVER (ORDER BY id) - octet_length(body) AS before FROM (
        SELECT id, body FROM chat.message WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint) AS line) AS line
    CROSS JOIN LATERAL (SELECT * FROM chat.message one WHERE one.id = line.id OFFSET 0) AS m LEFT JOIN chat.room r ON r.number = m.room
WHERE line.before < $3::bigint ORDER BY m.id

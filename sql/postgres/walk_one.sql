SELECT m.id, m.sent, m.sender, m.host, m.attempts, m.key, m.checksum, m.body, m.place, m.due, m.expires,
    (m.id IN (SELECT id FROM chat.claimed))::int::bigint, r.name
FROM chat.message m JOIN chat.room r ON r.number = m.room WHERE m.id = $1::bigint

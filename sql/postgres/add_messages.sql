-- Messages for the room $1, in their order, with $13 bytes in all. An id of 0 is a new one.
WITH r AS MATERIALIZED (SELECT number FROM chat.room WHERE name = $1::text),
    counted AS (INSERT INTO chat.tally (room, epoch, depth, bytes)
        SELECT r.number, coalesce((SELECT max(t.epoch) FROM chat.tally t WHERE t.room = r.number), 0),
            cardinality($2::bigint[]), $13::bigint FROM r)
INSERT INTO chat.message (id, room, place, due, expires, sent, sender, host, attempts, key, checksum, body)
SELECT m.number, (SELECT number FROM r),
    CASE WHEN m.place > 0 OR m.due IS NOT NULL THEN m.place ELSE m.number END,
    m.due, m.expires, coalesce(m.sent, (SELECT chat.now())), m.sender, m.host, m.attempts, m.key, m.checksum, m.body
FROM (SELECT CASE WHEN line.id > 0 THEN line.id ELSE nextval('chat.message_id') END AS number, line.*
    FROM (SELECT * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[],
            $8::text[], $9::bigint[], $10::text[], $11::bigint[], $12::bytea[]) WITH ORDINALITY
        AS given (id, place, due, expires, sent, sender, host, attempts, key, checksum, body, at)
        ORDER BY at OFFSET 0) AS line OFFSET 0) AS m

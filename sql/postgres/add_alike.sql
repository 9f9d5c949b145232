-- New messages for the room $1, in the order of their checksums $9 and bodies $10, with $11 bytes in all. In all else they are
-- alike, so that a message costs no more than it differs.
WITH r AS MATERIALIZED (SELECT number FROM chat.room WHERE name = $1::text),
    counted AS (INSERT INTO chat.tally (room, epoch, depth, bytes)
        SELECT r.number, coalesce((SELECT max(t.epoch) FROM chat.tally t WHERE t.room = r.number), 0),
            cardinality($9::bigint[]), $11::bigint FROM r)
INSERT INTO chat.message (id, room, place, due, expires, sent, sender, host, attempts, key, checksum, body)
SELECT m.number, (SELECT number FROM r), CASE WHEN $2::bigint IS NULL THEN m.number ELSE 0 END, $2::bigint, $3::bigint,
    coalesce($4::bigint, (SELECT chat.now())), $5::text, $6::text, $7::bigint, $8::text, m.checksum, m.body
FROM (SELECT nextval('chat.message_id') AS number, line.checksum, line.body
    FROM (SELECT unnest($9::bigint[]) AS checksum, unnest($10::bytea[]) AS body OFFSET 0) AS line OFFSET 0) AS m

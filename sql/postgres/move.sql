-- Move the messages with the ids $1 from room $2 to room $4, whose turnstile is ours.
WITH line AS (SELECT * FROM unnest($1::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
        WITH ORDINALITY AS given (id, attempts, due, expires, checksum, at) ORDER BY at OFFSET 0),
    to_place AS MATERIALIZED (SELECT *, CASE WHEN due IS NULL THEN nextval('chat.message_id') ELSE 0 END AS place
        FROM line),
    moved AS (UPDATE chat.message m SET room = r.number, place = p.place, attempts = p.attempts, due = p.due,
            expires = p.expires, checksum = p.checksum
        FROM to_place p, chat.room r WHERE m.id = p.id AND m.room = $2::bigint AND r.name = $4::text
        RETURNING octet_length(m.body) AS length),
    came AS (UPDATE chat.room SET depth = depth + (SELECT count(*) FROM moved),
        bytes = bytes + (SELECT coalesce(sum(length), 0) FROM moved) WHERE name = $4::text)
INSERT INTO chat.gone AS g (room, slot, depth, bytes, first, returned)
SELECT $2::bigint, $3::bigint, count(*), sum(length), 0, 0 FROM moved HAVING count(*) > 0
ON CONFLICT (room, slot) DO UPDATE SET depth = g.depth + excluded.depth, bytes = g.bytes + excluded.bytes

-- Move the messages with the ids $1 from room $2 to room $3, whose write lock is ours.
WITH line AS (SELECT * FROM unnest($1::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
        WITH ORDINALITY AS given (id, attempts, due, expires, checksum, at) ORDER BY at OFFSET 0),
    to_place AS MATERIALIZED (SELECT *, CASE WHEN due IS NULL THEN nextval('chat.message_id') ELSE 0 END AS place
        FROM line),
    moved AS (UPDATE chat.message m SET room = r.number, place = p.place, attempts = p.attempts, due = p.due,
            expires = p.expires, checksum = p.checksum
        FROM to_place p, chat.room r WHERE m.id = p.id AND m.id = ANY ($1::bigint[]) AND m.room = $2::bigint AND r.name = $3::text
        RETURNING r.number, octet_length(m.body) AS length)
INSERT INTO chat.tally (room, epoch, depth, bytes)
SELECT t.room, coalesce((SELECT max(e.epoch) FROM chat.tally e WHERE e.room = t.room), 0), t.sign * t.count, t.sign * t.bytes
FROM (SELECT moved.number AS room, 1 AS sign, count(*) AS count, sum(length) AS bytes FROM moved GROUP BY moved.number
    UNION ALL SELECT $2::bigint, -1, count(*), sum(length) FROM moved HAVING count(*) > 0) AS t

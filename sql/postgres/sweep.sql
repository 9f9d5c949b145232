-- Delete what has expired in room $1, at most $2 messages. (An array, as no plan can turn it into a scan of the whole table.)
WITH old AS (SELECT id FROM chat.message WHERE room = $1::bigint AND expires IS NOT NULL
        AND expires <= (SELECT chat.now()) ORDER BY expires LIMIT $2::bigint FOR UPDATE SKIP LOCKED),
    done AS (DELETE FROM chat.message WHERE id = ANY (ARRAY(SELECT id FROM old)) AND room = $1::bigint
        RETURNING octet_length(body) AS length)
INSERT INTO chat.tally (room, epoch, depth, bytes)
SELECT $1::bigint, coalesce((SELECT max(t.epoch) FROM chat.tally t WHERE t.room = $1::bigint), 0), -count(*), -sum(length)
FROM done HAVING count(*) > 0

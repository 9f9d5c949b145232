-- Delete what has expired in room $1, at most $3 messages.
WITH old AS (SELECT id FROM chat.message WHERE room = $1::bigint AND expires IS NOT NULL
        AND expires <= (SELECT chat.now()) ORDER BY expires LIMIT $3::bigint FOR UPDATE SKIP LOCKED),
    done AS (DELETE FROM chat.message m USING old WHERE m.id = old.id RETURNING octet_length(body) AS length)
INSERT INTO chat.gone AS g (room, slot, depth, bytes, first, returned)
SELECT $1::bigint, $2::bigint, count(*), sum(length), 0, 0 FROM done HAVING count(*) > 0
ON CONFLICT (room, slot) DO UPDATE SET depth = g.depth + excluded.depth, bytes = g.bytes + excluded.bytes

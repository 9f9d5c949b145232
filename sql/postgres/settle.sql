-- The messages with the ids $1 in room $2 are done. $5 was the first place of the room when $4 times messages had come
-- back to it: that spares others the way there.
WITH done AS (DELETE FROM chat.message WHERE id = ANY ($1::bigint[]) RETURNING octet_length(body) AS length)
INSERT INTO chat.gone AS g (room, slot, depth, bytes, first, returned)
SELECT $2::bigint, $3::bigint, count(*), coalesce(sum(length), 0), $5::bigint, $4::bigint FROM done
ON CONFLICT (room, slot) DO UPDATE SET depth = g.depth + excluded.depth, bytes = g.bytes + excluded.bytes,
    first = CASE WHEN g.returned = excluded.returned THEN greatest(g.first, excluded.first)
        WHEN g.returned < excluded.returned THEN excluded.first ELSE g.first END,
    returned = greatest(g.returned, excluded.returned)

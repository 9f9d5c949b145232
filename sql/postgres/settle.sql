-- The messages with the ids $1 in room $2 are done. One that is in another room by now stays there.
WITH done AS (DELETE FROM chat.message WHERE id = ANY ($1::bigint[]) AND room = $2::bigint
    RETURNING octet_length(body) AS length)
INSERT INTO chat.tally (room, epoch, depth, bytes)
SELECT $2::bigint, coalesce((SELECT max(t.epoch) FROM chat.tally t WHERE t.room = $2::bigint), 0), -count(*), -sum(length)
FROM done HAVING count(*) > 0

-- The same as settle.sql on a full disk, with no row more: what has gone is taken off where it was counted.
WITH done AS (DELETE FROM chat.message WHERE id = ANY ($1::bigint[]) RETURNING octet_length(body) AS length)
UPDATE chat.room SET depth = depth - (SELECT count(*) FROM done),
    bytes = bytes - (SELECT coalesce(sum(length), 0) FROM done)
WHERE number = $2::bigint

-- The same as settle.sql on a full disk, with no row more: what has gone is taken off one of the counts.
WITH done AS (DELETE FROM chat.message WHERE id = ANY ($1::bigint[]) AND room = $2::bigint
    RETURNING octet_length(body) AS length)
UPDATE chat.tally SET depth = depth - (SELECT count(*) FROM done), bytes = bytes - (SELECT coalesce(sum(length), 0) FROM done)
WHERE ctid = (SELECT t.ctid FROM chat.tally t WHERE t.room = $2::bigint ORDER BY t.epoch DESC LIMIT 1 FOR UPDATE)

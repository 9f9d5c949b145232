-- Claim the oldest message of room $1 until the end of the transaction, so that no receiver gets it; but none of those
-- with the ids $2, which are ours. If $3 is 1, no message that this transaction has put, either.
SELECT line.id FROM (
    SELECT m.id FROM chat.message m WHERE m.room = (SELECT number FROM chat.room WHERE name = $1::text)
        AND m.due IS NULL AND m.id <> ALL ($2::bigint[])
        AND ($3::bigint = 0 OR m.xmin <> pg_current_xact_id()::xid)
        AND (m.expires IS NULL OR m.expires > (SELECT chat.now()))
    ORDER BY m.place OFFSET 0) AS line
WHERE pg_try_advisory_xact_lock(7162975207332773888 | (line.id & 281474976710655)) LIMIT 1

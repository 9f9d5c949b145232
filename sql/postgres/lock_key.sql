-- Claim the messages of room $1 with the key $2 that no receiver has claimed, until the end of the transaction; but none of
-- those with the ids $3, which are ours.
SELECT line.id, line.room FROM (
    SELECT m.id, m.room FROM chat.message m WHERE m.room = (SELECT number FROM chat.room WHERE name = $1::text)
        AND m.key = $2::text AND m.key IS NOT NULL
        AND (m.expires IS NULL OR m.expires > (SELECT chat.now())) AND m.id <> ALL ($3::bigint[]) OFFSET 0) AS line
WHERE pg_try_advisory_xact_lock(7162975207332773888 | (line.id & 281474976710655))

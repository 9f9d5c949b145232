-- The messages with the ids $1 in room $2, in its order. What was there before their locks were granted may have gone,
-- failed or moved since: so this is another statement, with a look of its own. All that are there where $3 is 1.
SELECT id, sent, sender, host, attempts, key, checksum, body, place, due, expires FROM chat.message
WHERE id = ANY ($1::bigint[]) AND room = $2::bigint
    AND ($3::bigint = 1 OR (due IS NULL AND (expires IS NULL OR expires > (SELECT chat.now()))))
ORDER BY due NULLS FIRST, CASE WHEN due IS NULL THEN place ELSE id END

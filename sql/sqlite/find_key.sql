-- The first message of room ?1 with the key ?2 at a position behind ?3, up to ?4, that has not expired at the time ?5.
SELECT position, length(body) FROM message
WHERE key = ?2 AND position > ?3 AND position <= ?4 AND ifnull(room, position >> 40) = ?1
    AND (expires IS NULL OR expires > ?5) ORDER BY position LIMIT 1

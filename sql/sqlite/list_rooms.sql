-- The rooms that hold a message, and what is in each at the time ?1.
SELECT number, name, depth, bytes,
    (SELECT count(*) FROM message WHERE room = number AND place = 0),
    (SELECT count(*) FROM message WHERE room = number AND place > 0),
    CASE WHEN next_expiry > ?1 OR next_expiry IS NULL THEN 0 ELSE
        (SELECT count(*) FROM message WHERE position BETWEEN number << 40 AND number << 40 | 1099511627775 AND expires <= ?1)
        + (SELECT count(*) FROM message WHERE room = number AND expires <= ?1) END,
    (SELECT sent FROM message WHERE position BETWEEN number << 40 AND number << 40 | 1099511627775
        AND ifnull(expires, 9223372036854775807) > ?1 ORDER BY position LIMIT 1)
FROM room WHERE name > '' AND depth > 0 ORDER BY name

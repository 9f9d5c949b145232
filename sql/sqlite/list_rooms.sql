-- The rooms that hold a message, and what is in each at the time ?1.
SELECT number, name, depth, bytes,
    (SELECT count(*) FROM message WHERE room = number AND due IS NOT NULL AND +place = 0),
    (SELECT count(*) FROM message WHERE room = number AND due IS NOT NULL AND +place > 0),
    (SELECT count(*) FROM message WHERE room = number AND expires IS NOT NULL AND expires <= ?1),
    (SELECT sent FROM message INDEXED BY message_order WHERE room = number
        AND due IS NULL AND ifnull(+expires, 9223372036854775807) > ?1 ORDER BY place LIMIT 1)
FROM room WHERE name > '' AND depth > 0 ORDER BY name

-- The room of the message at position ?1.
SELECT number, name FROM room
WHERE number = (SELECT ifnull(room, position >> 40) FROM message WHERE position = ?1) AND number > 0

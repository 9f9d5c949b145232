-- Rooms, and the rows with their counters.

-- name: get_room
-- The row of a room, or with the name '' the row of the whole spool. (For a column with a plus sign SQLite does not
-- record its origin, which makes the preparation a tenth faster.)
SELECT +number, +returned, +next_due, +next_expiry, +depth, +next_id, +max_length, +default_room, +source FROM room WHERE name = ?1;

-- name: get_room_of
-- The room of the message at position ?1.
SELECT number, name FROM room
WHERE number = (SELECT ifnull(room, position >> 40) FROM message WHERE position = ?1) AND number > 0;

-- name: find_id
-- The position of the message ?1: waiting, or in some room at the place that it got when it was sent or moved. The last
-- of these reads all messages; the first message found is the only one.
SELECT position FROM message WHERE position = ?1 AND id IS NULL
UNION ALL
SELECT position FROM room CROSS JOIN message
WHERE number > 0 AND position = number << 40 | ?1 AND +id IS NULL
UNION ALL
SELECT position FROM message WHERE id = ?1
LIMIT 1;

-- name: add_room
INSERT INTO room (number, name, depth, bytes, returned) VALUES (?1, ?2, 0, 0, 0);

-- name: get_free_room
-- A number below ?1 that no room has.
SELECT number + 1 FROM room AS r
WHERE number < ?1 AND NOT EXISTS (SELECT 1 FROM room WHERE number = r.number + 1) ORDER BY number LIMIT 1;

-- name: get_last_room
SELECT max(number) FROM room;

-- name: set_returned
-- Record that messages of the room came to places before others.
UPDATE room SET returned = returned + 1, next_due = (SELECT min(due) FROM message WHERE room = ?1) WHERE number = ?1;

-- name: count_room
-- Add new messages to the counters of a room, and set the next id in row 0. (A send has to prepare only one statement
-- for both.)
UPDATE room SET depth = depth + ?2, bytes = bytes + ?3, next_id = ?4 WHERE number = ?1;

-- name: count_times
-- Record that a message of the room is due at ?2 or expires at ?3; NULL: never.
UPDATE room SET next_due = min(ifnull(next_due, ?2), ifnull(?2, next_due)),
    next_expiry = min(ifnull(next_expiry, ?3), ifnull(?3, next_expiry))
WHERE number = ?1;

-- Rooms, and the row that counts their messages.

-- name: get_room
-- The row of a room, or by the name '' that of the whole spool. (For a column with a plus sign SQLite does not
-- keep where it comes from: a tenth less to prepare this.)
SELECT +number, +returned, +next_due, +next_expiry, +depth, +next_id, +max_length, +default_room, +source FROM room WHERE name = ?1;

-- name: get_room_of
-- The room of the message at position ?1.
SELECT number, name FROM room
WHERE number = (SELECT ifnull(room, position >> 40) FROM message WHERE position = ?1) AND number > 0;

-- name: find_id
-- Where the message ?1 is: waiting, in some room at the place that it got when it was sent, or where it was moved to. The
-- last of these reads all messages; the first that is found is the only one.
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
-- A number that no room has any more, below ?1.
SELECT number + 1 FROM room AS r
WHERE number < ?1 AND NOT EXISTS (SELECT 1 FROM room WHERE number = r.number + 1) ORDER BY number LIMIT 1;

-- name: get_last_room
SELECT max(number) FROM room;

-- name: set_returned
-- Messages of the room came to places before others.
UPDATE room SET returned = returned + 1, next_due = (SELECT min(due) FROM message WHERE room = ?1) WHERE number = ?1;

-- name: count_room
-- What came since the counters were right; and row 0 has a next id, to which nothing comes. (One statement
-- for both: a send has to prepare it only once.)
UPDATE room SET depth = depth + ?2, bytes = bytes + ?3, next_id = ?4 WHERE number = ?1;

-- name: count_times
-- A message of the room is due at ?2, or expires at ?3; NULL: none is, none does.
UPDATE room SET next_due = min(ifnull(next_due, ?2), ifnull(?2, next_due)),
    next_expiry = min(ifnull(next_expiry, ?3), ifnull(?3, next_expiry))
WHERE number = ?1;

-- Statements of chat-spool.

-- name: set_settings
UPDATE room SET max_length = ?1, default_room = ?2 WHERE number = 0;

-- name: list_rooms
-- The rooms that contain a message or are open, and what is in each at the time ?1. While an expired message is claimed, the next
-- sweep is planned for a second later (sweep.c).
SELECT number, name, depth, bytes,
    (SELECT count(*) FROM message WHERE room = number AND place = 0),
    (SELECT count(*) FROM message WHERE room = number AND place > 0),
    CASE WHEN next_expiry > ?1 + 1000 OR next_expiry IS NULL THEN 0 ELSE
        (SELECT count(*) FROM message WHERE position BETWEEN number << 40 AND number << 40 | 1099511627775 AND expires <= ?1)
        + (SELECT count(*) FROM message WHERE room = number AND expires <= ?1) END,
    (SELECT sent FROM message WHERE position BETWEEN number << 40 AND number << 40 | 1099511627775
        AND ifnull(expires, 9223372036854775807) > ?1 ORDER BY position LIMIT 1),
    source, keep, most,
    CASE WHEN source IS NULL THEN 0 ELSE
        (SELECT count(*) FROM room AS r WHERE r.name > room.name || '/' AND r.name < room.name || '0') END
FROM room WHERE name > '' AND (source = number OR (source IS NULL AND depth > 0)) ORDER BY name;

-- name: count_positions
-- How many messages with positions from ?1 to ?2 each room contains.
SELECT ifnull(room, position >> 40), count(*) FROM message WHERE position BETWEEN ?1 AND ?2 GROUP BY 1;

-- name: check_structure
-- (Without "main" SQLite would also open the database of temporary tables, whose place list_ids could not set any more.)
PRAGMA main.integrity_check;

-- name: list_all
-- Every message: the columns of get_messages, and then the columns that define its place.
SELECT position, id, room, key, expires, sent, sender, host, attempts, checksum, body, place, due FROM message ORDER BY position;

-- name: list_counters
-- The counters in the row of each room.
SELECT number, name, depth, bytes, ifnull(next_due, 0), ifnull(next_expiry, 0), ifnull(source, 0), ifnull(seen, 0) FROM room WHERE number > 0 ORDER BY number;

-- name: recount
-- Correct the counters in the row of each room.
UPDATE room SET
    depth = (SELECT count(*) FROM message WHERE position BETWEEN number << 40 AND number << 40 | 1099511627775)
        + (SELECT count(*) FROM message WHERE room = number),
    bytes = (SELECT ifnull(sum(length(body)), 0) FROM message WHERE position BETWEEN number << 40 AND number << 40 | 1099511627775)
        + (SELECT ifnull(sum(length(body)), 0) FROM message WHERE room = number),
    returned = returned + 1,
    next_due = (SELECT min(due) FROM message WHERE room = number),
    next_expiry = (SELECT min(expires) FROM (
        SELECT expires FROM message WHERE position BETWEEN number << 40 AND number << 40 | 1099511627775
        UNION ALL SELECT expires FROM message WHERE room = number))
WHERE number > 0;

-- name: repair_ready
-- A message in the range of a room is not waiting.
UPDATE message SET room = NULL, place = NULL, due = NULL
WHERE position > 1099511627775 AND (room IS NOT NULL OR place IS NOT NULL OR due IS NOT NULL);

-- name: repair_waiting
-- A waiting message has a time, and a place to return to or none.
UPDATE message SET due = max(ifnull(due, 1), 1), place = max(ifnull(place, 0), 0), id = nullif(id, position)
WHERE position < 1099511627776;

-- name: reindex
REINDEX;

-- name: delete_rooms
-- Delete the rooms with numbers from ?1 to ?2 that contain no message, whatever their counters say. The room with the
-- highest number stays, so that its number is never given to a second room: a process that has read the row of the
-- first room would confuse them.
DELETE FROM room WHERE number BETWEEN max(?1, 1) AND ?2 AND depth = 0 AND source IS NULL AND number < (SELECT max(number) FROM room)
    AND NOT EXISTS (SELECT 1 FROM message WHERE position BETWEEN number << 40 AND number << 40 | 1099511627775)
    AND NOT EXISTS (SELECT 1 FROM message WHERE room = number);

-- name: shrink
-- Each step returns one page to the file system, up to the number of steps.
PRAGMA incremental_vacuum;

-- name: get_first_place
-- The first place of room ?1: of a ready message, or of one that returns there after a failure.
SELECT min(place) FROM (
    SELECT min(position) & 1099511627775 AS place FROM message WHERE position BETWEEN ?1 << 40 AND ?1 << 40 | 1099511627775
    UNION ALL SELECT place FROM message WHERE room = ?1 AND place > 0);

-- name: list_places
-- The messages of room ?1 that have a place, in order, with their ids.
SELECT position, ifnull(id, position & 1099511627775), position & 1099511627775 FROM message
WHERE position BETWEEN ?1 << 40 AND ?1 << 40 | 1099511627775
UNION ALL
SELECT position, position, place FROM message WHERE room = ?1 AND place > 0
ORDER BY 3;

-- name: set_place
-- Let the message that waits at position ?1 return to the place ?2.
UPDATE message SET place = ?2 WHERE position = ?1;

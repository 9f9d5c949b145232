-- Open rooms and their readers.

-- name: get_open
-- The columns of room ?1 that describe it as an open room, or as a reader.
SELECT source, seen, missed, slowest, keep, most, depth, next_due, next_expiry, name FROM room WHERE number = ?1;

-- name: get_bounds
-- How much the open room ?1 has to keep, and how much it may contain.
SELECT +keep, +most FROM room WHERE number = ?1;

-- name: list_readers
-- The readers of the open room with the name ?1, by name: a name that begins with ?1 and a slash comes before ?1 and what follows the
-- slash.
SELECT number, name, depth, seen, missed, last, source FROM room WHERE name > ?1 || '/' AND name < ?1 || '0' ORDER BY name;

-- name: get_slowest
-- One of the readers of the open room with the name ?1 that have read least of it, chosen at random: if the statement took the first
-- one, each of thousands of readers that read in that order would have to look at all others.
SELECT number, seen FROM room WHERE name > ?1 || '/' AND name < ?1 || '0' ORDER BY seen, random() LIMIT 1;

-- name: add_reader
-- Add a reader of the open room ?3, which has read it up to the place ?4.
INSERT INTO room (number, name, depth, bytes, returned, source, seen, missed) VALUES (?1, ?2, 0, 0, 0, ?3, ?4, 0);

-- name: set_reader
-- Record that the reader ?1 has passed the place ?2, has lost ?3 messages that were not reported, and finished a
-- message at the time ?4 (NULL: no change).
UPDATE room SET seen = ?2, missed = ?3, last = ifnull(?4, last) WHERE number = ?1;

-- name: set_seen
-- Record that all readers of the open room ?1 have passed the place ?2, and that the reader ?3 is not much further.
UPDATE room SET seen = ?2, slowest = ?3 WHERE number = ?1;

-- name: set_open
-- Make the room ?1 open: it keeps ?2 messages and contains at most ?3 (below zero: milliseconds).
UPDATE room SET source = number, seen = ifnull(seen, 0), keep = ?2, most = ?3 WHERE number = ?1;

-- name: set_all_new
-- A held back message of room ?1 has no place to return to, because readers may have passed the place.
UPDATE message SET place = 0 WHERE room = ?1;

-- name: set_plain
UPDATE room SET source = NULL, seen = NULL, slowest = NULL, keep = NULL, most = NULL WHERE number = ?1;

-- name: end_reader
-- Forget the reader ?1. If its row is the last one, the row stays under an unusable name until others follow and the
-- spool is compacted: so no other room gets the number while a process may still receive as that reader.
UPDATE room SET name = '/' || number, depth = 0, bytes = 0, next_due = NULL, next_expiry = NULL, source = NULL, seen = NULL, missed = NULL,
    last = NULL
WHERE number = ?1;

-- name: delete_reader
DELETE FROM room WHERE number = ?1 AND number < (SELECT max(number) FROM room);

-- name: delete_waiting
DELETE FROM message WHERE room = ?1;

-- name: get_source_messages
-- As get_messages, from the open room that the reader ?3 reads, after the place up to which it has read; all messages
-- for a process that looks without being a reader.
SELECT position, id, room, key, expires, sent, sender, host, attempts, checksum, body FROM message
WHERE position BETWEEN ?1 AND ?2 AND position > ifnull((SELECT source << 40 | seen FROM room WHERE number = ?3), 0) ORDER BY position;

-- name: copy_messages
-- Copy the messages of an open room at positions from ?1 to ?2 to the positions that are lower by ?3, except the
-- messages that have expired at the time ?4.
INSERT OR IGNORE INTO message
SELECT position - ?3, id, room, key, place, due, expires, sent, sender, host, attempts, failed, failure, checksum, body FROM message
WHERE position BETWEEN ?1 AND ?2 AND ifnull(expires, ?4 + 1) > ?4;

-- name: get_totals
-- How many messages are at positions from ?1 to ?2, how many bytes they have, and when the first of them expires.
SELECT count(*), ifnull(sum(length(body)), 0), ifnull(min(expires), 0) FROM message WHERE position BETWEEN ?1 AND ?2;

-- name: list_oldest
-- The messages after position ?1, up to ?2, with their lengths and the times when they were sent.
SELECT position, length(body), sent FROM message WHERE position > ?1 AND position <= ?2 ORDER BY position;

-- name: count_some
-- How many messages are after position ?1, up to ?2, but no more than ?3.
SELECT count(*) FROM (SELECT 1 FROM message WHERE position > ?1 AND position <= ?2 LIMIT ?3);

-- name: count_waiting
-- How many messages of room ?1 wait for their time.
SELECT count(*) FROM message WHERE room = ?1;

-- name: count_held
-- How many messages room ?1 holds back, and how many of them return to the place ?2.
SELECT count(*), ifnull(sum(place = ?2), 0) FROM message WHERE room = ?1 AND place > 0;

-- name: find_time
-- The first message at positions from ?1 to ?2 that was sent at the time ?3 or later.
SELECT position FROM message WHERE position BETWEEN ?1 AND ?2 AND sent >= ?3 ORDER BY position LIMIT 1;

-- name: find_in_room
-- The message with the id ?2 in the range of room ?1.
SELECT position FROM message WHERE position = ?1 << 40 | ?2 AND id IS NULL
UNION ALL
SELECT position FROM message WHERE position BETWEEN ?1 << 40 AND ?1 << 40 | 1099511627775 AND id = ?2
LIMIT 1;

-- name: delete_passed
-- Delete the messages that the reader ?1 holds back and that had a place up to ?2.
DELETE FROM message WHERE room = ?1 AND place > 0 AND place <= ?2;

-- name: delete_copies
-- Delete the copies at positions from ?1 to ?2 whose messages are still in the open room, at positions that are higher
-- by ?3.
DELETE FROM message WHERE position BETWEEN ?1 AND ?2 AND EXISTS (SELECT 1 FROM message AS kept WHERE kept.position = message.position + ?3);

-- name: delete_held_copies
-- Delete those that the reader ?1 holds back; the open room is ?2.
DELETE FROM message WHERE room = ?1 AND place > 0 AND EXISTS (SELECT 1 FROM message AS kept WHERE kept.position = ?2 << 40 | message.place);

-- name: recount_room
-- Correct the counters in the row of room ?1.
UPDATE room SET
    depth = (SELECT count(*) FROM message WHERE position BETWEEN ?1 << 40 AND ?1 << 40 | 1099511627775)
        + (SELECT count(*) FROM message WHERE room = ?1),
    bytes = (SELECT ifnull(sum(length(body)), 0) FROM message WHERE position BETWEEN ?1 << 40 AND ?1 << 40 | 1099511627775)
        + (SELECT ifnull(sum(length(body)), 0) FROM message WHERE room = ?1),
    returned = returned + 1,
    next_due = (SELECT min(due) FROM message WHERE room = ?1),
    next_expiry = (SELECT min(expires) FROM (
        SELECT expires FROM message WHERE position BETWEEN ?1 << 40 AND ?1 << 40 | 1099511627775
        UNION ALL SELECT expires FROM message WHERE room = ?1))
WHERE number = ?1;

-- name: repair_open
-- Only an open room has limits.
UPDATE room SET source = iif(keep IS NULL, NULL, number) WHERE number > 0 AND name NOT LIKE '_%/%';

-- name: repair_sources
-- A reader reads the open room that the first part of its name names.
UPDATE room SET source = (SELECT number FROM room AS open
    WHERE open.source = open.number AND open.name = substr(room.name, 1, instr(room.name, '/') - 1))
WHERE number > 0 AND name LIKE '_%/%';

-- name: repair_readers
-- A reader whose open room is missing becomes a plain room, so that the messages in its range are not lost. They name
-- another room, and are quarantined.
UPDATE room SET name = 'lost.' || number, source = NULL, seen = NULL, slowest = NULL, missed = NULL, last = NULL
WHERE number > 0 AND name LIKE '_%/%' AND source IS NULL;

-- name: repair_seen
-- How far all readers are is computed when it is needed. No reader has passed the messages to come.
UPDATE room SET seen = iif(source = number, 0, min(ifnull(seen, 0), (SELECT next_id - 1 FROM room WHERE number = 0))), slowest = NULL
WHERE number > 0 AND source IS NOT NULL;

-- name: set_columns
-- Set what a repair has found out about room ?1 as an open room or as a reader.
UPDATE room SET source = ?2, seen = ?3, keep = ?4, most = ?5, missed = ?6, last = ?7 WHERE number = ?1;

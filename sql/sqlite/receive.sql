-- Finding, reading, acknowledging and failing messages.

-- name: get_last_before
-- The last message at position ?1 or before it.
SELECT max(position) FROM message WHERE position <= ?1;

-- name: list_positions
-- The messages behind position ?1, up to ?2, and when each expires.
SELECT position, expires FROM message WHERE position > ?1 AND position <= ?2 ORDER BY position;

-- name: list_older
-- The messages behind position ?1, up to ?2, that were sent before the time ?3, and when each expires.
SELECT position, expires FROM message WHERE position > ?1 AND position <= ?2 AND sent < ?3 ORDER BY position;

-- name: list_waiting
-- The messages of room ?1 that wait, behind the one with time ?2 and position ?3, up to position ?4.
SELECT position, due FROM message
WHERE room = ?1 AND due >= ?2 AND (due, position) > (?2, ?3) AND position <= ?4
ORDER BY due, position;

-- name: list_waiting_older
-- As list_waiting, those that were sent before the time ?5.
SELECT position, due FROM message
WHERE room = ?1 AND due >= ?2 AND (due, position) > (?2, ?3) AND position <= ?4 AND sent < ?5
ORDER BY due, position;

-- name: get_messages
-- The messages with positions from ?1 to ?2, whatever has become of them since they were listed: they may have gone. Not all
-- columns: each takes its time.
SELECT position, id, room, key, expires, sent, sender, host, attempts, checksum, body FROM message
WHERE position BETWEEN ?1 AND ?2 ORDER BY position;

-- name: get_message
-- As get_messages, where there is one: to prepare this takes 15 thousand instructions less.
SELECT position, id, room, key, expires, sent, sender, host, attempts, checksum, body FROM message WHERE position = ?1;

-- name: get_times
-- The place and the times of the message at position ?1, and how it failed.
SELECT iif(room IS NULL, position & 1099511627775, place), due, expires, failed, failure FROM message WHERE position = ?1;

-- name: delete_messages
DELETE FROM message WHERE position BETWEEN ?1 AND ?2;

-- name: set_position
-- What becomes of the message at position ?16, besides its body: it fails, is due, or moves to another room. The other
-- parameters have the numbers of their columns (bind_state() in lib/sqlite/send.c).
UPDATE message SET position = ?1, id = ?2, room = ?3, place = ?5, due = ?6, expires = ?7, attempts = ?11, failed = ?12,
    failure = ?13, checksum = ?14
WHERE position = ?16;

-- name: set_aside
UPDATE message SET position = ?2, id = ?3, room = NULL, place = NULL, due = NULL, expires = NULL, sent = ?4, sender = ?5,
    host = ?6, attempts = ?7, failed = NULL, failure = NULL, key = ?8, checksum = ?9, body = ?10
WHERE position = ?1;

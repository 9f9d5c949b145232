-- Finding, reading, acknowledging and failing messages.

-- name: get_last_before
-- The last message at position ?1 or before it.
SELECT max(position) FROM message WHERE position <= ?1;

-- name: list_positions
-- The messages after position ?1, up to ?2, and when each expires.
SELECT position, expires FROM message WHERE position > ?1 AND position <= ?2 ORDER BY position;

-- name: list_older
-- The messages after position ?1, up to ?2, that were sent before the time ?3, and when each expires.
SELECT position, expires FROM message WHERE position > ?1 AND position <= ?2 AND sent < ?3 ORDER BY position;

-- name: list_waiting
-- The waiting messages of room ?1 after the one with the time ?2 and the position ?3, up to position ?4.
SELECT position, due FROM message
WHERE room = ?1 AND due >= ?2 AND (due, position) > (?2, ?3) AND position <= ?4
ORDER BY due, position;

-- name: list_waiting_older
-- As list_waiting, for messages that were sent before the time ?5.
SELECT position, due FROM message
WHERE room = ?1 AND due >= ?2 AND (due, position) > (?2, ?3) AND position <= ?4 AND sent < ?5
ORDER BY due, position;

-- name: get_messages
-- The messages with positions from ?1 to ?2 as they are now: some may have been deleted since they were listed. Not all
-- columns, because each takes time.
SELECT position, id, room, key, expires, sent, sender, host, attempts, checksum, body FROM message
WHERE position BETWEEN ?1 AND ?2 ORDER BY position;

-- name: get_message
-- As get_messages, for a single message: preparing this takes 15 thousand instructions less.
SELECT position, id, room, key, expires, sent, sender, host, attempts, checksum, body FROM message WHERE position = ?1;

-- name: get_times
-- The place and the times of the message at position ?1, and how it failed.
SELECT iif(room IS NULL, position & 1099511627775, place), due, expires, failed, failure FROM message WHERE position = ?1;

-- name: delete_messages
DELETE FROM message WHERE position BETWEEN ?1 AND ?2;

-- name: set_position
-- Update the message at position ?16, except its body: it fails, becomes due, or moves to another room. The other
-- parameters have the numbers of their columns (message_bind_state() in lib/sqlite/message.c).
UPDATE message SET position = ?1, id = ?2, room = ?3, place = ?5, due = ?6, expires = ?7, attempts = ?11, failed = ?12,
    failure = ?13, checksum = ?14
WHERE position = ?16;

-- name: quarantine
UPDATE message SET position = ?2, id = ?3, room = NULL, place = NULL, due = NULL, expires = NULL, sent = ?4, sender = ?5,
    host = ?6, attempts = ?7, failed = NULL, failure = NULL, key = ?8, checksum = ?9, body = ?10
WHERE position = ?1;

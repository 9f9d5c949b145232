-- Version 3: a room is a range of rows. Rooms get new numbers, because there are fewer numbers now, and of two messages
-- at one place the second moves to the end.
PRAGMA temp_store = MEMORY;
CREATE TEMP TABLE numbers AS SELECT number AS old, row_number() OVER (ORDER BY number) AS new
FROM (SELECT number FROM room WHERE number > 0 UNION SELECT room FROM message);
CREATE UNIQUE INDEX temp.numbers_old ON numbers (old);
CREATE TEMP TABLE again AS SELECT id, row_number() OVER (ORDER BY id) - 1 AS rank FROM message AS m
WHERE due IS NULL AND EXISTS (SELECT 1 FROM message AS o INDEXED BY message_order
    WHERE o.room = m.room AND o.place = m.place AND o.due IS NULL AND o.id < m.id);
UPDATE message SET place = (SELECT next_id FROM room WHERE number = 0) + (SELECT rank FROM again WHERE again.id = message.id)
WHERE id IN (SELECT id FROM again);
UPDATE room SET next_id = next_id + (SELECT count(*) FROM again) WHERE number = 0;
DROP INDEX message_expires;
DROP INDEX message_key;
ALTER TABLE room RENAME TO room_2;
ALTER TABLE message RENAME TO message_2;
@schema.sql
DELETE FROM room;
INSERT INTO room (number, name, depth, bytes, returned, next_id, max_length, default_room)
SELECT number, name, depth, bytes, 0, next_id, max_length, default_room FROM room_2 WHERE number = 0;
INSERT INTO room (number, name, depth, bytes, returned, next_due)
SELECT new, name, depth, bytes, 0, next_due FROM room_2 JOIN numbers ON old = number;
INSERT INTO message
SELECT id, NULL, new, key, place, due, expires, sent, sender, host, attempts, NULL, NULL, checksum, body
FROM message_2 JOIN numbers ON old = room WHERE due IS NOT NULL;
INSERT INTO message
SELECT new << 40 | place, nullif(id, place), NULL, key, NULL, NULL, expires, sent, sender, host, attempts, NULL, NULL,
    checksum, body
FROM numbers CROSS JOIN message_2 INDEXED BY message_order ON room = old AND due IS NULL ORDER BY new, place;
UPDATE room SET next_expiry = (SELECT min(expires) FROM (
        SELECT expires FROM message WHERE position BETWEEN number << 40 AND number << 40 | 1099511627775
        UNION ALL SELECT expires FROM message WHERE room = number))
WHERE number > 0;
DROP TABLE message_2;
DROP TABLE room_2;
DROP TABLE temp.numbers;
DROP TABLE temp.again;

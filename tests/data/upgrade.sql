-- A spool of format 2 with all that an upgrade has to keep apart: rooms with large numbers, messages without a room, and
-- messages at one place, ready and delayed.
UPDATE room SET returned = 5, first = 3;
UPDATE room SET default_room = 'jobs', max_length = 123 WHERE number = 0;
UPDATE room SET number = 3000000000 WHERE name = 'bytes';
UPDATE message SET room = 3000000000 WHERE room = 2;
UPDATE message SET place = 1 WHERE id IN (2, 10);
UPDATE message SET place = 11 WHERE id = 7;
INSERT INTO message SELECT 6, 3, 4, NULL, 4070908800009, sent, sender, host, 7, 'k6', checksum, body FROM message WHERE id = 1;
INSERT INTO message SELECT 8, 3, 4, 4070908800001, 4070908800008, sent, sender, host, 8, 'k8', checksum, body FROM message WHERE id = 1;
INSERT INTO message SELECT 12, 77, 11, NULL, NULL, sent, sender, host, 9, NULL, checksum, body FROM message WHERE id = 1;
INSERT INTO message SELECT 20, 78, 20, 4070908800002, NULL, sent, sender, host, 1, NULL, checksum, body FROM message WHERE id = 1;
UPDATE room SET next_id = 21 WHERE number = 0;

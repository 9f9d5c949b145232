-- Names that are close to those of readers, rooms that are not listed, and expired messages of all kinds.
INSERT INTO room (number, name, depth, bytes, returned, next_expiry, source, keep) VALUES (20, 'a room', 1, 6, 0, 1, NULL, NULL),
  (21, 'te', 1, 1, 0, 8000000000000, 21, 3), (22, 'tea0', 2, 2, 0, NULL, NULL, NULL), (23, 'tea-', 3, 3, 0, 1, NULL, NULL),
  (24, 'tea/', 4, 4, 0, NULL, 5, NULL), (25, 'zero', 0, 0, 0, NULL, NULL, NULL), (26, 'none', 0, 0, 0, NULL, 26, -5);
UPDATE room SET depth = 1 WHERE number = 0;
INSERT INTO message SELECT 20 << 40 | 500, NULL, NULL, NULL, NULL, NULL, 5, 500, sender, host, 0, NULL, NULL, 0, body FROM message LIMIT 1;
INSERT INTO message SELECT 20 << 40 | 600, NULL, NULL, NULL, NULL, NULL, NULL, 600, sender, host, 0, NULL, NULL, 0, body FROM message LIMIT 1;
INSERT INTO message SELECT 20 << 40 | 700, NULL, NULL, NULL, NULL, NULL, 7000000000000, 100, sender, host, 0, NULL, NULL, 0, body FROM message LIMIT 1;
INSERT INTO message SELECT 800, NULL, 20, NULL, 0, 9, 5, 800, sender, host, 0, NULL, NULL, 0, body FROM message LIMIT 1;
INSERT INTO message SELECT 801, NULL, 20, NULL, 0, 9, NULL, 801, sender, host, 0, NULL, NULL, 0, body FROM message LIMIT 1;
INSERT INTO message SELECT 802, NULL, 20, NULL, 2, 9, 7, 802, sender, host, 0, NULL, NULL, 0, body FROM message LIMIT 1;
INSERT INTO message SELECT 23 << 40 | 500, NULL, NULL, NULL, NULL, NULL, 5, 500, sender, host, 0, NULL, NULL, 0, body FROM message LIMIT 1;
INSERT INTO message SELECT 22 << 40 | 500, NULL, NULL, NULL, NULL, NULL, 5, 900, sender, host, 0, NULL, NULL, 0, body FROM message LIMIT 1;
INSERT INTO message SELECT 21 << 40 | 500, NULL, NULL, NULL, NULL, NULL, 5, 950, sender, host, 0, NULL, NULL, 0, body FROM message LIMIT 1;

-- Two messages of a program that knew format 2; the work on the second one has failed once.

INSERT INTO chat.room (number, name, limited) OVERRIDING SYSTEM VALUE VALUES (1, 'main', false);
INSERT INTO chat.tally (room, epoch, depth, bytes) VALUES (1, 0, 1, 3), (1, 0, 1, 3);
INSERT INTO chat.message (id, room, place, due, expires, sent, sender, host, attempts, key, checksum, body) VALUES (1, 1, 1, NULL, NULL, 1796000996560, 'sender', 'vm', 0, NULL, 5031255338847595340, '\x6f6e65');
INSERT INTO chat.message (id, room, place, due, expires, sent, sender, host, attempts, key, checksum, body) VALUES (2, 1, 2, NULL, NULL, 1796000996746, 'sender', 'vm', 1, NULL, -7914911046914047289, '\x74776f');
SELECT pg_catalog.setval('chat.message_id', 2, true);
SELECT pg_catalog.setval('chat.room_number_seq', 1, true);

-- Four messages of a program that knew format 1, of which the first was received.

INSERT INTO chat.gone (room, slot, depth, bytes, first, returned) VALUES (1, 2, 1, 3, 1, 0);
INSERT INTO chat.message (id, room, place, due, expires, sent, sender, host, attempts, key, checksum, body) VALUES (2, 1, 2, NULL, NULL, 1795975444878, 'sender', 'vm', 0, NULL, -7914911046914047289, '\x74776f');
INSERT INTO chat.message (id, room, place, due, expires, sent, sender, host, attempts, key, checksum, body) VALUES (3, 1, 3, NULL, NULL, 1795975444878, 'sender', 'vm', 0, NULL, 3105571613815903951, '\x7468726565');
INSERT INTO chat.message (id, room, place, due, expires, sent, sender, host, attempts, key, checksum, body) VALUES (4, 1, 4, NULL, NULL, 1795975444878, 'sender', 'vm', 0, NULL, -3216998709052018227, '\x666f7572');
INSERT INTO chat.room (number, name, depth, bytes, returned, limited) OVERRIDING SYSTEM VALUE VALUES (1, 'main', 4, 15, 0, false);
SELECT pg_catalog.setval('chat.message_id', 4, true);
SELECT pg_catalog.setval('chat.room_number_seq', 1, true);

-- Each room begins with its first message again.
INSERT INTO chat.front (room, returned, first)
SELECT r.number, coalesce((SELECT max(f.returned) FROM chat.front f WHERE f.room = r.number), 0) + 1, 0 FROM chat.room r
